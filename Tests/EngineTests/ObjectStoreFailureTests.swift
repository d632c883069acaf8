// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import ObjectStore
import Synchronization
import Testing

/// A server that answers as it is told.
private final class ScriptedServer: Sendable {
    /// What it does with a request.
    enum Answer: Sendable {
        case reply(Int, [(String, String)], String)
        /// It closes the connection without a word.
        case hangUp
        /// It says that so many bytes come, sends fewer, and closes.
        case cutOff(Int, String)
        /// It answers, and closes the connection when a moment has passed.
        case replyAndLeave(Int, String)
    }

    private let script: Mutex<[Answer]>
    /// Requests as they came: method, target, access key.
    let heard = Mutex<[String]>([])
    private let channel: any Channel
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(_ script: [Answer]) async throws {
        self.script = Mutex(script)
        let owner = Mutex<ScriptedServer?>(nil)
        let box = Box(owner: owner)
        channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(box: box))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        box.owner.withLock { $0 = self }
    }

    final class Box: Sendable {
        let owner: Mutex<ScriptedServer?>

        init(owner: consuming sending Mutex<ScriptedServer?>) { self.owner = owner }
    }

    func stop() async throws {
        try await channel.close()
        try await group.shutdownGracefully()
    }

    func store(_ environment: [String: String] = [:]) throws -> ObjectStore {
        let port = channel.localAddress?.port ?? 0
        var patience = ObjectStore.Patience()
        patience.firstPause = .milliseconds(1)
        let keys = ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S"]
        let environment = environment.isEmpty ? keys : environment
        return try ObjectStore(
            try ObjectLocation(
                parsing: "s3://sealed?endpoint=http://127.0.0.1:\(port)", environment: environment),
            environment: environment, patience: patience)
    }

    private func next(_ head: HTTPRequestHead) -> Answer {
        let authorization = head.headers.first(name: "authorization") ?? ""
        let key = authorization.split(separator: "=").dropFirst().first?.split(separator: "/").first ?? ""
        heard.withLock { $0.append("\(head.method) \(head.uri) \(key)") }
        return script.withLock { $0.isEmpty ? .reply(500, [], "the script is over") : $0.removeFirst() }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let box: Box
        private var head: HTTPRequestHead?

        init(box: Box) { self.box = box }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body: break
            case .end:
                guard let head, let owner = box.owner.withLock({ $0 }) else { return }
                answer(owner.next(head), context)
            }
        }

        private func answer(_ answer: Answer, _ context: ChannelHandlerContext) {
            switch answer {
            case .hangUp: context.close(promise: nil)
            case .reply(let status, let headers, let body): write(status, headers, body, context)
            case .cutOff(let count, let body):
                write(200, [("content-length", "\(count)")], body, context, ends: false)
                context.close(promise: nil)
            case .replyAndLeave(let status, let body):
                write(status, [], body, context)
                context.close(promise: nil)
            }
        }

        private func write(
            _ status: Int, _ headers: [(String, String)], _ body: String, _ context: ChannelHandlerContext,
            ends: Bool = true
        ) {
            var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status))
            for (name, value) in headers { head.headers.add(name: name, value: value) }
            if !head.headers.contains(name: "content-length") {
                head.headers.add(name: "content-length", value: "\(body.utf8.count)")
            }
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
            if ends { context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
        }
    }
}

/// Servers and networks that fail, and answers that are none.
@Suite("An object store that fails")
struct ObjectStoreFailureTests {
    private func with(
        _ script: [ScriptedServer.Answer], _ body: (ScriptedServer) async throws -> Void
    ) async throws {
        let server = try await ScriptedServer(script)
        do { try await body(server) } catch {
            try await server.stop()
            throw error
        }
        try await server.stop()
    }

    private static let busy = ScriptedServer.Answer.reply(
        503, [], "<Error><Code>SlowDown</Code><Message>later</Message></Error>")

    @Test("what the server cannot do now is asked again, and the answer that comes in the end is the one")
    func again() async throws {
        try await with([Self.busy, .hangUp, .cutOff(10, "abc"), .reply(200, [("etag", "\"t\"")], "hello")]) {
            server in
            let store = try server.store()
            #expect(try store.get("x", countMax: 5) == Array("hello".utf8))
            #expect(server.heard.withLock { $0 } == Array(repeating: "GET /sealed/x A", count: 4))
        }
    }

