// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel

/// Writes one layer of several sectors, each to its file and with its digest, beside the labeling.
///
/// Chunks that wait are bounded: whoever brings one more then waits itself.
// Safety: files and hashers are used by the pool's only thread until `finish` has seen it pass.
final class BatchLayerWriter: @unchecked Sendable {
    /// Chunks that may wait, of 4 MiB at most.
    private static let waitingMax = 8

    private let files: [OutputFile]
    private var hashers: [SHA256]
    private let pool: WorkPool
    private let condition = NSCondition()
    private var waiting = 0
    private var failure: SealingError?

    init(_ paths: [String], pool: WorkPool) throws(SealingError) {
        var files: [OutputFile] = []
        for path in paths {
            files.append(try OutputFile(path))
        }
        self.files = files
        hashers = [SHA256](repeating: SHA256(), count: paths.count)
        self.pool = pool
    }

    /// Takes the next labels of all sectors, those of the first one before those of the second.
    ///
    /// - Throws: ``SealingError`` `.inputOutput`, perhaps that of an earlier chunk.
    func write(_ labels: [UInt8]) throws(SealingError) {
        try wait(until: BatchLayerWriter.waitingMax - 1)
        condition.withLock { waiting += 1 }
        pool.submit { [self] in
            var problem: SealingError?
            if condition.withLock({ failure == nil }) {
                do throws(SealingError) { try put(labels) } catch { problem = error }
            }
            condition.withLock {
                failure = failure ?? problem
                waiting -= 1
                condition.broadcast()
            }
        }
    }

    /// Waits for all that was brought and gives the files their names.
    ///
    /// - Returns: the digests, in the sectors' order.
    func finish() throws(SealingError) -> [String] {
        try wait(until: 0)
        for file in files {
            try file.commit()
        }
        return hashers.indices.map { hashers[$0].finalize().hex }
    }

    private func put(_ labels: [UInt8]) throws(SealingError) {
        let count = labels.count / files.count
        for (sector, file) in files.enumerated() {
            let range = count * sector..<count * (sector + 1)
            try file.append(labels, in: range)
            hashers[sector].update(labels, in: range)
        }
    }

    private func wait(until limit: Int) throws(SealingError) {
        condition.lock()
        while waiting > limit {
            condition.wait()
        }
        let problem = failure
        condition.unlock()
        if let problem {
            throw problem
        }
    }
}
