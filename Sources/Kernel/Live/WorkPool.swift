// SPDX-License-Identifier: Apache-2.0
private import DequeModule
private import Synchronization

// Safety: all state is locked.
/// Threads for work that takes long: kernels, file copies, questions to other programs.
///
/// Ports submit work here and tell a component when it is done; no component ever waits.
public final class WorkPool: @unchecked Sendable {
    private struct State {
        var waiting: Deque<@Sendable () -> Void> = []
        var parked: [Parker] = []
        var isStopping = false
    }

    private let state = Mutex(State())
    private let threads = Mutex<[KernelThread]>([])

    /// Starts `threadCount` threads.
    ///
    /// - Throws: ``KernelError`` with `threadFailed`.
    public init(name: String, threadCount: Int) throws(KernelError) {
        precondition(threadCount > 0, "a pool has at least one thread")
        for index in 0..<threadCount {
            do {
                let thread = try KernelThread(name: "\(name)-\(index)") { [self] in run() }
                threads.withLock { $0.append(thread) }
            } catch {
                shutDown()
                throw error
            }
        }
    }

    /// Runs `work` on a thread of the pool, after what was submitted before.
    public func submit(_ work: @escaping @Sendable () -> Void) {
        let parker = state.withLock { state -> Parker? in
            if state.isStopping { return nil }
            state.waiting.append(work)
            return state.parked.popLast()
        }
        parker?.unpark()
    }

    /// Ends the pool: what runs now is finished, what waits is dropped.
    public func shutDown() {
        let parked = state.withLock { state in
            state.isStopping = true
            state.waiting.removeAll()
            defer { state.parked = [] }
            return state.parked
        }
        for parker in parked { parker.unpark() }
        let handles = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for handle in handles { handle.join() }
    }

    private func run() {
        let parker = Parker()
        while true {
            let (work, stops) = state.withLock { state -> ((@Sendable () -> Void)?, Bool) in
                if let first = state.waiting.popFirst() { return (first, false) }
                if !state.isStopping { state.parked.append(parker) }
                return (nil, state.isStopping)
            }
            if stops { return }
            if let work { work() } else { parker.park() }
        }
    }
}
