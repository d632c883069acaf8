// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import Scheduler
private import Sealing

/// One question or order about proving, from the first look at the chain to its answer: a value that is told
/// what was heard and says what it wants next.
struct ProvingRequest: Sendable {
    enum Purpose: Sendable {
        case look
        case check(onlyFaulty: Bool)
        case recover(SectorNumbers)
    }

    /// A partition that is to be read.
    struct Work: Sendable {
        let times: DeadlineTimes
        let challenge: PartitionChallenge
    }

    enum Step {
        case wait
        case answer(ProvingDeskEvent)
        case found(ProvingStatus, [DeadlineStatus])
        /// There is something new to ask the chain.
        case ask
        case read([Work])
    }

    /// What the chain has not answered.
    enum Missing {
        case nothing
        case status
        case deadlines([Int])
        case sectors([UInt64])
        case declarations([FaultDeclaration])
    }

    enum Phase {
        case looking, asking, reading, declaring
    }

    let asker: Ref<ProvingDeskEvent>
    private let purpose: Purpose
    private let deadline: Int?
    private var phase = Phase.looking
    var status: ProvingStatus?
    private var deadlines: [Int: DeadlineStatus] = [:]
    private var sealed: [UInt64: [UInt8]] = [:]
    /// Readings that have not ended, by their tasks; told by the desk.
    var reading: [TaskID: Work] = [:]
    private var readings: [SectorReading] = []
    /// Declarations that the chain has not answered.
    private var open: [FaultDeclaration] = []
    private var outcomes: [DeclarationOutcome] = []

    init(_ purpose: Purpose, deadline: Int?, asker: Ref<ProvingDeskEvent>) {
        self.purpose = purpose
        self.deadline = deadline
        self.asker = asker
    }

    /// The chain's answer is what is missing.
    var isWaitingForChain: Bool { phase != .reading }

    var missing: Missing {
        switch phase {
        case .looking:
            guard let status else { return .status }
            return .deadlines(wanted(of: status).filter { deadlines[$0] == nil })
        case .asking: return .sectors(works.flatMap(\.challenge.sectors).filter { sealed[$0] == nil })
        case .reading: return .nothing
        case .declaring: return .declarations(open)
        }
    }

    /// Indices of the deadlines to ask for; empty where the period has none of that number.
    func wanted(of status: ProvingStatus) -> [Int] {
        let all = status.partitionCounts.indices
        guard let deadline else { return Array(all) }
        return all.contains(deadline) ? [deadline] : []
    }

    // MARK: What was heard

    mutating func note(_ status: DeadlineStatus) {
        guard phase == .looking else { return }
        deadlines[status.times.index] = status
    }

    mutating func note(_ standings: [ChainStanding]) {
        for standing in standings { sealed[standing.key.number] = standing.sealedCommitment ?? [] }
    }

    mutating func declared(_ name: String, _ refusal: ChainRefusal?) {
        guard let index = outcomes.firstIndex(where: { $0.message == name }),
            open.contains(where: { $0.name == name })
        else { return }
        open.removeAll { $0.name == name }
        outcomes[index].refusal = refusal
    }

    mutating func taskEnded(_ id: TaskID, _ result: TaskResult) {
        guard let work = reading.removeValue(forKey: id) else { return }
        let challenge = work.challenge
        var trouble: [UInt64: String] = [:]
        switch result {
        case .done(.windowPoSt(_, let skipped, let reasons)):
            for (index, number) in skipped.enumerated() {
                trouble[number] = index < reasons.count ? reasons[index] : reasons.last ?? "cannot be read"
            }
        case .done: for number in challenge.sectors { trouble[number] = "the worker did something else" }
        case .failed(let failure):
            for number in challenge.sectors { trouble[number] = "not read: \(failure.message)" }
        }
        readings += challenge.sectors.map {
            SectorReading(
                deadline: challenge.deadline, partition: challenge.partition, sector: $0, trouble: trouble[$0]
            )
        }
    }

    // MARK: What is wanted next

    mutating func advance(miner: UInt64) -> Step {
        switch phase {
        case .looking:
            guard let status else { return .wait }
            let known = wanted(of: status).compactMap { deadlines[$0] }
            guard known.count == wanted(of: status).count else { return .wait }
            return looked(status, known, miner)
        case .asking:
            let works = works
            guard works.allSatisfy({ $0.challenge.sectors.allSatisfy { sealed[$0] != nil } }) else {
                return .wait
            }
            phase = .reading
            return .read(works)
        case .reading:
            guard reading.isEmpty else { return .wait }
            readings.sort { ($0.partition, $0.sector) < ($1.partition, $1.sector) }
            return .answer(.checked(readings))
        case .declaring: return open.isEmpty ? .answer(.declared(outcomes)) : .wait
        }
    }

    private mutating func looked(_ status: ProvingStatus, _ known: [DeadlineStatus], _ miner: UInt64) -> Step
    {
        switch purpose {
        case .look: return .found(status, known)
        case .check:
            let numbers = works.flatMap(\.challenge.sectors)
            guard !numbers.isEmpty else { return .answer(.checked([])) }
            phase = .asking
            return .ask
        case .recover(let wanted):
            let messages = declarations(of: wanted, known, miner)
            let found = messages.flatMap(\.items).reduce(SectorNumbers()) { $0.union($1.sectors) }
            let unknown = wanted.subtracting(found)
            guard unknown.isEmpty else {
                return .answer(.refused("no faulty sector \(unknown) in any deadline; nothing is declared"))
            }
            phase = .declaring
            open = messages
            outcomes = messages.map { message in
                DeclarationOutcome(
                    deadline: message.items[0].deadline,
                    sectors: message.items.reduce(SectorNumbers()) { $0.union($1.sectors) },
                    message: message.name)
            }
            return .ask
        }
    }

    /// The partitions to read, each with what is known of its sectors.
    private var works: [Work] {
        guard case .check(let onlyFaulty) = purpose, let deadline, let status = deadlines[deadline] else {
            return []
        }
        return status.partitions.enumerated().compactMap { index, partition in
            let sectors = (onlyFaulty ? partition.faulty : partition.live).numbers
            guard !sectors.isEmpty else { return nil }
            // Somewhere else with each epoch: no proof depends on it.
            let draw = SHA256.hash(Array("\(status.head) \(index)".utf8)).bytes
            return Work(
                times: status.times,
                challenge: PartitionChallenge(
                    deadline: deadline, partition: index, randomness: draw, sectors: sectors,
                    commitments: sectors.map { sealed[$0] ?? [] }, isCheck: true))
        }
    }

    private func declarations(
        of wanted: SectorNumbers, _ known: [DeadlineStatus], _ miner: UInt64
    ) -> [FaultDeclaration] {
        known.compactMap { status in
            let items = status.partitions.enumerated().compactMap { index, partition in
                let sectors = partition.faulty.intersection(wanted)
                return sectors.isEmpty
                    ? nil
                    : FaultDeclaration.Item(
                        deadline: status.times.index, partition: index, sectors: sectors)
            }
            guard !items.isEmpty else { return nil }
            let name =
                "recoveries f0\(miner) deadline \(status.times.index) from \(status.times.open) "
                + "by an operator at \(status.head)"
            return FaultDeclaration(.recoveries, miner: miner, name: name, items: items)
        }
    }
}
