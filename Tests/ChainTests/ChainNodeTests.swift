// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Sealing
import Testing

@Suite struct ChainNodeTests {
    private let key = SectorKey(miner: 1000, number: 0)

    @Test("each answer comes when the chain has reached its epoch with confidence, and not before")
    func timing() throws {
        let run = try ChainWorld()
        run.world.run(until: .zero + .seconds(86_400))
        let told = run.log.events.map { (($0.at - .zero).inSeconds / 30, $0.event) }
        #expect(told.count == 4)
        // Pre-committed at head 0, it lands at 1 and is told at 6; the seed of 151 is told at 157; the
        // proof lands at 158 and is told at 163. Messages take a tenth of a millisecond each way.
        let epochs = told.map { Int($0.0) }
        #expect(epochs == [0, 6, 157, 163])
        #expect(told.allSatisfy { $0.0 - $0.0.rounded(.down) < 0.001 })
        guard told.count == 4, case .preCommitted(key, 1) = told[1].1,
            case .seed(key, let seed, 151) = told[2].1,
            case .proven(key, 158) = told[3].1
        else {
            Issue.record("unexpected answers: \(told)")
            return
        }
        let miner = try ActorAddress(id: 1000)
        #expect(seed == beacon.draw(.interactiveSeal, epoch: 151, miner: miner).bytes)
        #expect(try run.state().checkInvariants(head: run.head) == [])
    }

    @Test("an idle year costs nothing, before and after sectors were proven")
    func idleYear() throws {
        let run = try ChainWorld(sectorCount: 20)
        run.world.run(until: .zero + .seconds(7 * 86_400))
        #expect(try run.state().provenCount == 20)
        let before = run.world.statistics.delivered
        run.world.run(until: .zero + .seconds(372 * 86_400))
        #expect(run.world.statistics.delivered - before < 10)
        #expect(run.world.pendingEventCount == 0)
        let head: ChainEvent = try run.world.ask(run.chainRef) { .head(replyTo: $0) }
        #expect(head == .head(epoch: 372 * 2880))
    }

    @Test("many sectors that wait for one epoch share one timer")
    func oneTimer() throws {
        let run = try ChainWorld(sectorCount: 300, patience: .seconds(86_400))
        run.world.run(until: .zero + .seconds(86_000))
        #expect(try run.state().provenCount == 300)
        #expect(run.world.statistics.timersFired < 10)
    }

    @Test("questions about heads and sectors are answered at once")
    func questions() throws {
        let run = try ChainWorld(sectorCount: 7)
        run.world.run(until: .zero + .seconds(86_400))
        let sector: ChainEvent = try run.world.ask(run.chainRef) { .sector(key, replyTo: $0) }
        let expiration = run.parameters.defaultExpiration(head: 900)
        #expect(sector == .sector(key, .active(epoch: 158, expiration: expiration)))
        let unknown = SectorKey(miner: 1, number: 1)
        let nothing: ChainEvent = try run.world.ask(run.chainRef) { .sector(unknown, replyTo: $0) }
        #expect(nothing == .sector(unknown, .unknown))
        let list: ChainEvent = try run.world.ask(run.chainRef) {
            .sectors(miner: 1000, limit: 2, replyTo: $0)
        }
        guard case .sectors(let records) = list else {
            Issue.record("\(list)")
            return
        }
        #expect(records.map(\.key.number) == [0, 3])
        let refused: ChainEvent = try run.world.ask(run.chainRef) { .seed(unknown, replyTo: $0) }
        guard case .refused(unknown, let refusal) = refused else {
            Issue.record("\(refused)")
            return
        }
        #expect(refusal.exitCode == 17)
        #expect("\(refusal)".hasPrefix("exit code 17: sector f01-1 is not pre-committed"))
    }

