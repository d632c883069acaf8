// SPDX-License-Identifier: Apache-2.0
private import Kernel

extension Scenario.Keys {
    static let host =
        [
            "name", "count", "cpu", "numaNodes", "memory", "hugepages", "hugepagesByNode",
            "memoryBandwidth", "contention", "gpus", "disks", "nic", "workers",
        ] + mark
    static let cpu = ["model", "sockets", "cores", "threadsPerCore", "l3Groups", "l3"]
    static let gpu = ["model", "count"]
    static let disk = ["name", "capacity", "read", "write", "sealing", "maxSealing", "iops"] + mark
    static let worker = ["name", "role", "count", "group", "slots", "memory", "cores", "gpus"]
    static let store =
        [
            "name", "kind", "capacity", "read", "write", "perClient", "latency", "requestSize", "streams",
            "requestsPerSecond",
        ] + mark
    static let links = ["latency", "bandwidth", "exceptions", "switches"] + mark
    static let `switch` = ["name", "members", "backplane", "uplink"]
    static let link = ["from", "to", "latency", "bandwidth"]
}

extension Scenario.HostGroup {
    static func decode(_ cursor: ConfigCursor) -> Scenario.HostGroup? {
        guard let fields = cursor.fields(Scenario.Keys.host) else { return nil }
        let limits = cursor.sink.limits
        let defaults = Scenario.Defaults.self
        let name = fields.required("name", "what other sections call the group")?.identifier()
        let memory = fields.required("memory", "the memory of one host")?.bytes()
        let disks = fields["disks"]?.list("disks", count: 0...limits.listCountMax)?
            .compactMap { Scenario.Disk.decode($0) }
        let workers = fields["workers"]?.list("worker groups", count: 0...limits.listCountMax)?
            .compactMap { Scenario.WorkerGroup.decode($0) }
        let gpus = fields["gpus"]?.list("GPUs", count: 0...limits.listCountMax)?
            .compactMap { Scenario.GPU.decode($0) }
        var group = Scenario.HostGroup(
            name: name ?? "unnamed",
            count: fields["count"]?.integer(in: 1...limits.hostCountMax) ?? defaults.hostCount,
            cpu: fields["cpu"].map(Scenario.CPU.decode) ?? defaults.cpu,
            numaNodes: fields["numaNodes"]?.integer(in: 1...1024) ?? defaults.numaNodes,
            memory: memory ?? ByteCount(bytes: ByteCount.bytesMax),
            hugepages: fields["hugepages"]?.bytes(atLeast: ByteCount(bytes: 0))
                ?? defaults.hugepages,
            gpus: gpus ?? [],
            disks: disks ?? [],
            nic: fields["nic"]?.bandwidth() ?? defaults.nic,
            workers: workers ?? []
        )
        group.hugepagesByNode =
            fields["hugepagesByNode"]?.list("sizes", count: 1...1024)?
            .compactMap { $0.bytes(atLeast: ByteCount(bytes: 0)) } ?? []
        group.mark = Scenario.Mark.decode(fields)
        group.memoryBandwidth = fields["memoryBandwidth"]?.bandwidth()
        group.contention = decodeContention(fields)
        return group
    }

    private static func decodeContention(_ fields: ConfigFields) -> [Scenario.Contention] {
        guard let section = fields["contention"] else { return [] }
        let items = section.list("words", count: 1...Scenario.Contention.allCases.count) ?? []
        var known: [Scenario.Contention] = []
        for item in items {
            guard let value = item.choice("contention", of: Scenario.names()) as Scenario.Contention? else {
                continue
            }
            if known.contains(value) { item.report("\(value.rawValue) stands twice") }
            known.append(value)
        }
        if known.contains(.cores), fields["cpu"] == nil {
            section.report("say how many cores a host has, in cpu")
        }
        return known
    }
}

extension Scenario.CPU {
    static func decode(_ cursor: ConfigCursor) -> Scenario.CPU {
        var cpu = Scenario.Defaults.cpu
        guard let fields = cursor.fields(Scenario.Keys.cpu) else { return cpu }
        if let value = fields["model"]?.text() { cpu.model = value }
        if let value = fields["sockets"]?.integer(in: 1...64) { cpu.sockets = value }
        if let value = fields["cores"]?.integer(in: 1...4096) { cpu.coresPerSocket = value }
        if let value = fields["threadsPerCore"]?.integer(in: 1...8) { cpu.threadsPerCore = value }
        cpu.l3Groups = fields["l3Groups"]?.integer(in: 1...4096)
        cpu.l3 = fields["l3"]?.bytes()
        return cpu
    }
}

extension Scenario.GPU {
    static func decode(_ cursor: ConfigCursor) -> Scenario.GPU? {
        if case .scalar(let model) = cursor.node.content {
            return Scenario.GPU(model: model, count: Scenario.Defaults.gpuCount)
        }
        guard let fields = cursor.fields(Scenario.Keys.gpu) else { return nil }
        guard let model = fields.required("model", "the name of the GPU")?.text() else {
            return nil
        }
        let count = fields["count"]?.integer(in: 1...64) ?? Scenario.Defaults.gpuCount
        return Scenario.GPU(model: model, count: count)
    }
}

