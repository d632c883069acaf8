// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Synchronization

/// Hashes with the kernels of the processor on several threads, which live as long as it does.
///
/// It may be shared by pipelines that run at once; their batches then share the threads.
package final class ThreadedPoseidon: PoseidonHasher {
    private static let threadCountMax = 1024
    /// Hashes done at a time by the widest kernel.
    private static let laneCount = 8

    /// Threads that hash, the caller's included.
    package let threadCount: Int
    private let pool: WorkPool?

    /// - Throws: ``SealingError`` `.invalidArgument` unless there are 1 to 1024 threads;
    ///   `.insufficientMemory` when the system refuses one.
    package init(threadCount: Int) throws(SealingError) {
        guard (1...ThreadedPoseidon.threadCountMax).contains(threadCount) else {
            throw SealingError(
                .invalidArgument,
                "hashing takes 1 to \(ThreadedPoseidon.threadCountMax) threads, not \(threadCount)"
            )
        }
        self.threadCount = threadCount
        do throws(KernelError) {
            pool =
                threadCount == 1
                ? nil : try WorkPool(name: "poseidon", threadCount: threadCount - 1)
        } catch {
            throw SealingError(.insufficientMemory, "start \(threadCount) threads: \(error)")
        }
    }

    deinit {
        pool?.shutDown()
    }

    /// Enough that a thread's share takes milliseconds.
    package var batchHashCount: Int {
        threadCount << 11
    }

    package func hash(
        _ inputs: [UInt8],
        with poseidon: Poseidon
    ) throws(SealingError) -> [UInt8] {
        let count = inputs.count / (32 * poseidon.arity)
        guard inputs.count == 32 * poseidon.arity * count else {
            return try poseidon.hash(inputs)
        }
        return try share(inputs, count: count, columnCount: nil, poseidon)
    }

    package func hashColumns(
        _ rows: [UInt8],
        columnCount: Int,
        with poseidon: Poseidon
    ) throws(SealingError) -> [UInt8] {
        guard columnCount >= 0, rows.count / 32 / poseidon.arity == columnCount,
            rows.count == 32 * poseidon.arity * columnCount
        else {
            return try poseidon.hashColumns(rows, columnCount: columnCount)
        }
        return try share(rows, count: columnCount, columnCount: columnCount, poseidon)
    }

    /// Hashes a share on each thread and waits for all.
    private func share(
        _ inputs: [UInt8],
        count: Int,
        columnCount: Int?,
        _ poseidon: Poseidon
    ) throws(SealingError) -> [UInt8] {
        let lanes = ThreadedPoseidon.laneCount
        let step = max(1, (count / threadCount + lanes - 1) / lanes) * lanes
        var parts = stride(from: 0, to: count, by: step).map { $0..<min($0 + step, count) }
        guard let pool, parts.count > 1 else {
            guard let columnCount else {
                return try poseidon.hash(inputs)
            }
            return try poseidon.hashColumns(inputs, columnCount: columnCount)
        }
        let own = parts.removeFirst()
        let gate = Gate(count: parts.count)
        var digests = [UInt8](repeating: 0, count: 32 * count)
        // Safety: the sizes have been checked, the parts do not overlap and lie inside both arrays,
        // and the closures do not return before every part is done.
        inputs.withUnsafeBufferPointer { source in
            digests.withUnsafeMutableBufferPointer { target in
                guard let from = source.baseAddress, let into = target.baseAddress else { return }
                let work = Work(poseidon: poseidon, columnCount: columnCount, from: from, into: into)
                for part in parts {
                    pool.submit { gate.pass(work.run(part)) }
                }
                gate.note(work.run(own))
                gate.wait()
            }
        }
        if let failure = gate.failure {
            throw failure
        }
        return digests
    }

    /// What the threads share.
    // Safety: threads read the inputs and write parts of the digests that do not overlap.
    private struct Work: @unchecked Sendable {
        let poseidon: Poseidon
        let columnCount: Int?
        let from: UnsafePointer<UInt8>
        let into: UnsafeMutablePointer<UInt8>

        func run(_ part: Range<Int>) -> SealingError? {
            do throws(SealingError) {
                try poseidon.hash(part, columnCount: columnCount, of: from, into: into)
                return nil
            } catch {
                return error
            }
        }
    }
}

/// Where one thread waits for the others' parts.
// Safety: the fields are used between lock and unlock.
final class Gate: @unchecked Sendable {
    private let condition = NSCondition()
    private var left: Int
    private var failed: SealingError?

    init(count: Int) {
        left = count
    }

    /// The failure of a part, if one failed.
    var failure: SealingError? {
        condition.withLock { failed }
    }

    func note(_ failure: SealingError?) {
        condition.withLock { failed = failed ?? failure }
    }

    /// One part is done.
    func pass(_ failure: SealingError?) {
        condition.lock()
        failed = failed ?? failure
        left -= 1
        condition.broadcast()
        condition.unlock()
    }

    func wait() {
        condition.lock()
        while left > 0 {
            condition.wait()
        }
        condition.unlock()
    }
}
