// SPDX-License-Identifier: Apache-2.0
internal import Chain
package import Kernel
private import Logging
private import Sealing

/// Begins sectors, numbers them, and knows where each stands.
package actor SectorManager: Component {
    /// What a manager is made with.
    package struct Options: Sendable {
        package var miner: UInt64
        package var proof: UInt64
        package var makesSNARK: Bool
        package var limits: SectorLimits
        /// Sectors that one request may begin.
        package var pledgeCountMax: Int
        package var pledgeRule: PledgeRule?
        package var autoPledge: AutoPledge?
        /// How pieces are packed; `nil` where the miner takes no deals.
        package var packing: PackingQueue.Options?
        /// A piece that no open sector takes may begin one.
        package var makesSectorsForDeals = true
        /// It does so even where a sector is offered for updates.
        package var prefersNewSectors = false
        /// Sectors may be updated with pieces; `false` where no worker makes another replica.
        package var takesUpdates = true
        /// An unsealed copy of every piece is kept, whatever its deal says.
        package var alwaysKeepsUnsealed = true
        /// A sector must live this many epochs more to be offered for updates.
        package var upgradeLifetimeMin: Int64 = 180 * 2880
        /// Proving sectors that the manager lists one by one; a simulation of years counts the rest only.
        package var provingKeptMax: Int

        package init(
            miner: UInt64, proof: UInt64, makesSNARK: Bool, sealingCountMax: Int = 0,
            pledgeCountMax: Int = 100_000, pledgeRule: PledgeRule? = nil, provingKeptMax: Int = 1_000_000,
            limits: SectorLimits? = nil, autoPledge: AutoPledge? = nil, packing: PackingQueue.Options? = nil
        ) {
            self.miner = miner
            self.proof = proof
            self.makesSNARK = makesSNARK
            self.limits = limits ?? SectorLimits(sealing: sealingCountMax)
            self.autoPledge = autoPledge
            self.packing = packing
            self.pledgeCountMax = pledgeCountMax
            self.pledgeRule = pledgeRule
            self.provingKeptMax = provingKeptMax
        }
    }

    struct PackTimer {
        let id: TimerID
        let at: Instant
    }

    /// A piece on its way into a sector.
    struct Placing {
        let number: UInt64
        /// The sector's record has it.
        var isTaken: Bool
    }

    package nonisolated let home: Home
    let options: Options
    let services: SectorServices
    private let observer: (any SectorObserver)?
    /// In no order: a sector that leaves must not move all others.
    var sectors = NumberTable<SectorSummary>()
    private var countByState = Array(repeating: 0, count: SectorState.allCases.count)
    private var nextNumber: UInt64 = 1
    private var pledgedByRule = 0
    var keepers = NumberTable<Ref<SectorMessage>>()
    var keeperFailures = NumberTable<KeeperFailures>()
    private var keeperCount: UInt64 = 0
    var packing: PackingQueue?
    /// Who offered a piece that no sector has taken yet.
    var pieceOwners: [PieceDeal: [Ref<ManagerEvent>]] = [:]
    /// Pieces that a sector was given and has not written yet.
    var placing: [PieceDeal: Placing] = [:]
    /// Pieces that no sector can take as they are.
    var refusedPieces: [WaitingPiece] = []
    /// Sectors that take pieces, that are offered for updates, and that count as sectors with deals.
    private(set) var openNumbers: Set<UInt64> = []
    private(set) var offeredNumbers: Set<UInt64> = []
    private(set) var dealNumbers: Set<UInt64> = []
    /// Sectors that were told something and have not said how they are since.
    var busy: Set<UInt64> = []
    /// Sectors in one of the states of faults.
    private(set) var faultNumbers = SectorNumbers()
    var packTimer: PackTimer?
    var clock: EpochClock?

    package init(
        home: Home, options: Options, services: SectorServices, observer: (any SectorObserver)? = nil
    ) {
        self.home = home
        self.options = options
        self.services = services
        self.observer = observer
        packing = options.packing.map { PackingQueue($0) }
    }

    package func started(_ context: Context<ManagerMessage>) throws {
        let records = try services.store.load(miner: options.miner)
        for record in records {
            note(SectorSummary(record), context)
            if let piece = record.pendingPiece {
                placing[piece] = .init(number: record.key.number, isTaken: true)
            }
            if record.state.isSealing { try keep(record, context) }
        }
        // Numbers are never given twice, not even those of sectors whose records are dropped.
        let last = try services.store.lastNumber(miner: options.miner)
        nextNumber = last + 1
        for waiting in try services.store.waitingPieces(miner: options.miner) {
            if waiting.refusal == nil { packing?.add(waiting.piece) } else { refusedPieces.append(waiting) }
        }
        if packing != nil { askHead(context) }
        if let auto = options.autoPledge { context.schedule(after: auto.interval, .pledgeDue) }
        guard let rule = options.pledgeRule else { return }
        pledgedByRule = services.limits.bug == .managerForgetsPledges ? 0 : Int(last)
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
        case .find(let number, let asker): try find(number, asker)
        case .counts(let asker): asker.tell(.counts(counts))
        case .addPiece(let piece, let asker): try addPiece(piece, asker, context)
        case .operate(let number, let event, let asker): try operate(number, event, asker, context)
        case .forceState(let number, let name, let adopts, let asker):
            try forceState(number, name, adopts: adopts, asker, context)
        case .receive(let record, let asker): try receive(record, asker, context)
        case .log(let number, let limit, let asker):
            let key = SectorKey(miner: options.miner, number: number)
            asker.tell(.log(try services.store.log(key, limit: min(max(0, limit), 10_000))))
        case .batch(let kind, let publishNow, let asker):
            guard let batcher = services.batcher else {
                asker.tell(.notGathered)
                return
            }
            batcher.tell(publishNow ? .publishNow(kind, replyTo: asker) : .pending(kind, replyTo: asker))
        case .pieces(let asker):
            asker.tell(.pieces((packing?.waiting ?? []).map { WaitingPiece($0) } + refusedPieces))
        case .pieceTaken(let piece, let key):
            placing[piece] = Placing(number: key.number, isTaken: true)
            for owner in pieceOwners.removeValue(forKey: piece) ?? [] {
                owner.tell(.placed(piece.commitment, sector: key.number))
            }
        case .pieceBack(let waiting, let reason): try takeBack(waiting, reason, context)
        case .dealsUnresolved(let key, let reason):
            context.log.warning("\(key) waits for its deals to be found anew: \(reason)")
        case .chain(.head(let epoch)):
            clock = EpochClock(
                epoch: epoch, at: context.now, duration: services.limits.network.epochDuration)
            try pack(context)
        case .chain: break
        case .faults(let faults): try take(faults, context)
        case .storage(.stores(let stores)): try pledgeIntoRoom(stores, context)
        case .storage: break
        case .packDue:
            packTimer = nil
            try pack(context)
        case .sectorChanged(let summary):
            note(summary, context)
            if packing != nil {
                busy.remove(summary.key.number)
                noteWritten(summary)
                try pack(context)
            }
        case .keeperGone(let key, let reason):
            try regainPieces(of: key, context)
            keeperGone(key, reason, context)
        case .keeperDue(let key): keeperDue(key, context)
        case .pledgeDue:
            if let auto = options.autoPledge {
                services.storage.tell(
                    .list(replyTo: context.adapter("storage", from: StorageEvent.self) { .storage($0) }))
                context.schedule(after: auto.interval, .pledgeDue)
            }
            guard let rule = options.pledgeRule else { return }
            let missing = rule.packingCountMax - count(.packing)
            try pledgeByRule(missing, rule, context)
            context.schedule(after: rule.interval, .pledgeDue)
        }
    }

    func count(_ state: SectorState) -> Int { countByState[state.position] }

    func count(where isCounted: (SectorState) -> Bool) -> Int {
        SectorState.allCases.reduce(0) { $0 + (isCounted($1) ? countByState[$1.position] : 0) }
    }

    /// Sectors that take pieces or are being sealed. Failed ones are not among them.
    var sealingCount: Int { count { $0.bucket == .staging || $0.bucket == .sealing } }

    private var counts: [ManagerEvent.StateCount] {
        SectorState.allCases.compactMap { state in
            count(state) > 0 ? .init(state: state, count: count(state)) : nil
        }
    }

    private func refusal(of count: Int) -> String? {
        guard count > 0, count <= options.pledgeCountMax else {
            return "a pledge begins 1 to \(options.pledgeCountMax) sectors, not \(count)"
        }
        let (now, limits) = (sealingCount, options.limits)
        if limits.sealing > 0, now + count > limits.sealing {
            return "too many sectors sealing (curSealing: \(now), max: \(limits.sealing))"
        }
        return failedRefusal
    }

    /// Why no new sector begins because of those that failed; `nil` where it may.
    var failedRefusal: String? {
        guard options.limits.failed > 0 else { return nil }
        let failed = count { $0.bucket == .failed }
        guard failed >= options.limits.failed else { return nil }
        return "\(failed) sectors failed, and \(options.limits.failed) may: mend or remove them first"
    }

    /// As many of `wanted` as the limits let begin.
    private func allowed(_ wanted: Int) -> Int {
        guard failedRefusal == nil else { return 0 }
        guard options.limits.sealing > 0 else { return max(0, wanted) }
        return max(0, min(wanted, options.limits.sealing - sealingCount))
    }

    /// Begins a sector for each room that is free and that no sector waits for.
    private func pledgeIntoRoom(_ stores: [StoreState], _ context: Context<ManagerMessage>) throws {
        guard let auto = options.autoPledge else { return }
        let room = AutoPledge.room(for: services.sealingBytes, in: stores)
        let waiting = sectors.values.count { $0.state == .packing && $0.store == nil }
        let wanted = min(room - waiting, auto.packingCountMax - count(.packing))
        for _ in 0..<allowed(wanted) { _ = try begin(payloadPath: nil, context) }
    }

    private func pledgeByRule(
        _ wanted: Int, _ rule: PledgeRule, _ context: Context<ManagerMessage>
    ) throws {
        var count = max(0, wanted)
        if let total = rule.totalCountMax { count = min(count, max(0, total - pledgedByRule)) }
        count = allowed(count)
        for _ in 0..<count { _ = try begin(payloadPath: nil, context) }
        pledgedByRule += count
    }

    func begin(
        payloadPath: String?, state: SectorState = .packing, _ context: Context<ManagerMessage>
    ) throws -> UInt64 {
        var record = SectorRecord(
            key: SectorKey(miner: options.miner, number: nextNumber), proof: options.proof,
            makesSNARK: options.makesSNARK, payloadPath: payloadPath)
        record.state = state
        try services.store.save(record)
        nextNumber += 1
        note(SectorSummary(record), context)
        try keep(record, context)
        return record.key.number
    }

    @discardableResult
    func keep(
        _ record: SectorRecord, _ context: Context<ManagerMessage>
    ) throws -> Ref<SectorMessage> {
        let (services, manager) = (services, context.me)
        let key = record.key
        keeperCount += 1
        let serial = keeperCount
        let clock = clock
        let keeper = try context.spawn("sector-\(key.number).\(serial)") { home in
            // A keeper that is made anew goes on from what was saved.
            let saved = try services.store.find(key) ?? record
            return SectorActor(
                home: home, record: saved, services: services, manager: manager, clock: clock)
        }
        context.watch(keeper) { .keeperGone(key, $0) }
        keepers[key.number] = keeper
        return keeper
    }

    /// Says something to a sector; one that rests is woken for it.
    func tell(
        _ number: UInt64, _ event: SectorEvent, _ asker: Ref<ManagerEvent>?,
        _ context: Context<ManagerMessage>
    ) throws {
        let key = SectorKey(miner: options.miner, number: number)
        if let keeper = keepers[number] {
            keeper.tell(.operate(event, replyTo: asker))
        } else if let record = try services.store.find(key), record.state != .removed {
            try keep(record, context).tell(.operate(event, replyTo: asker))
        } else {
            asker?.tell(.refused("there is no sector \(key)"))
        }
    }

    private func note(_ summary: SectorSummary, _ context: Context<ManagerMessage>) {
        let number = summary.key.number
        // Without a closure: whether it runs on this actor would be asked of the runtime each time.
        var old: SectorState?
        if let known = sectors[number] { old = known.state }
        if let old { countByState[old.position] -= 1 }
        countByState[summary.state.position] += 1
        sectors[number] = summary
        if old != summary.state { observer?.sectorChanged(summary, from: old, at: context.now) }
        if summary.state == .faulty || summary.state == .faultReported {
            faultNumbers.insert(number)
        } else if old == .faulty || old == .faultReported {
            faultNumbers.remove(number)
        }
        if packing != nil {
            let isOpen = summary.state == .waitDeals || summary.state == .snapDealsWaitDeals
            let bucket = summary.state.bucket
            let hasDeals = bucket == .staging || bucket == .sealing && !summary.pieces.isEmpty
            Self.set(number, in: &openNumbers, isOpen)
            Self.set(number, in: &offeredNumbers, summary.state == .available)
            Self.set(number, in: &dealNumbers, hasDeals)
        }
        guard summary.state.isResting else { return }
        // Its keeper ends with this word.
        keepers[number] = nil
        keeperFailures[number] = nil
        if summary.state == .removed {
            countByState[summary.state.position] -= 1
            sectors.removeValue(forKey: number)
        } else if summary.state == .proving, sectors.count > options.provingKeptMax {
            sectors.removeValue(forKey: number)
        }
    }

    private static func set(_ number: UInt64, in numbers: inout Set<UInt64>, _ isIn: Bool) {
        if isIn { numbers.insert(number) } else { numbers.remove(number) }
    }

    /// Takes a sector that was sealed elsewhere.
    private func receive(
        _ record: SectorRecord, _ asker: Ref<ManagerEvent>?, _ context: Context<ManagerMessage>
    ) throws {
        let states = SectorStateMachine.receivable
        guard states.contains(record.state) else {
            let names = states.map(\.rawValue).sorted().joined(separator: ", ")
            asker?.tell(.refused("a sector is received in \(names), not in \(record.state.rawValue)"))
            return
        }
        guard record.key.miner == options.miner, record.proof == options.proof else {
            asker?.tell(.refused("\(record.key) is of another miner or of another kind of proof"))
            return
        }
        guard try services.store.find(record.key) == nil else {
            asker?.tell(.refused("the number of \(record.key) is taken"))
            return
        }
        var received = record
        received.returnState = record.state
        received.state = .receiveSector
        received.store = nil
        received.host = nil
        try services.store.save(received)
        nextNumber = max(nextNumber, record.key.number + 1)
        note(SectorSummary(received), context)
        try keep(received, context)
        asker?.tell(.accepted(record.key.number, .receiveSector))
    }
}