extension Scenario.Disk {
    static func decode(_ cursor: ConfigCursor) -> Scenario.Disk? {
        guard let fields = cursor.fields(Scenario.Keys.disk) else { return nil }
        let name = fields.required("name", "what reports call the disk")?.identifier()
        let capacity = fields.required("capacity", "how much fits")?.bytes()
        let read = fields.required("read", "the bandwidth of reading")?.bandwidth()
        let write = fields.required("write", "the bandwidth of writing")?.bandwidth()
        let sealing = fields["sealing"]?.boolean() ?? Scenario.Defaults.diskSealing
        let maxSealing = fields["maxSealing"]?.integer(in: 1...1_000_000)
        guard let name, let capacity, let read, let write else { return nil }
        return Scenario.Disk(
            name: name,
            capacity: capacity,
            read: read,
            write: write,
            sealing: sealing,
            maxSealing: maxSealing,
            iops: fields["iops"]?.integer(in: 1...1_000_000_000),
            mark: Scenario.Mark.decode(fields)
        )
    }
}

extension Scenario.WorkerGroup {
    static func decode(_ cursor: ConfigCursor) -> Scenario.WorkerGroup? {
        guard let fields = cursor.fields(Scenario.Keys.worker) else { return nil }
        let limits = cursor.sink.limits
        let defaults = Scenario.Defaults.self
        guard let role = fields.required("role", "what the workers are for"),
            let roles = decodeRoles(role)
        else { return nil }
        let allowed = Scenario.TaskKind.allCases.filter { kind in
            roles.contains { $0.kinds.contains(kind) }
        }
        var slots: [Scenario.Slot] = []
        if let section = fields["slots"] {
            guard let counts = section.fields(Scenario.TaskKind.allCases.map(\.rawValue)) else {
                return nil
            }
            for kind in Scenario.TaskKind.allCases {
                guard let value = counts[kind.rawValue],
                    let count = value.integer(in: 0...limits.slotsPerWorkerMax)
                else { continue }
                guard allowed.contains(kind) else {
                    value.report(
                        "role \(roles.map(\.rawValue).joined(separator: ", ")) has no \(kind.rawValue); "
                            + "allowed are \(Suggestion.list(allowed.map(\.rawValue)))"
                    )
                    continue
                }
                if count > 0 { slots.append(Scenario.Slot(kind: kind, count: count)) }
            }
        } else {
            slots = allowed.map { Scenario.Slot(kind: $0, count: defaults.slotCount) }
        }
        let group = fields["group"]?.choice("group", of: Scenario.names()) as Group?
        var workers = Scenario.WorkerGroup(
            name: fields["name"]?.identifier() ?? roles.map(\.rawValue).joined(separator: "-"),
            roles: roles,
            count: fields["count"]?.integer(in: 1...limits.workersPerHostMax)
                ?? defaults.workerCount,
            group: group ?? defaults.workerGroup,
            slots: slots
        )
        if let value = fields["memory"]?.choice("memory", of: Scenario.names()) as Memory? {
            workers.memory = value
        }
        if let section = fields["cores"] { decodeCores(section, into: &workers) }
        if let section = fields["gpus"] { workers.cardLists = decodeLists(section, of: "card") }
        return workers
    }

    /// `any`, `l3`, a list of CPUs for all processes, or such lists, one for each.
    private static func decodeCores(_ section: ConfigCursor, into workers: inout Scenario.WorkerGroup) {
        if case .scalar(let text) = section.node.content, text.first?.isNumber != true {
            guard let value = section.choice("cores", of: Scenario.names()) as Cores? else { return }
            workers.cores = value
        } else {
            workers.cpuLists = decodeLists(section, of: "CPU")
        }
    }

    /// One list of numbers for all processes, or such lists, one for each.
    private static func decodeLists(_ section: ConfigCursor, of thing: String) -> [CPUList] {
        func list(_ cursor: ConfigCursor) -> CPUList? {
            let example = thing == "CPU" ? "0-15,32-47" : "0 or 0-1"
            return cursor.quantity("a list of \(thing)s such as \(example)") { text throws(QuantityError) in
                try CPUList(text, of: thing)
            }
        }
        guard case .scalar = section.node.content else {
            let most = section.sink.limits.workersPerHostMax
            return (section.list("lists of \(thing)s", count: 1...most) ?? []).compactMap(list)
        }
        return list(section).map { [$0] } ?? []
    }

