// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Synchronization
import Testing

/// A store that can be told to fail.
private final class MoodyStore: ChainStore {
    struct Refusal: Error {}

    private let kept = MemoryChainStore()
    private let failures = Mutex(0)

    func fail(times: Int) { failures.withLock { $0 = times } }

    var count: Int { kept.count }

    func load() throws -> [[UInt8]] { try kept.load() }

    func append(_ entries: [[UInt8]]) throws {
        let fails = failures.withLock { left in
            defer { left = max(0, left - 1) }
            return left > 0
        }
        if fails { throw Refusal() }
        kept.append(entries)
    }
}

@Suite struct ChainStoreTests {
    private let key = SectorKey(miner: 1000, number: 1)

    /// Starts a chain node in a world of its own.
    private func start(
        _ store: any ChainStore, parameters: NetworkParameters = devnet, beacon source: DevnetBeacon = beacon,
        verifier: any ProofVerifier = ModelProofVerifier(), genesis: Instant = .zero
    ) throws -> (world: SimulatedWorld, chain: Ref<ChainMessage>) {
        let world = SimulatedWorld()
        let chain = try world.addNode("chain").spawn("node") { home in
            try ChainNode(
                home: home, parameters: parameters, beacon: source, verifier: verifier, store: store,
                genesis: genesis)
        }
        return (world, chain)
    }

    private func expectRefused(
        _ code: ChainError.Code, _ words: String, _ start: () throws -> Void
    ) {
        #expect {
            try start()
        } throws: { error in
            let text = "\(error)"
            return (error as? KernelError)?.code == .startFailed && text.contains(code.rawValue)
                && text.contains(words)
        }
    }

    @Test("a chain goes on in another process where it was, by the genesis that it is given")
    func goesOn() throws {
        let store = MemoryChainStore()
        let (first, before) = try start(store)
        first.run(until: .zero + .seconds(400))
        let message = try preCommit(key, head: 100)
        let landed: ChainEvent = try first.ask(before) { .preCommit(message, replyTo: $0) }
        #expect(landed == .preCommitted(key, epoch: 101))
        // The second process starts at epoch 200 of the same chain, so its genesis lies 800 s before its
        // zero.
        let (second, after) = try start(store, genesis: Instant(seconds: -800))
        let head: ChainEvent = try second.ask(after) { .head(replyTo: $0) }
        #expect(head == .head(epoch: 200))
        let sector: ChainEvent = try second.ask(after) { .sector(key, replyTo: $0) }
        #expect(sector == .sector(key, .preCommitted(epoch: 101)))
        let again: ChainEvent = try second.ask(after) { .preCommit(message, replyTo: $0) }
        #expect(again == landed)
        let proven: ChainEvent = try second.ask(after) { .proveCommit(modelled(key), replyTo: $0) }
        #expect(proven == .proven(key, epoch: 201))
        #expect(second.now == .zero + .seconds(6 * 4))
    }

    @Test("a clock that was set back takes back nothing that has landed")
    func clockSetBack() throws {
        let store = MemoryChainStore()
        let (first, before) = try start(store)
        first.run(until: .zero + .seconds(4000))
        let message = try preCommit(key, head: 1000)
        let _: ChainEvent = try first.ask(before) { .preCommit(message, replyTo: $0) }
        let (second, after) = try start(store)
        let head: ChainEvent = try second.ask(after) { .head(replyTo: $0) }
        #expect(head == .head(epoch: 1000))
    }

    @Test("a genesis in the future or in the far past overflows nothing")
    func farGenesis() throws {
        for (genesis, epoch) in [(Instant.distantFuture, 0), (Instant(seconds: 4e6), 0)] {
            let (world, chain) = try start(MemoryChainStore(), genesis: genesis)
            world.run(until: .zero + .seconds(10))
            let head: ChainEvent = try world.ask(chain) { .head(replyTo: $0) }
            #expect(head == .head(epoch: Int64(epoch)))
        }
        let (world, chain) = try start(MemoryChainStore(), genesis: Instant(nanoseconds: .min))
        world.run(until: .zero + .seconds(10))
        let _: ChainEvent = try world.ask(chain) { .head(replyTo: $0) }
    }

    @Test("a store of another chain is refused, and the words say in what they differ")
    func wrongNetwork() throws {
        let store = MemoryChainStore()
        _ = try start(store)
        expectRefused(.wrongNetwork, "parameters are other ones") {
            _ = try start(store, parameters: .devnet(epochDuration: .seconds(5)))
        }
        expectRefused(.wrongNetwork, "another genesis seed") {
            _ = try start(store, beacon: DevnetBeacon(network: "2k", seed: 8))
        }
        expectRefused(.wrongNetwork, "modelled proofs, this node takes vanilla ones") {
            _ = try start(store, verifier: VanillaProofVerifier())
        }
        _ = try start(store)
        #expect(store.count == 1)
    }

    @Test("a corrupt store is refused, and the words name the entry")
    func corrupt() throws {
        let store = MemoryChainStore()
        let (world, chain) = try start(store)
        let message = try preCommit(key, head: 0)
        let _: ChainEvent = try world.ask(chain) { .preCommit(message, replyTo: $0) }
        let entries = try store.load()
        func damaged(_ change: (inout [[UInt8]]) -> Void) -> MemoryChainStore {
            var copy = entries
            change(&copy)
            let store = MemoryChainStore()
            store.append(copy)
            return store
        }
        for (entry, change) in [
            (0, { $0.removeFirst() }), (1, { $0[1].removeLast() }), (2, { $0.append($0[1]) }),
            (2, { $0.append($0[0]) }), (0, { $0[0] = [] }),
        ] as [(Int, (inout [[UInt8]]) -> Void)] {
            expectRefused(.corruptStore, "entry \(entry):") { _ = try start(damaged(change)) }
        }
    }

    @Test("an entry that the store does not take is neither applied nor answered; a repeat succeeds")
    func storeFails() throws {
        let store = MoodyStore()
        let (world, chain) = try start(store)
        let message = try preCommit(key, head: 0)
        store.fail(times: 1)
        #expect(throws: KernelError.self) {
            let _: ChainEvent = try world.ask(chain, timeout: .seconds(40)) {
                .preCommit(message, replyTo: $0)
            }
        }
        #expect(store.count == 1 && world.statistics.failures == 1)
        let sector: ChainEvent = try world.ask(chain) { .sector(key, replyTo: $0) }
        #expect(sector == .sector(key, .unknown))
        let landed: ChainEvent = try world.ask(chain) { .preCommit(message, replyTo: $0) }
        #expect(landed == .preCommitted(key, epoch: 1))
        #expect(store.count == 2)
    }
}
