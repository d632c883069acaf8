// SPDX-License-Identifier: Apache-2.0
import Sealing
import Synchronization

/// What a run told its observer.
final class StepLog: Sendable {
    private let seen = Mutex<[SealProgress]>([])

    func note(_ progress: SealProgress) {
        seen.withLock { $0.append(progress) }
    }

    /// How far a step was when it was first, or last, heard of.
    func first(_ step: String) -> UInt64? {
        seen.withLock { $0.first { $0.step == step }?.done }
    }

    func last(_ step: String) -> UInt64? {
        seen.withLock { $0.last { $0.step == step }?.done }
    }

    func count(_ step: String) -> Int {
        seen.withLock { $0.count { $0.step == step } }
    }
}

/// Hashes as the processor does and remembers the largest input; it asks for far more than any batch
/// may have.
final class LargestBatch: PoseidonHasher {
    private let largest = Mutex(0)

    /// Bytes of the largest input.
    var inputCount: Int {
        largest.withLock { $0 }
    }

    var batchHashCount: Int {
        1 << 20
    }

    func hash(_ inputs: [UInt8], with poseidon: Poseidon) throws(SealingError) -> [UInt8] {
        largest.withLock { $0 = max($0, inputs.count) }
        return try poseidon.hash(inputs)
    }

    func hashColumns(
        _ rows: [UInt8],
        columnCount: Int,
        with poseidon: Poseidon
    ) throws(SealingError) -> [UInt8] {
        largest.withLock { $0 = max($0, rows.count) }
        return try poseidon.hashColumns(rows, columnCount: columnCount)
    }
}
