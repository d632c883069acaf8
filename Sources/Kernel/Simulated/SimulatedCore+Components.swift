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
        if let stub: Ref<C.Inbox> = childOfReplay(name, of: parent) { return stub }
        let cell = try prepareCell(name, on: node, parent: parent, as: C.Inbox.self)
        let (home, handlers) = (makeHome(), self.handlers(of: C.self))
        let box = BehaviorBox<C.Inbox> { [unowned(unsafe) cell] in
            // Safety: the box belongs to the cell.
            Behavior(try make(home), cell.makeContext(), handlers)
        }
        cell.install(box, options: options)
        do {
            try bringUp(cell, box)
        } catch {
            stop(cell, because: .failed)
            throw KernelError(code: .startFailed, message: "\(cell.address) could not start: \(error)")
        }
        if cell.stopRequested { stop(cell, because: .stopped) }
        return Ref(.simulated(cell))
    }

    /// How components of a type are called, formed once in this world.
    @inlinable
    func handlers<C: Component>(of type: C.Type) -> ComponentHandlers<C> {
        if let known = handlers[ObjectIdentifier(type)] as? ComponentHandlers<C> { return known }
        let made = ComponentHandlers<C>()
        handlers[ObjectIdentifier(type)] = made
        return made
    }

    @usableFromInline
    func makeHome() -> Home { Home(executor: self) }

    @usableFromInline
    func prepareCell<M: Message>(
        _ name: String, on node: SimulatedNode, parent: SimulatedPlace?, as type: M.Type
    ) throws(KernelError) -> SimulatedCell<M> {
        guard node.isUp, !isShutDown else {
            throw KernelError(
                code: .shutDown,
                message: "'\(name)' cannot start: node '\(node.name)' is down; restart it first")
        }
        guard Address.isWellFormed(name) else {
            throw KernelError(code: .startFailed, message: "'\(name.prefix(140))' is not a component's name")
        }
        let address = Address(node: node.name, name: name)
        let cell: SimulatedCell<M>
        if let known = directory[address] {
            guard !known.isUp else {
                throw KernelError(code: .nameTaken, message: "\(address) is taken; choose another name")
            }
            if let matching = known as? SimulatedCell<M> {
                cell = matching
            } else {
                // Somebody once named this address with another vocabulary; an empty place takes no name.
                cell = makeCell(address, on: node)
                cell.watchers = known.watchers
                known.watchers = []
                known.isStopped = true
                if known.pendingCount == 0 { retire(known) }
            }
        } else {
            cell = makeCell(address, on: node)
        }
        cell.isUp = true
        cell.stopRequested = false
        cell.parent = parent
        cell.window = RestartWindow()
        parent?.children.append(cell)
        return cell
    }

    func makeCell<M: Message>(_ address: Address, on node: SimulatedNode) -> SimulatedCell<M> {
        let cell = SimulatedCell<M>(core: self, index: claimIndex(), address: address, node: node)
        places.put(cell)
        directory[address] = cell
        cell.nodePosition = node.places.count
        node.places.append(cell)
        return cell
    }

    func claimIndex() -> UInt32 {
        if let free = freeIndices.popLast() { return free }
        return UInt32(places.append())
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
                .spawned(
                    cell.address, at: Instant(nanoseconds: now), messageName: M.messageName,
                    seed: options.seed, incarnation: cell.streamIncarnation))
        }
        try behavior.started()
    }

    /// Makes a component anew in its place; tells whether its new incarnation started.
    func restart<M: Message>(_ cell: SimulatedCell<M>, _ box: BehaviorBox<M>) -> Bool {
        stopChildren(of: cell, because: .failed)
        cell.disarm()
        statistics.restarts += 1
        do {
            try bringUp(cell, box)
        } catch {
            log.warning("\(cell.address) failed to start again: \(error)")
            statistics.failures += 1
            return false
        }
        // Its own step looks at the request when it ends; where a child escalated, nobody else does.
        if cell.stopRequested && currentIndex != cell.index { stop(cell, because: .stopped) }
        return true
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
        if let parent = place.parent, let position = parent.children.firstIndex(where: { $0 === place }) {
            parent.children.remove(at: position)
        }
        place.parent = nil
        if let journal, isRecording {
            journal.record(
                JournalRecord(
                    time: Instant(nanoseconds: now), kind: .ended, from: "", to: place.address.description,
                    messageName: place.messageName, bytes: []))
        }
        tellWatchers(of: place, reason)
        place.closeEntrances()
        place.entrances = []
        if directory[place.address] === place { directory[place.address] = nil }
        if place.pendingCount == 0 { retire(place) }
    }

    /// The further entrance with an address: of the component before a `#` in it, or a door of the world.
    func entrance(at address: Address) -> SimulatedEntrance? {
        if let door = doors[address] { return door }
        var rest = address.name[...]
        // Names and tags may hold the sign as well; an entrance knows its whole address.
        while let cut = rest.lastIndex(of: "#") {
            rest = rest[..<cut]
            guard !rest.isEmpty else { break }
            let place = directory[Address(node: address.node, name: String(rest))]
            if let known = place?.entrances.first(where: { $0.address == address }) { return known }
        }
        return nil
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
        _ = places.take(Int(place.index))
        freeIndices.append(place.index)
        // The order of a node's places shows only when it is killed; a swap keeps it a function of the seed.
        let (node, position) = (place.node, place.nodePosition)
        if position < node.places.count, node.places[position] === place, let last = node.places.last {
            last.nodePosition = position
            node.places[position] = last
            node.places.removeLast()
        }
        place.handle { _ in }
    }

    // MARK: References and watches

    /// The reference of `address`; makes an empty place where nothing was yet.
    public func ref<M: Message>(at address: Address, as type: M.Type) -> Ref<M> {
        if let adapter = entrance(at: address) as? SimulatedAdapter<M> { return adapter.ref }
        if let known = directory[address] {
            if let cell = known as? SimulatedCell<M> { return Ref(.simulated(cell)) }
            return outlet(address, .notUnderstood)
        }
        if recordedOutcome != nil { return replayOutlet(address) }
        guard let index = nodeIndices[address.node], index < nodes.count else {
            return outlet(address, .noRecipient)
        }
        let cell: SimulatedCell<M> = makeCell(address, on: nodes[index])
        return Ref(.simulated(cell))
    }

    /// A reference to an address where nothing of vocabulary `M` lives now; it looks again at each message.
    private func outlet<M: Message>(_ address: Address, _ reason: DeadLetterReason) -> Ref<M> {
        Outlet(address: address) { [self] message in
            if let cell = directory[address] as? SimulatedCell<M> { return cell.tell(message) }
            bury(from: currentIndex, to: address, M.messageName, reason)
            if isRecording { recordSent(message, to: address, .rejected(reason)) }
            return .rejected(reason)
        }.ref
    }

    /// Asks that `watcher` be told when the place at `target` is gone.
    func watch(
        _ target: Address, by watcher: SimulatedPlace, _ notify: @escaping (Termination) -> Void
    ) {
        // In a replay the notice comes out of the journal.
        guard recordedOutcome == nil else { return }
        let watch = SimulatedWatch(
            watcher: watcher, watcherNode: watcher.node, watcherNodeIncarnation: watcher.node.incarnation,
            notify: notify)
        guard let place = directory[target] else {
            notify(.unknown)
            return
        }
        guard place.isUp || !place.node.isUp else {
            network.notify(watch, of: place, .unknown)
            return
        }
        place.add(watch)
        if place.node !== watcher.node { network.expectLossIfCutOff(place.node, watcher.node) }
    }

    func unwatch(_ target: Address, by watcher: SimulatedPlace) {
        guard let place = directory[target] else { return }
        place.watchers.removeAll { $0.watcher === watcher }
        place.node.orphans.removeAll { $0.place === place && $0.watch.watcher === watcher }
    }

    func tellWatchers(of place: SimulatedPlace, _ reason: Termination) {
        let watchers = place.watchers
        place.watchers = []
        for watch in watchers { network.notify(watch, of: place, reason) }
    }
}

extension SimulatedCell {
    /// The incarnation from which the component's stream of chance derives.
    var streamIncarnation: UInt64 { node.incarnation &* 0x1_0000 &+ incarnation }

    @usableFromInline
    func makeContext() -> Context<M> {
        Context(
            .simulated(self), seed: core.options.seed, incarnation: streamIncarnation, log: core.log,
            metrics: core.metrics)
    }
}
