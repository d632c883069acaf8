// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// A bucket of starts that is filled to the same level at fixed intervals; what is left over is not added up.
package struct ForkTickets: Sendable, Hashable {
    /// Starts in each interval; 0 for no limit.
    package var count: Int
    /// From one filling to the next.
    package var interval: Duration
    private var left = 0
    private var filledAt: Instant?

    /// - Parameter interval: none, or a count of 0, means that nothing is limited.
    package init(count: Int, interval: Duration) {
        self.count = count
        self.interval = interval
    }

    package var isLimited: Bool { count > 0 && interval > .zero }

    /// Starts that are allowed now.
    package func available(at now: Instant) -> Int {
        guard isLimited else { return .max }
        guard let filledAt, now < filledAt + interval else { return count }
        return left
    }

    /// Takes one; `false` where none is left.
    package mutating func take(at now: Instant) -> Bool {
        guard isLimited else { return true }
        fill(now)
        guard left > 0 else { return false }
        left -= 1
        return true
    }

    /// Gives one back: the start came to nothing.
    package mutating func giveBack() { if isLimited, filledAt != nil { left = min(count, left + 1) } }

    /// When there will be one; `nil` where there is one now.
    package func next(after now: Instant) -> Instant? {
        available(at: now) > 0 ? nil : filledAt.map { $0 + interval }
    }

    /// Fillings are whole intervals apart, whenever somebody looks.
    private mutating func fill(_ now: Instant) {
        guard let last = filledAt else {
            filledAt = now
            left = count
            return
        }
        let step = interval.nanoseconds
        let passed = (now - last).nanoseconds / step
        guard passed > 0 else { return }
        filledAt = last.advanced(byNanoseconds: passed * step)
        left = count
    }
}
