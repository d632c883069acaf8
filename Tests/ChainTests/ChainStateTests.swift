// SPDX-License-Identifier: Apache-2.0
import Chain
import Sealing
import Testing

@Suite struct ChainStateTests {
    private let key = SectorKey(miner: 1000, number: 1)

    private func fresh(_ parameters: NetworkParameters = devnet) throws -> ChainState {
        try ChainState(parameters: parameters, beacon: beacon)
    }

    @Test("a sector goes from unknown through pre-committed to active, each at its epoch")
    func life() throws {
        var state = try fresh()
        #expect(state.state(of: key, head: 100) == .unknown)
        let first = try state.land(preCommit(key, head: 100), head: 100)
        #expect(first.isNew && first.landing == 101)
        #expect(state.state(of: key, head: 100) == .unknown)
        #expect(state.state(of: key, head: 101) == .preCommitted(epoch: 101))
        #expect(try state.seed(for: key, head: 101).epoch == 111)
        let second = try state.land(modelled(key), head: 111)
        #expect(second.isNew && second.landing == 112)
        #expect(state.state(of: key, head: 111) == .preCommitted(epoch: 101))
        let expiration = devnet.defaultExpiration(head: 100)
        #expect(state.state(of: key, head: 112) == .active(epoch: 112, expiration: expiration))
        #expect(state.sectorCount == 1 && state.provenCount == 1)
        #expect(state.checkInvariants(head: 112) == [])
    }

    @Test("repeats land nothing and name the first landing")
    func repeats() throws {
        var state = try fresh()
        let message = try preCommit(key, head: 5)
        #expect(try state.land(message, head: 5).isNew)
        for head in [5, 6, 500, 5000] as [Int64] {
            #expect(state.consider(message, head: head) == .known(epoch: 6))
        }
        var later = message
        later.expiration += 2880
        #expect(state.consider(later, head: 7) == .known(epoch: 6))
        #expect(try state.land(modelled(key), head: 30).landing == 31)
        #expect(state.consider(modelled(key), head: 99, verifier: ModelProofVerifier()) == .known(epoch: 31))
        #expect(state.consider(message, head: 200_000) == .known(epoch: 6))
    }

    @Test("a pre-committed sector keeps its ticket, so that it can be sealed again")
    func ticketStays() throws {
        var state = try fresh()
        let before = try state.ticket(for: key, head: 2000)
        #expect(before.epoch == 1100)
        _ = try state.land(preCommit(key, head: 2000), head: 2000)
        #expect(try state.ticket(for: key, head: 2500) == before)
        #expect(try state.ticket(for: SectorKey(miner: 1000, number: 2), head: 2500).epoch == 1600)
    }

    @Test("tickets of a young chain are of epoch 0")
    func youngTicket() throws {
        let state = try fresh()
        #expect(try state.ticket(for: key, head: 0).epoch == 0)
        #expect(try state.ticket(for: key, head: 900).epoch == 0)
        #expect(try state.ticket(for: key, head: 901).epoch == 1)
    }

    struct BadPreCommit: Sendable, CustomTestStringConvertible {
        let name: String
        let words: String
        let change: @Sendable (inout SectorPreCommit) -> Void
        var testDescription: String { name }
    }

    private static let badPreCommits: [BadPreCommit] = [
        .init(name: "a CommR of 31 bytes", words: "32 bytes, not 31") { $0.sealedCommitment.removeLast() },
        .init(name: "a CommD of 33 bytes", words: "32 bytes, not 33") { $0.unsealedCommitment.append(0) },
        .init(name: "an unregistered proof", words: "seal proof 20 is not registered") { $0.proof = 20 },
        .init(name: "a huge proof number", words: "is not registered") { $0.proof = .max },
        .init(name: "a proof of the old family", words: "may not be pre-committed") { $0.proof = 0 },
        .init(name: "a non-interactive proof", words: "may not be pre-committed") { $0.proof = 15 },
        .init(name: "another network's sector size", words: "takes no sectors of 32GiB") { $0.proof = 8 },
        .init(name: "another ticket", words: "not the chain's ticket") { $0.ticket[0] ^= 1 },
        .init(name: "an empty ticket", words: "not the chain's ticket") { $0.ticket = [] },
        .init(name: "another ticket epoch", words: "not the chain's ticket for epoch 4101") {
            $0.ticketEpoch += 1
        },
        .init(name: "a negative ticket epoch", words: "ticket epoch -1") { $0.ticketEpoch = -1 },
        .init(name: "the least ticket epoch", words: "is not before the landing") { $0.ticketEpoch = .min },
        .init(name: "a ticket of the future", words: "not before the landing at 5001") {
            $0.ticketEpoch = 5001
        },
        .init(name: "the greatest ticket epoch", words: "not before the landing") { $0.ticketEpoch = .max },
        .init(name: "a ticket too old", words: "too old at 5001; it lives 3780") { $0.ticketEpoch = 1220 },
        .init(name: "an end too early", words: "out of bounds; 609811 to 3685641") {
            $0.expiration = 609_810
        },
        .init(name: "an end too late", words: "out of bounds") { $0.expiration = 3_685_642 },
        .init(name: "the least end", words: "out of bounds") { $0.expiration = .min },
        .init(name: "the greatest end", words: "out of bounds") { $0.expiration = .max },
        .init(name: "a miner's number of 2^63", words: "below 2^63") {
            $0.key = SectorKey(miner: 1 << 63, number: 1)
        },
        .init(name: "a sector's number of 2^64 - 1", words: "below 2^63") {
            $0.key = SectorKey(miner: 1000, number: .max)
        },
    ]

