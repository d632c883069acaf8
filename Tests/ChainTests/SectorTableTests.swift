// SPDX-License-Identifier: Apache-2.0
import Chain
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
}
