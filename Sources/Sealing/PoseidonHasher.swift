// SPDX-License-Identifier: Apache-2.0

/// Whoever computes the many Poseidon hashes of pre-commit 2.
package protocol PoseidonHasher: Sendable {
    /// Hashes that a call should bring, so that the work outweighs what a call costs.
    var batchHashCount: Int { get }

    /// Hashes consecutive groups, `32 * arity * n` bytes giving `32 * n`.
    ///
    /// - Throws: ``SealingError`` `.notCanonical`, or `.invalidArgument` for a broken group.
    func hash(
        _ inputs: [UInt8],
        with poseidon: Poseidon
    ) throws(SealingError) -> [UInt8]

    /// Hashes columns, input j of column v being node v of row j.
    ///
    /// - Throws: ``SealingError`` `.notCanonical`, or `.invalidArgument` for another length.
    func hashColumns(
        _ rows: [UInt8],
        columnCount: Int,
        with poseidon: Poseidon
    ) throws(SealingError) -> [UInt8]
}

/// Hashes with the kernels of the processor, on the caller's thread.
package struct ProcessorPoseidon: PoseidonHasher {
    package init() {}

    package var batchHashCount: Int {
        1 << 12
    }

    package func hash(
        _ inputs: [UInt8],
        with poseidon: Poseidon
    ) throws(SealingError) -> [UInt8] {
        try poseidon.hash(inputs)
    }

    package func hashColumns(
        _ rows: [UInt8],
        columnCount: Int,
        with poseidon: Poseidon
    ) throws(SealingError) -> [UInt8] {
        try poseidon.hashColumns(rows, columnCount: columnCount)
    }
}