    @Test("a lossy network that duplicates and reorders does nothing twice", arguments: 1...8)
    func lossy(_ seed: UInt64) throws {
        let link = LinkModel(
            latency: .milliseconds(50), jitter: .milliseconds(400), loss: 0.2, duplication: 0.3,
            reordering: 0.3)
        let run = try ChainWorld(seed: seed, sectorCount: 40, link: link)
        run.world.run(until: .zero + .seconds(2 * 86_400))
        let state = try run.state()
        #expect(state.provenCount == 40 && run.store.count == 81)
        #expect(state.checkInvariants(head: run.head) == [])
        for key in run.keys {
            let landings = run.log.landings(key)
            #expect(landings.preCommitted.count == 1 && landings.proven.count == 1)
        }
        #expect(run.log.refusals == [])
        #expect(run.world.statistics.lost > 0)
    }

    @Test("kills of the chain and of its clients lose no landing", arguments: 1...12)
    func kills(_ seed: UInt64) throws {
        let run = try ChainWorld(seed: seed, sectorCount: 30, patience: .seconds(120))
        var random = run.world.random(named: "kills")
        let schedule = FaultSchedule.drawn(
            nodes: ["chain", "miner"], count: 12, until: .zero + .seconds(8_000), from: &random)
        let ends = FaultSchedule([
            .init(at: .zero + .seconds(500), .kill(node: "chain")),
            .init(at: .zero + .seconds(530), .restart(node: "chain")),
        ])
        try run.world.apply(schedule)
        try run.world.apply(ends)
        run.world.run(until: .zero + .seconds(9_000))
        // A fault may end while another still keeps the node down; all start again now.
        for node in [run.chain, run.miner] where !node.isUp { try run.world.restart(node) }
        run.world.run(until: .zero + .seconds(3 * 86_400))
        let state = try run.state()
        #expect(state.provenCount == 30)
        #expect(state.checkInvariants(head: run.head) == [])
        for key in run.keys {
            let landings = run.log.landings(key)
            #expect(landings.preCommitted.count == 1 && landings.proven.count == 1, "\(key)")
        }
        #expect(run.log.refusals == [])
    }

    @Test("one seed gives one trace, another seed another")
    func sameTrace() throws {
        func trace(_ seed: UInt64) throws -> String {
            let link = LinkModel(latency: .milliseconds(5), jitter: .milliseconds(50), loss: 0.1)
            let run = try ChainWorld(seed: seed, sectorCount: 10, link: link)
            run.world.at(.zero + .seconds(600)) { run.world.kill(run.chain) }
            run.world.run(until: .zero + .seconds(700))
            try run.world.restart(run.chain)
            run.world.run(until: .zero + .seconds(86_400))
            #expect(try run.state().provenCount == 10)
            return run.world.traceHash.hex
        }
        let first = try trace(3)
        #expect(try trace(3) == first)
        #expect(try trace(4) != first)
    }

    @Test("an alarm that somebody else sends changes nothing")
    func falseAlarm() throws {
        let run = try ChainWorld()
        for second in [10, 100, 1000] {
            run.world.at(.zero + .seconds(second)) { run.chainRef.tell(.epochReached(1_000_000)) }
        }
        run.world.run(until: .zero + .seconds(86_400))
        #expect(run.log.events.map { Int(($0.at - .zero).inSeconds / 30) } == [0, 6, 157, 163])
    }

    @Test("one more wait than there is room for is refused before anything lands")
    func waitsAreBounded() throws {
        let world = SimulatedWorld()
        let store = MemoryChainStore()
        let node = try world.addNode("chain")
        let chain = try node.spawn("node") { home in
            try ChainNode(
                home: home, parameters: devnet, beacon: beacon, verifier: ModelProofVerifier(), store: store,
                waitCountMax: 2)
        }
        let log = ClientLog()
        let outlet = Outlet<ChainEvent>(address: Address(node: "test", name: "log")) {
            log.note($0, at: .zero)
            return .accepted
        }
        for number in [1, 2, 3, 2] as [UInt64] {
            let message = try preCommit(SectorKey(miner: 1000, number: number), head: 0)
            chain.tell(.preCommit(message, replyTo: outlet.ref))
        }
        world.run(until: .zero + .seconds(1))
        #expect(log.refusals.map(\.exitCode) == [20])
        #expect(store.count == 3)
        world.run(until: .zero + .seconds(60))
        #expect(log.events.count == 3)
    }
}
