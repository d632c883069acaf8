// SPDX-License-Identifier: Apache-2.0
public import DequeModule
private import Logging
public import Synchronization

// Safety: `mailbox` and `timers` are locked; everything else is touched only on the executor's thread, or by
// `worldEnded` after that thread has ended.
/// The mailbox and the timers of one component in a live world.
///
/// Everything on the way of a message is inlinable, so that a module that knows `M` gets code specialized
/// for it.
public final class LiveCell<M: Message>: LivePlace, @unchecked Sendable {
    @usableFromInline
    struct State {
        @usableFromInline var queue: Deque<M> = []
        // Timers that ran out; their messages stay in the table, so that a cancel still finds them.
        @usableFromInline var due: Deque<TimerID> = []
        // True until `started` has run: what is told before waits for it.
        @usableFromInline var isScheduled = true
        @usableFromInline var isUp = true
        @usableFromInline var isCongested = false
        @usableFromInline var stop: Termination?

        @inlinable
        init() {}
    }

    private struct Timers {
        struct Slot {
            var message: M?
            var generation: UInt32
            var token: TimerService.Token?
        }
        var slots: [Slot] = []
        var free: [UInt32] = []
    }

    /// Messages that one turn handles before others on the thread get theirs.
    @usableFromInline static var turnCountMax: Int { 256 }

    @usableFromInline let mailbox = Mutex(State())
    private let timers = Mutex(Timers())
    @usableFromInline let options: SpawnOptions
    @usableFromInline var batch: Deque<M> = []
    @usableFromInline var dueBatch: Deque<TimerID> = []
    private var frozenTime: Instant?
    @usableFromInline var isTimeFrozen = false
    @usableFromInline let hasStopRequest = Atomic(false)
    @usableFromInline var runTurn: () -> Void = {}
    @usableFromInline var box: BehaviorBox<M>?
    @usableFromInline var handle: (M) throws -> Void = { _ in }
    private var window = RestartWindow()
    private var incarnation: UInt64 = 0

    init(address: Address, world: LiveWorld, executor: LiveExecutor, options: SpawnOptions) {
        self.options = options
        super.init(address: address, world: world, executor: executor)
    }

    @inlinable
    func tell(_ message: M) -> Delivery { post(message, records: true) }

    /// Puts a message into the mailbox; what the kernel itself says is not recorded as sent.
    @inlinable
    func post(_ message: M, records: Bool) -> Delivery {
        let (outcome, schedules, drops) = mailbox.withLock { state -> (DeadLetterReason?, Bool, Bool) in
            guard state.isUp else { return (.stopped, false, false) }
            var drops = false
            if state.queue.count >= options.mailboxCountMax {
                guard options.overflow == .dropOldest else { return (.mailboxFull, false, false) }
                state.queue.removeFirst()
                drops = true
            }
            state.queue.append(message)
            if state.queue.count > options.mailboxCountMax / 2 && !state.isCongested {
                state.isCongested = true
                noteCongested(1)
            }
            let schedules = !state.isScheduled
            state.isScheduled = true
            return (nil, schedules, drops)
        }
        if drops { noteDropped() }
        guard outcome == nil, !(records && recording.isOn) else {
            return settle(outcome, schedules: schedules, records: records, message)
        }
        if schedules { executor.schedule(self) }
        return .accepted
    }

    /// The less usual ends of ``post(_:records:)``.
    @usableFromInline
    func settle(
        _ outcome: DeadLetterReason?, schedules: Bool, records: Bool, _ message: M
    ) -> Delivery {
        if outcome == .stopped, let successor = worldStorage.place(named: address.name) as? LiveCell<M>,
            successor !== self
        {
            // An address names a place: the message reaches the component that took the name.
            return successor.post(message, records: records)
        }
        let delivery = outcome.map { Delivery.rejected($0) } ?? .accepted
        if records && recording.isOn { worldStorage.recordSent(message, to: address, delivery) }
        if let outcome { worldStorage.bury(to: address, messageName: M.messageName, outcome) }
        if schedules { executor.schedule(self) }
        return delivery
    }

    /// The time that the component sees; while a journal is kept it stands still during a message, so that a
    /// replay can show the same.
    @usableFromInline var now: Instant { frozenTime ?? worldStorage.now }

    @usableFromInline
    func noteDropped() { worldStorage.bury(to: address, messageName: M.messageName, .mailboxFull) }

    @usableFromInline
    func noteCongested(_ change: Int) {
        _ = worldStorage.congestedCount.add(change, ordering: .relaxed)
    }

    override func accept(_ envelope: Envelope, permission: Permission) -> DeadLetterReason? {
        switch decode(envelope, as: M.self, permission: permission) {
        case .failure(let refusal): return refusal.reason
        case .success(let message):
            if case .rejected(let reason) = tell(message) { return reason }
            return nil
        }
    }

