// SPDX-License-Identifier: Apache-2.0
internal import Scheduler

/// The cores and GPUs of a host for which its tasks contend, where the scenario says that they do.
///
/// Cores: a task keeps as many busy as it has threads by the scheduler's table, and no more than its process
/// may use. The threads of a process go to whichever of its cores are free, so that tasks are slowed only
/// where some set of cores has more threads than cores: the sets are the lists of the processes and the whole
/// host, of which any two lie apart or one within the other. Two threads of one core compute as much as one.
///
/// GPUs: a task that uses one has one for its whole time, of those that its process uses. Processes that name
/// none take the cards in turn, or the cards the processes where there are more cards.
struct ProcessorShares {
    /// Cores, or cards, that are counted together, and their name. Any two of a kind lie apart or one within
    /// the other.
    struct Pool {
        let name: String
        let members: Set<Int>

        var count: Double { Double(members.count) }
    }

    let group: Scenario.HostGroup
    /// The whole host first; empty where tasks do not contend for cores.
    let coreSets: [Pool]
    /// Empty where tasks do not contend for cards.
    private(set) var cardPools: [Pool] = []
    private let coresOf: [String: Set<Int>]
    private var cardsOf: [String: Set<Int>] = [:]
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
        var sets: [Pool] = []
        if group.contendsForCores {
            sets.append(Pool(name: "cores", members: Set(0..<group.cpu.coreCount)))
            for process in processes {
                guard let cores = coresOf[process.node], !sets.contains(where: { $0.members == cores }) else {
                    continue
                }
                sets.append(Pool(name: "cores \(sets.count)", members: cores))
            }
        }
        coreSets = sets
        guard group.contendsForCards, group.gpusPerHost > 0 else { return }
        cardsOf = group.cards(of: processes)
        for process in processes {
            guard let cards = cardsOf[process.node], !cardPools.contains(where: { $0.members == cards })
            else { continue }
            cardPools.append(Pool(name: "card \(cardPools.count)", members: cards))
        }
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
        cardPools.isEmpty || cardsOf[node] == nil ? 0 : min(1, need(type, node).gpuUnits)
    }

    /// The sets in which the process's cores lie.
    func sets(of node: String) -> [Pool] { Self.around(coresOf[node], coreSets) }

    /// The sets in which the process's cards lie.
    func pools(of node: String) -> [Pool] { Self.around(cardsOf[node], cardPools) }

    private static func around(_ own: Set<Int>?, _ pools: [Pool]) -> [Pool] {
        guard let own else { return [] }
        return pools.filter { own.isSubset(of: $0.members) }
    }

    /// The cores on which a process computes.
    func cores(of node: String) -> Set<Int> { coresOf[node] ?? [] }

    /// The cards that a process uses.
    func cards(of node: String) -> Set<Int> { cardsOf[node] ?? [] }

    /// Slots of a kind that work at full speed when all of them are taken and no other kind is at work.
    func effectiveSlots(_ type: TaskType, _ processes: [ClusterPlan.Process]) -> Double {
        let claims = processes.map { process in
            (
                slots: Double(process.slots.reduce(0) { $0 + ($1.type == type ? $1.count : 0) }),
                node: process.node
            )
        }.filter { $0.slots > 0 }
        var working = claims.map(\.slots)
        func bound(_ pools: [Pool], _ of: [String: Set<Int>], _ claim: (String) -> Double) {
            // Sets apart from each other add up; each is bounded by itself and by those around it.
            for pool in pools.sorted(by: { $0.members.count < $1.members.count }) {
                let members = claims.indices.filter {
                    of[claims[$0].node]?.isSubset(of: pool.members) == true && claim(claims[$0].node) > 0
                }
                let wanted = members.reduce(0.0) { $0 + working[$1] * claim(claims[$1].node) }
                guard wanted > pool.count else { continue }
                for index in members { working[index] *= pool.count / wanted }
            }
        }
        bound(coreSets, coresOf) { cores(type, $0) }
        bound(cardPools, cardsOf) { cards(type, $0) }
        return working.reduce(0, +)
    }

    private func need(_ type: TaskType, _ node: String) -> ResourceNeed {
        (needs[node] ?? .standard).need(type, sectorBytes: sectorBytes)
    }
}
