// SPDX-License-Identifier: Apache-2.0
import CSealing

/// Rules for sizes of pieces, before (unpadded) and after (padded) Fr32.
package enum PieceSize {
    /// - Throws: ``SealingError`` `.invalidArgument` unless a power of two from 128 to 64 GiB.
    package static func check(padded size: UInt64) throws(SealingError) {
        guard size >= 128, size <= SectorSize.gib64.bytes, size.nonzeroBitCount == 1 else {
            throw SealingError(
                .invalidArgument,
                "a padded piece has a power of two of bytes from 128 to 64 GiB, not \(size)"
            )
        }
    }

    /// Payload bytes of a padded size.
    package static func unpadded(_ padded: UInt64) -> UInt64 {
        padded / 128 * 127
    }

    /// The smallest padded size that holds a payload.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` above the largest sector.
    package static func padded(forPayload count: UInt64) throws(SealingError) -> UInt64 {
        guard count <= SectorSize.gib64.unpaddedBytes else {
            throw SealingError(.invalidArgument, "\(count) bytes exceed the largest piece")
        }
        var size: UInt64 = 128
        while unpadded(size) < count {
            size *= 2
        }
        return size
    }

    /// Zero bytes (unpadded) before and after a piece that comes at `written`.
    package static func alignment(
        written: UInt64,
        piece: UInt64
    ) throws(SealingError) -> (left: UInt64, right: UInt64) {
        let need = unpadded(try padded(forPayload: piece))
        return ((need - written % need) % need, need - piece)
    }
}

/// A piece as it lies in a sector: its padded size and its commitment.
package struct PieceInfo: Hashable, Sendable, Codable {
    /// Bytes after Fr32 padding: a power of two of 128 or more.
    package let size: UInt64
    package let commP: Commitment

    package init(size: UInt64, commP: Commitment) {
        self.size = size
        self.commP = commP
    }

    /// A piece of zeros.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` for a size that no piece has.
    package static func zero(size: UInt64) throws(SealingError) -> PieceInfo {
        PieceInfo(size: size, commP: try CommP.zero(paddedSize: size))
    }
}

/// Where a piece's payload is.
package enum PieceSource: Hashable, Sendable {
    case zeros
    case bytes([UInt8])
    /// `count` bytes of a file from `offset`.
    case file(path: String, offset: UInt64, count: UInt64)

    /// Bytes of payload; the rest of the piece is zero.
    package var payloadCount: UInt64 {
        switch self {
        case .zeros: 0
        case .bytes(let bytes): UInt64(bytes.count)
        case .file(_, _, let count): count
        }
    }

    /// All of a file.
    ///
    /// - Throws: ``SealingError`` `.missingFile`.
    package static func wholeFile(_ path: String) throws(SealingError) -> PieceSource {
        .file(path: path, offset: 0, count: try InputFile(path).size)
    }
}

/// Fr32 padding of byte strings.
package enum Fr32 {
    /// Spreads bytes over 254-bit elements of 32 bytes; the last element is zero-filled.
    package static func pad(_ data: [UInt8]) throws(SealingError) -> [UInt8] {
        var padded = [UInt8](repeating: 0, count: (8 * data.count + 253) / 254 * 32)
        try Kernels.check(
            csealing_fr32_pad(data, data.count, &padded, padded.count),
            "Fr32 padding"
        )
        return padded
    }

    /// Spreads the bytes at `range` over the elements of `padded`; what they leave of it is zeros.
    static func pad(
        _ data: [UInt8],
        _ range: Range<Int>,
        into padded: inout [UInt8]
    ) throws(SealingError) {
        let count = (8 * range.count + 253) / 254 * 32
        precondition(range.lowerBound >= 0 && range.upperBound <= data.count)
        precondition(count <= padded.count, "the elements have room")
        var status = csealing_status.CSEALING_OK
        // Safety: the kernel reads the range and writes `count` bytes, both within their arrays.
        data.withUnsafeBufferPointer { source in
            padded.withUnsafeMutableBufferPointer { target in
                guard let from = source.baseAddress, let into = target.baseAddress else { return }
                status = csealing_fr32_pad(from + range.lowerBound, range.count, into, count)
                (into + count).update(repeating: 0, count: target.count - count)
            }
        }
        try Kernels.check(status, "Fr32 padding")
    }

    /// Takes the padding out of whole groups: 128 bytes give 127.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` unless the count is a multiple of 128.
    package static func unpad(_ padded: [UInt8]) throws(SealingError) -> [UInt8] {
        guard padded.count.isMultiple(of: 128) else {
            throw SealingError(
                .invalidArgument,
                "\(padded.count) bytes are not whole groups of 128"
            )
        }
        var data = [UInt8](repeating: 0, count: padded.count / 128 * 127)
        csealing_fr32_unpad(padded, &data, padded.count / 128)
        return data
    }
}

