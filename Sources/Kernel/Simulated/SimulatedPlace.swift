// SPDX-License-Identifier: Apache-2.0

// Safety: only the thread that runs the world touches a place; the world moves between threads only as a
// whole.
/// A place in a simulated world where events happen: a component's mailbox, a link, or a script of the test.
public class SimulatedPlace: @unchecked Sendable {
    /// The slot number of an event that means "take the head of the mailbox".
    @usableFromInline static var mailboxSlot: UInt32 { .max }

    @usableFromInline let core: SimulatedCore
    @usableFromInline let index: UInt32
    /// Where this is.
    public let address: Address
    @usableFromInline let node: SimulatedNode
    /// Events of this place that still lie in the heap or in the ready queue; the index is free at zero.
    @usableFromInline var pendingCount = 0
    /// A component lives here now.
    @usableFromInline var isUp = false
    /// The place is gone for good.
    @usableFromInline var isStopped = false
    @usableFromInline var stopRequested = false
    /// What handles this place's events.
    private(set) var step = SimulatedStep.none
    var watchers: [SimulatedWatch] = []
    private var watcherSweepCount = 16
    /// Where the node's list of places has this one.
    var nodePosition = 0
    /// Further entrances of the component: closed by a kill, and kept for its next incarnation.
    var entrances: [SimulatedEntrance] = []
    var children: [SimulatedPlace] = []
    // Not weak: a weak reference makes each retain of its target several times dearer. The cycle is cut where
    // a child stops, where its node is killed and where the world ends.
    var parent: SimulatedPlace?

    init(core: SimulatedCore, index: UInt32, address: Address, node: SimulatedNode) {
        self.core = core
        self.index = index
        self.address = address
        self.node = node
    }

    /// Handles this place's events by `run` from now on.
    @usableFromInline
    func handle(by run: @escaping (UInt32) -> Void) {
        core.keepUntilStepEnds(step)
        step = SimulatedStep(run)
        core.places.noteStep(of: self)
    }

    /// Notes a watch, and now and then forgets those whose owners are gone.
    func add(_ watch: SimulatedWatch) {
        watchers.removeAll { $0.watcher === watch.watcher }
        watchers.append(watch)
        guard watchers.count > watcherSweepCount else { return }
        watchers.removeAll { !$0.isWanted }
        watcherSweepCount = max(16, watchers.count * 2)
    }

    /// The wire name of the messages that end here.
    var messageName: String { "" }

    /// Gives up all that waits here; returns how many messages that were.
    func drain(_ reason: DeadLetterReason) -> Int { 0 }

    /// What is told to the component's further entrances from now on is a dead letter.
    func closeEntrances() {
        for entrance in entrances { entrance.close() }
    }

    /// Drops the component without a word, as a kill does.
    func dropComponent() {}

    /// Fails the component as if it had thrown, because a child escalated.
    @usableFromInline
    func fail(_ error: any Error) {}

    /// Tells whether timer `slot` was cancelled, so that its event is dead weight.
    func isCancelled(slot: UInt32) -> Bool { false }
}

/// A wish to be told when a place is gone.
struct SimulatedWatch {
    // Not weak, as above; a watch that is not wanted any more is swept.
    let watcher: SimulatedPlace
    let watcherNode: SimulatedNode
    let watcherNodeIncarnation: UInt64
    let notify: (Termination) -> Void

    /// The one who asked still lives, on a node that was not started anew since.
    var isWanted: Bool {
        watcher.isUp && watcherNode.isUp && watcherNode.incarnation == watcherNodeIncarnation
    }
}
