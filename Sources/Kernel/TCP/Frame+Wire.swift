// SPDX-License-Identifier: Apache-2.0
package import Kernel

extension Frame {
    /// The frame's bytes, with the length before them.
    package var framed: [UInt8] {
        var body = WireWriter(capacity: 64)
        write(into: &body)
        var writer = WireWriter(capacity: 4 + body.count)
        writer.write(frameLength: body.count)
        writer.write(encoded: body.bytes)
        return writer.bytes
    }

    private func write(into writer: inout WireWriter) {
        func head(_ kind: UInt64, fieldCount: Int) {
            writer.writeArrayHead(count: 1 + fieldCount)
            writer.write(kind)
        }
        func write(optional text: String?) {
            if let text { writer.write(text: text) } else { writer.writeNull() }
        }
        switch self {
        case .hello(let hello):
            head(FrameKind.hello, fieldCount: 8)
            writer.write(hello.version)
            writer.write(hello.versionMin)
            writer.write(text: hello.nodeName)
            writer.write(text: hello.target)
            writer.write(hello.incarnation)
            writer.write(hello.epoch)
            writer.write(text: hello.token)
            writer.write(hello.frameBytesMax)
        case .welcome(let welcome):
            head(FrameKind.welcome, fieldCount: 6)
            writer.write(welcome.version)
            writer.write(text: welcome.nodeName)
            writer.write(welcome.incarnation)
            writer.write(welcome.epoch)
            writer.write(text: welcome.token)
            writer.write(welcome.frameBytesMax)
        case .refuse(let refusal):
            head(FrameKind.refuse, fieldCount: 2)
            writer.write(text: refusal.code.rawValue)
            writer.write(text: refusal.message)
        case .envelope(let to, let from, let messageName, let payload):
            head(FrameKind.envelope, fieldCount: 4)
            writer.write(text: to)
            write(optional: from)
            writer.write(text: messageName)
            writer.write(bytes: payload)
        case .undeliverable(let to, let from, let messageName, let reason):
            head(FrameKind.undeliverable, fieldCount: 4)
            writer.write(text: to)
            write(optional: from)
            writer.write(text: messageName)
            writer.write(text: reason.rawValue)
        case .ping(let number):
            head(FrameKind.ping, fieldCount: 1)
            writer.write(number)
        case .pong(let number):
            head(FrameKind.pong, fieldCount: 1)
            writer.write(number)
        case .goodbye(let reason):
            head(FrameKind.goodbye, fieldCount: 1)
            writer.write(text: reason)
        case .unknownKind(let kind):
            head(FrameKind.unknownKind, fieldCount: 1)
            writer.write(kind)
        case .unknown(let kind):
            head(kind, fieldCount: 0)
        }
    }

    /// Reads a frame's content, without the length before it.
    ///
    /// - Throws: `WireError` where the bytes are not of the shape that their kind has.
    package init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = try WireReader(bytes)
        let (kind, fieldCount) = try reader.readFrameHead()
        self = try Frame.read(kind, fieldCount: fieldCount, from: &reader)
    }

    /// Reads the fields of a frame whose head has been read.
    static func read(
        _ kind: UInt64, fieldCount: Int, from reader: inout WireReader
    ) throws(WireError) -> Frame {
        // Newer versions may add fields to the frames that settle the version, so these may be longer.
        func demand(_ count: Int, orMore: Bool = false) throws(WireError) {
            guard fieldCount == count || (orMore && fieldCount > count) else {
                throw WireError(
                    code: .valueOutOfRange,
                    message: "a frame of kind \(kind) has \(count) fields, not \(fieldCount)", offset: 0)
            }
        }
        let frame: Frame
        switch kind {
        case FrameKind.hello:
            try demand(8, orMore: true)
            frame = .hello(try Hello(from: &reader))
        case FrameKind.welcome:
            try demand(6, orMore: true)
            frame = .welcome(try Welcome(from: &reader))
        case FrameKind.refuse:
            try demand(2)
            frame = .refuse(
                Refusal(
                    code: .init(rawValue: try reader.readText(bytesMax: 64)),
                    message: try reader.readText(bytesMax: reasonBytesMax)))
        case FrameKind.envelope:
            try demand(4)
            frame = .envelope(
                to: try reader.readName(), from: try reader.readOptionalName(),
                messageName: try reader.readText(bytesMax: messageNameBytesMax),
                payload: try reader.readBytes())
        case FrameKind.undeliverable:
            try demand(4)
            let (to, from) = (try reader.readName(), try reader.readOptionalName())
            let messageName = try reader.readText(bytesMax: messageNameBytesMax)
            // A reason that only newer peers know is still a failure to deliver.
            let reason = DeadLetterReason(rawValue: try reader.readText(bytesMax: 64)) ?? .failed
            frame = .undeliverable(to: to, from: from, messageName: messageName, reason: reason)
        case FrameKind.ping:
            try demand(1)
            frame = .ping(try reader.readUInt64())
        case FrameKind.pong:
            try demand(1)
            frame = .pong(try reader.readUInt64())
        case FrameKind.goodbye:
            try demand(1)
            frame = .goodbye(try reader.readText(bytesMax: reasonBytesMax))
        case FrameKind.unknownKind:
            try demand(1)
            frame = .unknownKind(try reader.readUInt64())
        default:
            for _ in 0..<fieldCount { try reader.skipValue() }
            frame = .unknown(kind: kind)
        }
        if kind == FrameKind.hello || kind == FrameKind.welcome {
            while !reader.isAtEnd { try reader.skipValue() }
        }
        try reader.finish()
        return frame
    }
}

