// SPDX-License-Identifier: Apache-2.0
private import Kernel
private import NIOCore
private import NIOHTTP1
private import NIOPosix
private import NIOSSL
private import Synchronization

/// A server that speaks HTTP.
package struct HTTPServer: Sendable, Hashable {
    package var isSecure: Bool
    package var host: String
    package var port: Int

    package init(isSecure: Bool, host: String, port: Int) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
    }

    /// As the `Host` header names it: the port only where it is not the usual one.
    package var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }
}

/// What a server answered.
package struct HTTPAnswer: Sendable {
    package var status: Int
    /// By names in small letters.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// The connection takes another request.
    var keepsAlive: Bool

    /// The first header of a name in small letters.
    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// Why there is no answer.
package struct HTTPFailure: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// A request as it goes to the server.
package struct HTTPQuestion: Sendable {
    package var method: String
    package var target: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// The most bytes of an answer's body that are taken.
    package var answerBytesMax: Int

    package init(
        method: String, target: String, headers: [(name: String, value: String)], body: [UInt8],
        answerBytesMax: Int
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.answerBytesMax = answerBytesMax
    }
}

/// Asks one server by HTTP/1.1, over as many connections as threads ask at once; each is kept for the next
/// question. A call blocks its thread: it is for threads that work on files.
package final class HTTPClient: Sendable {
    package struct Options: Sendable {
        package var connectTime: Duration
        /// The longest time in which no byte goes either way.
        package var silence: Duration

        package init(connectTime: Duration, silence: Duration) {
            self.connectTime = connectTime
            self.silence = silence
        }
    }

    private let server: HTTPServer
    private let options: Options
    private let tls: NIOSSLContext?
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    /// Open connections on which nothing is asked.
    private let idle = Mutex<[any Channel]>([])

    private static let idleCountMax = 64

    /// - Parameter authorities: a file of certificates to trust; those of the system unless given.
    /// - Throws: ``HTTPFailure`` where they cannot be read.
    package init(
        _ server: HTTPServer, authorities: String?, options: Options
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
    package func ask(_ question: HTTPQuestion) throws(HTTPFailure) -> HTTPAnswer {
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
    fileprivate struct UnheardError: Error {}

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
    package func pause(_ time: Duration) {
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
                status: Int(head.status.code),
                headers: head.headers.map { ($0.name.lowercased(), $0.value) }, body: body,
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
