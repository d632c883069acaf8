// SPDX-License-Identifier: Apache-2.0

/// A place whose events are closures: the faults of a schedule, the detection of a loss, a test's own steps.
// Safety: see `SimulatedPlace`.
final class SimulatedScript: SimulatedPlace, @unchecked Sendable {
    /// A closure of its own type: as the value of an optional it would be called by way of three others.
    private struct Action {
        let run: () -> Void
    }

    private var actions: [Action?] = []
    private var free: [Int] = []

    func start() {
        isUp = true
        // Safety: the core keeps the script as long as its events.
        handle { [unowned(unsafe) self] slot in
            let action = actions[Int(slot)].take()
            free.append(Int(slot))
            if let action { action.run() }
        }
    }

    func at(_ time: Int64, _ action: @escaping () -> Void) {
        let slot: Int
        if let known = free.popLast() {
            slot = known
            actions[slot] = Action(run: action)
        } else {
            slot = actions.count
            actions.append(Action(run: action))
        }
        pendingCount += 1
        core.pushEvent(at: time, place: index, slot: UInt32(slot))
    }
}

/// One direction of the connection of two nodes.
// Safety: see `SimulatedPlace`.
final class SimulatedLink: SimulatedPlace, @unchecked Sendable {
    let from: SimulatedNode
    let to: SimulatedNode
    private(set) var model: LinkModel { didSet { noteTimes() } }
    private var usualModel: LinkModel
    var isBlocked = false
    var blockEpoch = 0
    private(set) var session = 0
    /// The times of the model in nanoseconds, which every message asks for.
    private var latency = 0.0
    private var jitter = 0.0
    private var freeAt: Int64 = 0
    private var lastArrival: Int64 = 0
    private var cloggedUntil: Int64 = 0
    private var underWayCount = 0
    private let underWay: ParcelSlab
    private var waiting: [Parcel] = []
    private var isSessionDead = false

    init(
        core: SimulatedCore, index: UInt32, address: Address, from: SimulatedNode, to: SimulatedNode,
        carrier: SimulatedNode, model: LinkModel, underWay: ParcelSlab
    ) {
        self.underWay = underWay
        self.from = from
        self.to = to
        self.model = model
        usualModel = model
        super.init(core: core, index: index, address: address, node: carrier)
        noteTimes()
    }

    private func noteTimes() {
        latency = Double(model.latency.nanoseconds)
        jitter = Double(model.jitter.nanoseconds)
    }

    func start() {
        isUp = true
        // Safety: the network keeps the link as long as the world lives.
        handle { [unowned(unsafe) self] slot in arrive(Int(slot)) }
    }

    /// Sets how the link behaves from now on, and goes back to after faults.
    func configure(_ model: LinkModel) {
        self.model = model
        usualModel = model
    }

    /// Sets how the link behaves for a while; `nil` ends it.
    func degrade(_ model: LinkModel?) { self.model = model ?? usualModel }

    /// Delays everything on this link until `time`, in order.
    func clog(until time: Int64) { cloggedUntil = max(cloggedUntil, time) }

    func send(_ parcel: Parcel, _ random: inout RandomStream) -> Delivery {
        guard underWayCount + waiting.count < SimulatedNetwork.waitingCountMax else {
            parcel.end(.congested)
            return .rejected(.congested)
        }
        if isBlocked {
            if isSessionDead {
                parcel.end(.linkLost)
                return .rejected(.linkLost)
            }
            waiting.append(parcel)
            return .accepted
        }
        isSessionDead = false
        if random.happens(model.loss) {
            parcel.end(.linkLost)
            return .accepted
        }
        launch(parcel, &random)
        if random.happens(model.duplication) { launch(parcel, &random) }
        return .accepted
    }

    /// The block is over: what waited goes out in order.
    func flush(_ random: inout RandomStream) {
        isSessionDead = false
        let parcels = waiting
        waiting = []
        for parcel in parcels { launch(parcel, &random) }
    }

    /// The session is over: what is under way or waits is lost.
    func endSession() {
        session += 1
        if isBlocked { isSessionDead = true }
        let parcels = waiting
        waiting = []
        for parcel in parcels { parcel.end(.linkLost) }
    }

    private func launch(_ parcel: Parcel, _ random: inout RandomStream) {
        let start = max(core.now, freeAt, cloggedUntil)
        freeAt = later(start, by: (Double(parcel.byteCount) / model.bytesPerSecond * 1e9).rounded())
        var arrival = later(freeAt, by: latency)
        if jitter > 0 { arrival = later(arrival, by: random.uniform() * jitter) }
        if random.happens(model.reordering) {
            arrival = later(arrival, by: random.uniform() * max(latency * 4, 1_000))
        } else {
            // One nanosecond apart, so that no tie-break can swap two messages of a session.
            arrival = max(arrival, later(lastArrival, by: 1))
            lastArrival = arrival
        }
        var stamped = parcel
        stamped.session = session
        let slot = underWay.put(stamped)
        underWayCount += 1
        pendingCount += 1
        core.pushEvent(at: arrival, place: index, slot: UInt32(slot))
    }

    /// A time `nanoseconds` later; saturates at the end of time.
    private func later(_ time: Int64, by nanoseconds: Double) -> Int64 {
        let (sum, overflow) = time.addingReportingOverflow(nanoseconds < 0x1p62 ? Int64(nanoseconds) : .max)
        return overflow ? .max : sum
    }

    private func arrive(_ slot: Int) {
        // A paused receiver takes nothing off its socket: the parcel waits for it in its arrival's turn.
        if to.isPaused {
            if underWay.holds(slot) { to.heldParcels.append((self, slot)) }
            return
        }
        guard let parcel = underWay.take(slot) else { return }
        underWayCount -= 1
        guard parcel.session == session, to.isUp else {
            parcel.end(to.isUp ? .linkLost : .nodeKilled)
            return
        }
        core.statistics.crossings += 1
        parcel.end(nil)
    }

    /// The receiver runs again: delivers what arrived while it was paused.
    func release(_ slot: Int) { arrive(slot) }
}
