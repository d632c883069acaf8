// SPDX-License-Identifier: Apache-2.0

/// Reads a payload, pads it and hashes it, a chunk at a time.
struct PieceReader {
    /// Padded bytes of a chunk; a power of two.
    private static let chunkPaddedBytes: UInt64 = 1 << 20

    private let source: PieceSource
    private let file: InputFile?
    private let observer: SealObserver
    private let paddedSize: UInt64
    private let chunk: UInt64
    private var done: UInt64 = 0
    private var stack = SubtreeStack()
    /// Room for a chunk, used again for each.
    private var payload: [UInt8] = []
    private var padded: [UInt8] = []

    init(
        _ source: PieceSource,
        paddedSize: UInt64?,
        observer: SealObserver
    ) throws(SealingError) {
        let least = try PieceSize.padded(forPayload: source.payloadCount)
        let size = paddedSize ?? least
        try PieceSize.check(padded: size)
        guard size >= least else {
            throw SealingError(
                .invalidArgument,
                "a payload of \(source.payloadCount) bytes needs a piece of "
                    + "\(least), not \(size)"
            )
        }
        if case .file(let path, let offset, let count) = source {
            let file = try InputFile(path)
            guard offset <= file.size, count <= file.size - offset else {
                throw SealingError(
                    .wrongFileSize,
                    "\(path) has \(file.size) bytes; \(count) from \(offset) on "
                        + "are needed"
                )
            }
            self.file = file
        } else {
            file = nil
        }
        self.source = source
        self.observer = observer
        self.paddedSize = size
        chunk = min(size, PieceReader.chunkPaddedBytes)
    }

    /// The next padded bytes, or nil after the payload; what follows it in the piece is zeros.
    mutating func next() throws(SealingError) -> [UInt8]? {
        let start = PieceSize.unpadded(done)
        guard done < paddedSize, start < source.payloadCount else {
            return nil
        }
        try observer.step("piece", done, paddedSize)
        let wanted = PieceSize.unpadded(chunk)
        let count = min(wanted, source.payloadCount - start)
        try pad(at: start, count: Int(count))
        stack.push(level: chunk.trailingZeroBitCount - 5, root: try BinaryTree.root(padded))
        done += chunk
        return padded
    }

    /// Pads `count` bytes of the payload, and zeros behind them, into `padded`.
    private mutating func pad(at offset: UInt64, count: Int) throws(SealingError) {
        if padded.count != Int(chunk) {
            padded = [UInt8](repeating: 0, count: Int(chunk))
        }
        switch source {
        case .zeros:
            break
        case .bytes(let bytes):
            try Fr32.pad(bytes, Int(offset)..<Int(offset) + count, into: &padded)
        case .file(_, let start, _):
            guard let file else {
                throw SealingError(.kernel, "the piece's file is not open")
            }
            if payload.count < count {
                payload = [UInt8](repeating: 0, count: Int(PieceSize.unpadded(chunk)))
            }
            try file.read(at: start + offset, into: &payload, 0..<count)
            file.prefetch(at: start + offset + UInt64(count), count: PieceSize.unpadded(chunk))
            try Fr32.pad(payload, 0..<count, into: &padded)
        }
    }

    /// The piece's size and commitment; call it after `next` has given nil.
    mutating func finish() throws(SealingError) -> PieceInfo {
        while done < paddedSize {
            /* The largest aligned block of zeros that fits. */
            let aligned = done == 0 ? paddedSize : done & (~done + 1)
            let size = min(aligned, paddedSize - done)
            stack.push(level: size.trailingZeroBitCount - 5, root: try CommP.zero(paddedSize: size))
            done += size
        }
        guard let root = stack.root else {
            throw SealingError(.kernel, "the piece's subtrees do not join")
        }
        return PieceInfo(size: paddedSize, commP: root)
    }
}
