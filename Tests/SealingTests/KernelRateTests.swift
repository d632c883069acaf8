// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

@Suite struct KernelRateTests {
    /// A clock on which every run takes a millisecond.
    private final class Ticks {
        var now: Int64 = 0

        func read() -> Int64 {
            now += 1_000_000
            return now
        }
    }

    @Test("rates are units over the clock's time, and fractions are rates over the chain's")
    func arithmetic() throws {
        let ticks = Ticks()
        let rates = try KernelRates.measure(
            .portable,
            nodeCount: 256,
            repetitions: 3,
            clock: ticks.read
        )
        // 256 labels of 20 compressions against 2^14 compressions, in the same time.
        let one = 0.3125
        let batches = Dictionary(
            uniqueKeysWithValues: KernelRates.batchWidths.map { ("\($0)", Double($0) * one) })
        #expect(rates.sha256CompressionsPerSecond == 16_384_000)
        #expect(rates.labelFractionOfBound == one)
        #expect(rates.batchLabelFractionOfBound == batches)
        #expect(rates.poseidonHashesPerSecond.eight == 1_024_000)
        #expect(rates.binaryTreeBytesPerSecond == 1_048_576_000)
        #expect(rates.sha256Path == "portable" && rates.poseidonPath == "portable")
        #expect(rates.sha256RowPath == "portable" && rates.batchLabelsPath == "portable")
        // Two readings for each of three runs of twelve measurements.
        #expect(ticks.now == 12 * 3 * 2 * 1_000_000)
    }

    @Test("the automatic path is named after what the processor has, and arities are JSON keys")
    func names() throws {
        let rates = try KernelRates.measure(nodeCount: 64, repetitions: 1, clock: Ticks().read)
        let path = InstructionPath.selected
        #expect(rates.sha256Path == path.instructions(of: .sha256))
        #expect(rates.poseidonPath == path.instructions(of: .poseidon))
        let text = String(decoding: try JSONEncoder().encode(rates), as: UTF8.self)
        for key in ["\"2\":", "\"8\":", "\"11\":", "\"labelFractionOfBound\":"] {
            #expect(text.contains(key))
        }
    }

    @Test("sizes out of range are named errors", arguments: [0, 63, 100, 1 << 21])
    func badInput(nodeCount: UInt64) {
        #expect(
            sealingError {
                _ = try KernelRates.measure(nodeCount: nodeCount, clock: Ticks().read)
            }?.code == .invalidArgument
        )
        #expect(
            sealingError {
                _ = try KernelRates.measure(nodeCount: 64, repetitions: 0, clock: Ticks().read)
            }?.code == .invalidArgument
        )
    }
}
