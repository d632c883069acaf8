// SPDX-License-Identifier: Apache-2.0
private import Kernel
internal import NIOCore
private import NIOExtras
private import NIOPosix

/// The counterpart of the transport's benchmark: NIO alone, with frames of the same bytes and the
/// same framing.
enum EchoBenchmark {
    struct Result {
        var messagesPerSecond: Double
        var p50: Double
        var p99: Double
    }

    /// Lets a server echo `frame`, in a flow and one after another.
    ///
    /// - Throws: ``TransportError`` with `benchmarkFailed`, or NIO's errors.
    static func run(frame: [UInt8], messageCount: Int, roundTripCount: Int) throws -> Result {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let outcome: Swift.Result<Result, any Error>
        do {
            let server = try ServerBootstrap(group: group)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHandler(
                            ByteToMessageHandler(
                                LengthFieldBasedFrameDecoder(lengthFieldBitLength: .fourBytes)))
                        try pipeline.addHandler(LengthFieldPrepender(lengthFieldBitLength: .fourBytes))
                        try pipeline.addHandler(EchoHandler())
                    }
                }
                .bind(host: "127.0.0.1", port: 0).wait()
            guard let address = server.localAddress else {
                throw TransportError(code: .benchmarkFailed, message: "the echo server has no address")
            }
            func exchange(_ count: Int, windowCount: Int) throws -> [Int64] {
                let promise = group.next().makePromise(of: [Int64].self)
                _ = try ClientBootstrap(group: group)
                    .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            let pipeline = channel.pipeline.syncOperations
                            try pipeline.addHandler(
                                ByteToMessageHandler(
                                    LengthFieldBasedFrameDecoder(lengthFieldBitLength: .fourBytes)))
                            try pipeline.addHandler(
                                EchoClient(
                                    frame: frame, count: count, windowCount: windowCount, promise: promise))
                        }
                    }
                    .connect(to: address).wait()
                return try promise.futureResult.wait()
            }
            _ = try exchange(min(messageCount, 50_000), windowCount: 4_096)
            let flow = try exchange(messageCount, windowCount: 4_096)
            let nanoseconds = (flow.last ?? 0) - (flow.first ?? 0)
            _ = try exchange(min(roundTripCount, 1_000), windowCount: 1)
            let trips = try exchange(roundTripCount, windowCount: 1)
            let times = zip(trips.dropFirst(), trips).map { $0 - $1 }
            let (p50, p99) = TransportBenchmark.percentiles(times)
            outcome = .success(
                Result(
                    messagesPerSecond: Double(messageCount) / (Double(max(1, nanoseconds)) / 1e9), p50: p50,
                    p99: p99))
        } catch { outcome = .failure(error) }
        try group.syncShutdownGracefully()
        return try outcome.get()
    }
}

/// Sends each frame back.
private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.write(wrapOutboundOut(unwrapInboundIn(data)), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}

/// Keeps up to a window of frames under way and notes when it began and when each came back.
private final class EchoClient: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let frame: [UInt8]
    private let count: Int
    private let windowCount: Int
    private let promise: EventLoopPromise<[Int64]>
    private var sentCount = 0
    private var times: [Int64] = []
    private var receivedCount = 0

    init(frame: [UInt8], count: Int, windowCount: Int, promise: EventLoopPromise<[Int64]>) {
        self.frame = frame
        self.count = count
        self.windowCount = windowCount
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        times.append(SystemClock.monotonicNanoseconds)
        send(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receivedCount += 1
        // A flow needs only its end; a clock read for each frame would slow the counterpart down.
        if windowCount == 1 || receivedCount == count { times.append(SystemClock.monotonicNanoseconds) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if receivedCount == count {
            promise.succeed(times)
            context.close(promise: nil)
        } else {
            send(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(TransportError(code: .benchmarkFailed, message: "the echo's connection ended"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }

    private func send(_ context: ChannelHandlerContext) {
        let batchCount = min(count - sentCount, windowCount - (sentCount - receivedCount))
        guard batchCount > 0 else { return }
        var buffer = context.channel.allocator.buffer(capacity: batchCount * frame.count)
        for _ in 0..<batchCount { buffer.writeBytes(frame) }
        sentCount += batchCount
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
}
