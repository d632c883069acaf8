// SPDX-License-Identifier: Apache-2.0
private import Synchronization

/// One thread that runs actions at their time: the timers of a live world.
// Safety: all state is locked.
final class TimerService: @unchecked Sendable {
    private struct State {
        var heap = EventHeap()
        var actions: [(sequence: UInt64, run: @Sendable () -> Void)?] = []
        var free: [Int] = []
        var sequence: UInt64 = 0
        var cancelledCount = 0
        var isStopping = false
    }

    private let state = Mutex(State())
    private let parker = Parker()

    /// A scheduled action; the sequence tells it from a later one in the same slot.
    struct Token {
        fileprivate let slot: Int
        fileprivate let sequence: UInt64
    }

    /// Runs `action` when the monotonic clock shows `time`.
    func schedule(atMonotonic time: Int64, _ action: @escaping @Sendable () -> Void) -> Token {
        let (token, isFirst) = state.withLock { state in
            state.sequence += 1
            let slot: Int
            if let known = state.free.popLast() {
                slot = known
                state.actions[slot] = (state.sequence, action)
            } else {
                slot = state.actions.count
                state.actions.append((state.sequence, action))
            }
            let isFirst = state.heap.first.map { time < $0.time } ?? true
            state.heap.push(Event(time: time, tie: state.sequence, place: 0, slot: UInt32(slot)))
            return (Token(slot: slot, sequence: state.sequence), isFirst)
        }
        if isFirst { parker.unpark() }
        return token
    }

    /// Forgets an action that has not run; does nothing where it has.
    func cancel(_ token: Token) {
        state.withLock { state in
            guard state.actions[token.slot]?.sequence == token.sequence else { return }
            state.actions[token.slot] = nil
            state.cancelledCount += 1
            guard state.cancelledCount > 1024, state.cancelledCount * 2 > state.heap.count else { return }
            var freed: [Int] = []
            let actions = state.actions
            state.heap.filter { event in
                guard actions[Int(event.slot)] == nil else { return true }
                freed.append(Int(event.slot))
                return false
            }
            state.free.append(contentsOf: freed)
            state.cancelledCount = 0
        }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        parker.unpark()
    }

    /// The thread's body.
    func run() {
        while true {
            let now = SystemClock.monotonicNanoseconds
            var due: [@Sendable () -> Void] = []
            let (next, stops) = state.withLock { state -> (Int64?, Bool) in
                while let first = state.heap.first, first.time <= now {
                    _ = state.heap.popFirst()
                    let slot = Int(first.slot)
                    if let action = state.actions[slot] {
                        due.append(action.run)
                    } else {
                        state.cancelledCount -= 1
                    }
                    state.actions[slot] = nil
                    state.free.append(slot)
                }
                return (state.heap.first?.time, state.isStopping)
            }
            for action in due { action() }
            if stops { return }
            guard due.isEmpty else { continue }
            if let next { parker.park(untilMonotonic: next) } else { parker.park() }
        }
    }
}
