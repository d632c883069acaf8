// SPDX-License-Identifier: Apache-2.0
private import Logging

/// Life and death of components.
extension SimulatedCore {
    /// Starts a component; inlinable so that its mailbox is specialized where its type is known.
    ///
    /// - Throws: ``KernelError`` with `nameTaken`, `startFailed` or `shutDown`.
    @inlinable
    func spawn<C: Component>(
        _ name: String, on node: SimulatedNode, parent: SimulatedPlace?, options: SpawnOptions,
        _ make: @escaping @Sendable (Home) throws -> C
    ) throws(KernelError) -> Ref<C.Inbox> {
        let cell = try prepareCell(name, on: node, parent: parent, as: C.Inbox.self)
        let home = makeHome()
        let box = BehaviorBox<C.Inbox> { [unowned(unsafe) cell] in
            // Safety: the box belongs to the cell.
            Behavior(try make(home), cell.makeContext())
        }
        cell.install(box, options: options)
        do {
            try bringUp(cell, box)
        } catch {
            stop(cell, because: .failed)
            throw KernelError(code: .startFailed, message: "\(cell.address) could not start: \(error)")
        }
        return Ref(.simulated(cell))
    }

    @usableFromInline
    func makeHome() -> Home { Home(executor: self) }

    @usableFromInline
    func prepareCell<M: Message>(
        _ name: String, on node: SimulatedNode, parent: SimulatedPlace?, as type: M.Type
    ) throws(KernelError) -> SimulatedCell<M> {
        let address = Address(node: node.name, name: name)
        let cell: SimulatedCell<M>
        if let known = directory[address] {
            guard !known.isUp, let matching = known as? SimulatedCell<M> else {
                throw KernelError(code: .nameTaken, message: "\(address) is taken; choose another name")
            }
            cell = matching
        } else {
            cell = makeCell(address, on: node)
        }
        cell.isUp = true
        cell.stopRequested = false
        cell.parent = parent
        parent?.children.append(cell)
        return cell
    }

    func makeCell<M: Message>(_ address: Address, on node: SimulatedNode) -> SimulatedCell<M> {
        let cell = SimulatedCell<M>(core: self, index: claimIndex(), address: address, node: node)
        places[Int(cell.index)] = cell
        directory[address] = cell
        node.places.append(cell)
        return cell
    }

    func claimIndex() -> UInt32 {
        if let free = freeIndices.popLast() { return free }
        places.append(nil)
        return UInt32(places.count - 1)
    }

    /// Runs `started` of a new incarnation as the component itself.
    @usableFromInline
    func bringUp<M: Message>(_ cell: SimulatedCell<M>, _ box: BehaviorBox<M>) throws {
        let (outerNode, outerIndex) = (currentNode, currentIndex)
        currentNode = cell.node
        currentIndex = cell.index
        defer {
            currentNode = outerNode
            currentIndex = outerIndex
        }
        cell.incarnation += 1
        statistics.spawned += 1
        let behavior = try box.make()
        box.receive = behavior.receive
        if let journal, isRecording {
            journal.record(
                JournalRecord(
                    time: Instant(nanoseconds: now), kind: .spawned, from: "", to: cell.address.description,
                    messageName: M.messageName, bytes: []))
        }
        try behavior.started()
    }

    func restart<M: Message>(_ cell: SimulatedCell<M>, _ box: BehaviorBox<M>) {
        stopChildren(of: cell, because: .failed)
        for slot in cell.timers.indices where cell.timers[slot].message != nil {
            cell.timers[slot].message = nil
            noteCancelled()
        }
        statistics.restarts += 1
        do {
            try bringUp(cell, box)
        } catch {
            cell.fail(error)
        }
    }

    /// Ends a component for good: its messages become dead letters and its watchers are told.
    @usableFromInline
    func stop(_ place: SimulatedPlace, because reason: Termination) {
        guard place.isUp else { return }
        stopChildren(of: place, because: reason)
        place.dropComponent()
        place.isStopped = true
        place.stopRequested = false
        statistics.stopped += 1
        _ = place.drain(.stopped)
        if let parent = place.parent { parent.children.removeAll { $0 === place } }
        if let journal, isRecording {
            journal.record(
                JournalRecord(
                    time: Instant(nanoseconds: now), kind: .ended, from: "", to: place.address.description,
                    messageName: place.messageName, bytes: []))
        }
        tellWatchers(of: place, reason)
        for address in place.adapters { adapters[address] = nil }
        if directory[place.address] === place { directory[place.address] = nil }
        if place.pendingCount == 0 { retire(place) }
    }

    private func stopChildren(of place: SimulatedPlace, because reason: Termination) {
        let children = place.children
        place.children = []
        for child in children { stop(child, because: reason) }
    }

    /// Frees a stopped place; its index may serve another.
    @usableFromInline
    func retire(_ place: SimulatedPlace) {
        guard let kept = places[Int(place.index)], kept === place else { return }
        places[Int(place.index)] = nil
        freeIndices.append(place.index)
        if let position = place.node.places.lastIndex(where: { $0 === place }) {
            // The order of a node's places shows only when it is killed; a swap keeps it a function of the seed.
            place.node.places.swapAt(position, place.node.places.count - 1)
            place.node.places.removeLast()
        }
        place.step = { _ in }
    }

    // MARK: References and watches

    /// The reference of `address`; makes an empty place where nothing was yet.
    public func ref<M: Message>(at address: Address, as type: M.Type) -> Ref<M> {
        if let known = directory[address] {
            if let cell = known as? SimulatedCell<M> { return Ref(.simulated(cell)) }
            return Ref(
                .outlet(
                    Outlet(address: address) { [self] _ in
                        bury(from: currentIndex, to: known, .notUnderstood)
                        return .rejected(.notUnderstood)
                    }))
        }
        if let outlet = adapters[address] as? Outlet<M> { return outlet.ref }
        guard let index = nodeIndices[address.node], index < nodes.count else {
            return Ref(.outlet(Outlet(address: address) { _ in .rejected(.noRecipient) }))
        }
        let cell: SimulatedCell<M> = makeCell(address, on: nodes[index])
        return Ref(.simulated(cell))
    }

    func watch(_ target: SimulatedPlace, by watcher: SimulatedPlace, _ notify: @escaping (Termination) -> Void) {
        let watch = SimulatedWatch(watcher: watcher, watcherNode: watcher.node, notify: notify)
        guard target.isUp || !target.node.isUp else {
            network.notify(watch, of: target, target.isStopped ? .stopped : .unknown)
            return
        }
        target.watchers.removeAll { $0.watcher === watcher }
        target.watchers.append(watch)
        if target.node !== watcher.node { network.expectLossIfCutOff(target.node, watcher.node) }
    }

    func tellWatchers(of place: SimulatedPlace, _ reason: Termination) {
        let watchers = place.watchers
        place.watchers = []
        for watch in watchers { network.notify(watch, of: place, reason) }
    }
}

extension SimulatedCell {
    @usableFromInline
    func makeContext() -> Context<M> {
        var log = core.log
        log[metadataKey: "component"] = .string(address.description)
        let epoch = node.incarnation &* 0x1_0000 &+ incarnation
        return Context(
            .simulated(self),
            random: RandomStream(seed: core.options.seed, name: address.description, incarnation: epoch),
            log: log, metrics: core.metrics)
    }
}