    @Test("after five tries it is out of reach, and says what the server said last")
    func fiveTries() async throws {
        try await with(Array(repeating: Self.busy, count: 10)) { server in
            #expect {
                try server.store().get("x", countMax: 5)
            } throws: {
                ($0 as? ObjectStoreError)?.code == .unreachable && "\($0)".contains("SlowDown: later")
            }
            #expect(server.heard.withLock { $0.count } == 5)
        }
    }

    @Test("a connection that the server closed while nothing was asked is no failed try")
    func idleConnection() async throws {
        let script = (1...8).map { ScriptedServer.Answer.replyAndLeave(200, "\($0)") }
        try await with(script) { server in
            let store = try server.store()
            for number in 1...8 { #expect(try store.get("x", countMax: 1) == Array("\(number)".utf8)) }
            #expect(server.heard.withLock { $0.count } == 8)
        }
    }

    @Test("what the server refuses is not asked again", arguments: [400, 401, 403, 404, 405, 412])
    func refused(status: Int) async throws {
        try await with([.reply(status, [], "<html>go away</html>")]) { server in
            #expect {
                try server.store().get("x", countMax: 5)
            } throws: {
                ($0 as? ObjectStoreError)?.code != .unreachable && "\($0)".contains("HTTP \(status)")
            }
            #expect(server.heard.withLock { $0.count } == 1)
        }
    }

    @Test("keys that have expired are looked up anew, once")
    func expired() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID())")
        func write(_ key: String) throws {
            try "[default]\naws_access_key_id=\(key)\naws_secret_access_key=S\n"
                .write(to: file, atomically: true, encoding: .utf8)
        }
        try write("OLD")
        defer {
            do { try FileManager.default.removeItem(at: file) } catch {
                Issue.record("\(file) stays behind: \(error)")
            }
        }
        let expired = ScriptedServer.Answer.reply(
            400, [], "<Error><Code>ExpiredToken</Code><Message>old</Message></Error>")
        try await with([expired, .reply(200, [], "hello"), expired, expired]) { server in
            let store = try server.store(["AWS_SHARED_CREDENTIALS_FILE": file.path])
            try write("NEW")
            #expect(try store.get("x", countMax: 5) == Array("hello".utf8))
            #expect(throws: ObjectStoreError.self) { try store.get("x", countMax: 5) }
            #expect(
                server.heard.withLock { $0.compactMap { $0.split(separator: " ").last.map(String.init) } }
                    == ["OLD", "NEW", "NEW", "NEW"])
        }
    }

    @Test("answers that are none of the protocol are refused, and no more memory is taken than was asked for")
    func nonsense() async throws {
        let huge = String(repeating: "x", count: 17 << 20)
        let deep = String(repeating: "<a>", count: 100) + String(repeating: "</a>", count: 100)
        try await with([
            .reply(200, [], "no XML"), .reply(200, [], deep),
            .reply(200, [], "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>"),
            .reply(206, [], "abc"),
        ]) { server in
            let store = try server.store()
            for _ in 0..<3 {
                #expect { try store.list("") } throws: { ($0 as? ObjectStoreError)?.code == .malformed }
            }
            #expect { try store.get("x", tag: "t", at: 5, count: 4) } throws: {
                "\($0)".contains("3 bytes came instead of 4")
            }
        }
        try await with(Array(repeating: .reply(200, [], huge), count: 5)) { server in
            #expect { try server.store().get("x", countMax: 5) } throws: { "\($0)".contains("more than") }
        }
    }

    @Test("an upload whose completion fails after the server said that all is well is not taken for complete")
    func lateError() async throws {
        try await with([
            .reply(
                200, [],
                "<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>"),
            .reply(200, [("etag", "\"p\"")], ""),
            .reply(200, [], "<Error><Code>InternalError</Code><Message>oh</Message></Error>"),
        ]) { server in
            let store = try server.store()
            let upload = try store.beginUpload("x")
            let part = try store.put(part: 1, [1], of: upload)
            #expect { try store.complete(upload, [part]) } throws: { "\($0)".contains("InternalError: oh") }
        }
    }
}
