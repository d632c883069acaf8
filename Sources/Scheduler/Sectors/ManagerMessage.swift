// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// A sector in a list.
package struct SectorSummary: Sendable, Hashable, Codable {
    /// What it says, and its form on the wire.
    package struct Fields: Sendable, Hashable, Codable {
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
        /// Tickets that ran out since it was last pre-committed.
        package var expiredTicketCount: Int
        /// The deals whose pieces it holds.
        package var pieces: [PieceDeal]
        /// When its first piece came.
        package var openedAt: Instant?
        /// The epoch at which it ends, where that is chosen.
        package var expiration: Int64?
        /// It holds a file of its own.
        package var hasPayload: Bool

        fileprivate init(_ record: SectorRecord) {
            key = record.key
            state = record.state
            host = record.host
            store = record.store
            unsealedCommitment = record.unsealedCommitment
            sealedCommitment = record.sealedCommitment
            lastError = record.lastError
            attempts = record.attempts
            expiredTicketCount = record.failureCount(.ticketAge)
            pieces = record.pieces
            openedAt = record.openedAt
            expiration = record.expiration
            hasPayload = record.payloadPath != nil
        }
    }

    /// Behind a reference: it is handed on several times with each step of each sector.
    private enum Source: Sendable {
        /// Of a sector under way, the record as it was: it is shared, and nothing is copied out of it.
        case record(SectorRecord)
        /// What came over a wire, or rests: a manager keeps a hundred thousand of them.
        case fields(Box<Fields>)
    }

    private let source: Source

    package init(_ record: SectorRecord) {
        source = record.state.isSealing ? .record(record) : .fields(Box(Fields(record)))
    }

    private var fields: Fields {
        switch source {
        case .record(let record): Fields(record)
        case .fields(let box): box.value
        }
    }

    // One by one: key paths from another module go by way of the runtime, at several times the cost.
    package var key: SectorKey {
        switch source {
        case .record(let record): record.key
        case .fields(let box): box.value.key
        }
    }
    package var state: SectorState {
        switch source {
        case .record(let record): record.state
        case .fields(let box): box.value.state
        }
    }
    package var pieces: [PieceDeal] {
        switch source {
        case .record(let record): record.pieces
        case .fields(let box): box.value.pieces
        }
    }
    package var expiredTicketCount: Int {
        switch source {
        case .record(let record): record.failureCount(.ticketAge)
        case .fields(let box): box.value.expiredTicketCount
        }
    }
    package var store: String? {
        switch source {
        case .record(let record): record.store
        case .fields(let box): box.value.store
        }
    }
    package var host: String? { fields.host }
    package var unsealedCommitment: [UInt8]? { fields.unsealedCommitment }
    package var sealedCommitment: [UInt8]? { fields.sealedCommitment }
    package var lastError: String? { fields.lastError }
    package var attempts: [Int] { fields.attempts }
    package var openedAt: Instant? { fields.openedAt }
    package var expiration: Int64? { fields.expiration }
    package var hasPayload: Bool { fields.hasPayload }

    package static func == (lhs: SectorSummary, rhs: SectorSummary) -> Bool { lhs.fields == rhs.fields }

    package func hash(into hasher: inout Hasher) { hasher.combine(fields) }

    package init(from decoder: any Decoder) throws { source = .fields(Box(try Fields(from: decoder))) }

    package func encode(to encoder: any Encoder) throws { try fields.encode(to: encoder) }
}

