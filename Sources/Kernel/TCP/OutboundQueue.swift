// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// The frames that wait for one peer, already as bytes; its owner locks it.
struct OutboundQueue {
    enum Outcome {
        case rejected(DeadLetterReason)
        /// The frame waits; `wakes` where the event loop must be told.
        case accepted(wakes: Bool)
    }

    private var writer = WireWriter()
    private var spare = WireWriter()
    /// Bytes handed to the channel that it has not written yet.
    private var inFlightBytes = 0
    /// The event loop knows that frames wait, or will look by itself.
    private var isWoken = false
    private var isClosed = false
    private var frameBytesMax: Int
    private let bytesMax: Int

    /// Memory that a queue keeps when it is empty.
    private static let spareBytesMax = 1 << 20

    init(limits: TransportLimits) {
        frameBytesMax = limits.frameBytesMax
        bytesMax = limits.outboundBytesMax
    }

    private func admits(_ bodyBytes: Int) -> DeadLetterReason? {
        if isClosed { return .linkLost }
        if bodyBytes > frameBytesMax { return .notEncodable }
        let waiting = writer.count + inFlightBytes
        // A frame that is longer than the whole bound may go alone.
        if waiting > 0 && waiting + 4 + bodyBytes > bytesMax { return .congested }
        return nil
    }

    mutating func append(_ envelope: Envelope, from: String?) -> Outcome {
        let bodyBytes = WireWriter.envelopeBodyBytes(envelope, from: from)
        if let reason = admits(bodyBytes) { return .rejected(reason) }
        writer.writeFrame(envelope, from: from, bodyBytes: bodyBytes)
        defer { isWoken = true }
        return .accepted(wakes: !isWoken)
    }

    mutating func append(_ frame: Frame) -> Outcome {
        let bytes = frame.framed
        if let reason = admits(bytes.count - 4) { return .rejected(reason) }
        writer.write(encoded: bytes)
        defer { isWoken = true }
        return .accepted(wakes: !isWoken)
    }

    /// Takes all that waits, for the channel; ``written(_:)`` gives the room back.
    mutating func take() -> [UInt8]? {
        isWoken = false
        guard writer.count > 0 else { return nil }
        swap(&writer, &spare)
        inFlightBytes += spare.count
        defer {
            if spare.count > Self.spareBytesMax { spare = WireWriter() } else { spare.removeAll() }
        }
        return spare.bytes
    }

    mutating func written(_ count: Int) { inFlightBytes -= count }

    /// Frames are kept until a session begins; the event loop is at work on one.
    mutating func hold() {
        isClosed = false
        isWoken = true
    }

    /// A session begins.
    ///
    /// - Returns: the frames that are longer than the peer reads, taken out of the queue.
    mutating func open(frameBytesMax: Int) -> [UInt8] {
        isClosed = false
        isWoken = true
        let old = self.frameBytesMax
        self.frameBytesMax = frameBytesMax
        guard frameBytesMax < old else { return [] }
        let all = writer.bytes
        writer.removeAll()
        var tooLong: [UInt8] = []
        for range in FrameRanges(bytes: all) {
            if range.count - 4 > frameBytesMax {
                tooLong += all[range]
            } else {
                writer.write(encoded: all[range])
            }
        }
        return tooLong
    }

    /// The session ended, or could not be made.
    ///
    /// - Returns: the frames that still waited.
    mutating func close(frameBytesMax: Int) -> [UInt8] {
        isClosed = true
        isWoken = false
        self.frameBytesMax = frameBytesMax
        defer { writer = WireWriter() }
        return writer.bytes
    }
}

/// Where the frames of a queue lie, each with its length before it.
struct FrameRanges: Sequence, IteratorProtocol {
    let bytes: [UInt8]
    private var offset = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> Range<Int>? {
        guard offset + 4 <= bytes.count else { return nil }
        let length = bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) }
        defer { offset += 4 + length }
        return offset..<Swift.min(offset + 4 + length, bytes.count)
    }
}
