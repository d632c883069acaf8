// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// What went wrong, for counting: each cause has a counter and a pause of its own.
package enum FailureCause: String, Sendable, Hashable, Codable, CaseIterable {
    case addPiece, preCommit1, preCommit2, computeProof, remoteCommit, finalize
    /// Files that were lost or damaged.
    case files
    /// What the chain refused.
    case ticket, preCommitMessage, commitMessage, updateMessage, terminateMessage
    /// A ticket that ran out before its pre-commitment landed.
    case ticketAge
    case replicaUpdate, proveUpdate, finalizeUpdate, releaseKey, abortUpgrade
    case deals, remove, download
    /// Of those of `computeProof`, the tries of Commit2: it has a limit of its own.
    case commit2
    /// A full disk.
    case noSpace

    /// The place in `allCases`.
    // Safety: as for ``SectorState/position``.
    package var index: Int { Int(unsafeBitCast(self, to: UInt8.self)) }
}

/// What is kept of a sector between restarts: its present, and no history. What led there is in the
/// ``SectorLogEntry`` list of its store.
///
/// A copy shares its fields until it is changed: a record is copied several times with each event.
@dynamicMemberLookup
package struct SectorRecord: Sendable, Hashable, Codable {
    // Safety: the fields are written only where the box has one reference, so that no other sees it.
    private final class Box: @unchecked Sendable {
        var fields: SectorFields

        init(_ fields: SectorFields) { self.fields = fields }
    }

    private var box: Box

    package init(key: SectorKey, proof: UInt64, makesSNARK: Bool, payloadPath: String? = nil) {
        box = Box(SectorFields(key: key, proof: proof, makesSNARK: makesSNARK, payloadPath: payloadPath))
    }

    package subscript<Value>(dynamicMember path: WritableKeyPath<SectorFields, Value>) -> Value {
        @inline(__always) get { box.fields[keyPath: path] }
        @inline(__always) _modify {
            if !isKnownUniquelyReferenced(&box) { box = Box(box.fields) }
            yield &box.fields[keyPath: path]
        }
    }

    package static func == (lhs: SectorRecord, rhs: SectorRecord) -> Bool {
        lhs.box === rhs.box || areEqual(&lhs.box.fields, &rhs.box.fields)
    }

    /// Compares in place: values out of two objects would be copied, with two dozen references each.
    private static func areEqual(_ lhs: inout SectorFields, _ rhs: inout SectorFields) -> Bool { lhs == rhs }

    package func hash(into hasher: inout Hasher) { hasher.combine(box.fields) }

    package init(from decoder: any Decoder) throws { box = Box(try SectorFields(from: decoder)) }

    package func encode(to encoder: any Encoder) throws { try box.fields.encode(to: encoder) }

    /// Tells whether the sector holds, or is to hold, data of clients.
    package var hasDeals: Bool { !self.pieces.isEmpty || self.pendingPiece != nil }

    /// An unsealed copy stays beside the replica: one of its deals wants it, or it was made of a file, which
    /// no deal speaks for.
    package var keepsUnsealed: Bool {
        self.payloadPath != nil || self.pieces.contains(where: \.keepsUnsealed)
    }

    /// The host where the files of the present work are; `nil` where any may reach them.
    package var workHost: String? { self.update?.host ?? self.host }

    /// The epoch by which the first of the deals must be active.
    package var earliestDealStart: Int64? { self.pieces.map(\.startEpoch).min() }

    // MARK: Failures

    /// All failures that say something about the data or the program, since the last success of each kind.
    package var failureCount: Int {
        self.failures.reduce(0, +) - failureCount(.commit2) - failureCount(.noSpace)
    }

    package func failureCount(_ cause: FailureCause) -> Int {
        self.failures.indices.contains(cause.index) ? self.failures[cause.index] : 0
    }

    /// Counts one more and gives the number.
    mutating func count(_ cause: FailureCause) -> Int {
        if self.failures.isEmpty { self.failures = Array(repeating: 0, count: FailureCause.allCases.count) }
        self.failures[cause.index] += 1
        return self.failures[cause.index]
    }

    /// A success ends a row of failures.
    mutating func clear(_ cause: FailureCause) {
        guard self.failures.indices.contains(cause.index), self.failures[cause.index] > 0 else { return }
        self.failures[cause.index] = 0
        if self.failures.allSatisfy({ $0 == 0 }) { self.failures = [] }
    }

    // MARK: Deadlines

    /// Something that must have happened by an epoch.
    package struct Deadline: Sendable, Hashable, Codable, CustomStringConvertible {
        package enum Kind: String, Sendable, Hashable, Codable {
            /// The pre-commitment must have landed, or the ticket is too old.
            case ticket
            /// The proof must have landed, or the deposit is lost.
            case proof
            /// The sector must be active, or the deal is lost.
            case dealStart
            /// The sector ends.
            case expiration
        }

        package var kind: Kind
        package var epoch: Int64

        package init(kind: Kind, epoch: Int64) {
            self.kind = kind
            self.epoch = epoch
        }

        package var description: String { "\(kind.rawValue) at epoch \(epoch)" }
    }

    /// The earliest thing that the sector must be in time for; `nil` where nothing presses.
    package func deadline(_ network: NetworkParameters) -> Deadline? {
        var first: Deadline?
        func take(_ kind: Deadline.Kind, _ epoch: Int64) {
            if let first, (first.epoch, first.kind.rawValue) < (epoch, kind.rawValue) { return }
            first = Deadline(kind: kind, epoch: epoch)
        }
        if self.provenEpoch == nil {
            if let preCommitEpoch = self.preCommitEpoch {
                take(.proof, network.proveDeadline(preCommitted: preCommitEpoch))
            } else if let ticketEpoch = self.ticketEpoch {
                take(.ticket, network.preCommitDeadline(ticketEpoch: ticketEpoch))
            }
        }
        if !self.pieces.isEmpty, self.provenEpoch == nil || self.state.isUpdating,
            let start = earliestDealStart
        {
            take(.dealStart, start)
        }
        if self.provenEpoch != nil, let expiration = self.expiration { take(.expiration, expiration) }
        return first
    }
}

/// One change of a sector, as its log keeps it: what happened, and what came of it.
package struct SectorLogEntry: Sendable, Hashable, Codable {
    /// The world's time.
    package var at: Instant
    package var from: SectorState
    package var to: SectorState
    /// The event, by the name that the table of transitions has for it.
    package var event: String
    /// Why, in words; `nil` where the event says all.
    package var reason: String?

    package init(at: Instant, from: SectorState, to: SectorState, event: String, reason: String?) {
        self.at = at
        self.from = from
        self.to = to
        self.event = event
        self.reason = reason
    }
}
