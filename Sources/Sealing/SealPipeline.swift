// SPDX-License-Identifier: Apache-2.0

/// Limits and places that a host gives to the steps of sealing.
package struct SealingOptions: Hashable, Sendable {
    /// Bytes that one step may hold in memory.
    package var memoryBytesMax: UInt64 = 160 << 30
    /// Where the parents of the graph come from.
    package var parentCache = ParentCachePlace.automatic
    /// Threads that make or check a parent cache file, 1 to 64: once for a kind of proof and machine.
    package var parentThreadCount = ParentCache.threadCountDefault
    /// Threads that gather labels ahead of the one that hashes, in pre-commit 1 of a single sector and
    /// in unsealing, 0 to 64. With any, one more writes the layers.
    package var labelProducerCount = 0
    /// Which pages hold the layers; where there are not enough, ordinary ones and a warning.
    package var hugePages = HugePages.none
    /// NUMA node whose memory holds the layers; nil lets the system choose.
    package var numaNode: Int?
    /// Whether pre-commit 1 leaves a copy of the data under the sealed file's name, where the reference's
    /// pre-commit 2 wants one. Ours does not need it, and the space would be taken for hours.
    package var leavesSealedCopy = false
    /// Nodes of each layer that pre-commit 2 holds at once, and of a tree's row: a power of 8 from 2^9
    /// to 2^21. Nil takes 2^15, or more where the hasher asks for more at once.
    package var columnBatchNodeCount: Int?
    /// Nodes after which pre-commit 2 syncs its files and notes their digests, so that a later run goes
    /// on there: 1 or more; a whole number of batches, and at least 1/1024 of a sector, is taken.
    package var checkpointNodeCount: UInt64 = 1 << 22
    /// Directory of what all sectors without payload share, their tree-d; nil makes it for each.
    package var templateDirectory: String?

    package init() {}
}

/// The steps that turn data into a proven sector, each a function of files and arguments.
///
/// A step writes each file under a temporary name and renames it when it is complete, so that
/// whatever has its final name can be trusted and an interrupted step may simply be run again.
/// Two steps of one sector must not run at once.
package struct SealPipeline: Sendable {
    package let parameters: SealParameters
    package let proverID: Commitment
    package let sectorNumber: UInt64
    package let paths: SectorPaths
    package let options: SealingOptions
    package let observer: SealObserver
    /// Who computes the hashes of pre-commit 2.
    package let hasher: any PoseidonHasher

    /// The pipeline of a sector of a registered kind.
    package init(
        _ sector: SectorIdentity,
        paths: SectorPaths,
        options: SealingOptions = SealingOptions(),
        observer: SealObserver = .none,
        hasher: any PoseidonHasher = ProcessorPoseidon()
    ) {
        self.init(
            parameters: sector.proof.parameters,
            proverID: sector.proverID,
            sectorNumber: sector.number,
            paths: paths,
            options: options,
            observer: observer,
            hasher: hasher
        )
    }

    /// The pipeline of any sector, also of sizes that are not registered.
    package init(
        parameters: SealParameters,
        proverID: Commitment,
        sectorNumber: UInt64,
        paths: SectorPaths,
        options: SealingOptions = SealingOptions(),
        observer: SealObserver = .none,
        hasher: any PoseidonHasher = ProcessorPoseidon()
    ) {
        self.parameters = parameters
        self.proverID = proverID
        self.sectorNumber = sectorNumber
        self.paths = paths
        self.options = options
        self.observer = observer
        self.hasher = hasher
    }

    var size: SectorSize {
        parameters.sectorSize
    }

    var shape: SectorShape {
        parameters.shape
    }

    /// The replica identifier of this sector.
    package func replicaID(ticket: Commitment, commD: Commitment) -> Commitment {
        ReplicaID.compute(
            proverID: proverID,
            sectorNumber: sectorNumber,
            ticket: ticket,
            commD: commD,
            porepID: parameters.porepID
        )
    }

    func demandMemory(_ bytes: UInt64, _ what: String) throws(SealingError) {
        guard bytes <= options.memoryBytesMax else {
            throw SealingError(
                .insufficientMemory,
                "\(what) needs \(bytes) bytes of memory; the limit is \(options.memoryBytesMax)"
            )
        }
    }
}

/// What adding a piece did to the sector.
package struct AddedPiece: Hashable, Sendable, Codable {
    /// The piece itself.
    package let piece: PieceInfo
    /// Zero pieces written before it, so that it is aligned to its size.
    package let padding: [PieceInfo]
    /// All pieces of the sector now, in order.
    package let pieces: [PieceInfo]
    /// Whether the sector is full; only then the unsealed file has its final name.
    package let isSectorFull: Bool

    package init(
        piece: PieceInfo,
        padding: [PieceInfo],
        pieces: [PieceInfo],
        isSectorFull: Bool
    ) {
        self.piece = piece
        self.padding = padding
        self.pieces = pieces
        self.isSectorFull = isSectorFull
    }
}

