// SPDX-License-Identifier: Apache-2.0
private import Logging

// Safety: see `SimulatedPlace`.
/// The mailbox and the timers of one component in a simulated world.
///
/// Everything on the way of a message is inlinable, so that a module that knows `M` gets code specialized for
/// it: an unspecialized generic mailbox is an order of magnitude slower.
public final class SimulatedCell<M: Message>: SimulatedPlace, @unchecked Sendable {
    @usableFromInline
    struct TimerSlot {
        @usableFromInline var message: M?
        @usableFromInline var generation: UInt32

        @inlinable
        init(message: consuming M?, generation: UInt32) {
            self.message = message
            self.generation = generation
        }
    }

    @usableFromInline var queue = MailboxRing<M>()
    @usableFromInline var timers: ContiguousArray<TimerSlot> = []
    @usableFromInline var freeSlots: ContiguousArray<UInt32> = []
    /// Timers that have neither run out nor been cancelled.
    @usableFromInline var armedCount = 0
    @usableFromInline var box: BehaviorBox<M>?
    @usableFromInline var options = SpawnOptions()
    var window = RestartWindow()
    var incarnation: UInt64 = 0

    override var messageName: String { M.messageName }

    @inlinable
    func tell(_ message: consuming M) -> Delivery {
        if core.isRecording { return tellRecorded(message) }
        return tellUnrecorded(message)
    }

    @inlinable
    func tellUnrecorded(_ message: consuming M) -> Delivery {
        if core.currentNode === node { return enqueue(message, from: core.currentIndex) }
        return tellFromElsewhere(message)
    }

    @usableFromInline
    func tellRecorded(_ message: M) -> Delivery {
        let outcome = tellUnrecorded(message)
        core.recordSent(message, to: address, outcome)
        return outcome
    }

    /// Takes a message of the kernel itself: the end of a watched component.
    @inlinable
    func tellSelf(_ message: M) -> Delivery { enqueue(message, from: index) }

    @inlinable
    func enqueue(_ message: consuming M, from: UInt32) -> Delivery {
        guard isUp, queue.count < options.mailboxCountMax else {
            return refuse(message, from: from)
        }
        queue.append(message, from: from)
        pendingCount += 1
        core.ready.append(ReadyEntry(place: index, slot: SimulatedPlace.mailboxSlot))
        return .accepted
    }

    @usableFromInline
    func refuse(_ message: M, from: UInt32) -> Delivery {
        var oldestFrom: UInt32 = 0
        if isUp, options.overflow == .dropOldest, queue.popFirst(&oldestFrom) != nil {
            core.bury(from: oldestFrom, to: self, .mailboxFull)
            return enqueue(message, from: from)
        }
        // An address names a place: what was told to a stopped component reaches the one that took its name.
        if !isUp, let successor = core.directory[address], successor !== self, successor.isUp,
            let cell = successor as? SimulatedCell<M>
        {
            return cell.enqueue(message, from: from)
        }
        if !isUp, let adapter = core.entrance(at: address) as? SimulatedAdapter<M>, adapter.isLive {
            return adapter.pass(message)
        }
        let reason: DeadLetterReason =
            isUp ? .mailboxFull : (isStopped ? .stopped : (node.isUp ? .noRecipient : .nodeKilled))
        core.bury(from: from, to: self, reason)
        return .rejected(reason)
    }

    @inlinable
    func tellFromElsewhere(_ message: M) -> Delivery {
        guard let sender = core.currentNode else {
            return enqueue(message, from: SimulatedCore.outsideIndex)
        }
        let from = core.currentIndex
        if core.options.encodesNetworkMessages { return tellEncoded(message, sender, from) }
        return core.network.send(
            from: sender, to: node, byteCount: message.wireByteEstimate,
            end: { [self] lost in end(message, from: from, lost) })
    }

    /// Sends what comes out of the message's bytes, so that nothing passes that a real wire would not carry.
    @usableFromInline
    func tellEncoded(_ message: M, _ sender: SimulatedNode, _ from: UInt32) -> Delivery {
        let byteCount: Int
        let arriving: M
        do {
            let bytes = try message.wireBytes()
            byteCount = bytes.count
            var reader = try WireReader(bytes)
            reader.context = core
            arriving = try M.decode(from: &reader)
            try reader.finish()
        } catch {
            core.log.error("a \(M.messageName) cannot cross the wire: \(error)")
            core.bury(from: from, to: self, .notEncodable)
            return .rejected(.notEncodable)
        }
        return core.network.send(
            from: sender, to: node, byteCount: byteCount,
            end: { [self] lost in end(arriving, from: from, lost) })
    }

    /// Takes a message off a link, or its loss.
    @inlinable
    func end(_ message: M, from: UInt32, _ lost: DeadLetterReason?) {
        if let lost {
            core.bury(from: from, to: self, lost)
        } else {
            _ = enqueue(message, from: from)
        }
    }

