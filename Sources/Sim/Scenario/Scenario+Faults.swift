// SPDX-License-Identifier: Apache-2.0
private import Kernel

extension Scenario.Keys {
    static let fault = ["at", "kind", "target", "duration", "factor", "share", "by", "gpu", "mtbf", "mttr"]
}

extension Scenario.Fault {
    static func decode(_ cursor: ConfigCursor) -> Scenario.Fault? {
        guard let fields = cursor.fields(Scenario.Keys.fault) else { return nil }
        let between = fields["mtbf"]?.duration(atLeast: .seconds(1))
        let isRepeated = fields["mtbf"] != nil
        let at =
            isRepeated
            ? fields["at"]?.duration() ?? .zero
            : fields.required("at", "when it happens, from the start")?.duration()
        let kind =
            fields.required("kind", "what happens")?.choice("kind", of: Scenario.names()) as Kind?
        let target = fields.required("target", "whom it hits").flatMap { Target.decode($0) }
        let duration = fields["duration"]?.duration(atLeast: .milliseconds(1))
        let repair = fields["mttr"]?.duration(atLeast: .milliseconds(1))
        if isRepeated {
            fields["duration"]?.report("with mtbf, write mttr, how long it lasts in the mean")
        } else {
            fields["mttr"]?.report("mttr goes with mtbf, the mean time from one fault to the next")
        }
        func measured(_ key: String, _ measure: Measure) {
            guard let kind, kind.measure != measure, let field = fields[key] else { return }
            let names = Kind.allCases.filter { $0.measure == measure }.map(\.rawValue)
            field.report("only \(Suggestion.list(names)) have \(key == "by" ? "a time \"by\"" : "a \(key)")")
        }
        measured("factor", .factor)
        measured("share", .share)
        measured("by", .time)
        if let kind, kind.isMomentary {
            for key in ["duration", "mttr"] { fields[key]?.report("\(kind.rawValue) is over at once") }
        } else if isRepeated, let kind, kind.usualDuration == nil, fields["mttr"] == nil {
            cursor.report("\"mttr\" is missing: how long it lasts in the mean")
        }
        let factor = fields["factor"]?.number(atLeast: 1, atMost: 1_000_000)
        let share = fields["share"]?.fraction()
        let by = fields["by"]?.duration(atLeast: .milliseconds(1), atMost: .seconds(86_400))
        let gpu = fields["gpu"]?.integer(in: 0...CPUList.numberMax)
        if let kind, kind != .gpuLost { fields["gpu"]?.report("only gpuLost names a card") }
        guard let at, let kind, let target else { return nil }
        return Scenario.Fault(
            kind, at: at, target: target, duration: duration, factor: factor, share: share, by: by, gpu: gpu,
            rhythm: between.map { Rhythm(between: $0, repair: repair) })
    }

    /// What a file says of the fault, every default spelled out.
    package var normalized: ScenarioDocument {
        .object { object in
            object.add("at", at)
            object.add("kind", kind.rawValue)
            object.add("target", target.description)
            if let duration { object.add("duration", duration) }
            switch kind.measure {
            case .none: break
            case .factor: object.add("factor", .number(factor))
            case .share: object.add("share", .number(share))
            case .time: object.add("by", by)
            }
            if let gpu { object.add("gpu", gpu) }
            if let rhythm {
                object.add("mtbf", rhythm.between)
                if let repair = rhythm.repair { object.add("mttr", repair) }
            }
        }
    }

    static var schema: ScenarioDocument {
        Schema.object(
            Scenario.Keys.fault,
            required: ["kind", "target"],
            [
                "at": Schema.duration.described("needed where there is no mtbf"),
                "kind": Schema.words(Kind.allCases.map(\.rawValue)),
                "target": Schema.text.described(
                    "chain, miner, a store, a host group, group/0 or group/0/worker/0"
                ),
                "duration": Schema.duration, "factor": Schema.number(1, 1_000_000),
                "share": Schema.fraction, "by": Schema.duration,
                "gpu": Schema.integer(0, CPUList.numberMax).described(
                    "the card of gpuLost, from 0; one is drawn otherwise"),
                "mtbf": Schema.duration.described(
                    "mean time from one fault to the next, drawn for each thing of the target"),
                "mttr": Schema.duration.described("mean time that one lasts"),
            ]
        )
    }
}

extension Scenario.Fault.Target {
    /// The host group that it is or that it is of.
    var group: String? {
        switch self {
        case .group(let name), .host(let name, _), .worker(let name, _, _, _): name
        case .store, .chain, .miner: nil
        }
    }

