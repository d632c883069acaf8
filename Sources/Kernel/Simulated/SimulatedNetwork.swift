// SPDX-License-Identifier: Apache-2.0

/// The simulated network: one link per ordered pair of nodes that talk.
///
/// A link keeps order like a TCP session. While it is blocked, messages wait at the sender; when the
/// heartbeats of the real transport would have given up, the session ends: what waited is lost and watchers
/// learn `peerLost`.
// Safety: see `SimulatedPlace`.
@usableFromInline
final class SimulatedNetwork: @unchecked Sendable {
    /// Messages that may wait on one link.
    static let waitingCountMax = 65_536

    unowned let core: SimulatedCore
    var random: RandomStream
    /// By the indices of sender and receiver.
    private var links: [[Unmanaged<SimulatedLink>?]] = []
    private var linkOrder: [SimulatedLink] = []
    private let underWay = ParcelSlab()
    private let script: SimulatedScript

    init(core: SimulatedCore) {
        self.core = core
        random = RandomStream(seed: core.options.seed, name: "$network")
        let node = SimulatedNode(name: "$network", core: core, index: -1)
        script = SimulatedScript(
            core: core, index: core.claimIndex(), address: Address(node: "$network", name: "script"),
            node: node)
        core.places.put(script)
        script.start()
    }

    /// Runs `action` at `time`, outside any component.
    func at(_ time: Int64, _ action: @escaping () -> Void) { script.at(time, action) }

    func link(from: SimulatedNode, to: SimulatedNode) -> SimulatedLink {
        if let known = knownLink(from, to) { return known.takeUnretainedValue() }
        let (row, column) = (from.index, to.index)
        let address = Address(node: "$network", name: "\(from.name)@\(to.name)")
        let made = SimulatedLink(
            core: core, index: core.claimIndex(), address: address, from: from, to: to,
            carrier: script.node, model: core.options.link, underWay: underWay)
        core.places.put(made)
        made.start()
        while links.count <= row { links.append([]) }
        while links[row].count <= column { links[row].append(nil) }
        // Safety: the list of all links keeps each as long as the network lives.
        links[row][column] = Unmanaged.passUnretained(made)
        linkOrder.append(made)
        return made
    }

    private func knownLink(_ from: SimulatedNode, _ to: SimulatedNode) -> Unmanaged<SimulatedLink>? {
        guard from.index < links.count, to.index < links[from.index].count else { return nil }
        return links[from.index][to.index]
    }

    @usableFromInline
    func send(
        from: SimulatedNode, to: SimulatedNode, byteCount: Int,
        end: @escaping (DeadLetterReason?) -> Void
    ) -> Delivery {
        let parcel = Parcel(end: end, byteCount: byteCount)
        guard let known = knownLink(from, to) else {
            return link(from: from, to: to).send(parcel, &random)
        }
        return known._withUnsafeGuaranteedRef { $0.send(parcel, &random) }
    }

    // MARK: Loss

    private var lossTime: Int64 { (Instant(nanoseconds: core.now) + core.options.lossDetection).nanoseconds }

    func setBlocked(_ blocked: Bool, from: SimulatedNode, to: SimulatedNode) {
        let link = link(from: from, to: to)
        guard link.isBlocked != blocked else { return }
        link.isBlocked = blocked
        link.blockEpoch += 1
        if blocked {
            let epoch = link.blockEpoch
            at(lossTime) { [self] in
                guard link.isBlocked, link.blockEpoch == epoch else { return }
                endSession(from, to)
            }
        } else {
            link.flush(&random)
        }
    }

    /// Ends the session of two nodes in both directions: what is under way is lost, watchers are told.
    func endSession(_ one: SimulatedNode, _ other: SimulatedNode) {
        for (from, to) in [(one, other), (other, one)] {
            link(from: from, to: to).endSession()
            tellWatchers(of: to, on: from)
        }
    }

