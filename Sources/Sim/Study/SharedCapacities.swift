// SPDX-License-Identifier: Apache-2.0
private import Kernel
internal import Scheduler

/// What the stages of a host share, in closed form: how much of it a host has, and how much of it a sector
/// takes on its way. Only what a run keeps to is here, and only where all slots at once would want more than
/// there is.
///
/// A sector holds memory for as long as its tasks take alone, and moves so many bytes. Whatever slows tasks,
/// whatever of it lies idle and whatever does not fit to the last byte is left out, so that no run does more.
/// Processors and GPUs are here where the scenario says that tasks contend for them; else it is believed that
/// its slots have them, unless a task takes all processors of a host.
struct SharedCapacities {
    /// One thing that tasks share.
    struct Shared {
        var name: String
        /// What one host has, by group and piece of it (a core, a card; else one for all): in units by which
        /// ``Part/amounts`` are counted, times hours.
        var pieces: [[Double]]
        var parts: [Part]

        /// All that one host of a group has.
        func perHost(_ group: Int) -> Double { pieces[group].reduce(0, +) }

        /// What of a group's host tasks of some parts can use, all together.
        func reach(_ chosen: [Int], by group: Int) -> Double {
            chosen.reduce(into: Set()) { $0.formUnion(parts[$1].pieces[group]) }
                .reduce(0) { $0 + pieces[group][$1] }
        }
    }

    /// What one kind of task takes of it.
    struct Part {
        var kind: Scenario.TaskKind
        /// For one sector, by group: of what is held, the amount times the hours; of what flows, the amount.
        /// `nil` where the group does no such tasks.
        var amounts: [Double?]
        /// Those of ``Shared/pieces`` that such tasks may use, by group.
        var pieces: [Set<Int>]
        /// It is held while the task runs, so that a faster task takes less of it.
        var isHeld: Bool
    }

    /// More than any host has.
    static let endless = 1e30

    private let scenario: Scenario
    private let plan: ClusterPlan

    init(_ scenario: Scenario, _ plan: ClusterPlan) {
        self.scenario = scenario
        self.plan = plan
    }

    func all() -> [Shared] {
        let table = ResourceTable.standard
        let bytes = ResourceTable.sectorBytes(ofProof: plan.proof)
        func held(
            _ name: String, _ capacity: (HostInfo) -> Double, _ claim: (ResourceNeed, HostInfo) -> Double
        ) -> Shared? {
            shared(name, isHeld: true) {
                [capacity($1)]
            } claim: { type, process, _, info in
                claim(table.applying(process.resources).need(type, sectorBytes: bytes), info)
            }
        }
        func cacheCount(_ info: HostInfo) -> Double {
            info.coreGroups.isEmpty ? Self.endless : Double(info.coreGroups.count)
        }
        var found = [
            held("memory of hosts", { Double($0.memoryBytes + $0.swapBytes) }) { need, _ in
                Double(max(need.minMemory, need.maxMemory))
            },
            // Tasks that want all processors run one at a time.
            held("all processors", { _ in 1 }) { need, info in
                let usesGPU = need.gpuUnits > 0 && !info.gpus.isEmpty && need.threadsWithGPU > 0
                return need.threads == .all && !usesGPU ? 1 : 0
            },
            held("caches", cacheCount) { need, _ in need.wantsCoreGroup ? 1 : 0 },
        ]
        if scenario.sharesHardware { found += flows() + processors() }
        return found.compactMap(\.self)
    }

    static let (cores, gpus) = ("cores", "gpus")

    /// Cores and cards of hosts whose tasks contend for them.
    private func processors() -> [Shared?] {
        var known: [String: ProcessorShares] = [:]
        for group in scenario.hosts where group.contendsForCores || group.contendsForCards {
            known[group.name] = plan.processors(of: "\(group.name)/0", group)
        }
        let found = known
        return [
            shared(Self.cores, isHeld: true) { group, _ in
                group.contendsForCores ? Array(repeating: 1, count: group.cpu.coreCount) : [Self.endless]
            } claim: { type, process, group, _ in
                found[group.name]?.cores(type, process.node) ?? 0
            } pieces: { process, group in
                group.contendsForCores ? found[group.name]?.cores(of: process.node) ?? [] : [0]
            },
            shared(Self.gpus, isHeld: true) { group, _ in
                group.contendsForCards ? Array(repeating: 1, count: group.gpusPerHost) : [Self.endless]
            } claim: { type, process, group, _ in
                found[group.name]?.cards(type, process.node) ?? 0
            } pieces: { process, group in
                group.contendsForCards ? found[group.name]?.cards(of: process.node) ?? [] : [0]
            },
        ]
    }

