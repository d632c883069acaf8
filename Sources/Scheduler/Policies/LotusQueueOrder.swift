// SPDX-License-Identifier: Apache-2.0

/// A task as Lotus queues it.
package struct LotusTask: Sendable, Hashable {
    package let id: TaskID
    /// The registered seal proof's number.
    package let proof: UInt64
    /// 1024 for what belongs to a sector with deals, 0 for the rest.
    package let priority: Int
    /// Counts submissions.
    package let sequence: UInt64

    package init(id: TaskID, proof: UInt64 = 8, priority: Int = 0, sequence: UInt64 = 0) {
        self.id = id
        self.proof = proof
        self.priority = priority
        self.sequence = sequence
    }

    /// The kind by which an account counts it.
    package var kind: LotusTaskCounter.Kind { .init(proof: proof, stage: id.type.stage) }

    /// The kind by which the preparing account counts it: what is prepared by a fetch counts as a fetch.
    package var preparingKind: LotusTaskCounter.Kind {
        .init(
            proof: proof, stage: id.type.stage, isFetch: LotusQueueOrder.isPreparedByFetch(id.type.rawValue))
    }
}

/// The order of the one queue in which Lotus keeps tasks of all kinds.
package enum LotusQueueOrder {
    /// By kind; kinds that the table of Lotus leaves out have 0.
    private static let orders: [String: Int] = [
        "seal/v0/regensectorkey": 11, "seal/v0/datacid": 10, "seal/v0/addpiece": 9,
        "seal/v0/replicaupdate": 8,
        "seal/v0/provereplicaupdate/2": 7, "seal/v0/provereplicaupdate/1": 6, "seal/v0/precommit/1": 5,
        "seal/v0/precommit/2": 4, "seal/v0/commit/2": 3, "seal/v0/commit/1": 2, "seal/v0/unseal": 1,
        "seal/v0/fetch": -1, "seal/v0/download/sector": -2, "seal/v0/finalize": -3,
        "seal/v0/finalizeunsealed": -4, "post/v0/windowproof": -5, "post/v0/winningproof": -6,
    ]

    /// The order of a kind by its stable id.
    package static func order(_ kind: String) -> Int { orders[kind] ?? 0 }

    /// Kinds whose files are brought to the worker before the work begins.
    package static func isPreparedByFetch(_ kind: String) -> Bool {
        switch kind {
        case "seal/v0/addpiece", "seal/v0/datacid", "seal/v0/commit/2", "seal/v0/provereplicaupdate/2": false
        default: true
        }
    }

    /// Kinds whose selector accepts a worker that does not have the files yet.
    package static func mayFetch(_ kind: String) -> Bool {
        switch kind {
        case "seal/v0/precommit/1", "seal/v0/precommit/2", "seal/v0/replicaupdate", "seal/v0/regensectorkey",
            "seal/v0/unseal":
            true
        default: false
        }
    }

    /// Kinds that may start without going through the preparing account.
    package static func isReadyWork(_ type: TaskType) -> Bool {
        type.rawValue == "seal/v0/commit/1" || type.rawValue == "seal/v0/commit/2"
    }

    /// Tells whether `left` goes first: a kind of negative order before all others; then the higher priority;
    /// then the lower order; then the lower sector number. There is no age in it and no deadline.
    package static func isBefore(_ left: LotusTask, _ right: LotusTask) -> Bool {
        let orders = (order(left.id.type.rawValue), order(right.id.type.rawValue))
        if (orders.0 < 0) != (orders.1 < 0) { return orders.0 < orders.1 }
        if left.priority != right.priority { return left.priority > right.priority }
        if orders.0 != orders.1 { return orders.0 < orders.1 }
        if left.id.sector != right.id.sector { return left.id.sector < right.id.sector }
        return left.sequence < right.sequence
    }
}