extension Frame.Hello {
    fileprivate init(from reader: inout WireReader) throws(WireError) {
        version = try reader.readUInt64()
        versionMin = try reader.readUInt64()
        nodeName = try reader.readName()
        target = try reader.readName()
        incarnation = try reader.readUInt64()
        epoch = try reader.readUInt64()
        token = try reader.readText(bytesMax: Frame.tokenBytesMax)
        frameBytesMax = try reader.readUInt64()
    }
}

extension Frame.Welcome {
    fileprivate init(from reader: inout WireReader) throws(WireError) {
        version = try reader.readUInt64()
        nodeName = try reader.readName()
        incarnation = try reader.readUInt64()
        epoch = try reader.readUInt64()
        token = try reader.readText(bytesMax: Frame.tokenBytesMax)
        frameBytesMax = try reader.readUInt64()
    }
}

extension WireReader {
    /// Reads a frame's array head and its kind.
    mutating func readFrameHead() throws(WireError) -> (kind: UInt64, fieldCount: Int) {
        let count = try readArrayHead()
        guard count > 0 else {
            throw WireError(code: .valueOutOfRange, message: "a frame without a kind", offset: 0)
        }
        return (try readUInt64(), count - 1)
    }

    /// Reads a text of at most `bytesMax` bytes.
    mutating func readText(bytesMax: Int) throws(WireError) -> String {
        let start = offset
        let text = try readText()
        guard text.utf8.count <= bytesMax else {
            throw WireError(
                code: .tooLarge,
                message: "a text of \(text.utf8.count) bytes, where \(bytesMax) are allowed", offset: start)
        }
        return text
    }

    /// Reads a node's or a component's name.
    mutating func readName() throws(WireError) -> String {
        let start = offset
        let name = try readText(bytesMax: 128)
        guard Address.isWellFormed(name) else {
            throw WireError(code: .valueOutOfRange, message: "a malformed name", offset: start)
        }
        return name
    }

    mutating func readOptionalName() throws(WireError) -> String? {
        readNullIfPresent() ? nil : try readName()
    }

    /// Passes over a text and returns where its UTF-8 lies.
    mutating func readTextRange() throws(WireError) -> Range<Int> {
        guard try peekType() == .text else {
            throw WireError(code: .typeMismatch, message: "a text was due", offset: offset)
        }
        let start = offset
        let end = try skipValue().upperBound
        let headBytes =
            switch bytes[start] & 0x1f {
            case 24: 2
            case 25: 3
            case 26: 5
            case 27: 9
            default: 1
            }
        return (start + headBytes)..<end
    }
}

extension WireWriter {
    /// Writes the length that stands before a frame.
    mutating func write(frameLength: Int) {
        // Safety: the pointer is to a local copy and does not leave the closure.
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: frameLength).bigEndian) { write(encoded: $0) }
    }

    /// Writes an envelope as a frame with its length; the same bytes as ``Frame/framed`` gives,
    /// made in one pass.
    ///
    /// `bodyBytes` is what ``envelopeBodyBytes(_:from:)`` says.
    mutating func writeFrame(_ envelope: Envelope, from: String?, bodyBytes: Int) {
        write(frameLength: bodyBytes)
        writeArrayHead(count: 5)
        write(FrameKind.envelope)
        write(text: envelope.to.name)
        if let from { write(text: from) } else { writeNull() }
        write(text: envelope.messageName)
        write(bytes: envelope.payload)
    }

    /// Bytes of an envelope's frame, without the four of its length.
    static func envelopeBodyBytes(_ envelope: Envelope, from: String?) -> Int {
        func stringBytes(_ count: Int) -> Int {
            count + (count < 24 ? 1 : count <= 0xff ? 2 : count <= 0xffff ? 3 : count <= 0xffff_ffff ? 5 : 9)
        }
        return 2 + stringBytes(envelope.to.name.utf8.count)
            + (from.map { stringBytes($0.utf8.count) } ?? 1)
            + stringBytes(envelope.messageName.utf8.count) + stringBytes(envelope.payload.count)
    }
}