    private func flows() -> [Shared?] {
        let scenario = scenario
        func disk(_ group: Scenario.HostGroup, _ rate: (ClusterPlan.SealingHost) -> Double?) -> Double {
            // A group that holds no sectors has no disks that tasks would share.
            plan.hosts.first { $0.group == group.name }.map { (rate($0) ?? Self.endless) * 3600 }
                ?? Self.endless
        }
        func bytes(_ what: SealingAmounts.Kind, _ type: TaskType) -> Double {
            scenario.diskBytes(what, of: type.kind)
        }
        let isRead = TaskType.sealing.contains { bytes(.reads, $0) > 0 }
        return [
            shared("memory bandwidth", isHeld: false) { group, _ in
                let rate = group.memoryBandwidth?.bytesPerSecond
                return [rate.map { $0 * 3600 * Double(max(1, group.numaNodes)) } ?? Self.endless]
            } claim: { type, _, group, _ in
                scenario.memoryTraffic(of: type.kind, on: group)
            },
            shared("disk reads", isHeld: false) { group, _ in
                [disk(group) { $0.readBytesPerSecond }]
            } claim: { type, _, _, _ in
                let transfer = isRead ? scenario.task(type.kind)?.transfer.bytes ?? 0 : 0
                return bytes(.reads, type) + (type == .finalize ? Double(transfer) : 0)
            },
            shared("disk writes", isHeld: false) { group, _ in
                [disk(group) { $0.writeBytesPerSecond }]
            } claim: { type, _, _, _ in
                bytes(.writes, type)
            },
            shared("disk requests", isHeld: false) { group, _ in
                [disk(group) { $0.diskRequestsPerSecond }]
            } claim: { type, _, _, _ in
                guard let size = scenario.task(type.kind)?.requestSize else { return 0 }
                return (bytes(.reads, type) + bytes(.writes, type)) / Double(size.bytes)
            },
        ]
    }

    /// - Parameters:
    ///   - capacity: of one host of a group, piece by piece.
    ///   - claim: of one task in a process of a host of the group.
    ///   - pieces: which of them a process may use.
    /// - Returns: `nil` where all slots at once are content.
    private func shared(
        _ name: String, isHeld: Bool, capacity: (Scenario.HostGroup, HostInfo) -> [Double],
        claim: (TaskType, ClusterPlan.Process, Scenario.HostGroup, HostInfo) -> Double,
        pieces: (ClusterPlan.Process, Scenario.HostGroup) -> Set<Int> = { _, _ in [0] }
    ) -> Shared? {
        var perHost: [[Double]] = scenario.hosts.map { _ in [] }
        // By group, what the slots of processes want that may use the same pieces.
        var wanted: [[(pieces: Set<Int>, amount: Double)]] = scenario.hosts.map { _ in [] }
        var parts: [Part] = []
        for type in TaskType.sealing {
            guard let model = scenario.task(type.kind), model.duration.meanSeconds > 0 else { continue }
            let hours = model.duration.meanSeconds / 3600
            // What fails is done again; of bytes nobody knows how many a failing task moves.
            let tries = isHeld ? 1 / max(1e-9, 1 - model.failureRate) : 1
            var part = Part(
                kind: type.kind, amounts: Array(repeating: nil, count: perHost.count),
                pieces: Array(repeating: [], count: perHost.count), isHeld: isHeld)
            for (index, group) in scenario.hosts.enumerated() {
                guard let info = plan.hostInfos["\(group.name)/0"] else { continue }
                perHost[index] = capacity(group, info)
                for process in plan.processes where process.host == info.name {
                    guard let slots = process.slots.first(where: { $0.type == type })?.count else { continue }
                    let claim = claim(type, process, group, info)
                    let amount = isHeld ? claim * hours * tries : claim
                    part.amounts[index] = min(part.amounts[index] ?? .infinity, amount)
                    let usable = pieces(process, group)
                    part.pieces[index].formUnion(usable)
                    wanted[index].append((usable, Double(slots) * claim / (isHeld ? 1 : hours)))
                }
            }
            if part.amounts.contains(where: { ($0 ?? 0) > 0 }) { parts.append(part) }
        }
        let isShort = perHost.indices.contains { index in
            Set(wanted[index].map(\.pieces)).contains { usable in
                let within = wanted[index].filter { $0.pieces.isSubset(of: usable) }
                let amount = within.reduce(0.0) { $0 + $1.amount }
                return amount > usable.reduce(0) { $0 + perHost[index][$1] }
            }
        }
        return parts.isEmpty || !isShort ? nil : Shared(name: name, pieces: perHost, parts: parts)
    }
}
