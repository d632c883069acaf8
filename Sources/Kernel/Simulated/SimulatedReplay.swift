// SPDX-License-Identifier: Apache-2.0
private import Logging

extension SimulatedCore {
    /// In a replay a component's children are names only: their own messages are in the journal.
    @usableFromInline
    func childOfReplay<M: Message>(_ name: String, of parent: SimulatedPlace?) -> Ref<M>? {
        guard recordedOutcome != nil, let parent else { return nil }
        return replayOutlet(Address(node: parent.address.node, name: name))
    }

    /// A reference out of the replayed component: what it is told is compared, and goes nowhere.
    func replayOutlet<M: Message>(_ address: Address) -> Ref<M> {
        Outlet(address: address) { [self] message in
            let outcome = recordedOutcome?() ?? .accepted
            recordSent(message, to: address, outcome)
            return outcome
        }.ref
    }
}

/// One component alone in a world in which nothing happens by itself: deliveries are handed to it one by one.
///
/// Its timers never run out, its children are only names, and what it tells others goes to the journal sink
/// alone.
package final class SimulatedReplay<C: Component> {
    private let core: SimulatedCore
    private let node: SimulatedNode
    private let address: Address
    private let make: @Sendable (Home, any RefResolver) throws -> C

    /// Makes an empty place for the component.
    ///
    /// - Parameters:
    ///   - seed: the seed of the world that was recorded.
    ///   - sink: gets what the component sends.
    ///   - outcome: says what became of the next message that the component sends.
    package init(
        address: Address,
        seed: UInt64,
        sink: any JournalSink,
        outcome: @escaping () -> Delivery,
        make: @escaping @Sendable (Home, any RefResolver) throws -> C
    ) {
        let log = Logger(label: "sealyard.replay") { _ in SilentLog() }
        core = SimulatedCore(seed: seed, options: .init(seed: seed, traceDetail: .route), log: log)
        node = SimulatedNode(name: address.node, core: core, index: 0)
        core.nodes.append(node)
        core.nodeIndices[node.name] = 0
        core.recordedOutcome = outcome
        core.journal = sink
        core.isRecording = true
        self.address = address
        self.make = make
    }

    deinit { core.shutDown() }

    private var cell: SimulatedCell<C.Inbox>? { core.directory[address] as? SimulatedCell<C.Inbox> }

    /// The component lives.
    package var isUp: Bool { cell?.isUp ?? false }

    /// The incarnation from which the living component's stream of chance derives.
    package var incarnation: UInt64 { cell?.streamIncarnation ?? 0 }

    /// Brings the component to life as the journal says.
    ///
    /// - Throws: ``KernelError`` with `startFailed`.
    package func spawn(at time: Instant, incarnation: UInt64, options: SpawnOptions) throws {
        core.now = time.nanoseconds
        if let cell, cell.isUp {
            if incarnation == cell.streamIncarnation + 1, let box = cell.box {
                _ = core.restart(cell, box)
                return
            }
            core.stop(cell, because: .stopped)
        }
        node.incarnation = incarnation >> 16
        if cell == nil {
            let made: SimulatedCell<C.Inbox> = core.makeCell(address, on: node)
            made.incarnation = (incarnation & 0xffff) &- 1
        }
        let (make, core) = (make, core)
        _ = try core.spawn(address.name, on: node, parent: nil, options: options) {
            try make($0, core)
        }
        endStep()
    }

    /// Hands the component one message.
    ///
    /// - Throws: ``WireError`` where the bytes are no message of the component's kind.
    package func deliver(_ bytes: [UInt8], at time: Instant) throws {
        core.now = time.nanoseconds
        guard let cell else { return }
        var reader = try WireReader(bytes)
        reader.context = core
        let message = try C.Inbox.decode(from: &reader)
        try reader.finish()
        cell.noteFired(bytes)
        cell.queue.append(message, from: SimulatedCore.outsideIndex)
        cell.step.run(SimulatedPlace.mailboxSlot)
        endStep()
    }

    /// Ends the component, as something outside it did.
    package func stop(at time: Instant) {
        core.now = time.nanoseconds
        if let cell { core.stop(cell, because: .stopped) }
    }

    /// Drops what the component told itself: the journal has it again as a delivery.
    private func endStep() {
        core.ready.removeAll()
        cell?.queue.removeAll()
    }
}

extension SimulatedCell {
    /// A message came that a timer of this component may have sent: the earliest such timer is over.
    func noteFired(_ bytes: [UInt8]) {
        var found: Event?
        for event in core.schedule.events where event.place == index && event.time <= core.now {
            if let found, !Event.precedes(event, found) { continue }
            guard let message = timers[Int(event.slot)].message else { continue }
            do {
                if try message.wireBytes() == bytes { found = event }
            } catch {
                core.log.debug("a timer of \(address) has no wire form: \(error)")
            }
        }
        guard let found else { return }
        core.schedule.filter { $0.slot != found.slot || $0.place != index }
        timers[Int(found.slot)].message = nil
        armedCount -= 1
        retireSlot(found.slot)
    }
}