    /// Forms a reference of another vocabulary; the translation happens at the sender, so that it costs no
    /// hop.
    @inlinable
    func adapter<Other: Message>(
        _ tag: String, _ translate: @escaping @Sendable (Other) -> M
    ) -> Ref<Other> {
        let adapter: SimulatedAdapter<Other> = entrance(tag)
        adapter.forward = { [self] message in tellUnrecorded(translate(message)) }
        return adapter.ref
    }

    /// The entrance of a tag, which is there already where an earlier incarnation opened it.
    @usableFromInline
    func entrance<Other: Message>(_ tag: String) -> SimulatedAdapter<Other> {
        // A component has few: the search is shorter than a hash.
        if let position = entrances.firstIndex(where: { $0.tag == tag }) {
            if let known = entrances[position] as? SimulatedAdapter<Other> { return known }
            entrances.remove(at: position)
        }
        let adapter = SimulatedAdapter<Other>(
            address: Address(address, entrance: tag), tag: tag, core: core)
        entrances.append(adapter)
        return adapter
    }

    // MARK: Timers

    @inlinable
    func schedule(at time: Int64, _ message: consuming M) -> TimerID {
        let slot: UInt32
        if let free = freeSlots.popLast() {
            slot = free
            timers[Int(slot)].message = message
        } else {
            slot = UInt32(timers.count)
            timers.append(TimerSlot(message: message, generation: 0))
        }
        armedCount += 1
        pendingCount += 1
        core.pushEvent(at: time, place: index, slot: slot)
        return TimerID(slot: slot, generation: timers[Int(slot)].generation)
    }

    @inlinable
    func cancel(_ timer: TimerID) -> Bool {
        let slot = Int(timer.slot)
        guard slot < timers.count, timers[slot].generation == timer.generation,
            timers[slot].message != nil
        else { return false }
        timers[slot].message = nil
        armedCount -= 1
        core.noteCancelled()
        return true
    }

    override func isCancelled(slot: UInt32) -> Bool {
        slot != SimulatedPlace.mailboxSlot && timers[Int(slot)].message == nil
    }

    @inlinable
    func retireSlot(_ slot: UInt32) {
        timers[Int(slot)].generation &+= 1
        freeSlots.append(slot)
    }

    // MARK: Delivery

    /// Takes the message of an event, the head of the mailbox or a timer's; `from` becomes the sender of one
    /// out of the mailbox.
    @inlinable
    func take(_ slot: UInt32, _ from: inout UInt32) -> M? {
        if slot == SimulatedPlace.mailboxSlot { return queue.popFirst(&from) }
        let message = timers[Int(slot)].message.take()
        retireSlot(slot)
        guard let message else {
            core.noteCancelledGone()
            return nil
        }
        armedCount -= 1
        return message
    }

    /// Forms the code that handles this place's events; called where `M` is known.
    @inline(__always)
    @inlinable
    func install(_ box: BehaviorBox<M>, options: SpawnOptions) {
        self.box = box
        self.options = options
        // The strong captures spare every use a retain and a release. The cycle is cut where the place is
        // retired and where the world ends.
        handle { [self, core] slot in
            var from = index
            guard let message = take(slot, &from), let receive = box.receive else { return }
            core.begin(self, from: from)
            if core.detailsTrace { core.traceContent(message, from: from, to: self) }
            do {
                try receive(message)
            } catch {
                core.bury(from: from, to: self, .failed)
                fail(error)
            }
            core.end(self)
        }
    }

    override func drain(_ reason: DeadLetterReason) -> Int {
        let count = queue.count
        var from: UInt32 = 0
        for _ in 0..<count where queue.popFirst(&from) != nil { core.bury(from: from, to: self, reason) }
        disarm()
        return count
    }

    /// Cancels all timers.
    func disarm() {
        // Most components end without one, and this code does not know `M`: each look at a message is slow.
        guard armedCount > 0 else { return }
        for slot in timers.indices where timers[slot].message != nil {
            timers[slot].message = nil
            core.noteCancelled()
        }
        armedCount = 0
    }

    override func dropComponent() {
        box?.receive = nil
        isUp = false
    }

    @usableFromInline
    override func fail(_ error: any Error) {
        core.log.warning("\(address) failed: \(error)")
        core.statistics.failures += 1
        switch options.supervision {
        case .resume: return
        case .stop: core.stop(self, because: .failed)
        case .escalate:
            let parent = parent
            core.stop(self, because: .failed)
            parent?.fail(error)
        case .restart(let max, let within):
            var isUpAgain = false
            while !isUpAgain {
                guard window.allowsRestart(at: Instant(nanoseconds: core.now), max: max, within: within),
                    let box
                else {
                    core.stop(self, because: .failed)
                    return
                }
                isUpAgain = core.restart(self, box)
            }
        }
    }
}
