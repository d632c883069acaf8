// SPDX-License-Identifier: Apache-2.0
private import Kernel
internal import Sealing
private import Synchronization

extension SealingBenchmark {
    /// The labels of one layer, of all sectors that one core labels side by side.
    package struct Layer: Sendable, Hashable, Codable {
        package var layer: Int
        /// SHA-256 compressions between the first and the last look at the clock.
        package var compressions: Int
        /// The time between the two.
        package var seconds: Double
    }
}

/// Times the layers of one pre-commit 1 by what it reports of its progress, so that nothing but the
/// labels is counted: no tree, no sync of a file.
final class LayerTimings: Sendable {
    private struct Mark {
        var layer: Int
        var first: Int64
        var last: Int64
        var nodeCount: UInt64
    }

    private let compressionsPerNode: Int
    private let marks = Mutex<[Mark]>([])

    init(compressionsPerNode: Int) { self.compressionsPerNode = compressionsPerNode }

    /// An observer that also tells `other`.
    func listening(with other: SealObserver) -> SealObserver {
        SealObserver(
            progress: { [self] progress in
                note(progress)
                other.progress(progress)
            }, isCancelled: other.isCancelled, warn: other.warn)
    }

    /// The layers that were long enough to be looked at twice.
    func layers() -> [SealingBenchmark.Layer] {
        marks.withLock { marks in
            marks.filter { $0.nodeCount > 0 && $0.last > $0.first }.map {
                SealingBenchmark.Layer(
                    layer: $0.layer, compressions: compressionsPerNode * Int($0.nodeCount),
                    seconds: Double($0.last - $0.first) / 1e9)
            }
        }
    }

    /// A layer that begins for the second time is one of unsealing, which labels too.
    private func note(_ progress: SealProgress) {
        let words = progress.step.split(separator: " ")
        guard words.count == 2, words[0] == "layer", let layer = Int(words[1]) else { return }
        let now = SystemClock.monotonicNanoseconds
        marks.withLock { marks in
            if let last = marks.last, last.layer == layer, progress.done > last.nodeCount {
                marks[marks.count - 1].last = now
                marks[marks.count - 1].nodeCount = progress.done
            } else if progress.done == 0, !marks.contains(where: { $0.layer >= layer }) {
                marks.append(Mark(layer: layer, first: now, last: now, nodeCount: 0))
            }
        }
    }
}