    @usableFromInline
    func adapter<Other: Message>(
        _ tag: String, _ translate: @escaping @Sendable (Other) -> M
    ) -> Ref<Other> {
        let name = "\(address.name)#\(tag)"
        let place = LiveAdapter<Other>(
            address: Address(node: address.node, name: name), world: worldStorage, executor: executor
        ) { [weak self] message in
            self?.post(translate(message), records: false) ?? .rejected(.stopped)
        }
        if !adapters.contains(name) { adapters.append(name) }
        worldStorage.enter(place)
        return place.ref
    }

    // MARK: Timers

    @usableFromInline
    func schedule(at time: Instant, _ message: M) -> TimerID {
        let world = worldStorage
        let id = timers.withLock { table in
            let slot: UInt32
            if let free = table.free.popLast() {
                slot = free
                table.slots[Int(slot)].message = message
            } else {
                slot = UInt32(table.slots.count)
                table.slots.append(.init(message: message, generation: 0, token: nil))
            }
            return TimerID(slot: slot, generation: table.slots[Int(slot)].generation)
        }
        let token = world.timers.schedule(atMonotonic: world.monotonic(time)) { [weak self] in
            self?.fire(id)
        }
        timers.withLock { table in
            guard table.slots[Int(id.slot)].generation == id.generation else { return }
            table.slots[Int(id.slot)].token = token
        }
        return id
    }

    @usableFromInline
    func cancel(_ timer: TimerID) -> Bool {
        guard let (_, token) = takeTimer(timer) else { return false }
        if let token { worldStorage.timers.cancel(token) }
        return true
    }

