// SPDX-License-Identifier: Apache-2.0
import Kernel
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What tests say to each other's components.
enum ProbeMessage: Message {
    case value(Int)
    case word(String)
    case question(Ref<ProbeMessage>, Int)
    case pass(Ref<OtherMessage>, Int)
    case ended(String, Termination)

    static var messageName: String { "test.probe" }
}

/// A second vocabulary, for adapters.
enum OtherMessage: Message {
    case answer(Int)

    static var messageName: String { "test.other" }
}

struct ProbeError: Error {}

/// Lines that components write and tests read, from any thread.
final class Notes: Sendable {
    private let storage = Mutex<[String]>([])

    func add(_ line: String) { storage.withLock { $0.append(line) } }
    var lines: [String] { storage.withLock { $0 } }
    var count: Int { storage.withLock { $0.count } }
}

/// A component made of two closures.
actor Probe: Component {
    nonisolated let home: Home
    private let start: @Sendable (Context<ProbeMessage>) throws -> Void
    private let handle: @Sendable (ProbeMessage, Context<ProbeMessage>) throws -> Void

    init(
        home: Home,
        start: @escaping @Sendable (Context<ProbeMessage>) throws -> Void = { _ in },
        _ handle: @escaping @Sendable (ProbeMessage, Context<ProbeMessage>) throws -> Void
    ) {
        self.home = home
        self.start = start
        self.handle = handle
    }

    func started(_ context: Context<ProbeMessage>) throws { try start(context) }

    func receive(_ message: ProbeMessage, _ context: Context<ProbeMessage>) throws {
        try handle(message, context)
    }
}

extension Notes {
    /// A factory of a component that writes down all it gets; `fail` makes it throw, `stop` makes it stop.
    func taker(_ prefix: String = "") -> @Sendable (Home) throws -> Probe {
        { home in
            Probe(home: home) { message, context in
                switch message {
                case .value(let value): self.add("\(prefix)\(value)")
                case .word("fail"): throw ProbeError()
                case .word("stop"): context.stop()
                case .word(let word): self.add("\(prefix)\(word)")
                case .question(let asker, let value): asker.tell(.value(value + 1))
                case .pass(let other, let value): other.tell(.answer(value))
                case .ended(let name, let reason): self.add("\(prefix)\(name) \(reason.rawValue)")
                }
            }
        }
    }

    /// A factory of a component that watches `targets` and writes down how they ended.
    func watcher(_ prefix: String, _ targets: [Address]) -> @Sendable (Home) throws -> Probe {
        { home in
            Probe(
                home: home,
                start: { context in
                    for target in targets {
                        context.watch(context.ref(at: target, as: ProbeMessage.self)) {
                            .ended(target.description, $0)
                        }
                    }
                }
            ) { message, context in
                if case .ended(let name, let reason) = message {
                    self.add("\(prefix) \(name) \(reason.rawValue) \(context.now.nanoseconds)")
                }
            }
        }
    }
}

/// One of a handful of components that chatter, watch, spawn, fail and stop as their seeds say.
actor Chatterer: Component {
    nonisolated let home: Home
    private let peers: [Address]
    private var childCount = 0
    private var heard = 0

    init(home: Home, peers: [Address]) {
        self.home = home
        self.peers = peers
    }

    func started(_ context: Context<ProbeMessage>) {
        for peer in peers {
            let ref = context.ref(at: peer, as: ProbeMessage.self)
            context.watch(ref) { .ended(peer.description, $0) }
        }
        tick(context)
    }

    func receive(_ message: ProbeMessage, _ context: Context<ProbeMessage>) throws {
        switch message {
        case .word: tick(context)
        case .value(let value):
            heard = heard &* 31 &+ value
            if context.random.happens(0.02) { throw ProbeError() }
        case .question(let asker, let value): asker.tell(.value(value &+ heard & 0xff))
        case .ended(let name, .unknown):
            context.schedule(after: .seconds(1), .ended(name, .peerLost))
        case .ended(let name, _):
            guard let address = Address(parsing: name), peers.contains(address) else { return }
            context.watch(context.ref(at: address, as: ProbeMessage.self)) { .ended(name, $0) }
        case .pass(let other, let value): other.tell(.answer(value))
        }
    }

    private func tick(_ context: Context<ProbeMessage>) {
        let peer = peers[context.random.index(below: peers.count)]
        let ref = context.ref(at: peer, as: ProbeMessage.self)
        switch context.random.index(below: 5) {
        case 0: ref.tell(.value(Int(context.random.next() & 0xffff)))
        case 1: ref.tell(.question(context.me, 7))
        case 2:
            let door = context.adapter("side", from: OtherMessage.self) { message in
                if case .answer(let value) = message { return .value(value) }
                return .value(0)
            }
            ref.tell(.pass(door, 3))
        case 3:
            childCount += 1
            do {
                let child = try context.spawn("child-\(context.me.address.name)-\(childCount % 3)") {
                    Probe(home: $0) { message, context in
                        if case .question(let asker, let value) = message {
                            asker.tell(.value(value))
                        }
                        context.stop()
                    }
                }
                context.watch(child) { .ended(child.address.description, $0) }
                child.tell(.question(context.me, childCount))
            } catch {
                heard = heard &+ 1
            }
        default: context.cancel(context.schedule(after: .seconds(1), .value(9)))
        }
        context.schedule(
            after: .milliseconds(Int64(20 + context.random.index(below: 80))),
            .word("tick")
        )
    }
}

/// Runs a chaotic cluster for a minute and returns its world.
func chaosWorld(seed: UInt64, journal: (any JournalSink)? = nil) throws -> SimulatedWorld {
    let lossy = LinkModel(
        latency: .milliseconds(1),
        jitter: .milliseconds(5),
        bytesPerSecond: 1e6,
        loss: 0.01,
        duplication: 0.01,
        reordering: 0.05
    )
    let world = SimulatedWorld(
        options: .init(
            seed: seed,
            link: lossy,
            lossDetection: .seconds(3),
            encodesNetworkMessages: true
        )
    )
    if let journal { world.record(into: journal) }
    let names = ["a", "b", "c", "d"]
    for name in names {
        let peers = names.filter { $0 != name }.map { Address(node: $0, name: "chat") }
        try world.addNode(name) { node in
            try node.spawn(
                "chat",
                options: SpawnOptions(supervision: .restart(max: 1_000, within: .seconds(60)))
            ) {
                Chatterer(home: $0, peers: peers)
            }
        }
    }
    var random = world.random(named: "faults")
    try world.apply(.drawn(nodes: names, count: 12, until: Instant(seconds: 50), from: &random))
    world.run(until: Instant(seconds: 60))
    return world
}

/// Waits, in tests of real threads, without a fixed time.
enum WaitABit {
    /// Gives the processor up for a millisecond.
    static func now() { _ = usleep(1_000) }

    /// Waits until `condition` holds, at most `seconds`; tells whether it does.
    static func until(seconds: Int = 60, _ condition: () -> Bool) async -> Bool {
        let end = SystemClock.monotonicNanoseconds + Int64(seconds) * 1_000_000_000
        while !condition() {
            if SystemClock.monotonicNanoseconds > end { return false }
            do { try await Task.sleep(for: .milliseconds(1)) } catch { return false }
        }
        return true
    }
}
