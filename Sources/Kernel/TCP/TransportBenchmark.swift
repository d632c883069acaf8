// SPDX-License-Identifier: Apache-2.0
private import Kernel
private import Logging

/// Measures the transport between two live worlds over loopback, and NIO's own echo of equal frames
/// beside it.
package enum TransportBenchmark {
    /// How much is measured.
    package struct Options: Sendable {
        /// Messages that flow one way, and as many that are echoed.
        package var messageCount = 1_000_000
        /// Round trips, one after another.
        package var roundTripCount = 20_000
        /// Bytes of a message's wire form, 8 to 60,000.
        package var payloadBytes = 64

        /// Makes the default options.
        package init() {}
    }

    /// What was measured; the field names are the keys of the JSON form.
    package struct Result: Sendable, Codable {
        /// Bytes of a message's wire form.
        package var payloadBytes: Int
        /// Bytes of a frame, with the four of its length.
        package var frameBytes: Int
        /// Messages that flowed one way.
        package var messageCount: Int
        /// Messages a second from a sender on one world to a component on the other.
        package var oneWayMessagesPerSecond: Double
        /// Messages a second that a component sent back, many under way at once.
        package var echoMessagesPerSecond: Double
        /// Half of the round trips between two components took no longer.
        package var roundTripMicrosecondsP50: Double
        /// 99 of 100 round trips took no longer.
        package var roundTripMicrosecondsP99: Double
        /// Frames a second that a bare NIO echo server sent back, many under way at once.
        package var nioEchoMessagesPerSecond: Double
        /// Half of the round trips of the bare echo took no longer.
        package var nioEchoRoundTripMicrosecondsP50: Double
        /// 99 of 100 of them took no longer.
        package var nioEchoRoundTripMicrosecondsP99: Double
    }

    /// Runs the whole measurement.
    ///
    /// - Throws: ``TransportError`` with `badOption`, `bindFailed` or `benchmarkFailed`;
    ///   `KernelError` where a world
    ///   cannot be made.
    package static func run(_ options: Options = Options()) async throws -> Result {
        guard (8...60_000).contains(options.payloadBytes), options.messageCount > 0,
            options.roundTripCount > 0
        else {
            throw TransportError(
                code: .badOption,
                message: "the benchmark takes payloads of 8 to 60000 bytes, and counts above 0")
        }
        var log = Logger(label: "sealyard.bench")
        log.logLevel = .error
        let authority = try await TokenAuthority(secret: Array(repeating: 1, count: 32))
        let token = try await authority.token(for: .admin)
        let near = try LiveWorld(name: "near", options: .init(executorCount: 1), log: log)
        defer { near.shutDown() }
        let far = try LiveWorld(name: "far", options: .init(executorCount: 1), log: log)
        defer { far.shutDown() }
        let farTransport = try TCPTransport(
            options: TransportOptions(
                nodeName: "far", listen: Endpoint(host: "127.0.0.1", port: 0), token: token,
                authority: authority), attachedTo: far)
        let nearTransport = try TCPTransport(
            options: TransportOptions(nodeName: "near", token: token, authority: authority),
            attachedTo: near)
        try nearTransport.addPeer(
            "far", at: Endpoint(host: "127.0.0.1", port: farTransport.boundPort ?? 0))

        let body = BenchmarkBody(byteCount: options.payloadBytes)
        for world in [near, far] {
            try world.spawn("sink", options: SpawnOptions()) { BenchmarkSink(home: $0) }
        }
        try far.spawn("mirror", options: SpawnOptions()) { BenchmarkMirror(home: $0, body: body) }
        try near.spawn("pinger", options: SpawnOptions()) { BenchmarkPinger(home: $0, body: body) }

        let sink = near.ref(at: Address(node: "far", name: "sink"), as: BenchmarkMessage.self)
        let farSink = far.ref(at: sink.address, as: BenchmarkMessage.self)
        let nearSink = near.ref(at: Address(node: "near", name: "sink"), as: BenchmarkMessage.self)
        let mirror = near.ref(at: Address(node: "far", name: "mirror"), as: BenchmarkMessage.self)
        let pinger = near.ref(at: Address(node: "near", name: "pinger"), as: BenchmarkMessage.self)

        let warmUpCount = min(options.messageCount, 50_000)
        _ = try await flow(warmUpCount, body, to: sink, endsAt: farSink)
        let oneWay = try await flow(options.messageCount, body, to: sink, endsAt: farSink)
        _ = try await flow(warmUpCount, body, to: mirror, endsAt: nearSink)
        let echo = try await flow(options.messageCount, body, to: mirror, endsAt: nearSink)
        _ = try await trips(min(options.roundTripCount, 1_000), pinger)
        let roundTrip = try await trips(options.roundTripCount, pinger)

        let frame = Frame.envelope(
            to: "mirror", from: "pinger", messageName: BenchmarkMessage.messageName,
            payload: try BenchmarkMessage.load(body).wireBytes()
        ).framed
        let nio = try EchoBenchmark.run(
            frame: frame, messageCount: options.messageCount, roundTripCount: options.roundTripCount)
        return Result(
            payloadBytes: options.payloadBytes, frameBytes: frame.count,
            messageCount: options.messageCount, oneWayMessagesPerSecond: oneWay,
            echoMessagesPerSecond: echo, roundTripMicrosecondsP50: roundTrip.p50,
            roundTripMicrosecondsP99: roundTrip.p99, nioEchoMessagesPerSecond: nio.messagesPerSecond,
            nioEchoRoundTripMicrosecondsP50: nio.p50, nioEchoRoundTripMicrosecondsP99: nio.p99)
    }

    /// Messages under way at once: fewer than a mailbox holds, and half of the bytes that an outbound queue
    /// takes, so that none is refused. A component that answers has no way to wait for room.
    static func windowCount(payloadBytes: Int) -> Int {
        min(20_000, TransportLimits().outboundBytesMax / 2 / (payloadBytes + 128))
    }

    /// Sends `count` messages to `target`, a window at a time; messages a second until the last one reached
    /// `end`.
    private static func flow(
        _ count: Int, _ body: BenchmarkBody, to target: Ref<BenchmarkMessage>,
        endsAt end: Ref<BenchmarkMessage>
    ) async throws -> Double {
        let begin = SystemClock.monotonicNanoseconds
        var last = begin
        var leftCount = count
        while leftCount > 0 {
            let window = min(Self.windowCount(payloadBytes: body.bytes.count), leftCount)
            leftCount -= window
            end.tell(.expect(window))
            try await send(window, body, to: target)
            let answer: BenchmarkAnswer = try await end.ask(timeout: .seconds(120)) { .report($0) }
            last = answer.values[0]
        }
        // Both worlds are of this process and read the same clock.
        return Double(count) / (Double(last - begin) / 1e9)
    }

    private static func send(
        _ count: Int, _ body: BenchmarkBody, to target: Ref<BenchmarkMessage>
    ) async throws {
        var sentCount = 0
        while sentCount < count {
            switch target.tell(.load(body)) {
            case .accepted: sentCount += 1
            case .rejected(.congested): try await Task.sleep(for: .milliseconds(1))
            case .rejected(let reason):
                throw TransportError(
                    code: .benchmarkFailed, message: "a message was rejected: \(reason.rawValue)")
            }
        }
    }

    private static func trips(
        _ count: Int, _ pinger: Ref<BenchmarkMessage>
    ) async throws -> (p50: Double, p99: Double) {
        pinger.tell(.expect(count))
        let answer: BenchmarkAnswer = try await pinger.ask(timeout: .seconds(120)) { .report($0) }
        return percentiles(answer.values)
    }

    /// The median and the 99th percentile, in microseconds, of times in nanoseconds.
    static func percentiles(_ nanoseconds: [Int64]) -> (p50: Double, p99: Double) {
        let sorted = nanoseconds.sorted()
        func at(_ share: Double) -> Double {
            sorted.isEmpty ? 0 : Double(sorted[Int(Double(sorted.count - 1) * share)]) / 1e3
        }
        return (at(0.5), at(0.99))
    }
}
