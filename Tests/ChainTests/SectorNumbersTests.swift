// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Testing

@Suite("Sets of sector numbers")
struct SectorNumbersTests {
    @Test("sets of runs agree with plain sets, whatever is put in and taken out", arguments: 1...40)
    func likeSets(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        func draw() -> Set<UInt64> {
            var numbers: Set<UInt64> = []
            for _ in 0..<Int(random.next() % 30) { numbers.insert(random.next() % 40) }
            return numbers
        }
        let (left, right) = (draw(), draw())
        let (a, b) = (SectorNumbers(left), SectorNumbers(right))
        #expect(a.numbers == left.sorted() && a.count == left.count)
        #expect(a.union(b) == SectorNumbers(left.union(right)))
        #expect(a.intersection(b) == SectorNumbers(left.intersection(right)))
        #expect(a.subtracting(b) == SectorNumbers(left.subtracting(right)))
        #expect(a.isSubset(of: b) == left.isSubset(of: right))
        for number in 0..<41 as Range<UInt64> { #expect(a.contains(number) == left.contains(number)) }
        #expect(try WireDecoder.decode(SectorNumbers.self, from: WireEncoder.encode(a)) == a)
        var fewer = a
        for number in right { fewer.remove(number) }
        #expect(fewer == a.subtracting(b))
    }

    @Test("numbers in a row take one run, and read as people write them")
    func runs() {
        #expect(SectorNumbers(1...2349).runs.count == 1)
        #expect(SectorNumbers([7, 1, 3, 2]).description == "1-3, 7")
    }

    @Test(
        "what is not ascending runs is refused",
        arguments: [[1], [2, 1], [1, 2, 3, 4], [1, 5, 4, 9], [0, 1 << 63]] as [[UInt64]])
    func bad(ends: [UInt64]) throws {
        let bytes = try WireEncoder.encode(ends)
        #expect(throws: (any Error).self) { try WireDecoder.decode(SectorNumbers.self, from: bytes) }
    }
}

/// A small generator for tests.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
