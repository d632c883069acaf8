// SPDX-License-Identifier: Apache-2.0
private import Synchronization

/// One thread that runs the same work whenever asked, at once or a little later, so that requests share one
/// run.
// Safety: all state is locked.
package final class BatchThread: @unchecked Sendable {
    private struct State {
        var due: Int64?
        var isStopping = false
    }

    private let state = Mutex(State())
    private let parker = Parker()
    private let delay: Int64
    private let work: @Sendable () -> Void
    private let thread = Mutex<KernelThread?>(nil)

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - delay: how long a request may wait for others.
    /// - Throws: ``KernelError`` with `threadFailed`.
    package init(
        name: String,
        delay: Duration,
        _ work: @escaping @Sendable () -> Void
    ) throws(KernelError) {
        self.delay = delay.nanoseconds
        self.work = work
        let started = try KernelThread(name: name) { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Asks for a run within the delay, or at once.
    package func request(atOnce: Bool = false) {
        let now = SystemClock.monotonicNanoseconds
        let wakes = state.withLock { state in
            let due = atOnce ? now : now &+ delay
            guard state.due.map({ due < $0 }) ?? true else { return false }
            state.due = due
            return true
        }
        if wakes { parker.unpark() }
    }

    /// Ends the thread after a last run; returns when it is done.
    package func shutDown() {
        state.withLock { $0.isStopping = true }
        parker.unpark()
        let ended = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        ended?.join()
    }

    private func run() {
        while true {
            let (due, stops) = state.withLock { state -> (Int64?, Bool) in
                if let due = state.due, due > SystemClock.monotonicNanoseconds, !state.isStopping {
                    return (due, false)
                }
                let isDue = state.due != nil || state.isStopping
                state.due = nil
                return (isDue ? 0 : nil, state.isStopping)
            }
            switch due {
            case nil: parker.park()
            case 0?: work()
            case let later?: parker.park(untilMonotonic: later)
            }
            if stops { return }
        }
    }
}
