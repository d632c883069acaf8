// SPDX-License-Identifier: Apache-2.0

extension TaskType {
    /// The order in which kinds are looked at, by their stable names: proofs of spacetime ahead of all else,
    /// then what drains the pipeline before what fills it. Kinds that are not listed come last.
    private static let placementOrder = [
        "post/v0/winningproof", "post/v0/windowproof", "seal/v0/finalizeunsealed",
        "seal/v0/finalize/replicaupdate",
        "seal/v0/finalize", "seal/v0/commit/2", "seal/v0/commit/1", "seal/v0/provereplicaupdate/2",
        "seal/v0/provereplicaupdate/1", "seal/v0/precommit/2", "seal/v0/precommit/1", "seal/v0/replicaupdate",
        "seal/v0/regensectorkey", "seal/v0/unseal", "seal/v0/addpiece",
    ]

    /// The place in the order of placement; lower goes first.
    package var placementRank: Int {
        Self.placementOrder.firstIndex(of: rawValue) ?? Self.placementOrder.count
    }

    /// All kinds in the order of placement: PoSt first, then the last stages of the pipeline.
    package static let downstreamFirst: [TaskType] = TaskType.allCases.sorted {
        ($0.placementRank, $1.stage) < ($1.placementRank, $0.stage)
    }

    /// Tells whether it proves spacetime: late by minutes is lost, so that it goes ahead of all else.
    package var isPoSt: Bool { self == .windowPoSt }
}
