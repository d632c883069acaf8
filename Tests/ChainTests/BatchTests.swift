// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Sealing
import Testing

@Suite("Messages for many sectors")
struct BatchTests {
    private let devnet = NetworkParameters.devnet()

    private func state() throws -> ChainState {
        try ChainState(parameters: devnet, beacon: DevnetBeacon(network: devnet.name, seed: 1))
    }

    private func preCommit(_ number: UInt64, _ state: ChainState, head: Int64) throws -> SectorPreCommit {
        let key = SectorKey(miner: 1000, number: number)
        let ticket = try state.ticket(for: key, head: head)
        return SectorPreCommit(
            key: key, proof: 5, sealedCommitment: [UInt8](repeating: UInt8(number), count: 32),
            unsealedCommitment: [UInt8](repeating: 1, count: 32), ticket: ticket.randomness.bytes,
            ticketEpoch: ticket.epoch, expiration: devnet.defaultExpiration(head: head))
    }

    @Test("all sectors of a message land together, and the same message again is a repeat")
    func together() throws {
        var state = try state()
        let messages = try (1...3).map { try preCommit($0, state, head: 1000) }
        guard case .new(let entries, 1001) = state.consider(messages, head: 1000) else {
            Issue.record("expected a landing at 1001")
            return
        }
        for entry in entries { try state.apply(entry) }
        #expect(state.consider(messages, head: 1010) == .known(epoch: 1001))
        #expect(state.checkInvariants(head: 1001).isEmpty)
        let standing = state.standing(of: messages[0].key, head: 1000)
        #expect(standing.preCommitEpoch == 1001, "what has not landed yet is seen")
    }

    @Test("one bad sector, one that is there already, or one that is in it twice refuses the whole")
    func allOrNothing() throws {
        var state = try state()
        var messages = try (1...3).map { try preCommit($0, state, head: 1000) }
        let good = messages
        messages[1].ticketEpoch -= 1
        guard case .refused = state.consider(messages, head: 1000) else {
            Issue.record("a bad ticket was taken")
            return
        }
        guard case .refused(let twice) = state.consider([good[0], good[0]], head: 1000) else { return }
        #expect(twice.reason.contains("twice"))
        guard case .new(let entries, _) = state.consider([good[0]], head: 1000) else { return }
        for entry in entries { try state.apply(entry) }
        guard case .refused(let known) = state.consider(good, head: 1001) else {
            Issue.record("a sector was taken twice")
            return
        }
        #expect(known.reason.contains("f01000-1"))
        #expect(state.sectorCount == 1)
        let empty: [SectorPreCommit] = []
        guard case .refused = state.consider(empty, head: 1001) else {
            Issue.record("an empty message was taken")
            return
        }
    }

    @Test("a fee above what the message pays is refused for now, and nothing lands")
    func fees() throws {
        let world = SimulatedWorld(options: .init(seed: 1))
        let network = devnet
        let chain = try world.addNode("chain").spawn("chain") { home in
            try ChainNode(
                home: home, parameters: network, beacon: DevnetBeacon(network: network.name, seed: 1),
                verifier: ModelProofVerifier(), genesis: Instant(seconds: -8000), baseFee: .constant(100))
        }
        let state = try state()
        let message = try preCommit(1, state, head: 2000)
        let cheap = ChainBatch(name: "a", feeMax: 1_639_999_999)
        let refused: ChainEvent = try world.ask(chain) { .preCommitBatch(cheap, [message], replyTo: $0) }
        guard case .rejected("a", let refusal) = refused else {
            Issue.record("expected a refusal, got \(refused)")
            return
        }
        #expect(refusal.exitCode == 20)
        let enough = ChainBatch(name: "b", feeMax: 1_640_000_000)
        let taken: ChainEvent = try world.ask(chain) { .preCommitBatch(enough, [message], replyTo: $0) }
        #expect(taken == .accepted("b"))
    }

    @Test("a wave of the base fee goes from low to high and back")
    func wave() {
        let wave = BaseFeeModel.wave(low: 100, high: 500, period: 100)
        #expect(wave.fee(at: 0) == 100 && wave.fee(at: 50) == 500 && wave.fee(at: 100) == 100)
        #expect(wave.fee(at: 25) == wave.fee(at: 75))
        #expect(BaseFeeModel.constant(7).fee(at: 1 << 40) == 7)
        #expect(ChainBatch.fee(gas: .max, count: 2, baseFee: 2) == .max)
    }
}
