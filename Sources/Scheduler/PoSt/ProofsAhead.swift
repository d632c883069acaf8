// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// The proofs of one deadline that are still to come: what the scheduler keeps room for.
package struct ProofsAhead: Sendable, Hashable, Codable {
    /// The deadline's index.
    package var deadline: Int
    /// When its challenge is known and proving can begin.
    package var begin: Instant
    /// When the last proof must have left for the chain.
    package var due: Instant
    /// Partitions, each of them one task.
    package var count: Int
    /// The registered seal proof's number of the sectors.
    package var proof: UInt64

    package init(deadline: Int, begin: Instant, due: Instant, count: Int, proof: UInt64) {
        self.deadline = deadline
        self.begin = begin
        self.due = due
        self.count = count
        self.proof = proof
    }
}
