// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Kernel
package import Scheduler
internal import Sealing

/// A sector, as `sectors list` tells of it.
package struct SectorView: Sendable, Encodable {
    package var number: UInt64
    /// With the miner, `f01000-42`.
    package var sector: String
    package var state: String
    /// The chain took its proof, by the miner's own account.
    package var isOnChain: Bool
    package var host: String?
    package var store: String?
    package var expiration: Int64?
    package var dealCount: Int
    package var isUpgrade: Bool
    package var commD: String?
    package var commR: String?
    /// Tries of each kind, those without any left out.
    package var tries: [Tries]
    package var lastError: String?

    /// How often a kind of task was begun.
    package struct Tries: Sendable, Encodable {
        package var task: String
        package var count: Int
    }

    package init(_ summary: SectorSummary) {
        number = summary.key.number
        sector = summary.key.description
        state = summary.state.rawValue
        isOnChain = summary.state.isOnChain
        host = summary.host
        store = summary.store
        expiration = summary.expiration
        dealCount = summary.pieces.count
        isUpgrade = summary.state.isUpdating
        commD = summary.unsealedCommitment.flatMap { Self.commitment($0)?.unsealedCID }
        commR = summary.sealedCommitment.flatMap { Self.commitment($0)?.sealedCID }
        tries = Self.tries(summary.attempts)
        lastError = summary.lastError
    }

    /// A table of sectors in the order given.
    package static func text(_ sectors: [SectorView]) -> String {
        var table = TextTable(
            "ID", "State", "OnChain", "Host", "Store", "Expiration", "Deals", "Tries")
        for sector in sectors {
            let deals =
                sector.dealCount > 0 ? "\(sector.dealCount)" : sector.isUpgrade ? "CC (upgrade)" : "CC"
            table.add(
                [
                    "\(sector.number)", sector.state, sector.isOnChain ? "YES" : "NO", sector.host ?? "",
                    sector.store ?? "", sector.expiration.map { "\($0)" } ?? "", deals,
                    sector.tries.map { "\($0.task) \($0.count)" }.joined(separator: ", "),
                ], extras: sector.lastError.map { [("Error", $0)] } ?? [])
        }
        return table.text
    }

    static func commitment(_ bytes: [UInt8]) -> Commitment? {
        do { return try Commitment(bytes: bytes) } catch {
            // A record of another length has no identifier; its state says what is wrong with it.
            return nil
        }
    }

    fileprivate static func tries(_ attempts: [Int]) -> [Tries] {
        zip(TaskType.allCases, attempts).filter { $1 > 0 }.map { Tries(task: $0.short, count: $1) }
    }
}

extension SectorState {
    /// The chain has taken the sector's proof and has not let go of it.
    fileprivate var isOnChain: Bool {
        switch self {
        case .finalizeSector, .finalizeFailed, .abortUpgrade, .faulty, .faultReported, .snapDealsDealsExpired,
            .snapDealsRecoverDealIDs, .replicaUpdateFailed, .finalizeReplicaUpdateFailed,
            .releaseSectorKeyFailed, .proving, .available, .updateActivating, .releaseSectorKey,
            .terminating, .terminateWait, .terminateFailed:
            true
        default: isUpdating
        }
    }
}

/// All about one sector, as `sectors status` tells it.
package struct SectorStatusView: Sendable, Encodable {
    /// One change of the sector.
    package struct LogEntry: Sendable, Encodable {
        /// Seconds since the miner was started; they begin anew with each start.
        package var seconds: Double
        package var event: String
        package var from: String
        package var to: String
        package var reason: String?
    }

    package var number: UInt64
    package var sector: String
    package var state: String
    package var host: String?
    package var store: String?
    package var commD: String?
    package var commR: String?
    package var ticket: String?
    package var ticketEpoch: Int64?
    package var seed: String?
    package var seedEpoch: Int64?
    /// The name of the chain message that carries it.
    package var message: String?
    package var preCommitEpoch: Int64?
    package var provenEpoch: Int64?
    package var expiration: Int64?
    package var terminatedEpoch: Int64?
    package var dealCount: Int
    package var failureCount: Int
    package var tries: [SectorView.Tries]
    package var lastError: String?
    /// The latest last; `nil` where it was not asked for.
    package var log: [LogEntry]?

    package init(_ record: SectorRecord, log entries: [SectorLogEntry]?) {
        number = record.key.number
        sector = record.key.description
        state = record.state.rawValue
        host = record.host
        store = record.store
        commD = record.unsealedCommitment.flatMap { SectorView.commitment($0)?.unsealedCID }
        commR = record.sealedCommitment.flatMap { SectorView.commitment($0)?.sealedCID }
        ticket = record.ticket.map(Self.hex)
        ticketEpoch = record.ticketEpoch
        seed = record.seed.map(Self.hex)
        seedEpoch = record.seedEpoch
        message = record.message
        preCommitEpoch = record.preCommitEpoch
        provenEpoch = record.provenEpoch
        expiration = record.expiration
        terminatedEpoch = record.terminatedEpoch
        dealCount = record.pieces.count
        failureCount = record.failureCount
        tries = SectorView.tries(record.attempts)
        lastError = record.lastError
        log = entries?.map {
            LogEntry(
                seconds: $0.at.seconds, event: $0.event, from: $0.from.rawValue, to: $0.to.rawValue,
                reason: $0.reason)
        }
    }

    /// Labels and values, then the log where it was asked for.
    package var text: String {
        var lines: [String] = []
        func say(_ label: String, _ value: String?) {
            lines.append("\(label):\(label.count < 7 ? "\t\t" : "\t")\(value ?? "<nil>")")
        }
        func epoch(_ value: Int64?) -> String? { value.map { "\($0)" } }
        say("SectorID", "\(number)")
        say("Status", state)
        say("CIDcommD", commD)
        say("CIDcommR", commR)
        say("Ticket", ticket)
        say("TicketH", epoch(ticketEpoch))
        say("Seed", seed)
        say("SeedH", epoch(seedEpoch))
        say("Message", message)
        say("PrecommitH", epoch(preCommitEpoch))
        say("CommitH", epoch(provenEpoch))
        say("Deals", "\(dealCount)")
        say("Retries", "\(failureCount)")
        say("Tries", tries.map { "\($0.task) \($0.count)" }.joined(separator: ", "))
        if let host { say("Host", host) }
        if let store { say("Store", store) }
        if let lastError { say("Last Error", lastError) }
        if expiration != nil || terminatedEpoch != nil {
            lines += ["", "Expiration Info"]
            if let expiration { say("OnTime", "\(expiration)") }
            if let terminatedEpoch { say("Early", "\(terminatedEpoch)") }
        }
        guard let log else { return lines.joined(separator: "\n") }
        lines += ["--------", "Event Log:"]
        for (index, entry) in log.enumerated() {
            let time = OperatorText.duration(.nanoseconds(Int64(entry.seconds * 1e9)))
            let reason = entry.reason.map { "\t\($0)" } ?? ""
            lines.append("\(index).\t\(time):\t[event;\(entry.event)]\t\(entry.from) -> \(entry.to)\(reason)")
        }
        return lines.joined(separator: "\n")
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
