// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
private import NIOExtras

/// Cuts the stream of bytes into frames, and refuses a frame that is too long as soon as its length
/// is known.
final class BoundedFrameDecoder: ByteToMessageDecoder {
    typealias InboundOut = ByteBuffer

    /// The longest frame that is taken.
    var frameBytesMax: Int
    /// Bytes came since this was last set to false.
    var hasHeard = false
    private let base = LengthFieldBasedFrameDecoder(lengthFieldBitLength: .fourBytes)
    private var isInFrame = false

    init(frameBytesMax: Int) { self.frameBytesMax = frameBytesMax }

    func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        hasHeard = true
        if !isInFrame {
            guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else {
                return .needMoreData
            }
            guard length <= frameBytesMax else {
                throw Refusal(
                    code: .frameTooLarge,
                    message: "a frame of \(length) bytes came, at most \(frameBytesMax) are read here")
            }
        }
        let state = try base.decode(context: context, buffer: &buffer)
        isInFrame = state == .needMoreData
        return state
    }

    func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        // What is left of a frame at the end of the stream is lost with its session.
        .needMoreData
    }
}
