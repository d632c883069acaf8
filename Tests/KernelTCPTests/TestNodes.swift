// SPDX-License-Identifier: Apache-2.0
import Kernel
import KernelTCP
import Logging
import Synchronization
import Testing

/// What the test components say to each other.
enum Probe: Message {
    case say(Int)
    case echo(Int, Ref<ProbeReply>)
    /// Sends `number` back through a reference that came in this message.
    case relay(Int, Ref<Probe>)
    case shutDownEverything

    static var messageName: String { "test.probe" }
    var permission: Permission {
        if case .shutDownEverything = self { return .admin }
        return .read
    }
}

struct ProbeReply: Message {
    static var messageName: String { "test.reply" }
    var number: Int
    var permission: Permission { .read }
}

/// A message that the probes do not understand.
struct Stranger: Message {
    static var messageName: String { "test.stranger" }
    var bytes: [UInt8] = []
    var permission: Permission { .read }
}

/// What a component has got, for the test's thread.
final class Record<Element: Sendable>: Sendable {
    private let items = Mutex<[Element]>([])
    func append(_ item: Element) { items.withLock { $0.append(item) } }
    var all: [Element] { items.withLock { $0 } }
    var count: Int { items.withLock { $0.count } }
}

actor ProbeComponent: Component {
    nonisolated let home: Home
    private let record: Record<Int>

    init(home: Home, record: Record<Int>) {
        self.home = home
        self.record = record
    }

    func receive(_ message: Probe, _ context: Context<Probe>) {
        switch message {
        case .say(let number): record.append(number)
        case .echo(let number, let asker): asker.tell(ProbeReply(number: number))
        case .relay(let number, let next): next.tell(.say(number))
        case .shutDownEverything: record.append(-1)
        }
    }
}

enum WatchOrder: Message {
    case watch(Address)
    case gone(Termination)
    static var messageName: String { "test.watch" }
}

actor WatchComponent: Component {
    nonisolated let home: Home
    private let record: Record<Termination>

    init(home: Home, record: Record<Termination>) {
        self.home = home
        self.record = record
    }

    func receive(_ message: WatchOrder, _ context: Context<WatchOrder>) {
        switch message {
        case .watch(let address):
            context.watch(context.ref(at: address, as: Probe.self)) { .gone($0) }
        case .gone(let reason): record.append(reason)
        }
    }
}

/// A live world with a transport on this machine.
struct TestNode {
    static let secret = [UInt8](repeating: 7, count: 32)

    let world: LiveWorld
    let transport: TCPTransport
    let probes = Record<Int>()

    init(
        _ name: String, listens: Bool = true, port: Int = 0, permission: Permission = .admin,
        token: String? = nil, security: TransportSecurity = .plaintextLoopback,
        limits: TransportLimits = .quick, worldOptions: LiveWorld.Options = .init(executorCount: 1)
    ) async throws {
        let authority = try await TokenAuthority(secret: Self.secret)
        let issued = try await authority.token(for: permission)
        var log = Logger(label: name)
        log.logLevel = .critical
        world = try LiveWorld(name: name, options: worldOptions, log: log)
        do {
            transport = try TCPTransport(
                options: TransportOptions(
                    nodeName: name, listen: listens ? Endpoint(host: "127.0.0.1", port: port) : nil,
                    token: token ?? issued, authority: authority, security: security, limits: limits,
                    seed: 1),
                attachedTo: world)
        } catch {
            world.shutDown()
            throw error
        }
        let record = probes
        try world.spawn("probe", options: SpawnOptions()) { ProbeComponent(home: $0, record: record) }
    }

    var port: Int { transport.boundPort ?? 0 }

    func knows(_ other: TestNode) throws {
        try transport.addPeer(other.world.name, at: Endpoint(host: "127.0.0.1", port: other.port))
    }

    func probe(of other: String) -> Ref<Probe> {
        world.ref(at: Address(node: other, name: "probe"), as: Probe.self)
    }

    /// Asks the probe of `other` to send a number back.
    func echo(_ number: Int, from other: String) async throws -> Int {
        let reply: ProbeReply = try await world.ask(probe(of: other), timeout: .seconds(20)) {
            .echo(number, $0)
        }
        return reply.number
    }
}

extension TransportLimits {
    /// Times that let the tests end soon.
    static var quick: TransportLimits {
        var limits = TransportLimits()
        limits.reconnectDelayMin = .milliseconds(20)
        limits.reconnectDelayMax = .milliseconds(100)
        limits.heartbeatInterval = .milliseconds(100)
        limits.silenceMax = .seconds(5)
        return limits
    }
}

/// Waits until `holds` or, after 30 seconds, fails the test.
func eventually(
    _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ holds: () throws -> Bool
) async throws {
    for _ in 0..<3_000 {
        if try holds() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("did not happen: \(what)", sourceLocation: sourceLocation)
    throw CancellationError()
}
