// SPDX-License-Identifier: Apache-2.0
private import Kernel
internal import Scheduler

/// Which cards the processes of a host use.
extension Scenario.HostGroup {
    /// Tasks slow each other where they want more cards than there are.
    package var contendsForCards: Bool { contention.contains(.gpus) || bindsCards }

    /// Some process says which cards it uses.
    package var bindsCards: Bool { workers.contains { !$0.cardLists.isEmpty } }

    /// The cards that each process of one host uses, by its node; none for who runs no tasks that use one.
    ///
    /// Who names none takes in turn those that nobody names, or all where all are named; where there are more
    /// of these than such processes, the cards are taken in turn instead, so that a process has several.
    func cards(of processes: [ClusterPlan.Process]) -> [String: Set<Int>] {
        var found: [String: Set<Int>] = [:]
        var named: Set<Int> = []
        // Who makes trees or proofs comes first, and who proves deadlines after them.
        let sealers = processes.filter { $0.runs(.preCommit2) || $0.runs(.commit2) }
        let provers = processes.filter { process in
            process.runs(.windowPoSt) && !sealers.contains { $0.node == process.node }
        }
        let users = sealers + provers
        for process in users {
            guard let own = cards(of: process) else { continue }
            found[process.node] = own
            named.formUnion(own)
        }
        let all = Array(0..<gpusPerHost)
        let free = all.filter { !named.contains($0) }
        let (cards, others) = (free.isEmpty ? all : free, users.filter { found[$0.node] == nil })
        guard !cards.isEmpty else { return found }
        for (place, process) in others.enumerated() {
            // Several of cards that others name would lie across their sets.
            let own = cards.indices.filter { $0 % others.count == place }.map { cards[$0] }
            found[process.node] =
                others.count < cards.count && !free.isEmpty ? Set(own) : [cards[place % cards.count]]
        }
        return found
    }

    /// The cards that a process names; `nil` where it names none.
    private func cards(of process: ClusterPlan.Process) -> Set<Int>? {
        guard let lists = workers.first(where: { $0.name == process.workers })?.cardLists,
            let first = lists.first
        else { return nil }
        return Set((lists.count > 1 ? lists[process.instance] : first).numbers)
    }
}

extension Scenario.WorkerGroup {
    /// The kinds of which a task uses a card.
    static let cardKinds: [Scenario.TaskKind] = [.preCommit2, .commit2, .windowPoSt]
}

extension Scenario {
    /// Cards that workers name must be there, and be of use.
    func checkCards(of host: HostGroup, _ path: String, _ findings: inout [Finding]) {
        if host.contention.contains(.gpus), host.gpus.isEmpty {
            findings.append(
                Finding(
                    path: "\(path).contention", message: "these hosts have no gpus to contend for; name them")
            )
        }
        var known: [(cards: Set<Int>, words: String)] = []
        for (index, worker) in host.workers.enumerated() where !worker.cardLists.isEmpty {
            let lists = worker.cardLists
            let place = "\(path).workers[\(index)].gpus"
            func find(_ path: String, _ message: String) {
                findings.append(Finding(path: path, message: message))
            }
            if !worker.slots.contains(where: { WorkerGroup.cardKinds.contains($0.kind) }) {
                let kinds = Suggestion.list(WorkerGroup.cardKinds.map(\.rawValue))
                find(
                    place, "no task of these workers uses a card; gpus is for workers with slots for \(kinds)"
                )
            }
            if lists.count > 1, lists.count != worker.count {
                find(
                    place,
                    "\(lists.count) lists for \(worker.count) processes; write one for each, or one for all")
            }
            for (number, list) in lists.enumerated() {
                let own = place + (lists.count > 1 ? "[\(number)]" : "")
                if let most = list.numbers.last, let problem = host.problem(ofCard: most) {
                    find(own, problem)
                    continue
                }
                let cards = Set(list.numbers)
                // Of sets that cross nobody can say by formula who has how much of what they share.
                if let other = known.first(where: {
                    !$0.cards.isDisjoint(with: cards) && !$0.cards.isSubset(of: cards)
                        && !cards.isSubset(of: $0.cards)
                }) {
                    find(
                        own,
                        "\(list) has some cards of \(other.words) and not all: make two lists equal, apart, "
                            + "or one a part of the other")
                }
                known.append((cards, "\(worker.name)'s \(list)"))
            }
        }
    }
}

extension Scenario.HostGroup {
    /// Why a number is no card of such a host; `nil` where it is one.
    func problem(ofCard number: Int) -> String? {
        let count = gpusPerHost
        guard number >= count else { return nil }
        guard count > 0 else { return "there is no card \(number): hosts of \(name) have no gpus; name them" }
        let allowed = count == 1 ? "the one card 0" : "cards 0 to \(count - 1)"
        return "there is no card \(number): hosts of \(name) have \(allowed)"
    }
}
