// SPDX-License-Identifier: Apache-2.0
import Kernel
import Synchronization

/// Writes the labels of a layer to its file, with a digest, while they are computed.
///
/// A pool of one thread does that beside the labeling; the buffer must keep its labels until ``wait()``
/// has returned.
// Safety: file and hasher are used by the pool's only thread.
final class LayerWriter: @unchecked Sendable {
    private let buffer: LayerBuffer
    private let file: OutputFile
    private let pool: WorkPool
    private var hasher = SHA256()
    private let gate = Gate(count: 1)
    private let isAbandoned = Atomic<Bool>(false)

    /// The one thread that writes beside the labeling.
    static func makePool() throws(SealingError) -> WorkPool {
        do throws(KernelError) {
            return try WorkPool(name: "layers", threadCount: 1)
        } catch {
            throw SealingError(.insufficientMemory, "start a thread: \(error)")
        }
    }

    init(_ path: String, _ buffer: LayerBuffer, pool: WorkPool) throws(SealingError) {
        file = try OutputFile(path)
        self.buffer = buffer
        self.pool = pool
    }

    /// Writes a range that is complete; ranges come in order.
    ///
    /// - Throws: ``SealingError`` `.inputOutput`, perhaps that of an earlier range.
    func write(_ range: Range<Int>) throws(SealingError) {
        if let failure = gate.failure {
            throw failure
        }
        pool.submit { [self] in
            guard gate.failure == nil, !isAbandoned.load(ordering: .relaxed) else { return }
            do throws(SealingError) {
                try put(range)
            } catch {
                gate.note(error)
            }
        }
    }

    /// Gives the file its name after all that was written, and then calls `done` with its digest; what either
    /// throws comes from ``wait()``.
    func finish(_ done: @escaping @Sendable (_ digest: String) throws(SealingError) -> Void) {
        pool.submit { [self] in
            guard gate.failure == nil, !isAbandoned.load(ordering: .relaxed) else {
                gate.pass(nil)
                return
            }
            do throws(SealingError) {
                try close(done)
                gate.pass(nil)
            } catch {
                gate.pass(error)
            }
        }
    }

    /// Returns when the file is complete; only after ``finish(_:)``.
    func wait() throws(SealingError) {
        gate.wait()
        if let failure = gate.failure {
            throw failure
        }
    }

    /// Leaves out what has not been written yet.
    func abandon() {
        isAbandoned.store(true, ordering: .relaxed)
    }

    private func put(_ range: Range<Int>) throws(SealingError) {
        let bytes = buffer.raw(in: range)
        try file.append(bytes)
        hasher.update(bytes)
    }

    private func close(
        _ done: @Sendable (_ digest: String) throws(SealingError) -> Void
    ) throws(SealingError) {
        try file.commit()
        try done(hasher.finalize().hex)
    }
}
