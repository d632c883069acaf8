// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
private import Logging
private import OrderedCollections

/// A sector in a list.
package struct SectorSummary: Sendable, Hashable, Codable {
    package var key: SectorKey
    package var state: SectorState
    package var host: String?
    package var store: String?
    /// 32 bytes each, where known.
    package var unsealedCommitment: [UInt8]?
    package var sealedCommitment: [UInt8]?
    package var lastError: String?
    /// Tries of each kind, by ``TaskType/stage``.
    package var attempts: [Int]

    package init(_ record: SectorRecord) {
        key = record.key
        state = record.state
        host = record.host
        store = record.store
        unsealedCommitment = record.unsealedCommitment
        sealedCommitment = record.sealedCommitment
        lastError = record.lastError
        attempts = record.attempts
    }
}

/// What the manager of a miner's sectors understands.
package enum ManagerMessage: Message {
    /// Begin new sectors of committed capacity, or one from a file.
    case pledge(count: Int, payloadPath: String?, replyTo: Ref<ManagerEvent>?)
    /// All sectors, in order of number; at most `limit`, from number `from` on.
    case list(from: UInt64, limit: Int, replyTo: Ref<ManagerEvent>)
    /// How many sectors are in each state.
    case counts(replyTo: Ref<ManagerEvent>)
    /// A keeper's word.
    case sectorChanged(SectorSummary)
    /// A keeper's word.
    case taskStarted(TaskID, worker: String)
    /// The kernel's word: a keeper is gone.
    case keeperGone(SectorKey, Termination)
    /// The manager's own alarm: look whether to pledge.
    case pledgeDue

    package static var messageName: String { "scheduler.sectors" }
}

/// What the manager answers.
package enum ManagerEvent: Message {
    /// The numbers of the new sectors.
    case pledged([UInt64])
    case refused(String)
    case sectors([SectorSummary])
    case counts([StateCount])

    package struct StateCount: Sendable, Hashable, Codable {
        package var state: SectorState
        package var count: Int
    }

    package static var messageName: String { "scheduler.sectors.event" }
}

/// Pledges by itself: every `interval`, as many as are missing to `packingCountMax` sectors in Packing.
package struct PledgeRule: Sendable, Hashable, Codable {
    package var interval: Duration
    package var packingCountMax: Int
    /// Pledged at the first start.
    package var initialCount: Int
    /// All sectors that this rule may begin; `nil` for no end.
    package var totalCountMax: Int?

    package init(interval: Duration, packingCountMax: Int, initialCount: Int, totalCountMax: Int? = nil) {
        self.interval = interval
        self.packingCountMax = packingCountMax
        self.initialCount = initialCount
        self.totalCountMax = totalCountMax
    }
}

/// Sees what happens to sectors: a simulation's statistics, a daemon's progress.
package protocol SectorObserver: Sendable {
    func sectorChanged(_ summary: SectorSummary, from old: SectorState?, at now: Instant)
    func taskStarted(_ id: TaskID, worker: String, at now: Instant)
}

