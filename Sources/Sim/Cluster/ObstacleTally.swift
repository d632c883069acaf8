// SPDX-License-Identifier: Apache-2.0
internal import Kernel
internal import Scheduler

/// What stood before those that waited, from looks at the scheduler now and then.
///
/// A look stands for the time to the next. They grow rarer as a run grows longer, so that a year costs little
/// more than a month.
struct ObstacleTally: Sendable {
    struct Key: Sendable, Hashable {
        /// A place in the order of kinds; `nil` for room.
        let stage: Int?
        let code: Refusal.Code
    }

    struct Found: Sendable {
        /// Waiting things times seconds.
        var weight = 0.0
        /// What was said last.
        var words = ""
    }

    /// Looks until the next is put off by twice the time.
    private static let looksBeforeRarer = 128

    private(set) var found: [Key: Found] = [:]
    private var nextLook: Instant
    private var interval: Duration
    private var lookCount = 0

    /// - Parameters:
    ///   - start: the first look; the end of the warm-up.
    ///   - interval: the time between the first looks.
    init(start: Instant, interval: Duration) {
        nextLook = start
        self.interval = max(interval, .seconds(1))
    }

    func wantsLook(at now: Instant) -> Bool { now >= nextLook }

    mutating func add(_ obstacles: [WaitingObstacle], at now: Instant) {
        lookCount += 1
        if lookCount % Self.looksBeforeRarer == 0 { interval = interval * 2 }
        nextLook = now + interval
        for obstacle in obstacles {
            let key = Key(stage: obstacle.type?.stage, code: obstacle.code)
            found[key, default: Found()].weight += obstacle.weight * interval.inSeconds
            found[key]?.words = obstacle.words
        }
    }

    /// What those of one kind waited for, the most frequent first.
    func shares(stage: Int?) -> [SimulationReport.Obstacle] {
        let all = found.filter { $0.key.stage == stage }
        let sum = all.keys.map(\.code).sorted { $0.rawValue < $1.rawValue }.reduce(0.0) { sum, code in
            sum + (all[Key(stage: stage, code: code)]?.weight ?? 0)
        }
        guard sum > 0 else { return [] }
        return all.map {
            SimulationReport.Obstacle(
                code: $0.key.code.rawValue, share: $0.value.weight / sum, example: $0.value.words)
        }.sorted { ($1.share, $0.code) < ($0.share, $1.code) }
    }
}