    @Test("a bad pre-commitment is refused with code 16, in words", arguments: badPreCommits)
    func badPreCommit(_ bad: BadPreCommit) throws {
        var state = try fresh()
        let refusal = try state.land(preCommit(key, head: 5000, change: bad.change), head: 5000).refusal
        #expect(refusal?.exitCode == 16)
        #expect(refusal?.reason.contains(bad.words) == true, "\(refusal?.reason ?? "landed")")
        #expect(state.sectorCount == 0)
        #expect(try state.land(preCommit(key, head: 5000), head: 5000).isNew)
    }

    @Test("the bounds of ticket age and expiration are exact")
    func bounds() throws {
        for (expiration, lands) in [(609_810, false), (609_811, true), (3_685_641, true), (3_685_642, false)]
        {
            var state = try fresh()
            let message = try preCommit(key, head: 5000) { $0.expiration = Int64(expiration) }
            #expect(try state.land(message, head: 5000).isNew == lands, "\(expiration)")
        }
        // Drawn at head 5000 for epoch 4100, it may land until epoch 7880.
        let message = try preCommit(key, head: 5000) { $0.expiration = 2_000_000 }
        let state = try fresh()
        #expect(state.consider(message, head: 7879).isNew)
        #expect(!state.consider(message, head: 7880).isNew)
    }

    @Test("a number is used once: any other content is refused", arguments: 0..<4)
    func otherContent(_ part: Int) throws {
        var state = try fresh()
        _ = try state.land(preCommit(key, head: 5000), head: 5000)
        let head: Int64 = part == 3 ? 5001 : 5000
        let other = try preCommit(key, head: head) {
            switch part {
            case 0: $0.sealedCommitment[0] ^= 1
            case 1: $0.unsealedCommitment[0] ^= 1
            case 2: $0.proof = 10
            default: break
            }
        }
        let refusal = try state.land(other, head: head).refusal
        #expect(refusal?.exitCode == 16)
        #expect(refusal?.reason.contains("was pre-committed at epoch 5001 with another") == true)
        #expect(state.sectorCount == 1)
    }

    @Test("a proof is refused before its time, without a pre-commitment, and after expiry")
    func proofTimes() throws {
        var state = try fresh()
        let missing = try state.land(modelled(key), head: 0).refusal
        #expect(missing?.exitCode == 17)
        #expect(missing?.reason.contains("not pre-committed") == true)
        _ = try state.land(preCommit(key, head: 0), head: 0)
        // Landed at 1, seed at 11: the proof may land at 12.
        let early = try state.land(modelled(key), head: 10).refusal
        #expect(early?.exitCode == 18)
        #expect(early?.reason.contains("too early") == true)
        let deadline = 1 + devnet.maxProveCommitDuration
        #expect(state.consider(modelled(key), head: 11, verifier: ModelProofVerifier()).landing == 12)
        let last = state.consider(modelled(key), head: deadline - 1, verifier: ModelProofVerifier())
        #expect(last.landing == deadline)
        let late = try state.land(modelled(key), head: deadline).refusal
        #expect(late?.exitCode == 16)
        #expect(late?.reason.contains("expired at epoch \(deadline)") == true)
    }

