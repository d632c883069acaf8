// SPDX-License-Identifier: Apache-2.0
import Sealing
import Sim
import Testing

@Suite("What a task moves, by the algorithm")
struct SealingAmountTests {
    private let size = ByteCount(bytes: 32 << 30)

    // Goal: the formula of how far back a node looks agrees with the graph itself. Method: parents of nodes
    // all over the 32 GiB graph, counted by distance.
    @Test(
        "sampled parents lie beyond a cache as often in the graph as by formula",
        arguments: [12, 16, 20, 24])
    func distances(_ exponent: Int) throws {
        let graph = try StackedGraph(RegisteredSealProof.forSize(.gib32).parameters)
        let window = UInt64(1) << UInt64(exponent)
        var generator = SeededGenerator(seed: 5)
        var far = 0
        var total = 0
        for _ in 0..<400 {
            let first = UInt64.random(in: 100...(1 << 30) - 17, using: &generator)
            let parents = try graph.parents(first: first, count: 16)
            for index in 0..<16 {
                let node = first + UInt64(index)
                // The first of six is the node before.
                for slot in 1..<6 {
                    total += 1
                    let parent = UInt64(parents[index * StackedGraph.degree + slot])
                    if node - parent > window { far += 1 }
                }
            }
        }
        let counted = Double(far) / Double(total)
        let formula = SealingAmounts.shareBeyond(Double(window), nodes: 0x1p30)
        // 32,000 parents: three standard deviations of the count are below 0.9 %.
        #expect(abs(counted - formula) < 0.012, "\(counted) in the graph, \(formula) by formula")
    }

    @Test("13 parents read at random are 832 bytes of lines a label, as computed for the specification")
    func lines() {
        // Specification notes, "Computed bounds (32 GiB)": 832 bytes of lines a label, 8.9e11 a layer, and 56
        // of parent numbers.
        let label = SealingAmounts.labelBytes(isFirstLayer: false, 0x1p30, nil)
        #expect(label == 832 + 56 + 96)
        #expect(abs((label - 56 - 96) * 0x1p30 / 8.9e11 - 1) < 0.01)
        // A cache keeps some of the sampled parents, never one of the layer before.
        let cached = SealingAmounts.labelBytes(isFirstLayer: false, 0x1p30, 16 << 20)
        #expect(cached < label && cached > 8 * 64 + 56 + 96)
        #expect(cached > SealingAmounts.labelBytes(isFirstLayer: false, 0x1p30, 256 << 20))
    }

    @Test("layers, columns and trees have their published sizes")
    func sizes() {
        // supranational/supra_seal, README: eleven layers of 352 GiB, tree C 36.6 GB, tree R 73.1 MB (both
        // 2^30).
        let layers = SealingAmounts.bytes(.writes, of: .preCommit1, sectorSize: size)
        #expect(layers == 352 * 0x1p30)
        #expect(SealingAmounts.bytes(.reads, of: .preCommit2, sectorSize: size) == layers)
        let written = SealingAmounts.bytes(.writes, of: .preCommit2, sectorSize: size)
        #expect(abs((written - 32 * 0x1p30) / 0x1p30 - (36.57 + 0.0714)) < 0.01)
        #expect(SealingAmounts.bytes(.memoryTraffic, of: .commit2, sectorSize: size) == 0)
        #expect(SealingAmounts.layerCount(ByteCount(bytes: 8 << 20)) == 2)
    }
}
