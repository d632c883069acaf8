// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// How long tasks take: what was measured in this cluster, and until then what it was told to expect.
package struct TaskProfiles: Sendable {
    private struct Mean: Sendable {
        var count = 0
        var seconds = 0.0

        /// The mean of the first twenty; later ones weigh a twentieth each, so that it follows a change.
        mutating func add(_ value: Double) {
            count += 1
            seconds += (value - seconds) / Double(min(count, 20))
        }
    }

    private var hints: [Double]
    private var hinted: [Bool]
    private var means = Array(repeating: Mean(), count: TaskType.count)
    /// By worker and kind.
    private var byWorker: [[Mean]] = []

    /// - Parameter hints: durations to expect until some were measured, by kind.
    package init(hints: [TaskType: Duration] = [:]) {
        self.hints = Array(repeating: 60, count: TaskType.count)
        hinted = TaskType.allCases.sorted { $0.stage < $1.stage }.map { hints[$0] != nil }
        for type in TaskType.allCases {
            if let hint = hints[type] { self.hints[type.stage] = max(1e-9, Double(hint.nanoseconds) / 1e9) }
        }
    }

    /// Tells whether anything is known of a kind, by measurement or by hint.
    func isKnown(_ type: TaskType) -> Bool { hinted[type.stage] || means[type.stage].count > 0 }

    /// Tasks of a kind that were measured.
    package func count(_ type: TaskType) -> Int { means[type.stage].count }

    /// What a task of a kind takes in the mean of the cluster, in seconds.
    package func seconds(_ type: TaskType) -> Double {
        let mean = means[type.stage]
        return mean.count > 0 ? mean.seconds : hints[type.stage]
    }

    /// What tasks of these kinds take one after another.
    func duration(_ types: [TaskType]) -> Duration {
        .nanoseconds(Int64(types.reduce(0) { $0 + seconds($1) } * 1e9))
    }

    /// What a task of a kind takes on a worker, in seconds.
    package func seconds(_ type: TaskType, worker: Int) -> Double {
        guard byWorker.indices.contains(worker) else { return seconds(type) }
        let mean = byWorker[worker][type.stage]
        // One measurement says little; with few, the cluster's mean weighs as two.
        guard mean.count > 0 else { return seconds(type) }
        let weight = Double(mean.count)
        return mean.count >= 8 ? mean.seconds : (mean.seconds * weight + seconds(type) * 2) / (weight + 2)
    }

    mutating func add(_ type: TaskType, worker: Int, _ duration: Duration) {
        // A clock that was set back has measured nothing.
        guard duration >= .zero else { return }
        let seconds = Double(duration.nanoseconds) / 1e9
        means[type.stage].add(seconds)
        while byWorker.count <= worker {
            byWorker.append(Array(repeating: Mean(), count: TaskType.count))
        }
        byWorker[worker][type.stage].add(seconds)
    }

    /// Another worker takes the index.
    mutating func forget(worker: Int) {
        guard byWorker.indices.contains(worker) else { return }
        byWorker[worker] = Array(repeating: Mean(), count: TaskType.count)
    }
}