    @Test("an expired pre-commitment spends its number for good")
    func expired() throws {
        var state = try fresh()
        let message = try preCommit(key, head: 0)
        _ = try state.land(message, head: 0)
        let deadline = 1 + devnet.maxProveCommitDuration
        #expect(state.state(of: key, head: deadline) == .preCommitted(epoch: 1))
        #expect(state.state(of: key, head: deadline + 1) == .expired(epoch: deadline))
        let again = state.consider(message, head: deadline + 1).refusal
        #expect(again?.exitCode == 16)
        #expect(again?.reason.contains("its number is spent") == true)
        #expect(throws: ChainRefusal.self) { try state.ticket(for: key, head: deadline + 1) }
        #expect(throws: ChainRefusal.self) { try state.seed(for: key, head: deadline + 1) }
        #expect(state.checkInvariants(head: deadline + 1) == [])
    }

    @Test("sectors are listed in order of number, up to the limit, as of the head")
    func lists() throws {
        var state = try fresh()
        for number in [5, 1, 9, 3, 7] as [UInt64] {
            _ = try state.land(preCommit(SectorKey(miner: 1000, number: number), head: 10), head: 10)
        }
        _ = try state.land(preCommit(SectorKey(miner: 1001, number: 2), head: 10), head: 10)
        _ = try state.land(preCommit(SectorKey(miner: 1000, number: 2), head: 20), head: 20)
        #expect(state.sectors(of: 1000, limit: 100, head: 11).map(\.key.number) == [1, 3, 5, 7, 9])
        #expect(state.sectors(of: 1000, limit: 3, head: 21).map(\.key.number) == [1, 2, 3])
        #expect(state.sectors(of: 1001, limit: 3, head: 21).map(\.key.number) == [2])
        #expect(state.sectors(of: 1002, limit: 3, head: 21) == [])
        #expect(state.sectors(of: 1000, limit: -1, head: 21) == [])
        let record = try #require(state.sectors(of: 1000, limit: 1, head: 21).first)
        #expect(record.sealedCommitment == commitment(record.key, 1))
        #expect(state.checkInvariants(head: 21) == [])
    }

    @Test("a full chain refuses with code 20 and says what it holds")
    func full() throws {
        var limits = ChainState.Limits()
        limits.sectorCountMax = 2
        limits.minerCountMax = 1
        var state = try ChainState(parameters: devnet, beacon: beacon, limits: limits)
        _ = try state.land(preCommit(key, head: 1), head: 1)
        let miner = try state.land(preCommit(SectorKey(miner: 1001, number: 1), head: 1), head: 1).refusal
        #expect(miner?.exitCode == 20)
        #expect(miner?.reason.contains("1 miners") == true)
        _ = try state.land(preCommit(SectorKey(miner: 1000, number: 2), head: 1), head: 1)
        let sector = try state.land(preCommit(SectorKey(miner: 1000, number: 3), head: 1), head: 1).refusal
        #expect(sector?.exitCode == 20)
        #expect(sector?.reason.contains("2 sectors") == true)
        #expect(try state.land(preCommit(key, head: 1), head: 1).landing == 2)
    }

    @Test("entries that no chain can have come to are refused as corrupt")
    func corruptEntries() throws {
        var state = try fresh()
        guard case .new(let entry, _) = try state.land(preCommit(key, head: 0), head: 0),
            case .preCommitted(_, var record) = entry
        else {
            Issue.record("the pre-commitment did not land")
            return
        }
        func expectCorrupt(_ entry: ChainEntry) {
            #expect { try state.apply(entry) } throws: { ($0 as? ChainError)?.code == .corruptStore }
        }
        expectCorrupt(entry)
        expectCorrupt(.proven(key, epoch: 11))
        expectCorrupt(.proven(key, epoch: 1 + devnet.maxProveCommitDuration + 1))
        expectCorrupt(.proven(SectorKey(miner: 1000, number: 2), epoch: 20))
        record.ticketEpoch = 1
        expectCorrupt(.preCommitted(SectorKey(miner: 1000, number: 2), record))
        expectCorrupt(
            .genesis(ChainIdentity(parameters: devnet, beacon: beacon.fingerprint, form: .modelled)))
        try state.apply(.proven(key, epoch: 12))
        expectCorrupt(.proven(key, epoch: 13))
        #expect(throws: ChainError.self) { try ChainEntry(stored: [0xff, 0x00]) }
        #expect(try ChainEntry(stored: entry.storedBytes()) == entry)
        #expect(state.checkInvariants(head: 12) == [])
    }

    @Test("the invariants notice a state that is ahead of its head")
    func invariants() throws {
        var state = try fresh()
        _ = try state.land(preCommit(key, head: 100), head: 100)
        _ = try state.land(modelled(key), head: 150)
        #expect(state.checkInvariants(head: 150) == [])
        #expect(state.checkInvariants(head: 149).count == 1)
        #expect(state.checkInvariants(head: 99).count == 2)
    }
}
