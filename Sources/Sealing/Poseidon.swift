// SPDX-License-Identifier: Apache-2.0
import CSealing

/// One instance of the Poseidon hash: its arity and the constants made for it.
package struct Poseidon: Sendable {
    /// Number of inputs of one hash.
    package let arity: Int
    /// Rounds in which only the first element is raised to the fifth power.
    package let partialRoundCount: Int
    /// The constants, field elements of four words in the kernel's own form.
    private let words: [UInt64]

    /// Binary nodes, CommR, and the column hash of two layers.
    package static let arity2 = standard(2)
    /// Nodes of the 8-ary trees.
    package static let arity8 = standard(8)
    /// The column hash of eleven layers.
    package static let arity11 = standard(11)

    private static func standard(_ arity: Int) -> Poseidon {
        do {
            return try Poseidon(arity: arity)
        } catch {
            preconditionFailure("constants of arity \(arity): \(error)")
        }
    }

    /// The instance for an arity of the trees or of the column hash.
    package static func instance(arity: Int) throws(SealingError) -> Poseidon {
        switch arity {
        case 2: arity2
        case 8: arity8
        case 11: arity11
        default: try Poseidon(arity: arity)
        }
    }

    /// Makes the constants; a few milliseconds, more for wide instances.
    ///
    /// - Parameters:
    ///   - arity: 2, 4, 8, 11, 16, 24 or 36.
    ///   - partialRoundCount: the standard count when nil, else 1 to 255.
    /// - Throws: ``SealingError`` `.invalidArgument` for another arity or count.
    package init(arity: Int, partialRoundCount: Int? = nil) throws(SealingError) {
        guard (2...36).contains(arity) else {
            throw SealingError(.invalidArgument, "Poseidon has arities 2 to 36, not \(arity)")
        }
        let standard = Int(csealing_poseidon_partial_rounds(UInt32(arity)))
        let partial = partialRoundCount ?? standard
        let count =
            (1...255).contains(partial)
            ? csealing_poseidon_words(UInt32(arity), UInt32(partial)) : 0
        guard count > 0 else {
            throw SealingError(
                .invalidArgument,
                "Poseidon of arity \(arity) has no instance of \(partial) rounds"
            )
        }
        var words = [UInt64](repeating: 0, count: count)
        var scratch = [UInt64](
            repeating: 0,
            count: csealing_poseidon_scratch_words(UInt32(arity))
        )
        try Kernels.check(
            csealing_poseidon_generate(
                UInt32(arity),
                UInt32(partial),
                &words,
                count,
                &scratch,
                scratch.count
            ),
            "Poseidon constants of arity \(arity)"
        )
        self.arity = arity
        self.partialRoundCount = partial
        self.words = words
    }

    /// The domain tag of tree nodes, columns and CommR: 2^arity - 1.
    package var domainTag: Commitment {
        Commitment(words: ((1 << UInt64(arity)) - 1, 0, 0, 0))
    }

    /// Hashes consecutive groups of `arity` nodes: `32 * arity * n` bytes give `32 * n`.
    ///
    /// - Throws: ``SealingError`` `.notCanonical`, or `.invalidArgument` for a broken group.
    package func hash(
        _ inputs: [UInt8],
        _ implementation: InstructionPath = .automatic
    ) throws(SealingError) -> [UInt8] {
        let groups = inputs.count / (32 * arity)
        guard inputs.count == groups * 32 * arity else {
            throw SealingError(
                .invalidArgument,
                "Poseidon of arity \(arity) got \(inputs.count) bytes, not whole groups"
            )
        }
        var digests = [UInt8](repeating: 0, count: 32 * groups)
        try Kernels.check(
            csealing_poseidon_hash(
                implementation.native,
                UInt32(arity),
                UInt32(partialRoundCount),
                words,
                inputs,
                &digests,
                groups
            ),
            "Poseidon"
        )
        return digests
    }

    /// Hashes one group of nodes.
    ///
    /// - Throws: ``SealingError`` `.notCanonical`, or `.invalidArgument` unless there are `arity`.
    package func hash(_ inputs: [Commitment]) throws(SealingError) -> Commitment {
        guard inputs.count == arity else {
            throw SealingError(
                .invalidArgument,
                "Poseidon of arity \(arity) got \(inputs.count) nodes"
            )
        }
        return Commitment(in: try hash(inputs.flatMap(\.bytes)))
    }

    /// Hashes columns: input j of column v is node v of row j.
    ///
    /// - Parameters:
    ///   - rows: `arity` rows one after the other, each of `columnCount` nodes.
    ///   - columnCount: number of columns, and of digests.
    ///   - implementation: how the hashes are computed.
    /// - Returns: the digests, 32 bytes each.
    /// - Throws: ``SealingError`` `.notCanonical`, or `.invalidArgument` for another length.
    package func hashColumns(
        _ rows: [UInt8],
        columnCount: Int,
        _ implementation: InstructionPath = .automatic
    ) throws(SealingError) -> [UInt8] {
        guard rows.count == 32 * arity * columnCount else {
            throw SealingError(
                .invalidArgument,
                "\(columnCount) columns of \(arity) got \(rows.count) bytes"
            )
        }
        var digests = [UInt8](repeating: 0, count: 32 * columnCount)
        try Kernels.check(
            csealing_poseidon_columns(
                implementation.native,
                UInt32(arity),
                UInt32(partialRoundCount),
                words,
                rows,
                32 * columnCount,
                &digests,
                columnCount
            ),
            "Poseidon columns"
        )
        return digests
    }

    /// Hashes `part` of many groups, or of many columns, into their places among all digests.
    ///
    /// - Parameters:
    ///   - part: which groups or columns.
    ///   - columnCount: columns of all, or nil for groups.
    ///   - inputs: all inputs, of which those of `part` are read.
    ///   - digests: room for all digests, of which those of `part` are written.
    // Safety: the caller vouches for the sizes and keeps both alive until the call returns.
    func hash(
        _ part: Range<Int>,
        columnCount: Int?,
        of inputs: UnsafePointer<UInt8>,
        into digests: UnsafeMutablePointer<UInt8>
    ) throws(SealingError) {
        let out = digests + 32 * part.lowerBound
        let status =
            if let columnCount {
                csealing_poseidon_columns(
                    .CSEALING_PATH_AUTO,
                    UInt32(arity),
                    UInt32(partialRoundCount),
                    words,
                    inputs + 32 * part.lowerBound,
                    32 * columnCount,
                    out,
                    part.count
                )
            } else {
                csealing_poseidon_hash(
                    .CSEALING_PATH_AUTO,
                    UInt32(arity),
                    UInt32(partialRoundCount),
                    words,
                    inputs + 32 * arity * part.lowerBound,
                    out,
                    part.count
                )
            }
        try Kernels.check(status, "Poseidon")
    }

    /// The permutation of `arity + 1` nodes, by the textbook rounds or by the optimised ones.
    ///
    /// - Throws: ``SealingError`` `.notCanonical` or `.invalidArgument`.
    package func permute(
        _ state: [Commitment],
        textbook: Bool = false
    ) throws(SealingError) -> [Commitment] {
        guard state.count == arity + 1 else {
            throw SealingError(
                .invalidArgument,
                "the state has \(arity + 1) nodes, not \(state.count)"
            )
        }
        var bytes = state.flatMap(\.bytes)
        try Kernels.check(
            csealing_poseidon_permute(
                UInt32(arity),
                UInt32(partialRoundCount),
                words,
                textbook ? 1 : 0,
                &bytes
            ),
            "Poseidon permutation"
        )
        return (0...arity).map { Commitment(in: bytes, at: 32 * $0) }
    }
}