    /// Reads `chain`, `miner`, a name, `group/host` or `group/host/worker/instance`.
    ///
    /// A lone name is read as a group; the check of the whole scenario turns it into a store where it is one.
    static func decode(_ cursor: ConfigCursor) -> Scenario.Fault.Target? {
        guard let text = cursor.scalar("a target such as p1/3") else { return nil }
        let parts = text.split(separator: "/", maxSplits: 4, omittingEmptySubsequences: false)
            .map(String.init)
        switch parts.count {
        case 1 where text == "chain": return .chain
        case 1 where text == "miner": return .miner
        case 1 where !text.isEmpty: return .group(text)
        case 2:
            if let index = Int(parts[1]) { return .host(group: parts[0], index: index) }
        case 4:
            if let index = Int(parts[1]), let instance = Int(parts[3]) {
                return .worker(group: parts[0], index: index, worker: parts[2], instance: instance)
            }
        default: break
        }
        cursor.report(
            "\(cursor.node.kindName) is not a target; write chain, miner, a store, a host group, "
                + "group/0 for a host or group/0/worker/0 for a process"
        )
        return nil
    }
}

extension Scenario {
    func checkFaults(_ findings: inout [Finding]) {
        for (index, fault) in faults.enumerated() {
            if let message = problem(of: fault.target) ?? mismatch(of: fault) ?? lack(for: fault) {
                findings.append(Finding(path: "faults[\(index)].target", message: message))
            } else if let card = fault.gpu,
                let message = hosts.first(where: { $0.name == fault.target.group })?
                    .problem(ofCard: card)
            {
                findings.append(Finding(path: "faults[\(index)].gpu", message: message))
            }
        }
    }

    private func lack(for fault: Fault) -> String? {
        hosts.first { $0.name == fault.target.group }.flatMap { host in
            host.lack(for: fault.kind).map { "\(host.name) has no \($0) for \(fault.kind.rawValue) to hit" }
        }
    }

    /// Why a target is none in this scenario; `nil` where it is one.
    func problem(of target: Fault.Target) -> String? {
        let groups = hosts.map(\.name)
        let name: String
        switch target {
        case .chain, .miner: return nil
        case .store(let store):
            guard !stores.contains(where: { $0.name == store }) else { return nil }
            name = store
        case .group(let group): name = group
        case .host(let group, _): name = group
        case .worker(let group, _, _, _): name = group
        }
        guard let host = hosts.first(where: { $0.name == name }) else {
            let known = ["chain", "miner"] + groups + stores.map(\.name)
            return "no host group or store is called \"\(Quantity.shown(name))\""
                + Suggestion.hint(for: name, among: known)
        }
        switch target {
        case .host(_, let index), .worker(_, let index, _, _):
            guard (0..<host.count).contains(index) else {
                return "\(name) has no host \(index), only 0 to \(host.count - 1)"
            }
        default: break
        }
        guard case .worker(_, _, let worker, let instance) = target else { return nil }
        guard let workers = host.workers.first(where: { $0.name == worker }) else {
            return "\(name) has no worker group \"\(Quantity.shown(worker))\""
                + Suggestion.hint(for: worker, among: host.workers.map(\.name))
        }
        guard (0..<workers.count).contains(instance) else {
            return "\(worker) has no process \(instance), only 0 to \(workers.count - 1)"
        }
        return nil
    }

    private func mismatch(of fault: Fault) -> String? {
        let kind = fault.kind.rawValue
        switch (fault.kind.place, fault.target) {
        case (.process, .worker), (.process, .host), (.process, .group), (.host, .host), (.host, .group),
            (.store, .store), (.chain, .chain), (.miner, .miner), (.link, _):
            return nil
        case (.node, .store): return "\(kind) needs hosts, a process, chain or miner as its target"
        case (.node, _): return nil
        case (.process, _): return "\(kind) needs a process such as p1/0/P1/0 or a host as its target"
        case (.host, _): return "\(kind) needs a host such as p1/0 as its target"
        case (.store, _): return "\(kind) needs a store as its target"
        case (.chain, _): return "\(kind) needs the target chain"
        case (.miner, _): return "\(kind) needs the target miner"
        }
    }
}

extension Scenario.HostGroup {
    /// What a fault of the kind would hit and these hosts do not have; `nil` where they have it.
    func lack(for kind: Scenario.Fault.Kind) -> String? {
        switch kind {
        case .gpuLost where gpusPerHost == 0: "gpus"
        case .diskLost where !disks.contains(where: \.sealing),
            .diskFull where !disks.contains(where: \.sealing),
            .diskSlow where !disks.contains(where: \.sealing):
            "sealing disks"
        default: nil
        }
    }
}