/// Piece commitments: roots of binary trees over Fr32-padded data.
package enum CommP {
    /// Roots of all-zero trees; entry i belongs to 2^i leaves.
    private static let zeroRoots: [Commitment] = {
        var roots = [Commitment.zero]
        for _ in 0..<31 {
            let last = roots[roots.count - 1]
            roots.append(SHA256.node(last, last))
        }
        return roots
    }()

    static func zeroRoot(level: Int) -> Commitment {
        zeroRoots[level]
    }

    /// The commitment of zeros, for any power of two from 32 bytes to 64 GiB.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` for another size.
    package static func zero(paddedSize: UInt64) throws(SealingError) -> Commitment {
        guard paddedSize >= 32, paddedSize.nonzeroBitCount == 1, paddedSize <= 1 << 36 else {
            throw SealingError(
                .invalidArgument,
                "\(paddedSize) is not a power of two from 32 bytes to 64 GiB"
            )
        }
        return zeroRoots[paddedSize.trailingZeroBitCount - 5]
    }

    /// The commitment of a payload in the smallest piece that holds it, or in a larger one.
    ///
    /// - Parameters:
    ///   - source: the payload.
    ///   - paddedSize: bytes of the piece after padding; nil takes the smallest.
    ///   - observer: hears of progress and may stop the work.
    /// - Returns: the piece's padded size and commitment.
    /// - Throws: ``SealingError`` `.invalidArgument`, `.missingFile`, `.wrongFileSize`,
    ///   `.cancelled`.
    package static func compute(
        _ source: PieceSource,
        paddedSize: UInt64? = nil,
        observer: SealObserver = .none
    ) throws(SealingError) -> PieceInfo {
        var reader = try PieceReader(source, paddedSize: paddedSize, observer: observer)
        while try reader.next() != nil {}
        return try reader.finish()
    }

    /// The commitment of data that is Fr32-padded already.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` for a count that no piece has,
    ///   `.notCanonical` for data that is not Fr32.
    package static func compute(padded data: [UInt8]) throws(SealingError) -> PieceInfo {
        try PieceSize.check(padded: UInt64(data.count))
        guard Field.isCanonical(data) else {
            throw SealingError(.notCanonical, "the data is not Fr32-padded")
        }
        return PieceInfo(
            size: UInt64(data.count),
            commP: try BinaryTree.root(data)
        )
    }
}

/// CommD from pieces.
package enum CommD {
    /// The commitment of a sector's data from its pieces, with zero pieces between them where
    /// sizes demand it.
    ///
    /// The pieces must fill the sector for the result to be that of the whole sector; the list is
    /// not extended at its end beyond the next power of two.
    ///
    /// - Throws: ``SealingError`` `.piecesDoNotFit` when they are too many or too large,
    ///   `.invalidArgument` for a size that no piece has.
    package static func compute(
        pieces: [PieceInfo],
        sectorSize: SectorSize
    ) throws(SealingError) -> Commitment {
        guard !pieces.isEmpty else {
            return try CommP.zero(paddedSize: sectorSize.bytes)
        }
        guard UInt64(pieces.count) <= sectorSize.unpaddedBytes / 127 else {
            throw SealingError(
                .piecesDoNotFit,
                "\(pieces.count) pieces are too many for a \(sectorSize) sector"
            )
        }
        var total: UInt64 = 0
        var stack: [PieceInfo] = []
        for piece in pieces {
            try PieceSize.check(padded: piece.size)
            total += piece.size
            guard total <= sectorSize.bytes else {
                throw SealingError(
                    .piecesDoNotFit,
                    "the pieces hold \(total) bytes or more, the sector "
                        + "\(sectorSize.bytes)"
                )
            }
            while let top = stack.last, top.size < piece.size {
                push(try .zero(size: top.size), on: &stack)
            }
            push(piece, on: &stack)
        }
        while stack.count > 1, let top = stack.last {
            push(try .zero(size: top.size), on: &stack)
        }
        return stack[0].commP
    }

    private static func push(_ piece: PieceInfo, on stack: inout [PieceInfo]) {
        var right = piece
        while let left = stack.last, left.size == right.size {
            stack.removeLast()
            right = PieceInfo(size: 2 * left.size, commP: SHA256.node(left.commP, right.commP))
        }
        stack.append(right)
    }
}
