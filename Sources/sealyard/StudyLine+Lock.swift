// SPDX-License-Identifier: Apache-2.0
private import Synchronization

/// When a line was shown last.
final class LockedLine: Sendable {
    private let next = Mutex<Int64?>(nil)

    /// Whether `period` has passed since the line was due last; the first call only starts the clock.
    func isDue(_ now: Int64, _ period: Int64) -> Bool {
        next.withLock { next in
            guard let due = next else {
                next = now + period
                return false
            }
            guard now >= due else { return false }
            next = now + period
            return true
        }
    }
}
