// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Synchronization
import Testing

/// How much work lies between two looks at the observer.
@Suite("A step can be stopped after little work")
struct CancelGrainTests {
    /// Hears of progress, and of hashes between two reports.
    private final class Ear: Sendable {
        private struct State {
            var last: SealProgress?
            var hashes = 0
            var mostHashes = 0
            var mostUnits: [String: UInt64] = [:]
        }

        private let state = Mutex(State())

        func hear(_ progress: SealProgress) {
            state.withLock { state in
                state.mostHashes = max(state.mostHashes, state.hashes)
                state.hashes = 0
                if let last = state.last, last.step == progress.step, last.done <= progress.done {
                    let units = max(progress.done - last.done, state.mostUnits[last.step] ?? 0)
                    state.mostUnits[last.step] = units
                } else if let last = state.last, !last.step.hasPrefix("checkpoint") {
                    // The last part of a step, to its end.
                    let units = max(last.total - last.done, state.mostUnits[last.step] ?? 0)
                    state.mostUnits[last.step] = units
                }
                state.last = progress
            }
        }

        func count(hashes: Int) {
            state.withLock { $0.hashes += hashes }
        }

        var observer: SealObserver {
            SealObserver(progress: hear)
        }

        /// Units by step, and hashes.
        func take() -> (units: [String: UInt64], hashes: Int) {
            state.withLock { state in
                defer { state = State() }
                return (state.mostUnits, max(state.mostHashes, state.hashes))
            }
        }
    }

    private struct Counting: PoseidonHasher {
        let ear: Ear
        let inner: any PoseidonHasher

        var batchHashCount: Int { inner.batchHashCount }

        func hash(_ inputs: [UInt8], with poseidon: Poseidon) throws(SealingError) -> [UInt8] {
            ear.count(hashes: inputs.count / 32 / poseidon.arity)
            return try inner.hash(inputs, with: poseidon)
        }

        func hashColumns(
            _ rows: [UInt8],
            columnCount: Int,
            with poseidon: Poseidon
        ) throws(SealingError) -> [UInt8] {
            ear.count(hashes: columnCount)
            return try inner.hashColumns(rows, columnCount: columnCount, with: poseidon)
        }
    }

    @Test("at most 2^13 labels, 1 MiB of data, or 2^15 columns and their rows, in an 8 MiB sector")
    func grains() throws {
        let proof = try RegisteredSealProof.forSize(.mib8)
        let run = try SealRun(proof)
        let ear = Ear()
        let pipeline = run.pipeline(
            observer: ear.observer,
            hasher: Counting(ear: ear, inner: ProcessorPoseidon())
        )
        let first = try pipeline.preCommit1(ticket: run.ticket, pieces: run.pieces)
        let labeling = ear.take().units
        #expect(
            labeling.keys.sorted()
                == ["data", "layer 1", "layer 2", "parents", "tree-d", "tree-d digest"])
        for (step, most) in labeling {
            let isLabeling = step.hasPrefix("layer") || step == "parents"
            let bound: UInt64 = isLabeling ? 1 << 13 : step == "tree-d" ? 1 << 15 : 1 << 20
            #expect(most <= bound, "\(step): \(most)")
        }
        _ = try pipeline.preCommit2(first)
        let replica = ear.take()
        #expect(replica.units["columns and replica"] == 1 << 15)
        // A column hash for each node, and three rows of 1/8 of the nodes each.
        #expect(replica.hashes > 0 && replica.hashes <= (1 << 15) + (1 << 12) + (1 << 9) + (1 << 6))
        for step in ["tree-c", "tree-r-last"] {
            #expect(try #require(replica.units[step]) <= 1 << 15)
        }
    }
}