extension SealPipeline {
    /// Appends a piece, padded, to the sector's data.
    ///
    /// While the sector has room the data is kept beside the unsealed file under the suffix
    /// `.staging`; the piece that fills the sector gives the file its final name. Bytes beyond
    /// `existing`, left by a call that was interrupted, are cut off first.
    ///
    /// - Parameters:
    ///   - source: the payload; what it leaves of the piece is zeros.
    ///   - paddedSize: bytes of the piece after padding; nil takes the smallest that holds it.
    ///   - existing: the pieces already in the sector, in order, padding included.
    /// - Returns: the piece, the zero pieces before it, and the new list of all pieces.
    /// - Throws: ``SealingError`` `.piecesDoNotFit`, `.invalidArgument`, `.missingFile`,
    ///   `.wrongFileSize`, `.inputOutput`, `.cancelled`; the sector's data is then as before.
    package func addPiece(
        _ source: PieceSource,
        paddedSize: UInt64? = nil,
        existing: [PieceInfo] = []
    ) throws(SealingError) -> AddedPiece {
        let least = try PieceSize.padded(forPayload: source.payloadCount)
        let target = paddedSize ?? least
        try PieceSize.check(padded: target)
        let written = try total(of: existing)
        let left = (target - written % target) % target
        guard target <= size.bytes, left <= size.bytes - target,
            written <= size.bytes - target - left
        else {
            throw SealingError(
                .piecesDoNotFit,
                "a piece of \(target) bytes does not fit behind \(written) of \(size.bytes)"
            )
        }
        let staging = try StagingFile(
            paths.staging,
            complete: paths.unsealed,
            count: written
        )
        let padding = try SealPipeline.zeroPieces(from: written, count: left)
        var at = written + left
        var reader = try PieceReader(source, paddedSize: target, observer: observer)
        do {
            while let bytes = try reader.next() {
                try staging.write(bytes, at: at)
                at += UInt64(bytes.count)
            }
            let piece = try reader.finish()
            let end = written + left + target
            try staging.finish(count: end)
            let isFull = end == size.bytes
            if isFull {
                try Files.rename(paths.staging, to: paths.unsealed)
            }
            return AddedPiece(
                piece: piece,
                padding: padding,
                pieces: existing + padding + [piece],
                isSectorFull: isFull
            )
        } catch {
            try staging.finish(count: written)
            throw error
        }
    }

    /// Fills the rest of the sector with zero pieces and gives the unsealed file its final name.
    ///
    /// With no pieces yet this makes a committed-capacity sector: one piece of zeros.
    ///
    /// - Returns: the zero pieces that were added.
    /// - Throws: as ``addPiece(_:paddedSize:existing:)``.
    package func fillWithZeros(existing: [PieceInfo] = []) throws(SealingError) -> [PieceInfo] {
        let written = try total(of: existing)
        guard written < size.bytes else {
            return []
        }
        let filler = try SealPipeline.zeroPieces(from: written, count: size.bytes - written)
        let staging = try StagingFile(
            paths.staging,
            complete: paths.unsealed,
            count: written
        )
        try staging.finish(count: size.bytes)
        try Files.rename(paths.staging, to: paths.unsealed)
        return filler
    }

    /// The zero pieces, each aligned to its size, that cover `count` bytes from `start`.
    package static func zeroPieces(
        from start: UInt64,
        count: UInt64
    ) throws(SealingError) -> [PieceInfo] {
        guard start.isMultiple(of: 128), count.isMultiple(of: 128), count <= 1 << 36 else {
            throw SealingError(
                .invalidArgument,
                "zero pieces cover multiples of 128 bytes, not \(count)"
            )
        }
        var pieces: [PieceInfo] = []
        var at = start
        let end = start + count
        while at < end {
            let room = UInt64(1) << UInt64(63 - (end - at).leadingZeroBitCount)
            let aligned = at == 0 ? room : at & (~at + 1)
            let size = min(aligned, room)
            pieces.append(try .zero(size: size))
            at += size
        }
        return pieces
    }

    /// Padded bytes of the pieces, which must fit in the sector.
    func total(of pieces: [PieceInfo]) throws(SealingError) -> UInt64 {
        var total: UInt64 = 0
        for piece in pieces {
            try PieceSize.check(padded: piece.size)
            total += piece.size
            guard total <= size.bytes else {
                throw SealingError(
                    .piecesDoNotFit,
                    "the pieces hold \(total) bytes or more, the sector \(size)"
                )
            }
        }
        return total
    }
}
