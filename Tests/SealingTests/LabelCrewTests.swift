// SPDX-License-Identifier: Apache-2.0
import CSealing
import Foundation
import Sealing
import Synchronization
import Testing

/// One sector over several threads, and stopping anywhere.
@Suite struct LabelCrewTests {
    /// What an observer heard: the steps, and the largest stride between two looks at one of them.
    private final class Ear: Sendable {
        private struct State {
            var last: SealProgress?
            var strides: [String: UInt64] = [:]
            var steps: [String] = []
            var lookCount = 0
        }

        private let state = Mutex(State())

        func observer(stopAt: Int? = nil) -> SealObserver {
            SealObserver(
                progress: { [self] in note($0) },
                isCancelled: { [self] in state.withLock { $0.lookCount - 1 == stopAt } }
            )
        }

        private func note(_ progress: SealProgress) {
            state.withLock { state in
                state.lookCount += 1
                if let last = state.last, last.step == progress.step, last.done <= progress.done {
                    let stride = progress.done - last.done
                    state.strides[progress.step] = max(state.strides[progress.step] ?? 0, stride)
                } else {
                    state.steps.append(progress.step)
                }
                state.last = progress
            }
        }

        var steps: [String] { state.withLock { $0.steps } }

        func stride(_ step: String) -> UInt64? { state.withLock { $0.strides[step] } }
    }

    @Test("gatherers change nothing: every layer is the same with any number of them")
    func equalLayers() throws {
        for nodeCount in [4, 63, 64, 100, 4096, 20_000] as [UInt64] {
            for version in [ProofAPIVersion.v1_0, .v1_1] {
                let graph = try StackedGraph(
                    porepID: Commitment(repeating: 7),
                    nodeCount: nodeCount,
                    apiVersion: version
                )
                let id = Commitment(repeating: 3)
                let alone = try StackedLabels.compute(graph: graph, replicaID: id, layerCount: 3)
                for producerCount in [1, 2, 5] {
                    let together = try StackedLabels.compute(
                        graph: graph,
                        replicaID: id,
                        layerCount: 3,
                        producerCount: producerCount
                    )
                    #expect(together == alone, "\(nodeCount) nodes, \(producerCount) gatherers")
                }
            }
        }
    }

    @Test("a sector labeled by several threads is the same, and unseals by them")
    func equalSector() throws {
        let payload = SealRun.pattern(2032)
        let expected = try SealRun(payload: payload).seal()
        var options = SealingOptions()
        options.labelProducerCount = 2
        let run = try SealRun(payload: payload, options: options)
        #expect(try run.seal() == expected)
        let data = try Scratch.bytes(run.paths.unsealed)
        try FileManager.default.removeItem(atPath: run.paths.unsealed)
        try run.pipeline.unseal(ticket: run.ticket, commD: expected.commD)
        #expect(try Scratch.bytes(run.paths.unsealed) == data)
        options.labelProducerCount = 65
        let many = try SealRun(options: options)
        #expect(sealingError { _ = try many.preCommit1() }?.code == .invalidArgument)
    }

    @Test("an 8 MiB sector looks up often, and stopped many times it still gets the same layers")
    func stoppedOften() throws {
        let cache = try Scratch()
        let proof = try RegisteredSealProof.forSize(.mib8)
        var options = SealingOptions()
        options.parentCache = .directory(cache.path)
        options.labelProducerCount = 2
        let scratch = try Scratch()
        let sector = SectorIdentity(minerID: 1000, number: 1, proof: proof)
        func pipeline(_ observer: SealObserver, _ name: String) -> SealPipeline {
            SealPipeline(
                sector,
                paths: SectorPaths(root: "\(scratch.path)/\(name)", sector: sector),
                options: options,
                observer: observer
            )
        }
        let ear = Ear()
        let straight = pipeline(ear.observer(), "straight")
        let pieces = try straight.fillWithZeros()
        _ = try straight.preCommit1(ticket: .zero, pieces: pieces)
        /* Nodes and bytes that take some hundredths of a second. */
        for step in ["parent cache", "layer 1", "layer 2"] {
            #expect(try #require(ear.stride(step)) <= 1 << 13, "\(step)")
        }
        #expect(try #require(ear.stride("data")) <= 1 << 20)
        #expect(try #require(ear.stride("tree-d digest")) <= 1 << 20)

        _ = try pipeline(.none, "stopped").fillWithZeros()
        var stops = 0
        for stopAt in [0, 3, 20, 41, 45, 70, 99] {
            let stopped = pipeline(Ear().observer(stopAt: stopAt), "stopped")
            let error = sealingError {
                _ = try stopped.preCommit1(ticket: .zero, pieces: pieces)
            }
            if let error {
                #expect(error.code == .cancelled)
                stops += 1
            }
            #expect(!(try scratch.files().contains { $0.hasSuffix(".tmp") }))
        }
        #expect(stops >= 5)
        let last = Ear()
        _ = try pipeline(last.observer(), "stopped").preCommit1(ticket: .zero, pieces: pieces)
        #expect(!last.steps.contains("parent cache"))
        for layer in 1...2 {
            let paths = (straight.paths.layer(layer), pipeline(.none, "stopped").paths.layer(layer))
            #expect(try Scratch.bytes(paths.0) == Scratch.bytes(paths.1))
        }
        /* A layer that is lost is made from the one before, which is read back in parts. */
        try FileManager.default.removeItem(atPath: straight.paths.layer(2))
        let again = Ear()
        let stopping = pipeline(again.observer(), "straight")
        _ = try stopping.preCommit1(ticket: .zero, pieces: pieces)
        #expect(try #require(again.stride("reading layer 1")) <= 4 << 20)
        #expect(!again.steps.contains("layer 1") && again.steps.contains("layer 2"))
    }

    @Test("the ring refuses parents outside the graph, and lets no one wait once it is stopped")
    func badParents() throws {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: csealing_ring_bytes(), alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: csealing_ring_bytes())
        let ring = OpaquePointer(memory)
        let layer = [UInt8](repeating: 0, count: 32 * 128)
        let nodes = Int(CSEALING_RING_BLOCK_NODES)
        let good: [UInt32] = (0..<UInt32(nodes)).flatMap { (node: UInt32) -> [UInt32] in
            [UInt32](repeating: node == 0 ? 0 : node - 1, count: StackedGraph.degree)
        }
        // Safety: the ring keeps pointers into the layer only while the closure runs.
        layer.withUnsafeBufferPointer { layer in
            csealing_ring_start(ring, 2, 128, layer.baseAddress, layer.baseAddress)
            var block: UInt64 = 9
            #expect(csealing_ring_claim(ring, &block) == .CSEALING_TURN_TAKEN)
            #expect(block == 0)
            #expect(csealing_ring_take(ring, 0) == .CSEALING_TURN_NONE)
            #expect(csealing_ring_take(ring, 1) == .CSEALING_TURN_TAKEN)
            #expect(csealing_ring_claim(ring, &block) == .CSEALING_TURN_NONE)
            #expect(csealing_ring_fill(ring, 0, good) == .CSEALING_TURN_TAKEN)
            for (slot, parent) in [(14 * 5, 5), (14 * 5 + 3, 6), (14 * 5 + 6, 128), (20, .max)] {
                var bad = good
                bad[slot] = UInt32(truncatingIfNeeded: parent)
                #expect(csealing_ring_fill(ring, 0, bad) == .CSEALING_TURN_INVALID, "\(slot)")
            }
            csealing_ring_stop(ring)
            #expect(csealing_ring_claim(ring, &block) == .CSEALING_TURN_STOPPED)
        }
    }
}