/// The constants of an instance as canonical nodes, for tests and for other implementations.
package struct PoseidonConstants: Sendable {
    /// Consumed in order by the optimised rounds.
    package let compressed: [UInt8]
    /// The matrix, row-major.
    package let matrix: [UInt8]
    /// The matrix before the first partial round, row-major.
    package let preSparse: [UInt8]
    /// For each partial round the column (width nodes) and the rest of the row (width - 1).
    package let sparse: [UInt8]
    /// The plain round constants.
    package let roundConstants: [UInt8]
    /// `compressed`, `matrix`, `preSparse`, `sparse` in Montgomery form, little-endian words.
    package let montgomeryBlob: [UInt8]
}

extension Poseidon {
    /// All constants of the instance.
    package var constants: PoseidonConstants {
        let width = arity + 1
        let elementCount =
            16 * width + 2 * width * width + partialRoundCount * 3 * width
        var canonical = [UInt8](repeating: 0, count: 32 * elementCount)
        csealing_fr_export(words, &canonical, elementCount)
        var offset = 0
        func take(_ count: Int) -> [UInt8] {
            defer { offset += 32 * count }
            return Array(canonical[offset..<offset + 32 * count])
        }
        let compressed = take(8 * width + partialRoundCount)
        let matrix = take(width * width)
        let preSparse = take(width * width)
        let sparse = take(partialRoundCount * (2 * width - 1))
        let blobWordCount = offset / 8
        let roundConstants = take((8 + partialRoundCount) * width)
        return PoseidonConstants(
            compressed: compressed,
            matrix: matrix,
            preSparse: preSparse,
            sparse: sparse,
            roundConstants: roundConstants,
            montgomeryBlob: words.prefix(blobWordCount).flatMap(\.littleEndianBytes)
        )
    }
}
