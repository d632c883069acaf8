// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// Turns the chain's epochs into instants and back, from one moment at which both were known.
package struct EpochClock: Sendable, Hashable {
    /// An epoch that the chain had reached.
    private let epoch: Int64
    /// When that was heard. The epoch had begun by then, so that instants come out late by less than one
    /// epoch and the way of a message: who must not be late asks for an epoch less.
    private let at: Instant
    /// An epoch in nanoseconds: to take them out of a duration is a division of 128 bits.
    private let step: Int64
    /// An epoch.
    package let duration: Duration

    package init(epoch: Int64, at: Instant, duration: Duration) {
        self.epoch = epoch
        self.at = at
        self.duration = duration
        step = duration.nanoseconds
    }

    /// The instant by which an epoch has begun.
    package func instant(of epoch: Int64) -> Instant {
        let (count, overflow) = (epoch - self.epoch).multipliedReportingOverflow(by: step)
        guard !overflow else { return epoch > self.epoch ? .distantFuture : .zero }
        let (sum, carry) = at.nanoseconds.addingReportingOverflow(count)
        return carry ? .distantFuture : Instant(nanoseconds: sum)
    }

    /// The epoch at an instant, or the one before.
    package func epoch(at now: Instant) -> Int64 {
        let elapsed = now.nanoseconds - at.nanoseconds
        return epoch + (elapsed >= 0 ? elapsed / step : (elapsed - step + 1) / step)
    }
}
