// SPDX-License-Identifier: Apache-2.0
private import Synchronization

/// One thread that runs the components of a live world that live on it, one turn at a time.
// Safety: `local` is touched by the executor's own thread alone; the rest is locked.
@usableFromInline
final class LiveExecutor: SerialExecutor, @unchecked Sendable {
    private enum Item {
        case place(LivePlace)
        case job(UnownedJob)
    }

    private struct Inbox {
        var items: [Item] = []
        var isParked = false
        var isStopping = false
        /// The thread has ended.
        var isOver = false
        /// After the end, one of the threads that hop here runs the hops.
        var isDraining = false
    }

    private let inbox = Mutex(Inbox())
    private let parker = Parker()
    private var local: [Item] = []
    private let spinCount: Int

    init(spinCount: Int) { self.spinCount = spinCount }

    /// The thread that runs this executor, once it does.
    private let thread = Mutex<ThreadToken?>(nil)

    /// Tells the runtime that code on the executor's own thread is isolated to its components.
    @usableFromInline
    func isIsolatingCurrentContext() -> Bool? { thread.withLock { $0 } == ThreadToken.current }

    @usableFromInline
    func checkIsolated() {
        precondition(isIsolatingCurrentContext() == true, "a component was entered from a foreign thread")
    }

    @usableFromInline
    func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    /// Gives `place` a turn.
    @usableFromInline
    func schedule(_ place: LivePlace) {
        if CurrentPlace.executor === self {
            local.append(.place(place))
        } else {
            add(.place(place))
        }
    }

    func stop() {
        let wakes = inbox.withLock { state in
            state.isStopping = true
            return state.isParked
        }
        if wakes { parker.unpark() }
    }

    private func add(_ item: Item) {
        let (wakes, isOver) = inbox.withLock { state in
            if !state.isOver { state.items.append(item) }
            defer { state.isParked = false }
            return (state.isParked, state.isOver)
        }
        if wakes { parker.unpark() }
        if isOver { addAfterEnd(item) }
    }

    /// Nobody is left to run places; hops are run by whoever hops, one at a time.
    private func addAfterEnd(_ item: Item) {
        if case .place(let place) = item { return place.abandoned() }
        let drains = inbox.withLock { state in
            state.items.append(item)
            defer { state.isDraining = true }
            return !state.isDraining
        }
        guard drains else { return }
        while true {
            let items = inbox.withLock { state in
                defer { state.items = [] }
                if state.items.isEmpty { state.isDraining = false }
                return state.items
            }
            if items.isEmpty { return }
            abandon(items)
        }
    }

    private func abandon(_ items: [Item]) {
        for item in items {
            switch item {
            case .place(let place): place.abandoned()
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            }
        }
    }

    /// The thread's body; returns soon after ``stop()``. What then waits for a turn does not get it.
    func run() {
        thread.withLock { $0 = ThreadToken.current }
        var turn: [Item] = []
        while true {
            turn.removeAll(keepingCapacity: true)
            swap(&turn, &local)
            let stops = inbox.withLock { state in
                turn.append(contentsOf: state.items)
                state.items.removeAll(keepingCapacity: true)
                state.isOver = state.isStopping && turn.isEmpty
                return state.isStopping
            }
            if stops {
                if turn.isEmpty { return }
                abandon(turn)
            } else if turn.isEmpty {
                waitForWork()
            } else {
                run(turn)
            }
        }
    }

    private func run(_ turn: [Item]) {
        for item in turn {
            switch item {
            case .place(let place):
                CurrentPlace.set(place)
                place.turn()
                CurrentPlace.set(nil)
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            }
        }
    }

    private func waitForWork() {
        for _ in 0..<spinCount {
            if inbox.withLock({ !$0.items.isEmpty || $0.isStopping }) { return }
            relax()
        }
        let parks = inbox.withLock { state in
            guard state.items.isEmpty, !state.isStopping else { return false }
            state.isParked = true
            return true
        }
        if parks { parker.park() }
    }
}
