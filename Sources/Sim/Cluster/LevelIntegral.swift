// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// A count that changes at known times, and its integral over the time after the warm-up.
struct LevelIntegral: Sendable {
    private(set) var level = 0
    /// The highest level after the warm-up.
    private(set) var max = 0
    private var since: Int64 = 0
    private var levelSeconds = 0.0
    /// The integrals of level × time after the warm-up, and of level².
    private var moment = 0.0
    private var square = 0.0
    private let warmUp: Int64

    init(warmUp: Instant) { self.warmUp = warmUp.nanoseconds }

    mutating func change(by amount: Int, at now: Instant) {
        settle(now)
        level += amount
        if now.nanoseconds >= warmUp { max = Swift.max(max, level) }
    }

    mutating func reset(at now: Instant) { change(by: -level, at: now) }

    /// The integral up to `now`, in units times seconds.
    func integral(until now: Instant) -> Double {
        var copy = self
        copy.settle(now)
        return copy.levelSeconds
    }

    /// The line of least squares through the level after the warm-up; `nil` without time.
    func trend(until now: Instant) -> LevelTrend? {
        var copy = self
        copy.settle(now)
        let seconds = Double(now.nanoseconds - warmUp) / 1e9
        guard seconds > 0 else { return nil }
        let mean = copy.levelSeconds / seconds
        // Of a time that is spread evenly over the whole.
        let spread = seconds * seconds / 12
        let slope = (copy.moment / seconds - mean * seconds / 2) / spread
        let variance = copy.square / seconds - mean * mean
        return LevelTrend(
            perDay: slope * 86_400, rise: slope * seconds,
            explained: variance > 0 ? min(1, slope * slope * spread / variance) : 0)
    }

    private mutating func settle(_ now: Instant) {
        let from = Swift.max(since, warmUp)
        if now.nanoseconds > from {
            let seconds = Double(now.nanoseconds - from) / 1e9
            let area = Double(level) * seconds
            levelSeconds += area
            moment += area * (Double(from - warmUp) / 1e9 + seconds / 2)
            square += area * Double(level)
            // A level that was reached before the warm-up counts as seen after it.
            max = Swift.max(max, level)
        }
        since = now.nanoseconds
    }
}

/// How a level went over time: a straight line, and how much of its changes that explains.
package struct LevelTrend: Sendable, Hashable {
    /// The line's rise in a day.
    package var perDay: Double
    /// Its rise over the whole time after the warm-up.
    package var rise: Double
    /// The share of the level's variance that the line explains, 0…1.
    package var explained: Double

    /// It grows: by one at least, and the line explains most of what it did. A level that comes and goes with
    /// the day, or jumps about its mean, does not.
    package var isGrowing: Bool { rise >= 1 && explained >= 0.5 }
}

/// How long tasks or sectors stayed in one place after the warm-up, each by its own times. What was there
/// before counts from the warm-up's end on, so that nothing is left out.
struct StayTally: Sendable {
    private(set) var count = 0
    private(set) var seconds = 0.0
    private let warmUp: Instant

    init(warmUp: Instant) { self.warmUp = warmUp }

    mutating func add(from begin: Instant, to end: Instant) {
        guard end > warmUp else { return }
        count += 1
        seconds += (end - max(begin, warmUp)).inSeconds
    }
}

/// Counts events in equal pieces of the time after the warm-up. The pieces grow with the time, by doubling,
/// so that their number does not.
struct EventCounts: Sendable {
    static let pieceCountMax = 480
    private var counts: [Int] = []
    /// Of a piece, nanoseconds.
    private var width: Int64 = 1_000_000_000

    mutating func add(at nanoseconds: Int64) {
        let index = place(nanoseconds)
        if index >= counts.count { counts += Array(repeating: 0, count: index + 1 - counts.count) }
        counts[index] += 1
    }

    /// The counts of the pieces that are over, and the seconds of one.
    func pieces(until nanoseconds: Int64) -> (counts: [Double], seconds: Double) {
        var copy = self
        let whole = copy.place(max(0, nanoseconds))
        let known = copy.counts.prefix(whole).map(Double.init)
        let seconds = Double(copy.width) / 1e9
        return (known + Array(repeating: 0, count: whole - known.count), seconds)
    }

    /// The piece of a time, after the pieces have grown to have one for it.
    private mutating func place(_ nanoseconds: Int64) -> Int {
        while nanoseconds / width >= Int64(Self.pieceCountMax) {
            width *= 2
            counts = stride(from: 0, to: counts.count, by: 2).map {
                counts[$0] + ($0 + 1 < counts.count ? counts[$0 + 1] : 0)
            }
        }
        return Int(nanoseconds / width)
    }
}
