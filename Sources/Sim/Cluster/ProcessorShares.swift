// SPDX-License-Identifier: Apache-2.0
internal import Scheduler

/// The cores and GPUs of a host for which its tasks contend, where the scenario says that they do.
///
/// Cores: a task keeps as many busy as it has threads by the scheduler's table, and no more than its process
/// may use. The threads of a process go to whichever of its cores are free, so that tasks are slowed only
/// where some set of cores has more threads than cores: the sets are the lists of the processes and the whole
/// host, of which any two lie apart or one within the other. Two threads of one core compute as much as one.
///
/// GPUs: a task that uses one has it for its whole time. The processes take the cards in turn, or the cards
/// the processes where there are more cards, as when a card is lost.
struct ProcessorShares {
    /// Cores by which some are counted together, and their name.
    struct CoreSet {
        let name: String
        let cores: Set<Int>
    }

    /// The cards of some processes.
    struct CardPool {
        let name: String
        let count: Int
    }

    let group: Scenario.HostGroup
    /// The whole host first; empty where tasks do not contend for cores.
    let coreSets: [CoreSet]
    /// Empty where tasks do not contend for cards.
    private(set) var cardPools: [CardPool] = []
    /// By process, a place in ``cardPools``.
    private var poolOf: [String: Int] = [:]
    private let coresOf: [String: Set<Int>]
    private let needs: [String: ResourceTable]
    private let sectorBytes: UInt64
    private let hasCards: Bool

    /// - Parameters:
    ///   - processes: of one host of the group.
    ///   - hasCards: tasks that can use a card have one, also where the file names none.
    init(
        _ group: Scenario.HostGroup, _ processes: [ClusterPlan.Process], sectorBytes: UInt64, hasCards: Bool
    ) {
        self.group = group
        self.sectorBytes = sectorBytes
        self.hasCards = hasCards
        var needs: [String: ResourceTable] = [:]
        var coresOf: [String: Set<Int>] = [:]
        for process in processes {
            needs[process.node] = ResourceTable.standard.applying(process.resources)
            guard let workers = group.workers.first(where: { $0.name == process.workers }) else { continue }
            coresOf[process.node] = Set(group.cores(of: workers, instance: process.instance))
        }
        self.needs = needs
        self.coresOf = coresOf
        var sets: [CoreSet] = []
        if group.contendsForCores {
            sets.append(CoreSet(name: "cores", cores: Set(0..<group.cpu.coreCount)))
            for process in processes {
                guard let cores = coresOf[process.node], !sets.contains(where: { $0.cores == cores }) else {
                    continue
                }
                sets.append(CoreSet(name: "cores \(sets.count)", cores: cores))
            }
        }
        coreSets = sets
        guard group.contendsForCards, group.gpusPerHost > 0 else { return }
        let sealers = processes.filter { $0.runs(.preCommit2) || $0.runs(.commit2) }
        let provers = processes.filter { process in
            process.runs(.windowPoSt) && !sealers.contains { $0.node == process.node }
        }
        let (users, cards) = (sealers + provers, group.gpusPerHost)
        guard !users.isEmpty else { return }
        cardPools = (0..<min(cards, users.count)).map { place in
            CardPool(
                name: "card \(place)",
                count: cards > users.count ? (cards - place - 1) / users.count + 1 : 1)
        }
        for (place, process) in users.enumerated() { poolOf[process.node] = place % cardPools.count }
    }

    /// How many cores a task keeps busy in a process.
    func cores(_ type: TaskType, _ node: String) -> Double {
        guard !coreSets.isEmpty, let allowed = coresOf[node] else { return 0 }
        let need = need(type, node)
        let threads: Int
        if need.gpuUnits > 0, hasCards, need.threadsWithGPU > 0 {
            threads = need.threadsWithGPU
        } else if case .count(let count) = need.threads {
            threads = count
        } else {
            threads = allowed.count
        }
        return Double(min(threads, allowed.count))
    }

    /// The share of a card that a task has in a process, 0…1.
    func cards(_ type: TaskType, _ node: String) -> Double {
        poolOf[node] == nil ? 0 : min(1, need(type, node).gpuUnits)
    }

    /// The sets in which the process's cores lie.
    func sets(of node: String) -> [CoreSet] {
        guard let own = coresOf[node] else { return [] }
        return coreSets.filter { own.isSubset(of: $0.cores) }
    }

    func pool(of node: String) -> CardPool? { poolOf[node].map { cardPools[$0] } }

    /// Slots of a kind that work at full speed when all of them are taken and no other kind is at work.
    func effectiveSlots(_ type: TaskType, _ processes: [ClusterPlan.Process]) -> Double {
        func count(_ process: ClusterPlan.Process) -> Double {
            Double(process.slots.reduce(0) { $0 + ($1.type == type ? $1.count : 0) })
        }
        var slots = processes.reduce(0) { $0 + count($1) }
        let claims = processes.map { (slots: count($0), cores: cores(type, $0.node), node: $0.node) }
            .filter { $0.slots > 0 }
        // Sets apart from each other add up; each is bounded by itself and by those around it.
        let inner = coreSets.sorted { $0.cores.count < $1.cores.count }
        var working = claims.map(\.slots)
        for set in inner {
            let members = claims.indices.filter { (coresOf[claims[$0].node] ?? []).isSubset(of: set.cores) }
            let wanted = members.reduce(0.0) { $0 + working[$1] * claims[$1].cores }
            guard wanted > Double(set.cores.count) else { continue }
            for index in members { working[index] *= Double(set.cores.count) / wanted }
        }
        if !claims.isEmpty { slots = working.reduce(0, +) }
        guard !cardPools.isEmpty else { return slots }
        var byPool: [Double] = cardPools.map { _ in 0 }
        var free = 0.0
        var each = 0.0
        for (index, claim) in claims.enumerated() {
            let share = cards(type, claim.node)
            each = max(each, share)
            if share > 0, let place = poolOf[claim.node] {
                byPool[place] += working[index] * share
            } else {
                free += working[index]
            }
        }
        guard each > 0 else { return slots }
        let held = zip(byPool, cardPools).reduce(0.0) { $0 + min($1.0, Double($1.1.count)) }
        return min(slots, free + held / each)
    }

    private func need(_ type: TaskType, _ node: String) -> ResourceNeed {
        (needs[node] ?? .standard).need(type, sectorBytes: sectorBytes)
    }
}
