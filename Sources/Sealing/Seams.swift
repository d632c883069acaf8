// SPDX-License-Identifier: Apache-2.0

/// Turns vanilla proofs of replication into the short proofs that go on the chain (commit 2).
///
/// There is no implementation in this module yet; a caller without one cannot finish commit 2.
package protocol CommitProver: Sendable {
    /// - Returns: 192 bytes for each partition, or one aggregate for a non-interactive proof.
    /// - Throws: ``SealingError``.
    func prove(
        _ proofs: VanillaProofs,
        parameters: SealParameters,
        observer: SealObserver
    ) throws(SealingError) -> [UInt8]

    /// Whether a proof holds for its statement.
    ///
    /// - Throws: ``SealingError`` when it cannot be decided, such as for a missing key.
    func verify(_ proof: [UInt8], _ statement: PoRepStatement) throws(SealingError) -> Bool
}

/// Turns vanilla proofs of space-time into the short proofs that go on the chain.
///
/// There is no implementation in this module yet.
package protocol PoStSnarkProver: Sendable {
    /// Takes one vanilla proof for each sector, ascending by number.
    ///
    /// - Returns: 192 bytes for each partition.
    /// - Throws: ``SealingError``.
    func prove(
        _ proofs: [PoStVanillaProof],
        statement: PoStStatement,
        observer: SealObserver
    ) throws(SealingError) -> [UInt8]

    /// Whether a proof holds for its statement.
    ///
    /// - Throws: ``SealingError`` when it cannot be decided, such as for a missing key.
    func verify(_ proof: [UInt8], _ statement: PoStStatement) throws(SealingError) -> Bool
}
