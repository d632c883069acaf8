// SPDX-License-Identifier: Apache-2.0
import Chain
import Sealing
import Testing

@Suite("The table of a miner's sectors")
struct SectorTableTests {
    private func key(_ number: UInt64) -> SectorKey { SectorKey(miner: 1000, number: number) }

    @Test("sectors in any order of number are found, listed in order, and changed alone", arguments: 1...5)
    func anyOrder(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var state = try ChainState(parameters: devnet, beacon: beacon)
        // Dense, sparse, and at the ends of chunks.
        var numbers = Set(0..<300 as Range<UInt64>).union([511, 512, 1 << 40, (1 << 63) - 1])
        for _ in 0..<200 { numbers.insert(random.next() >> 1) }
        var order = numbers.sorted()
        order.shuffle(using: &random)
        for number in order { #expect(try state.land(preCommit(key(number), head: 5), head: 5).isNew) }
        let sorted = numbers.sorted()
        let before = state
        var proven: Set<UInt64> = []
        for number in order.prefix(250) {
            #expect(try state.land(modelled(key(number)), head: 30).landing == 31)
            proven.insert(number)
        }
        let records = state.sectors(of: 1000, limit: 10_000, head: 31)
        #expect(records.map(\.key.number) == sorted)
        #expect(records.allSatisfy { $0.sealedCommitment == commitment($0.key, 1) })
        let expiration = devnet.defaultExpiration(head: 5)
        for record in records {
            let isProven = proven.contains(record.key.number)
            #expect(
                record.state
                    == (isProven ? .active(epoch: 31, expiration: expiration) : .preCommitted(epoch: 6)))
            #expect((state.place(of: record.key) != nil) == isProven)
        }
        #expect(state.checkInvariants(head: 31) == [])
        // The copy shares what was not changed, and nothing that was.
        #expect(before.provenCount == 0 && before.checkInvariants(head: 30) == [])
        let copied = before.sectors(of: 1000, limit: 10_000, head: 31).map(\.state)
        #expect(copied.allSatisfy { $0 == .preCommitted(epoch: 6) } && copied.count == sorted.count)
        #expect(state.sectors(of: 1000, limit: 3, head: 31).map(\.key.number) == Array(sorted.prefix(3)))
        #expect(state.state(of: key(301), head: 31) == .unknown)
    }

    @Test("what does not fit into a row of a chunk is kept as it is, and told from what does")
    func wideRows() throws {
        var random = SplitMix(state: 9)
        var state = try ChainState(parameters: devnet, beacon: beacon)
        var known: [UInt64: (record: PreCommitRecord, end: Int64?)] = [:]
        // One chunk whole: more contents than a row can name once some are replaced, and lives longer than
        // its epochs can say.
        for number in 0..<256 as Range<UInt64> {
            let isLong = random.next() % 4 == 0
            let record = PreCommitRecord(
                proof: proof2KiB, commR: try Commitment(bytes: commitment(key(number), 1)),
                commD: try Commitment(bytes: commitment(key(number), 2)), ticketEpoch: Int64(number),
                expiration: isLong ? 1 << 39 : 10_000 + Int64(number), epoch: 300 + Int64(number))
            try state.apply(.preCommitted(key(number), record))
            known[number] = (record, nil)
        }
        let landing: Int64 = 600
        for number in 0..<256 as Range<UInt64> where number % 2 == 0 {
            try state.apply(.proven(key(number), epoch: landing))
            guard number % 4 == 0 else { continue }
            let commR = try Commitment(bytes: commitment(key(number), 3))
            let commD = try Commitment(bytes: commitment(key(number), 4))
            try state.apply(.updated(key(number), commR: commR, commD: commD, epoch: landing + 1))
            known[number]?.record.commR = commR
            known[number]?.record.commD = commD
            guard number % 8 == 0 else { continue }
            try state.apply(.terminated(key(number), epoch: landing + 2))
            known[number]?.end = landing + 2
        }
        let listed = state.sectors(of: 1000, limit: 1_000, head: landing + 3)
        #expect(listed.map(\.key.number) == Array(0..<256))
        for found in listed {
            let (record, end) = try #require(known[found.key.number])
            #expect(found.sealedCommitment == record.commR.bytes)
            if let end {
                #expect(found.state == .terminated(epoch: end))
            } else if found.key.number % 2 == 0 {
                #expect(found.state == .active(epoch: landing, expiration: record.expiration))
            } else {
                #expect(found.state == .preCommitted(epoch: record.epoch))
            }
            // The chain knows a pre-commitment again by all that is in it.
            guard found.key.number % 2 == 0 else { continue }
            var again = SectorPreCommit(
                key: found.key, proof: 5, sealedCommitment: record.commR.bytes,
                unsealedCommitment: record.commD.bytes, ticket: commitment(found.key, 9),
                ticketEpoch: record.ticketEpoch, expiration: record.expiration)
            #expect(state.consider(again, head: landing + 3) == .known(epoch: record.epoch))
            again.unsealedCommitment = commitment(found.key, 5)
            #expect(state.consider(again, head: landing + 3) != .known(epoch: record.epoch))
        }
        #expect(state.checkInvariants(head: landing + 3) == [])
    }
}
