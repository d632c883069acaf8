// SPDX-License-Identifier: Apache-2.0
internal import Kernel
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// What a server answered.
struct HTTPAnswer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]
    /// The connection takes another request.
    var keepsAlive: Bool

    func header(_ name: String) -> String? { headers.first(name: name) }
}

/// Why there is no answer.
struct HTTPFailure: Error, Sendable, CustomStringConvertible {
    let description: String
}

/// A request as it goes to the server.
struct HTTPQuestion: Sendable {
    var method: String
    var target: String
    var headers: [(name: String, value: String)]
    var body: [UInt8]
    /// The most bytes of an answer's body that are taken.
    var answerBytesMax: Int
}

/// Asks one server by HTTP/1.1, over as many connections as threads ask at once; each is kept for the next
/// question. A call blocks its thread: it is for threads that work on files.
final class HTTPClient: Sendable {
    struct Options: Sendable {
        var connectTime: Duration
        /// The longest time in which no byte goes either way.
        var silence: Duration
    }

    private let server: ObjectLocation.Server
    private let options: Options
    private let tls: NIOSSLContext?
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    /// Open connections on which nothing is asked.
    private let idle = Mutex<[any Channel]>([])

    private static let idleCountMax = 64

    /// - Parameter authorities: a file of certificates to trust; those of the system unless given.
    /// - Throws: ``HTTPFailure`` where they cannot be read.
    init(
        _ server: ObjectLocation.Server, authorities: String?, options: Options
    ) throws(HTTPFailure) {
        self.server = server
        self.options = options
        do {
            var configuration = TLSConfiguration.makeClientConfiguration()
            if let authorities { configuration.trustRoots = .file(authorities) }
            tls = server.isSecure ? try NIOSSLContext(configuration: configuration) : nil
        } catch {
            throw HTTPFailure(description: "the certificates to trust cannot be read: \(error)")
        }
    }

    deinit {
        group.shutdownGracefully { _ in
            // Nobody is left to be told.
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// - Throws: ``HTTPFailure``; then it is not known whether the server did what was asked.
    func ask(_ question: HTTPQuestion) throws(HTTPFailure) -> HTTPAnswer {
        // A server may close a connection while nothing is asked: then another is opened.
        while let channel = idle.withLock({ $0.popLast() }) {
            guard channel.isActive else { continue }
            if let answer = try ask(question, on: channel) { return answer }
        }
        let channel: any Channel
        do { channel = try connect().wait() } catch {
            throw HTTPFailure(description: "\(name) cannot be reached: \(error)")
        }
        guard let answer = try ask(question, on: channel) else {
            throw HTTPFailure(description: "\(name) closed the connection at once")
        }
        return answer
    }

    private var name: String { "\(server.host):\(server.port)" }

    /// The connection ended before a byte of an answer came.
    struct UnheardError: Error {}

    /// The answer; `nil` where the connection was closed before one began.
    private func ask(
        _ question: HTTPQuestion, on channel: any Channel
    ) throws(HTTPFailure) -> HTTPAnswer? {
        let promise = channel.eventLoop.makePromise(of: HTTPAnswer.self)
        channel.writeAndFlush(Exchange(question: question, promise: promise)).whenFailure { _ in
            // Where the connection was closed no handler is left to say so.
            promise.fail(UnheardError())
        }
        do {
            let answer = try promise.futureResult.wait()
            let isKept = idle.withLock { idle in
                guard answer.keepsAlive, idle.count < Self.idleCountMax else { return false }
                idle.append(channel)
                return true
            }
            if !isKept { channel.close(promise: nil) }
            return answer
        } catch is UnheardError {
            return nil
        } catch {
            channel.close(promise: nil)
            throw HTTPFailure(description: "\(name): \(error)")
        }
    }

    /// Lets time pass on the calling thread.
    func pause(_ time: Duration) {
        do {
            try group.next().scheduleTask(in: .nanoseconds(time.nanoseconds)) {}.futureResult.wait()
        } catch {
            // The client ends: no time is left to wait.
        }
    }

    private func connect() -> EventLoopFuture<any Channel> {
        let (tls, server, silence) = (tls, server, options.silence)
        return ClientBootstrap(group: group)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .connectTimeout(.nanoseconds(options.connectTime.nanoseconds))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        // A name is asked for and checked; an address has none.
                        let isAddress =
                            server.host.contains(":") || server.host.allSatisfy { $0.isNumber || $0 == "." }
                        try pipeline.addHandler(
                            try NIOSSLClientHandler(
                                context: tls, serverHostname: isAddress ? nil : server.host))
                    }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(IdleStateHandler(allTimeout: .nanoseconds(silence.nanoseconds)))
                    try pipeline.addHandler(ExchangeHandler())
                }
            }
            .connect(host: server.host, port: server.port)
    }
}

/// A question with whom to answer.
private struct Exchange: Sendable {
    let question: HTTPQuestion
    let promise: EventLoopPromise<HTTPAnswer>
}

/// Writes one question at a time, and puts its answer together.
private final class ExchangeHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Exchange
    typealias OutboundOut = HTTPClientRequestPart

    private var exchange: Exchange?
    private var head: HTTPResponseHead?
    private var body: [UInt8] = []
    private var end: (any Error)?

    /// Bytes that are written at once, so that a slow link shows that it moves.
    private static let sliceBytes = 1 << 18

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let exchange = unwrapOutboundIn(data)
        guard self.exchange == nil, context.channel.isActive else {
            exchange.promise.fail(HTTPClient.UnheardError())
            promise?.succeed()
            return
        }
        self.exchange = exchange
        (head, body, end) = (nil, [], nil)
        let question = exchange.question
        var head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: question.method), uri: question.target)
        for header in question.headers { head.headers.add(name: header.name, value: header.value) }
        if !question.body.isEmpty || ["PUT", "POST"].contains(question.method) {
            head.headers.add(name: "content-length", value: "\(question.body.count)")
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        for start in stride(from: 0, to: question.body.count, by: Self.sliceBytes) {
            let slice = question.body[start..<min(question.body.count, start + Self.sliceBytes)]
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: slice)))), promise: nil)
        }
        context.write(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let exchange else { return context.close(promise: nil) }
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(let part):
            guard body.count + part.readableBytes <= exchange.question.answerBytesMax else {
                finish(
                    .failure(
                        HTTPFailure(
                            description: "the answer has more than \(exchange.question.answerBytesMax) bytes")
                    ), context)
                return
            }
            body.append(contentsOf: part.readableBytesView)
        case .end:
            guard let head else { return }
            let answer = HTTPAnswer(
                status: Int(head.status.code), headers: head.headers, body: body,
                keepsAlive: head.isKeepAlive)
            self.exchange = nil
            exchange.promise.succeed(answer)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is IdleStateHandler.IdleStateEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        finish(.failure(HTTPFailure(description: "no byte for too long a time")), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end = error
        finish(.failure(error), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let isUnheard = head == nil && end == nil
        let error: any Error =
            isUnheard
            ? HTTPClient.UnheardError() : HTTPFailure(description: "the connection ended amid an answer")
        finish(.failure(error), context)
        context.fireChannelInactive()
    }

    private func finish(_ result: Result<HTTPAnswer, any Error>, _ context: ChannelHandlerContext) {
        if let exchange {
            self.exchange = nil
            exchange.promise.completeWith(result)
        }
        context.close(promise: nil)
    }
}