    /// A watch set across a link that is already cut off must still end.
    func expectLossIfCutOff(_ one: SimulatedNode, _ other: SimulatedNode) {
        let cut =
            !one.isUp || link(from: one, to: other).isBlocked || link(from: other, to: one).isBlocked
        guard cut else { return }
        at(lossTime) { [self] in
            if !one.isUp || link(from: one, to: other).isBlocked || link(from: other, to: one).isBlocked {
                endSession(one, other)
            }
        }
    }

    /// A node was killed: its sessions break at once, but its peers learn it only when heartbeats fail.
    func nodeKilled(_ node: SimulatedNode) {
        for link in linkOrder where link.from === node || link.to === node { link.endSession() }
        for place in node.places {
            let watchers = place.watchers
            place.watchers = []
            for watch in watchers where watch.watcherNode !== node {
                node.orphans.append(OrphanWatch(place: place, watch: watch))
            }
        }
        for other in core.nodes where other !== node {
            for place in other.places { place.watchers.removeAll { $0.watcherNode === node } }
        }
        let epoch = node.incarnation
        at(lossTime) { [self] in
            if node.incarnation == epoch { tellOrphans(of: node) }
        }
    }

    /// Tells all who watched a killed node's components; called at detection or when the node is back, if
    /// sooner.
    func tellOrphans(of node: SimulatedNode) {
        let orphans = node.orphans
        node.orphans = []
        for orphan in orphans { notify(orphan.watch, of: orphan.place, .peerLost) }
    }

    private func tellWatchers(of lost: SimulatedNode, on watching: SimulatedNode) {
        for place in lost.places {
            let told = place.watchers.filter { $0.watcherNode === watching }
            place.watchers.removeAll { $0.watcherNode === watching }
            for watch in told where watch.isWanted { watch.notify(.peerLost) }
        }
    }

    /// Tells one watcher, across the network where it lives elsewhere.
    func notify(_ watch: SimulatedWatch, of place: SimulatedPlace, _ reason: Termination) {
        guard watch.isWanted else { return }
        if reason == .peerLost || watch.watcherNode === place.node {
            watch.notify(reason)
            return
        }
        // A link may deliver a notice twice, or lose one copy; its watcher is told once.
        var isTold = false
        let tell = { (reason: Termination) in
            guard !isTold, watch.isWanted else { return }
            isTold = true
            watch.notify(reason)
        }
        _ = send(
            from: place.node, to: watch.watcherNode, byteCount: 64,
            end: { lost in tell(lost == nil ? reason : .peerLost) })
    }
}

/// A watch whose target's node was killed and whose owner does not know yet.
struct OrphanWatch {
    let place: SimulatedPlace
    let watch: SimulatedWatch
}

/// A message under way.
struct Parcel {
    /// Told why it is lost, or `nil` where it arrives; one closure, so that its message is held once.
    let end: (DeadLetterReason?) -> Void
    let byteCount: Int
    /// That of its link when it set out.
    var session = 0

    init(end: @escaping (DeadLetterReason?) -> Void, byteCount: Int) {
        self.end = end
        self.byteCount = byteCount
    }
}

/// The parcels under way on all links of a network. One of each link would be touched so seldom that it is
/// out of the cache every time; here the place that became free last is taken next.
// Safety: see `SimulatedPlace`.
final class ParcelSlab: @unchecked Sendable {
    private var parcels: ContiguousArray<Parcel?> = []
    private var free: ContiguousArray<Int> = []

    func put(_ parcel: consuming Parcel) -> Int {
        if let slot = free.popLast() {
            parcels[slot] = parcel
            return slot
        }
        parcels.append(parcel)
        return parcels.count - 1
    }

    func holds(_ slot: Int) -> Bool { parcels[slot] != nil }

    /// Takes a parcel out; `nil` where it was taken out before.
    func take(_ slot: Int) -> Parcel? {
        guard let parcel = parcels[slot].take() else { return nil }
        free.append(slot)
        return parcel
    }
}
