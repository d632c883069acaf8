// SPDX-License-Identifier: Apache-2.0
import Kernel
import Testing

private enum ServerMessage: Message {
    case add(id: String, amount: Int, replyTo: Ref<ClientMessage>)

    static var messageName: String { "search.server" }
}

private enum ClientMessage: Message {
    case done(id: String, total: Int)
    case retry(id: String)
    case next
    case serverGone

    static var messageName: String { "search.client" }
}

/// What survives a kill: the world outside the components.
// Safety: one world's thread touches it.
private final class Disk: @unchecked Sendable {
    var totals: [String: Int] = [:]
    var executions = 0
    var asked: [String] = []
    var answers: [String: Int] = [:]
    var answerCount = 0
}

/// Executes each request once, whatever arrives how often.
private actor Server: Component {
    nonisolated let home: Home
    private let disk: Disk
    private let forgets: Bool

    init(home: Home, disk: Disk, forgets: Bool) {
        self.home = home
        self.disk = disk
        self.forgets = forgets
    }

    func receive(_ message: ServerMessage, _ context: Context<ServerMessage>) {
        guard case .add(let id, let amount, let replyTo) = message else { return }
        if disk.totals[id] == nil || forgets {
            disk.executions += 1
            disk.totals[id] = amount * 2
        }
        replyTo.tell(.done(id: id, total: disk.totals[id] ?? 0))
    }
}

/// Asks again until it is answered; a watch tells it when asking at once makes sense.
private actor Client: Component {
    nonisolated let home: Home
    private let disk: Disk
    private let server: Ref<ServerMessage>
    private let requestCount: Int

    init(home: Home, disk: Disk, server: Ref<ServerMessage>, requestCount: Int) {
        self.home = home
        self.disk = disk
        self.server = server
        self.requestCount = requestCount
    }

    func started(_ context: Context<ClientMessage>) {
        context.watch(server) { _ in .serverGone }
        for id in disk.asked where disk.answers[id] == nil { ask(id, context) }
        context.schedule(after: .milliseconds(500), .next)
    }

    func receive(_ message: ClientMessage, _ context: Context<ClientMessage>) {
        switch message {
        case .next:
            guard disk.asked.count < requestCount else { return }
            let id = "\(context.me.address.node)-\(disk.asked.count)"
            disk.asked.append(id)
            ask(id, context)
            context.schedule(
                after: .milliseconds(Int64(200 + context.random.index(below: 600))),
                .next
            )
        case .retry(let id): if disk.answers[id] == nil { ask(id, context) }
        case .done(let id, let total):
            guard disk.answers[id] == nil else { return }
            disk.answers[id] = total
            disk.answerCount += 1
        case .serverGone:
            context.watch(server) { _ in .serverGone }
        }
    }

    private func ask(_ id: String, _ context: Context<ClientMessage>) {
        server.tell(.add(id: id, amount: id.utf8.count, replyTo: context.me))
        context.schedule(
            after: .milliseconds(Int64(800 + context.random.index(below: 400))),
            .retry(id: id)
        )
    }
}

/// One run under drawn faults.
private struct SearchRun {
    static let requestCount = 20
    static let clients = ["client-1", "client-2"]
    var hash: TraceHash
    var disks: [Disk]
    var serverDisk: Disk
    var statistics: SimulationStatistics

    init(seed: UInt64, serverForgets: Bool = false) throws {
        let world = SimulatedWorld(
            options: .init(seed: seed, lossDetection: .seconds(4), encodesNetworkMessages: true)
        )
        let stored = Disk()
        try world.addNode("server") { node in
            try node.spawn("server") { Server(home: $0, disk: stored, forgets: serverForgets) }
        }
        let server = world.ref(at: Address(node: "server", name: "server"), as: ServerMessage.self)
        disks = []
        for name in Self.clients {
            let disk = Disk()
            disks.append(disk)
            try world.addNode(name) { node in
                try node.spawn("client") {
                    Client(home: $0, disk: disk, server: server, requestCount: Self.requestCount)
                }
            }
        }
        var random = world.random(named: "faults")
        let names = ["server"] + Self.clients
        try world.apply(.drawn(nodes: names, count: 8, until: Instant(seconds: 20), from: &random))
        world.run(until: Instant(seconds: 60))
        serverDisk = stored
        hash = world.traceHash
        statistics = world.statistics
    }

    /// The invariant: every request is asked, executed once, and answered once.
    var violation: String? {
        for disk in disks {
            if disk.asked.count != Self.requestCount {
                return "\(disk.asked.count) requests were asked"
            }
            for id in disk.asked where disk.answers[id] != id.utf8.count * 2 {
                return "\(id) was not answered"
            }
            if disk.answerCount != Self.requestCount { return "\(disk.answerCount) answers" }
        }
        let expected = Self.requestCount * disks.count
        return serverDisk.executions == expected ? nil : "\(serverDisk.executions) executions"
    }
}

@Suite("Requests with retries under three hundred drawn fault schedules")
struct KernelFaultSearchTests {
    @Test("every request is executed and answered exactly once after the faults", arguments: 0..<10)
    func invariant(block: Int) throws {
        var lost = 0
        for seed in UInt64(block * 30)..<UInt64(block * 30 + 30) {
            let run = try SearchRun(seed: seed)
            #expect(run.violation == nil, "seed \(seed)")
            lost += run.statistics.lost
        }
        #expect(lost > 0)
    }

    @Test("a seed run twice gives the same hash", arguments: [3, 77, 140, 299])
    func sameTwice(seed: UInt64) throws {
        #expect(try SearchRun(seed: seed).hash == SearchRun(seed: seed).hash)
    }

    @Test("the search finds a server that forgets what it has executed")
    func findsABug() throws {
        let found = try (0..<30).filter {
            try SearchRun(seed: $0, serverForgets: true).violation != nil
        }
        #expect(!found.isEmpty)
    }
}
