// SPDX-License-Identifier: Apache-2.0
import CSealing
import Kernel
import Synchronization

/// Threads that gather the labels of parents ahead of the one that hashes.
///
/// The hasher is the caller's thread. Blocks of nodes go through a ring without locks: whichever
/// gatherer is free claims the next one and copies the labels that exist; the hasher takes them in order
/// and adds its latest ones itself. A block that no gatherer has claimed when its turn comes is done by
/// the hasher alone, so that gatherers without a core do not hold it up.
// Safety: the ring's memory is used only through the kernel's functions, which arrange its sharing.
final class LabelCrew: @unchecked Sendable {
    /// More do not help: a gatherer keeps up with half of a hasher or more.
    static let producerCountMax = 64
    private static let blockNodeCount = UInt64(CSEALING_RING_BLOCK_NODES)

    private let memory: LayerBuffer
    private let producerCount: Int
    private let pool: WorkPool

    private var ring: OpaquePointer { OpaquePointer(memory.base) }

    /// Starts the threads.
    ///
    /// - Throws: ``SealingError`` `.insufficientMemory` when the system refuses one.
    init(producerCount: Int) throws(SealingError) {
        precondition((1...LabelCrew.producerCountMax).contains(producerCount))
        self.producerCount = producerCount
        memory = try LayerBuffer.make(csealing_ring_bytes(), "the labels' ring")
        do throws(KernelError) {
            pool = try WorkPool(name: "labels", threadCount: producerCount)
        } catch {
            throw SealingError(.insufficientMemory, "start \(producerCount) threads: \(error)")
        }
    }

    deinit {
        pool.shutDown()
    }

    /// Labels a layer; as ``LayerLabeler/label(layer:previous:into:chunkDone:)``.
    func label(
        _ labeler: LayerLabeler,
        layer: Int,
        previous: LayerBuffer?,
        into current: LayerBuffer,
        chunkNodeCount: UInt64,
        chunkDone: (_ range: Range<Int>) throws(SealingError) -> Void
    ) throws(SealingError) {
        csealing_ring_start(ring, UInt32(layer), labeler.nodeCount, previous?.base, current.base)
        let gate = Gate(count: producerCount)
        for _ in 0..<producerCount {
            pool.submit { [self] in gate.pass(gather(labeler.parents)) }
        }
        /* The gatherers read both layers: none may be left when this returns. */
        defer {
            csealing_ring_stop(ring)
            gate.wait()
        }
        var scratch: [UInt32] = []
        var first: UInt64 = 0
        while first < labeler.nodeCount {
            try labeler.observer.step("layer \(layer)", first, labeler.nodeCount)
            let end = min(first + chunkNodeCount, labeler.nodeCount)
            var at = first
            while at < end {
                try label(labeler, layer, at, previous, current, gate, &scratch)
                at = min(at + LabelCrew.blockNodeCount, labeler.nodeCount)
            }
            try chunkDone(Int(32 * first)..<Int(32 * end))
            first = end
        }
    }

    /// The hasher's part of one block.
    private func label(
        _ labeler: LayerLabeler,
        _ layer: Int,
        _ first: UInt64,
        _ previous: LayerBuffer?,
        _ current: LayerBuffer,
        _ gate: Gate,
        _ scratch: inout [UInt32]
    ) throws(SealingError) {
        let block = first / LabelCrew.blockNodeCount
        if csealing_ring_take(ring, block) == .CSEALING_TURN_TAKEN {
            let count = min(LabelCrew.blockNodeCount, labeler.nodeCount - first)
            try labeler.labelAlone(layer, first..<first + count, previous, current, &scratch)
            csealing_ring_done(ring, block)
            return
        }
        let turn = csealing_ring_label(
            ring,
            labeler.implementation.native,
            labeler.identifier,
            block,
            current.base
        )
        guard turn == .CSEALING_TURN_TAKEN else {
            gate.wait()
            throw gate.failure ?? SealingError(.kernel, "labels of layer \(layer): the ring stopped")
        }
    }

    /// What one gatherer does until the layer ends.
    private func gather(_ parents: ParentSource) -> SealingError? {
        var scratch: [UInt32] = []
        while true {
            var block: UInt64 = 0
            guard csealing_ring_claim(ring, &block) == .CSEALING_TURN_TAKEN else {
                return nil
            }
            do throws(SealingError) {
                let first = block * LabelCrew.blockNodeCount
                let count = Int(min(LabelCrew.blockNodeCount, parents.nodeCount - first))
                let turn = try parents.withParents(first: first, count: count, scratch: &scratch) {
                    csealing_ring_fill(ring, block, $0)
                }
                guard turn == .CSEALING_TURN_TAKEN else {
                    throw SealingError(
                        .malformed,
                        "the parents of node \(first) or one behind it leave the graph: "
                            + "remove the parent cache file"
                    )
                }
            } catch {
                csealing_ring_stop(ring)
                return error
            }
        }
    }
}