/// What the manager of a miner's sectors understands.
package enum ManagerMessage: Message {
    /// Begin new sectors of committed capacity, or one from a file.
    case pledge(count: Int, payloadPath: String?, replyTo: Ref<ManagerEvent>?)
    /// All sectors, in order of number; at most `limit`, from number `from` on.
    case list(from: UInt64, limit: Int, replyTo: Ref<ManagerEvent>)
    /// All that is kept of one sector, without the bytes of its proof; answered with `sector` or `refused`.
    case find(number: UInt64, replyTo: Ref<ManagerEvent>)
    /// How many sectors are in each state.
    case counts(replyTo: Ref<ManagerEvent>)
    /// Put a client's piece into a sector; answered with `placed` when one takes it.
    // Behind a reference, as all that is large: every message is as large as the largest.
    indirect case addPiece(PieceDeal, replyTo: Ref<ManagerEvent>?)
    /// Something for one sector: an operator's word. Answered with `accepted` or `refused`.
    indirect case operate(number: UInt64, SectorEvent, replyTo: Ref<ManagerEvent>?)
    /// Go to the state of that name, today's or an earlier release's. Running work is cancelled, unless it
    /// is to
    /// go on as the new state's.
    case forceState(number: UInt64, name: String, adopts: Bool, replyTo: Ref<ManagerEvent>?)
    /// A sector that was sealed elsewhere, with the addresses of its files, goes on here.
    indirect case receive(SectorRecord, replyTo: Ref<ManagerEvent>?)
    /// What happened to a sector, the latest last.
    case log(number: UInt64, limit: Int, replyTo: Ref<ManagerEvent>)
    /// What is gathered of a kind of messages to the chain; sent at once where so told. Answered by the
    /// gatherer, or with `notGathered`.
    case batch(BatchKind, publishNow: Bool, replyTo: Ref<BatcherEvent>)
    /// The pieces that wait for a sector; answered with `pieces`.
    case pieces(replyTo: Ref<ManagerEvent>)
    /// A keeper's word: that piece is in the sector's record.
    indirect case pieceTaken(PieceDeal, SectorKey)
    /// A keeper's word: the sector does not take that piece after all.
    indirect case pieceBack(WaitingPiece, String)
    /// A keeper's word: its deals must be found anew. Answered by `operate` with `dealsResolved`.
    case dealsUnresolved(SectorKey, String)
    /// The prover's word: how the sectors of a deadline are, faulty or not.
    indirect case faults(SectorFaults)
    /// The chain's word.
    case chain(ChainEvent)
    /// The storage index's word.
    case storage(StorageEvent)
    /// The manager's own alarm: look which open sectors begin to seal.
    case packDue
    /// A keeper's word.
    indirect case sectorChanged(SectorSummary)
    /// The kernel's word: a keeper is gone.
    case keeperGone(SectorKey, Termination)
    /// The manager's own alarm: look whether to pledge.
    case pledgeDue
    /// The manager's own alarm: a sector's keeper that was given up is made anew.
    case keeperDue(SectorKey)

    package static var messageName: String { "scheduler.sectors" }
}

/// What the manager answers.
package enum ManagerEvent: Message, Hashable {
    /// The numbers of the new sectors.
    case pledged([UInt64])
    case refused(String)
    /// The sector took it and is in that state now.
    case accepted(UInt64, SectorState)
    /// The piece of that commitment is in the record of the sector, and is being written into it.
    case placed([UInt8], sector: UInt64)
    case pieces([WaitingPiece])
    case log([SectorLogEntry])
    case sectors([SectorSummary])
    case sector(SectorRecord)
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

/// Keeps the sealing stores full: every `interval`, as many sectors begin as there is room for.
package struct AutoPledge: Sendable, Hashable, Codable {
    package var interval: Duration
    /// The most that begin at once; what waits to be filled counts.
    package var packingCountMax: Int

    package init(interval: Duration, packingCountMax: Int) {
        self.interval = interval
        self.packingCountMax = packingCountMax
    }

    /// Sectors of `bytes` each that the sealing stores have room for now; paths on one file system share its
    /// room.
    package static func room(for bytes: UInt64, in stores: [StoreState]) -> Int {
        let each = max(1, bytes)
        var count = 0
        /// In what is left of a file system, sectors that its stores took so far.
        var takenOf: [String: UInt64] = [:]
        for store in stores where store.isOnline && !store.info.isReadOnly {
            guard store.info.canSeal, store.info.admitsNew else { continue }
            let capacity = store.info.capacityBytes
            var room = (capacity - min(capacity, store.reservedBytes)) / each
            if store.info.sealingCountMax > 0 {
                room = min(room, UInt64(max(0, store.info.sealingCountMax - store.sectorCount)))
            }
            if let fileSystem = store.info.fileSystem {
                let others = stores.filter { $0.info.fileSystem?.id == fileSystem.id }
                let reserved = others.reduce(UInt64(0)) { $0 + $1.reservedBytes }
                let left = (fileSystem.capacityBytes - min(fileSystem.capacityBytes, reserved)) / each
                let taken = takenOf[fileSystem.id, default: 0]
                room = min(room, left - min(left, taken))
                takenOf[fileSystem.id] = taken + room
            }
            count += Int(clamping: room)
        }
        return count
    }
}

/// How many sectors may be where; 0 for no limit.
package struct SectorLimits: Sendable, Hashable, Codable {
    /// Sectors that take pieces or are being sealed.
    package var sealing = 0
    /// Of these, sectors with deals.
    package var sealingForDeals = 0
    /// Sectors that take pieces.
    package var waitDeals = 2
    /// Sectors that are being updated; 0 for `sealingForDeals`.
    package var upgrading = 0
    /// Failed sectors. They take nothing of `sealing`; beyond this many no new sector begins, since whatever
    /// breaks them would break it too.
    package var failed = 0

    package init(
        sealing: Int = 0, sealingForDeals: Int = 0, waitDeals: Int = 2, upgrading: Int = 0, failed: Int = 0
    ) {
        self.sealing = sealing
        self.sealingForDeals = sealingForDeals
        self.waitDeals = waitDeals
        self.upgrading = upgrading
        self.failed = failed
    }
}

/// Sees what happens to sectors: a simulation's statistics, a daemon's progress.
package protocol SectorObserver: AnyObject, Sendable {
    func sectorChanged(_ summary: SectorSummary, from old: SectorState?, at now: Instant)
}
