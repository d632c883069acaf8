// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// Bytes that make a benchmark's message as long as wanted.
struct BenchmarkBody: Sendable, Codable {
    var bytes: [UInt8]

    /// The bytes of a message whose wire form has `byteCount` bytes.
    init(byteCount: Int) {
        // One byte says which message it is, one to three bytes say how long the body is.
        let headBytes = byteCount <= 25 ? 2 : byteCount <= 258 ? 3 : 4
        bytes = Array(repeating: 0xA5, count: byteCount - headBytes)
    }

    init(bytes: [UInt8]) { self.bytes = bytes }
}

/// What the benchmark's components say to each other.
enum BenchmarkMessage: Message {
    /// The message whose flow is measured.
    case load(BenchmarkBody)
    /// Begin: so many of them will come, or are to be exchanged.
    case expect(Int)
    /// Answer when they have come.
    case report(Ref<BenchmarkAnswer>)

    static var messageName: String { "bench.load" }
    var permission: Permission { .read }

    func encode(into writer: inout WireWriter) throws(WireError) {
        switch self {
        case .load(let body):
            writer.write(UInt64(0))
            writer.write(bytes: body.bytes)
        case .expect, .report:
            // Only the load crosses the wire.
            throw WireError(code: .valueOutOfRange, message: "an order stays on its node", offset: 0)
        }
    }

    static func decode(from reader: inout WireReader) throws(WireError) -> BenchmarkMessage {
        guard try reader.readUInt64() == 0 else {
            throw WireError(code: .unknownCase, message: "not a benchmark's load", offset: 0)
        }
        return .load(BenchmarkBody(bytes: try reader.readBytes()))
    }
}

/// Times in nanoseconds.
struct BenchmarkAnswer: Message {
    static var messageName: String { "bench.answer" }
    var values: [Int64]
    var permission: Permission { .read }
}

/// Counts what comes and tells when the last one came.
actor BenchmarkSink: Component {
    nonisolated let home: Home
    private var expected = 0
    private var count = 0
    private var ended: Int64?
    private var asker: Ref<BenchmarkAnswer>?

    init(home: Home) { self.home = home }

    func receive(_ message: BenchmarkMessage, _ context: Context<BenchmarkMessage>) {
        switch message {
        case .load:
            count += 1
            guard count == expected else { return }
            ended = SystemClock.monotonicNanoseconds
            answer()
        case .expect(let count):
            expected = count
            self.count = 0
            ended = nil
        case .report(let asker):
            self.asker = asker
            answer()
        }
    }

    private func answer() {
        guard let ended, let asker else { return }
        asker.tell(BenchmarkAnswer(values: [ended]))
        self.asker = nil
    }
}

/// Sends each load back: to the near sink when it flows, to the pinger when it is a round trip.
actor BenchmarkMirror: Component {
    nonisolated let home: Home
    private let body: BenchmarkBody
    private var target: Ref<BenchmarkMessage>?

    init(home: Home, body: BenchmarkBody) {
        self.home = home
        self.body = body
    }

    func receive(_ message: BenchmarkMessage, _ context: Context<BenchmarkMessage>) {
        guard case .load(let body) = message else { return }
        // A body that begins with a zero is the pinger's.
        let name = body.bytes.first == 0 ? "pinger" : "sink"
        if target?.address.name != name {
            target = context.ref(at: Address(node: "near", name: name), as: BenchmarkMessage.self)
        }
        target?.tell(message)
    }
}

/// Exchanges loads with the mirror, one after another, and takes the time of each.
actor BenchmarkPinger: Component {
    nonisolated let home: Home
    private let body: BenchmarkBody
    private var expected = 0
    private var begin: Int64 = 0
    private var times: [Int64] = []
    private var mirror: Ref<BenchmarkMessage>?
    private var asker: Ref<BenchmarkAnswer>?

    init(home: Home, body: BenchmarkBody) {
        self.home = home
        self.body = BenchmarkBody(bytes: [0] + body.bytes.dropFirst())
    }

    func receive(_ message: BenchmarkMessage, _ context: Context<BenchmarkMessage>) {
        switch message {
        case .load:
            times.append(SystemClock.monotonicNanoseconds - begin)
            times.count < expected ? ping() : answer()
        case .expect(let count):
            expected = count
            times.removeAll()
            times.reserveCapacity(count)
            mirror = context.ref(at: Address(node: "far", name: "mirror"), as: BenchmarkMessage.self)
            ping()
        case .report(let asker):
            self.asker = asker
            if times.count >= expected { answer() }
        }
    }

    private func ping() {
        begin = SystemClock.monotonicNanoseconds
        mirror?.tell(.load(body))
    }

    private func answer() {
        asker?.tell(BenchmarkAnswer(values: times))
        asker = nil
    }
}
