// SPDX-License-Identifier: Apache-2.0
private import Sealing

/// What the chain knows: a state machine without clock, messages or files.
///
/// Every question names the head, the epoch that the chain has reached. A message is judged by
/// `consider`, which changes nothing; the entry that it gives is stored and then taken in by
/// ``apply(_:)``. Accepted at head *h*, it lands at *h* + 1.
package struct ChainState: Sendable {
    /// How much the chain holds.
    package struct Limits: Sendable, Hashable {
        /// Miners with sectors.
        package var minerCountMax = 10_000
        /// Sectors of all miners.
        package var sectorCountMax = 10_000_000
        /// Records in one list.
        package var listCountMax = 10_000

        package init() {}
    }

    /// A sector and how far it came.
    struct Sector: Sendable, Hashable {
        var preCommit: PreCommitRecord
        /// The epoch at which its proof landed.
        var provenEpoch: Int64?
        /// The epoch at which its latest replica update landed.
        var updateEpoch: Int64?
        /// The epoch at which it was ended, or its time was over.
        var terminatedEpoch: Int64?
        /// Where it is proven again.
        var place: SectorPlace?
    }

    /// One miner's sectors.
    struct Miner: Sendable {
        var sectors = SectorTable()
        /// Its deadlines; `nil` before its first sector is proven.
        var proving: ProvingTable?
    }

    /// What the chain makes of a message.
    package enum Verdict: Sendable, Hashable {
        /// It is new and lands at `epoch`; `entry` must be stored and applied.
        case new(ChainEntry, epoch: Int64)
        /// It landed before, at `epoch`.
        case known(epoch: Int64)
        /// It does not land.
        case refused(ChainRefusal)
    }

    package let parameters: NetworkParameters
    package let limits: Limits
    let beacon: DevnetBeacon
    var miners: [UInt64: Miner] = [:]
    /// Miners with deadlines, ascending.
    var provingMiners: [UInt64] = []
    /// The earliest epoch at whose end a deadline of any miner is looked at.
    var nextDeadlineEnd = Int64.max

    /// What the ends of deadlines and early endings came to, all miners together.
    package internal(set) var charges = ProvingCharges()

    /// Sectors of all miners.
    package private(set) var sectorCount = 0
    /// Sectors that are proven.
    package private(set) var provenCount = 0
    /// The latest epoch at which anything landed.
    package private(set) var latestLanding: Int64 = 0

    /// Makes the state of a chain on which nothing happened yet.
    ///
    /// - Throws: ``ChainError`` with `invalidParameters`.
    package init(
        parameters: NetworkParameters, beacon: DevnetBeacon, limits: Limits = Limits()
    ) throws(ChainError) {
        try parameters.validate()
        self.parameters = parameters
        self.beacon = beacon
        self.limits = limits
    }

    // MARK: Changes

    /// Takes in an entry that `consider` gave, or that a store kept.
    ///
    /// - Throws: ``ChainError`` with `corruptStore` where no chain of these rules can have come to it.
    package mutating func apply(_ entry: ChainEntry) throws(ChainError) {
        guard entry.epoch <= NetworkParameters.epochMax else {
            throw ChainError(.corruptStore, "an entry of epoch \(entry.epoch) cannot be")
        }
        advance(to: entry.epoch - 1)
        switch entry {
        case .genesis:
            throw ChainError(.corruptStore, "a second genesis among the chain's entries")
        case .preCommitted(let key, let record):
            let isSane =
                (1...NetworkParameters.epochMax).contains(record.epoch) && record.ticketEpoch >= 0
                && record.ticketEpoch < record.epoch && record.expiration > record.epoch
            guard isSane, key.isWellFormed else {
                throw ChainError(.corruptStore, "the pre-commitment of \(key) has epochs that cannot be")
            }
            guard sector(key) == nil else {
                throw ChainError(.corruptStore, "sector \(key) is pre-committed twice")
            }
            miners[key.miner, default: Miner()].sectors.insert(key.number, Sector(preCommit: record))
            sectorCount += 1
            latestLanding = max(latestLanding, record.epoch)
        case .proven(let key, let epoch):
            guard let known = sector(key), known.provenEpoch == nil,
                epoch > parameters.seedEpoch(preCommitted: known.preCommit.epoch),
                epoch <= parameters.proveDeadline(preCommitted: known.preCommit.epoch)
            else {
                throw ChainError(.corruptStore, "sector \(key) cannot have been proven at epoch \(epoch)")
            }
            try place(key, at: epoch)
            miners[key.miner]?.sectors.change(key.number) { $0.provenEpoch = epoch }
            provenCount += 1
            latestLanding = max(latestLanding, epoch)
        case .updated(let key, let commR, let commD, let epoch):
            guard let known = sector(key), let proven = known.provenEpoch, known.terminatedEpoch == nil,
                epoch > proven
            else { throw ChainError(.corruptStore, "sector \(key) cannot have been updated at \(epoch)") }
            miners[key.miner]?.sectors.change(key.number) { sector in
                sector.preCommit.commR = commR
                sector.preCommit.commD = commD
                sector.updateEpoch = epoch
            }
            latestLanding = max(latestLanding, epoch)
        case .terminated(let key, let epoch):
            guard let known = sector(key), let proven = known.provenEpoch, known.terminatedEpoch == nil,
                epoch > proven
            else { throw ChainError(.corruptStore, "sector \(key) cannot have ended at \(epoch)") }
            miners[key.miner]?.sectors.change(key.number) { $0.terminatedEpoch = epoch }
            charges.terminated(activation: proven, at: epoch)
            displace(key)
            latestLanding = max(latestLanding, epoch)
        case .windowPoSt(let record):
            try take(record)
            latestLanding = max(latestLanding, record.epoch)
        case .faultsDeclared(let record):
            try takeFaults(record)
            latestLanding = max(latestLanding, record.epoch)
        case .recoveries(let record):
            try takeRecoveries(record)
            latestLanding = max(latestLanding, record.epoch)
        }
    }

    func sector(_ key: SectorKey) -> Sector? { miners[key.miner]?.sectors[key.number] }

    // MARK: Questions

    /// What the chain knows of a sector when it has reached `head`.
    package func state(of key: SectorKey, head: Int64) -> ChainSectorState {
        guard let sector = sector(key) else { return .unknown }
        return state(of: sector, head: head)
    }

    private func state(of sector: Sector, head: Int64) -> ChainSectorState {
        let landed = sector.preCommit.epoch
        if let ended = sector.terminatedEpoch, ended <= head {
            return ended < sector.preCommit.expiration ? .terminated(epoch: ended) : .ended(epoch: ended)
        }
        if let proven = sector.provenEpoch, proven <= head {
            return .active(epoch: proven, expiration: sector.preCommit.expiration)
        }
        guard landed <= head else { return .unknown }
        let deadline = parameters.proveDeadline(preCommitted: landed)
        // A proof that is to land with the next epoch keeps the pre-commitment alive.
        if head > deadline, sector.provenEpoch == nil { return .expired(epoch: deadline) }
        return .preCommitted(epoch: landed)
    }

    /// A miner's sectors in order of number, those that have not landed yet left out.
    package func sectors(of miner: UInt64, limit: Int, head: Int64) -> [ChainSectorRecord] {
        guard let table = miners[miner] else { return [] }
        var records: [ChainSectorRecord] = []
        let most = min(limit, limits.listCountMax)
        table.sectors.visit { number, sector in
            guard records.count < most else { return false }
            let state = state(of: sector, head: head)
            guard state != .unknown else { return true }
            records.append(
                ChainSectorRecord(
                    key: SectorKey(miner: miner, number: number), state: state,
                    sealedCommitment: sector.preCommit.commR.bytes))
            return true
        }
        return records
    }

    // MARK: Invariants

    /// What is wrong with the state; empty where all is well.
    ///
    /// Looks at every sector.
    package func checkInvariants(head: Int64) -> [String] {
        var wrong: [String] = []
        var (sectorTotal, provenTotal) = (0, 0)
        for (id, miner) in miners.sorted(by: { $0.key < $1.key }) {
            var previous: UInt64?
            miner.sectors.visit { number, sector in
                if let lower = previous, lower >= number {
                    wrong.append("miner \(id): number \(number) follows \(lower)")
                }
                previous = number
                sectorTotal += 1
                let record = sector.preCommit
                if record.epoch > head + 1 || record.epoch > latestLanding {
                    wrong.append("sector \(number) of \(id) landed at \(record.epoch), past head \(head)")
                }
                if record.epoch - record.ticketEpoch > parameters.maxTicketAge {
                    wrong.append("sector \(number) of \(id) landed with a ticket too old")
                }
                guard let proven = sector.provenEpoch else { return true }
                provenTotal += 1
                if proven <= parameters.seedEpoch(preCommitted: record.epoch)
                    || proven > parameters.proveDeadline(preCommitted: record.epoch) || proven > head + 1
                {
                    wrong.append("sector \(number) of \(id) was proven at \(proven), out of its time")
                }
                return true
            }
        }
        for id in provingMiners { wrong += miners[id]?.proving?.checkInvariants() ?? [] }
        if sectorTotal != sectorCount || provenTotal != provenCount {
            wrong.append(
                "\(sectorTotal) sectors and \(provenTotal) proven, not "
                    + "\(sectorCount) and \(provenCount) as counted")
        }
        return wrong
    }
}

extension SectorKey {
    /// Both numbers are below 2^63.
    var isWellFormed: Bool { miner < 1 << 63 && number < 1 << 63 }
}
