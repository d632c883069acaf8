// SPDX-License-Identifier: Apache-2.0
private import Glibc
internal import Kernel
private import Synchronization

/// How many messages a live world delivers in a second between components of one process.
package enum LiveMessageBenchmark {
    /// Where the two components of a pair live.
    package enum Placement: Sendable, Hashable {
        /// Both on one thread; one pair on each thread of the world.
        case sameThread
        /// On two threads; one pair for each two threads.
        case acrossThreads
    }

    /// One measured run.
    package struct Result: Sendable, Hashable {
        /// Pairs that tossed.
        package let pairCount: Int
        /// Threads of the world.
        package let threadCount: Int
        /// Messages that the components counted as they came in.
        package let messageCount: Int
        /// Wall time from the first start to the last answer.
        package let seconds: Double

        /// Deliveries in a second of wall time.
        package var messagesPerSecond: Double { seconds > 0 ? Double(messageCount) / seconds : 0 }
    }

    /// Time after which a run is given up.
    private static let patience: Duration = .seconds(600)

    /// Pairs of components that each toss one message to and fro.
    ///
    /// - Parameters:
    ///   - roundTripCount: tosses of each pair; two messages each.
    ///   - threadCount: executors of the world; two or more for pairs across threads.
    /// - Throws: ``KernelError`` where a thread or a component cannot start, or a pair does not finish.
    package static func pingPong(
        _ placement: Placement, roundTripCount: Int, threadCount: Int
    ) async throws -> Result {
        precondition(roundTripCount > 0, "a benchmark delivers something")
        precondition(threadCount > (placement == .acrossThreads ? 1 : 0), "not enough threads")
        let world = try LiveWorld(name: "bench", options: .init(executorCount: threadCount, seed: 1))
        defer { world.shutDown() }
        let homes = try twoOnEachThread(world, threadCount: threadCount)
        var pairs: [(Ref<LiveToss>, Ref<LiveToss>)] = []
        switch placement {
        case .sameThread: pairs = homes.map { ($0[0], $0[1]) }
        case .acrossThreads:
            for index in stride(from: 0, to: threadCount - 1, by: 2) {
                pairs.append((homes[index][0], homes[index + 1][0]))
            }
        }
        let start = SystemClock.monotonicNanoseconds
        let messageCount = try await withThrowingTaskGroup(of: Int.self) { group in
            for (ping, echo) in pairs {
                group.addTask { try await toss(ping, echo, roundTripCount: roundTripCount) }
            }
            var sum = 0
            for try await count in group { sum += count }
            return sum
        }
        let elapsed = SystemClock.monotonicNanoseconds - start
        return Result(
            pairCount: pairs.count, threadCount: threadCount, messageCount: messageCount,
            seconds: Double(elapsed) / 1e9)
    }

    /// Runs one pair; returns the messages that both counted.
    private static func toss(
        _ ping: Ref<LiveToss>, _ echo: Ref<LiveToss>, roundTripCount: Int
    ) async throws -> Int {
        let returned: LiveTossReport = try await ping.ask(timeout: patience) { replyTo in
            .begin(count: roundTripCount, peer: echo, replyTo: replyTo)
        }
        let echoed: LiveTossReport = try await echo.ask(timeout: patience) { .report(replyTo: $0) }
        return returned.count + echoed.count
    }

    /// Two components on each thread: a world spreads components over its threads by their names, so names
    /// are tried until each thread has two.
    private static func twoOnEachThread(
        _ world: LiveWorld, threadCount: Int
    ) throws(KernelError) -> [[Ref<LiveToss>]] {
        let lastThread = ThreadNote()
        var threads: [UInt] = []
        var members: [[Ref<LiveToss>]] = []
        for number in 0..<(64 * threadCount + 1_024) {
            let ref = try world.spawn("tosser-\(number)") { home in
                lastThread.noteCurrent()
                return LiveTosser(home: home)
            }
            if let index = threads.firstIndex(of: lastThread.value) {
                members[index].append(ref)
            } else {
                threads.append(lastThread.value)
                members.append([ref])
            }
            if members.count == threadCount, members.allSatisfy({ $0.count > 1 }) { return members }
        }
        throw KernelError(
            code: .startFailed, message: "the names that were tried do not reach all \(threadCount) threads")
    }
}

/// Remembers the thread on which something ran.
private final class ThreadNote: Sendable {
    private let thread = Mutex<UInt>(0)

    var value: UInt { thread.withLock { $0 } }

    func noteCurrent() {
        let current = UInt(pthread_self())
        thread.withLock { $0 = current }
    }
}

enum LiveToss: Message {
    /// Toss `count` times to `peer`, then report.
    case begin(count: Int, peer: Ref<LiveToss>, replyTo: Ref<LiveTossReport>)
    /// Toss it back.
    case toss(Int, replyTo: Ref<LiveToss>)
    /// It came back.
    case back(Int)
    /// Say how many messages were counted since the last report.
    case report(replyTo: Ref<LiveTossReport>)

    static var messageName: String { "bench.live-toss" }
}

struct LiveTossReport: Message {
    let count: Int

    static var messageName: String { "bench.live-toss-report" }
}

/// Tosses messages to its peer, or back to whoever tossed one.
actor LiveTosser: Component {
    nonisolated let home: Home
    private var peer: Ref<LiveToss>?
    private var asked: Ref<LiveTossReport>?
    private var count = 0

    init(home: Home) { self.home = home }

    func receive(_ message: LiveToss, _ context: Context<LiveToss>) {
        switch message {
        case .begin(let count, let peer, let replyTo):
            self.peer = peer
            asked = replyTo
            peer.tell(.toss(count, replyTo: context.me))
        case .toss(let number, let replyTo):
            count += 1
            replyTo.tell(.back(number))
        case .back(let number):
            count += 1
            if number > 1 {
                peer?.tell(.toss(number - 1, replyTo: context.me))
            } else if let asked {
                report(asked)
            }
        case .report(let replyTo): report(replyTo)
        }
    }

    private func report(_ replyTo: Ref<LiveTossReport>) {
        replyTo.tell(LiveTossReport(count: count))
        count = 0
    }
}
