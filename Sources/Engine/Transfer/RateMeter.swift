// SPDX-License-Identifier: Apache-2.0
package import Kernel
private import Synchronization

/// Spreads bytes over time so that a rate is never exceeded in the mean, and by no more than one piece at a
/// time.
package struct RateMeter: Sendable {
    /// 0 for no limit.
    package let bytesPerSecond: UInt64
    private var freeFrom: Instant = .zero

    package init(bytesPerSecond: UInt64) { self.bytesPerSecond = bytesPerSecond }

    /// Takes the next place for so many bytes.
    ///
    /// - Returns: how long to wait from `now` before they may come.
    package mutating func take(_ bytes: Int, at now: Instant) -> Duration {
        guard bytesPerSecond > 0 else { return .zero }
        let start = max(freeFrom, now)
        let nanoseconds = (Double(bytes) / Double(bytesPerSecond) * 1e9).rounded(.up)
        freeFrom = start.advanced(byNanoseconds: Int64(min(nanoseconds, 1e18)))
        return start - now
    }
}

/// One meter for all fetches of a host.
package final class RateGate: Sendable {
    private let meter: Mutex<RateMeter>

    package init(bytesPerSecond: UInt64) { meter = Mutex(RateMeter(bytesPerSecond: bytesPerSecond)) }

    package func take(_ bytes: Int, at now: Instant) -> Duration {
        meter.withLock { $0.take(bytes, at: now) }
    }
}

/// Lets so many fetches go on at once; the others wait in the order in which they came.
package final class FetchSlots: Sendable {
    private struct State {
        var freeCount: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    package init(count: Int) {
        precondition(count > 0, "nothing could ever be fetched")
        state = Mutex(State(freeCount: count))
    }

    package func acquire() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.freeCount > 0 {
                    state.freeCount -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    package func release() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.freeCount += 1
            return nil
        }
        next?.resume()
    }
}
