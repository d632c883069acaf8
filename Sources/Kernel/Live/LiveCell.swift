// SPDX-License-Identifier: Apache-2.0
public import DequeModule
private import Logging
public import Synchronization

/// The mailbox and the timers of one component in a live world.
// Safety: `mailbox` and `timers` are locked; everything else is touched only on the executor's thread.
public final class LiveCell<M: Message>: LivePlace, @unchecked Sendable {
    @usableFromInline
    struct State {
        @usableFromInline var queue: Deque<M> = []
        @usableFromInline var isScheduled = false
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
    static var turnCountMax: Int { 256 }

    @usableFromInline let mailbox = Mutex(State())
    private let timers = Mutex(Timers())
    @usableFromInline let options: SpawnOptions
    private var batch: Deque<M> = []
    @usableFromInline var box: BehaviorBox<M>?
    @usableFromInline var handle: (M) throws -> Void = { _ in }
    private var window = RestartWindow()
    private var incarnation: UInt64 = 0

    init(address: Address, world: LiveWorld, executor: LiveExecutor, options: SpawnOptions) {
        self.options = options
        super.init(address: address, world: world, executor: executor)
    }

    @inlinable
    func tell(_ message: M) -> Delivery {
        let (outcome, schedules) = mailbox.withLock { state -> (DeadLetterReason?, Bool) in
            guard state.isUp else { return (.stopped, false) }
            if state.queue.count >= options.mailboxCountMax {
                guard options.overflow == .dropOldest else { return (.mailboxFull, false) }
                state.queue.removeFirst()
            }
            state.queue.append(message)
            if state.queue.count * 2 > options.mailboxCountMax && !state.isCongested {
                state.isCongested = true
                noteCongested(1)
            }
            let schedules = !state.isScheduled
            state.isScheduled = true
            return (nil, schedules)
        }
        return settle(outcome, schedules: schedules, message)
    }

    @usableFromInline
    func settle(_ outcome: DeadLetterReason?, schedules: Bool, _ message: M) -> Delivery {
        if let outcome {
            worldStorage.bury(to: address, messageName: M.messageName, outcome)
            return .rejected(outcome)
        }
        if worldStorage.isRecording { worldStorage.recordSent(message, to: address) }
        if schedules { executor.schedule(self) }
        return .accepted
    }

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

    func adapter<Other: Message>(
        _ tag: String, _ translate: @escaping @Sendable (Other) -> M
    ) -> Ref<Other> {
        let name = "\(address.name)#\(tag)"
        let place = LiveAdapter<Other>(
            address: Address(node: address.node, name: name), world: worldStorage, executor: executor
        ) { [weak self] message in self?.tell(translate(message)) ?? .rejected(.stopped) }
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
        let token = world.timers.schedule(atMonotonic: world.monotonic(time)) { [weak self] in self?.fire(id) }
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
        guard let (message, _) = takeTimer(timer) else { return }
        _ = tell(message)
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

    override func turn() {
        var handled = 0
        while handled < Self.turnCountMax {
            if batch.isEmpty {
                let (isOver, stop) = mailbox.withLock { state -> (Bool, Termination?) in
                    if let stop = state.stop { return (true, stop) }
                    if state.queue.count <= Self.turnCountMax {
                        swap(&state.queue, &batch)
                    } else {
                        while batch.count < Self.turnCountMax, let message = state.queue.popFirst() {
                            batch.append(message)
                        }
                    }
                    if state.isCongested && state.queue.count * 4 < options.mailboxCountMax {
                        state.isCongested = false
                        noteCongested(-1)
                    }
                    if batch.isEmpty { state.isScheduled = false }
                    return (batch.isEmpty, nil)
                }
                if let stop { return finish(stop) }
                if isOver { return }
            }
            guard let message = batch.popFirst() else { return }
            handled += 1
            deliver(message)
            if mailbox.withLock({ $0.stop != nil }) { batch.isEmpty ? finish(.stopped) : finishEarly() }
            if box == nil { return }
        }
        executor.schedule(self)
    }

    private func finishEarly() {
        for _ in batch { worldStorage.bury(to: address, messageName: M.messageName, .stopped) }
        batch.removeAll()
        finish(mailbox.withLock { $0.stop } ?? .stopped)
    }

    private func deliver(_ message: M) {
        let world = worldStorage
        if world.isRecording { world.recordDelivery(message, to: address) }
        do {
            try handle(message)
        } catch {
            world.bury(to: address, messageName: M.messageName, .failed)
            fail(error)
        }
    }

    /// Makes the first or the next incarnation.
    func bringUp() throws {
        guard let box else { return }
        incarnation += 1
        let behavior = try box.make()
        handle = behavior.receive
        worldStorage.recordSpawn(address, messageName: M.messageName)
        try behavior.started()
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
            guard window.allowsRestart(at: worldStorage.now, max: max, within: within) else {
                requestStop(.failed)
                return
            }
            for child in children { child.requestStop(.failed) }
            children = []
            cancelAllTimers()
            worldStorage.metrics.add("kernel.restarts")
            do { try bringUp() } catch { fail(error) }
        }
    }

    override func requestStop(_ reason: Termination = .stopped) {
        let schedules = mailbox.withLock { state in
            if state.stop == nil { state.stop = reason }
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if schedules { executor.schedule(self) }
    }

    private func finish(_ reason: Termination) {
        for child in children { child.requestStop(reason) }
        children = []
        let leftCount = mailbox.withLock { state in
            state.isUp = false
            if state.isCongested { noteCongested(-1) }
            defer { state.queue.removeAll() }
            return state.queue.count
        }
        for _ in 0..<leftCount { worldStorage.bury(to: address, messageName: M.messageName, .stopped) }
        cancelAllTimers()
        handle = { _ in }
        box = nil
        if let parent { parent.children.removeAll { $0 === self } }
        worldStorage.placeStopped(self, reason)
    }

    func makeContext() -> Context<M> {
        var log = worldStorage.log
        log[metadataKey: "component"] = .string(address.description)
        return Context(
            .live(self),
            random: RandomStream(
                seed: worldStorage.seed, name: address.description, incarnation: incarnation),
            log: log, metrics: worldStorage.metrics)
    }
}