    private static func decodeRoles(_ cursor: ConfigCursor) -> [Scenario.Role]? {
        var words: [(name: String, value: Scenario.Role)] = Scenario.names()
        words.append(("APx", .ap))
        if case .scalar = cursor.node.content {
            return cursor.choice("role", of: words).map { [$0] }
        }
        guard let items = cursor.list("roles", count: 1...words.count) else { return nil }
        var roles: [Scenario.Role] = []
        for item in items {
            guard let role = item.choice("role", of: words) else { return nil }
            guard !roles.contains(role) else {
                item.report("the role \(role.rawValue) stands twice")
                return nil
            }
            roles.append(role)
        }
        return roles
    }
}

extension Scenario.Store {
    static func decode(_ cursor: ConfigCursor) -> Scenario.Store? {
        guard let fields = cursor.fields(Scenario.Keys.store) else { return nil }
        let name = fields.required("name", "what other sections call the store")?.identifier()
        let capacity = fields.required("capacity", "how much fits")?.bytes()
        let known = fields["kind"].map { $0.choice("kind", of: Scenario.names()) as Kind? } ?? .local
        let kind = known ?? .local
        let usual = usual(kind)
        let own = [
            "read", "write", "perClient", "latency", "requestSize", "streams", "requestsPerSecond",
        ].filter { fields[$0] != nil }
        var latency = fields["latency"]?.duration(atMost: .seconds(3600))
        var requestSize = fields["requestSize"]?.bytes()
        var requestsPerSecond = fields["requestsPerSecond"]?.integer(in: 1...1_000_000_000)
        if fields["latency"] == nil { latency = usual?.latency }
        if fields["requestsPerSecond"] == nil { requestsPerSecond = usual?.requestsPerSecond }
        if fields["requestSize"] == nil, latency != nil || requestsPerSecond != nil {
            requestSize = usual?.requestSize
        }
        func rate(_ key: String, _ what: String) -> Bandwidth? {
            if fields[key] == nil, isWhole(kind), let requestsPerSecond, let requestSize {
                return carried(requestsPerSecond, requestSize)
            }
            return fields.required(key, what)?.bandwidth()
        }
        let read = rate("read", "what all readers share" + rateHint(kind))
        let write = rate("write", "what all writers share" + rateHint(kind))
        guard let name, known != nil, let capacity, let read, let write else { return nil }
        var store = Scenario.Store(
            name: name, kind: kind, capacity: capacity, read: read, write: write,
            perClient: fields["perClient"]?.bandwidth(), latency: latency, requestSize: requestSize,
            requestsPerSecond: requestsPerSecond)
        store.mark = Scenario.Mark.decode(fields)
        // Figures that are all the kind's own are published, and say by whom.
        if store.mark == nil, own.isEmpty, isWhole(kind), let usual {
            store.mark = Scenario.Mark(provenance: .published, source: usual.source)
        }
        if let value = fields["streams"]?.integer(in: 1...10_000) {
            store.streams = value
        } else if fields["streams"] == nil, let value = usual?.streams {
            store.streams = value
        }
        return store
    }
}

extension Scenario.Links {
    static func decode(_ cursor: ConfigCursor) -> Scenario.Links {
        var links = Scenario.Defaults.links
        guard let fields = cursor.fields(Scenario.Keys.links) else { return links }
        let most = Duration.seconds(3600)
        links.mark = Scenario.Mark.decode(fields)
        if let value = fields["latency"]?.duration(atMost: most) { links.latency = value }
        if let value = fields["bandwidth"]?.bandwidth() { links.bandwidth = value }
        let items =
            fields["exceptions"]?.list("links", count: 0...cursor.sink.limits.listCountMax) ?? []
        for item in items {
            guard let link = item.fields(Scenario.Keys.link) else { continue }
            let from = link.required("from", "a host group, a store or chain")?.identifier()
            let to = link.required("to", "a host group, a store or chain")?.identifier()
            let latency = link["latency"]?.duration(atMost: most) ?? links.latency
            let bandwidth = link["bandwidth"]?.bandwidth() ?? links.bandwidth
            guard let from, let to else { continue }
            links.exceptions.append(
                Scenario.Link(from: from, to: to, latency: latency, bandwidth: bandwidth)
            )
        }
        links.switches =
            fields["switches"]?.list("switches", count: 0...cursor.sink.limits.listCountMax)?
            .compactMap { Scenario.Switch.decode($0) } ?? []
        return links
    }
}

extension Scenario.Switch {
    fileprivate static func decode(_ cursor: ConfigCursor) -> Scenario.Switch? {
        guard let fields = cursor.fields(Scenario.Keys.switch) else { return nil }
        let name = fields.required("name", "what reports call the switch")?.identifier()
        let members = fields.required("members", "the host groups and stores on the switch")?
            .list("names", count: 1...cursor.sink.limits.listCountMax)?.compactMap { $0.identifier() }
        guard let name, let members else { return nil }
        return Scenario.Switch(
            name: name, members: members, backplane: fields["backplane"]?.bandwidth(),
            uplink: fields["uplink"]?.bandwidth())
    }
}