    private func fire(_ timer: TimerID) {
        let schedules = mailbox.withLock { state in
            guard state.isUp else { return false }
            state.due.append(timer)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if schedules { executor.schedule(self) }
    }

    private func takeTimer(_ timer: TimerID) -> (M, TimerService.Token?)? {
        timers.withLock { table in
            let slot = Int(timer.slot)
            guard slot < table.slots.count, table.slots[slot].generation == timer.generation,
                let message = table.slots[slot].message
            else { return nil }
            let token = table.slots[slot].token
            table.slots[slot].message = nil
            table.slots[slot].token = nil
            table.slots[slot].generation &+= 1
            table.free.append(timer.slot)
            return (message, token)
        }
    }

    private func cancelAllTimers() {
        let live = timers.withLock { table in
            table.slots.indices.filter { table.slots[$0].message != nil }
                .map { TimerID(slot: UInt32($0), generation: table.slots[$0].generation) }
        }
        for timer in live { _ = cancel(timer) }
    }

    // MARK: Turns

    /// Forms the code that handles this place's messages; called where `M` is known.
    @inline(__always)
    @inlinable
    func install(_ box: BehaviorBox<M>) {
        self.box = box
        // Safety: the executor holds the place while it has a turn.
        runTurn = { [unowned(unsafe) self] in handleWaiting() }
    }

    override func turn() { runTurn() }

    @inlinable
    func handleWaiting() {
        var handled = 0
        while handled < Self.turnCountMax {
            if hasStopRequest.load(ordering: .acquiring) { return finishAsAsked() }
            if !dueBatch.isEmpty, let timer = dueBatch.popFirst() {
                handled += 1
                if let message = takeDue(timer) { deliver(message) }
                continue
            }
            guard let message = batch.popFirst() else {
                guard refill() else { return }
                continue
            }
            handled += 1
            deliver(message)
        }
        executor.schedule(self)
    }

    @inlinable
    func deliver(_ message: M) {
        if recording.isOn { freezeTime(message) }
        do { try handle(message) } catch { noteFailure(error) }
        if isTimeFrozen { thawTime() }
    }

    /// The message of a timer that ran out; `nil` where it was cancelled since.
    @usableFromInline
    func takeDue(_ timer: TimerID) -> M? { takeTimer(timer)?.0 }

    /// Takes waiting messages into the batch; tells whether this turn goes on.
    @inlinable
    func refill() -> Bool {
        mailbox.withLock { state in
            if state.stop != nil { return true }
            swap(&state.due, &dueBatch)
            if state.queue.count <= Self.turnCountMax {
                swap(&state.queue, &batch)
            } else {
                while batch.count < Self.turnCountMax, let message = state.queue.popFirst() {
                    batch.append(message)
                }
            }
            if state.isCongested && state.queue.count < options.mailboxCountMax / 4 + 1 {
                state.isCongested = false
                noteCongested(-1)
            }
            let hasWork = !batch.isEmpty || !dueBatch.isEmpty
            if !hasWork { state.isScheduled = false }
            return hasWork
        }
    }

    @usableFromInline
    func finishAsAsked() { finish(mailbox.withLock { $0.stop } ?? .stopped) }

    /// Records a delivery; the component's clock stands still until ``thawTime()``.
    @usableFromInline
    func freezeTime(_ message: M) {
        frozenTime = worldStorage.now
        isTimeFrozen = true
        worldStorage.recordDelivery(message, to: address, at: now)
    }

    @usableFromInline
    func thawTime() {
        frozenTime = nil
        isTimeFrozen = false
    }

    @usableFromInline
    func noteFailure(_ error: any Error) {
        worldStorage.bury(to: address, messageName: M.messageName, .failed)
        fail(error)
    }

    /// Makes the first or the next incarnation.
    private func bringUp() throws {
        guard let box else { return }
        let outer = CurrentPlace.place
        CurrentPlace.set(self)
        defer { CurrentPlace.set(outer) }
        incarnation += 1
        let behavior = try box.make()
        handle = behavior.receive
        if recording.isOn {
            if frozenTime == nil { frozenTime = worldStorage.now }
            isTimeFrozen = true
            worldStorage.recordSpawn(address, messageName: M.messageName, incarnation: incarnation, at: now)
        }
        try behavior.started()
    }

    /// Runs `started` of the first incarnation on the executor's thread, then opens the mailbox.
    ///
    /// - Throws: what the factory or `started` throws; the component is then gone.
    func begin() throws {
        do {
            try bringUp()
        } catch {
            finish(.failed)
            throw error
        }
        thawTime()
        let hasWork = mailbox.withLock { state in
            state.isScheduled = !state.queue.isEmpty || !state.due.isEmpty || state.stop != nil
            return state.isScheduled
        }
        if hasWork { executor.schedule(self) }
    }

    override func fail(_ error: any Error) {
        worldStorage.log.warning("\(address) failed: \(error)")
        worldStorage.metrics.add("kernel.failures")
        switch options.supervision {
        case .resume: return
        case .stop: requestStop(.failed)
        case .escalate:
            requestStop(.failed)
            parent?.fail(error)
        case .restart(let max, let within):
            endChildren(.failed)
            cancelAllTimers()
            var isUpAgain = false
            while !isUpAgain {
                guard window.allowsRestart(at: worldStorage.now, max: max, within: within) else {
                    requestStop(.failed)
                    return
                }
                worldStorage.metrics.add("kernel.restarts")
                do {
                    try bringUp()
                    isUpAgain = true
                } catch {
                    worldStorage.log.warning("\(address) failed to start again: \(error)")
                    worldStorage.metrics.add("kernel.failures")
                }
            }
        }
    }

    override func requestStop(_ reason: Termination = .stopped) {
        let schedules = mailbox.withLock { state in
            guard state.isUp else { return false }
            if state.stop == nil { state.stop = reason }
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        hasStopRequest.store(true, ordering: .releasing)
        if schedules { executor.schedule(self) }
    }

    /// Ends this component now, because its parent ends on the same thread.
    override func finish(_ reason: Termination) {
        guard box != nil else { return }
        box = nil
        endChildren(reason)
        let waitingCount = close(reason)
        for _ in 0..<waitingCount { worldStorage.bury(to: address, messageName: M.messageName, .stopped) }
        cancelAllTimers()
        handle = { _ in }
        if let parent, let position = parent.children.firstIndex(where: { $0 === self }) {
            parent.children.remove(at: position)
        }
        worldStorage.placeStopped(self, reason)
    }

    /// Closes the mailbox; returns how many messages waited.
    private func close(_ reason: Termination) -> Int {
        hasStopRequest.store(true, ordering: .releasing)
        let (queue, wasUp) = mailbox.withLock { state in
            let wasUp = state.isUp
            state.isUp = false
            if state.stop == nil { state.stop = reason }
            if state.isCongested { noteCongested(-1) }
            state.isCongested = false
            state.due = []
            defer { state.queue = [] }
            return (state.queue, wasUp)
        }
        dueBatch = []
        defer { batch = [] }
        return wasUp ? queue.count + batch.count : 0
    }

    private func endChildren(_ reason: Termination) {
        let ended = children
        children = []
        for child in ended { child.finish(reason) }
    }

    override func worldEnded() {
        for _ in 0..<close(.stopped) { worldStorage.bury(to: address, messageName: M.messageName, .stopped) }
        cancelAllTimers()
        children = []
        handle = { _ in }
        box = nil
    }

    @usableFromInline
    func makeContext() -> Context<M> {
        Context(
            .live(self), seed: worldStorage.seed, incarnation: incarnation, log: worldStorage.log,
            metrics: worldStorage.metrics)
    }
}