/// Begins sectors, numbers them, and knows where each stands.
package actor SectorManager: Component {
    /// What a manager is made with.
    package struct Options: Sendable {
        package var miner: UInt64
        package var proof: UInt64
        package var makesSNARK: Bool
        /// Sectors that may be under way at once; 0 for no limit.
        package var sealingCountMax: Int
        /// Sectors that one request may begin.
        package var pledgeCountMax: Int
        package var pledgeRule: PledgeRule?
        /// Proving sectors that the manager lists one by one; a simulation of years counts the rest only.
        package var provingKeptMax: Int

        package init(
            miner: UInt64, proof: UInt64, makesSNARK: Bool, sealingCountMax: Int = 0,
            pledgeCountMax: Int = 100_000, pledgeRule: PledgeRule? = nil, provingKeptMax: Int = 1_000_000
        ) {
            self.miner = miner
            self.proof = proof
            self.makesSNARK = makesSNARK
            self.sealingCountMax = sealingCountMax
            self.pledgeCountMax = pledgeCountMax
            self.pledgeRule = pledgeRule
            self.provingKeptMax = provingKeptMax
        }
    }

    package nonisolated let home: Home
    private let options: Options
    private let services: SectorServices
    private let observer: (any SectorObserver)?
    private var sectors: OrderedDictionary<UInt64, SectorSummary> = [:]
    private var countByState: [SectorState: Int] = [:]
    private var nextNumber: UInt64 = 1
    private var pledgedByRule = 0

    package init(
        home: Home, options: Options, services: SectorServices, observer: (any SectorObserver)? = nil
    ) {
        self.home = home
        self.options = options
        self.services = services
        self.observer = observer
    }

    package func started(_ context: Context<ManagerMessage>) throws {
        let records = try services.store.load(miner: options.miner)
        for record in records {
            note(SectorSummary(record), context)
            if record.state.isSealing { try keep(record, context) }
        }
        // Numbers are never given twice, not even those of sectors whose records are dropped.
        let last = try services.store.lastNumber(miner: options.miner)
        nextNumber = last + 1
        guard let rule = options.pledgeRule else { return }
        pledgedByRule = Int(last)
        if last == 0 { try pledgeByRule(rule.initialCount, rule, context) }
        context.schedule(after: rule.interval, .pledgeDue)
    }

    package func receive(_ message: ManagerMessage, _ context: Context<ManagerMessage>) throws {
        switch message {
        case .pledge(let count, let path, let asker):
            if let refusal = refusal(of: count) {
                asker?.tell(.refused(refusal))
                return
            }
            var numbers: [UInt64] = []
            for _ in 0..<count { numbers.append(try begin(payloadPath: path, context)) }
            asker?.tell(.pledged(numbers))
        case .list(let from, let limit, let asker):
            let listed = sectors.values.filter { $0.key.number >= from }.sorted { $0.key < $1.key }
            asker.tell(.sectors(Array(listed.prefix(max(0, min(limit, 10_000))))))
        case .counts(let asker): asker.tell(.counts(counts))
        case .sectorChanged(let summary): note(summary, context)
        case .taskStarted(let id, let worker): observer?.taskStarted(id, worker: worker, at: context.now)
        case .keeperGone(let key, let reason): try keeperGone(key, reason, context)
        case .pledgeDue:
            guard let rule = options.pledgeRule else { return }
            let missing = rule.packingCountMax - (countByState[.packing] ?? 0)
            try pledgeByRule(missing, rule, context)
            context.schedule(after: rule.interval, .pledgeDue)
        }
    }

    private var sealingCount: Int {
        SectorState.allCases.reduce(0) { $0 + ($1.isSealing ? countByState[$1] ?? 0 : 0) }
    }

    private var counts: [ManagerEvent.StateCount] {
        SectorState.allCases.compactMap { state in
            countByState[state].flatMap { $0 > 0 ? .init(state: state, count: $0) : nil }
        }
    }

    private func refusal(of count: Int) -> String? {
        guard count > 0, count <= options.pledgeCountMax else {
            return "a pledge begins 1 to \(options.pledgeCountMax) sectors, not \(count)"
        }
        let now = sealingCount
        if options.sealingCountMax > 0, now + count > options.sealingCountMax {
            return "too many sectors sealing (curSealing: \(now), max: \(options.sealingCountMax))"
        }
        return nil
    }

    private func pledgeByRule(
        _ wanted: Int, _ rule: PledgeRule, _ context: Context<ManagerMessage>
    ) throws {
        var count = max(0, wanted)
        if let total = rule.totalCountMax { count = min(count, max(0, total - pledgedByRule)) }
        if options.sealingCountMax > 0 { count = min(count, max(0, options.sealingCountMax - sealingCount)) }
        for _ in 0..<count { _ = try begin(payloadPath: nil, context) }
        pledgedByRule += count
    }

    private func begin(payloadPath: String?, _ context: Context<ManagerMessage>) throws -> UInt64 {
        let record = SectorRecord(
            key: SectorKey(miner: options.miner, number: nextNumber), proof: options.proof,
            makesSNARK: options.makesSNARK, payloadPath: payloadPath)
        try services.store.save(record)
        nextNumber += 1
        note(SectorSummary(record), context)
        try keep(record, context)
        return record.key.number
    }

    private func keep(_ record: SectorRecord, _ context: Context<ManagerMessage>) throws {
        let (services, manager) = (services, context.me)
        let key = record.key
        let keeper = try context.spawn("sector-\(key.number)") { home in
            // A keeper that is made anew goes on from what was saved.
            let saved = try services.store.find(key) ?? record
            return SectorActor(home: home, record: saved, services: services, manager: manager)
        }
        context.watch(keeper) { .keeperGone(key, $0) }
    }

    private func keeperGone(
        _ key: SectorKey, _ reason: Termination, _ context: Context<ManagerMessage>
    ) throws {
        guard reason == .failed, let record = try services.store.find(key), record.state.isSealing else {
            return
        }
        context.log.error("the keeper of \(key) failed for good; the sector waits for a restart of the miner")
    }

    private func note(_ summary: SectorSummary, _ context: Context<ManagerMessage>) {
        let old = sectors[summary.key.number]?.state
        if let old { countByState[old, default: 0] -= 1 }
        countByState[summary.state, default: 0] += 1
        sectors[summary.key.number] = summary
        if old != summary.state { observer?.sectorChanged(summary, from: old, at: context.now) }
        if summary.state == .proving, sectors.count > options.provingKeptMax {
            sectors.removeValue(forKey: summary.key.number)
        }
    }
}
