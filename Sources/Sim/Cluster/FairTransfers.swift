// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// Work that goes on at fairly shared rates: transfers over cards, links and disks, tasks that read memory.
///
/// ``FairShares`` says how fast; this keeps what is left of each and rings when it is done. Amounts and
/// capacities are in one unit (bytes) and in that unit a second.
// Safety: touched only by the script and the components of one simulated world, which runs on one thread.
final class FairTransfers: @unchecked Sendable {
    /// One piece of work, for as long as it lasts.
    struct Flow: Hashable, Sendable {
        fileprivate let place: Int
        fileprivate let number: Int
    }

    private struct State {
        let number: Int
        var amountLeft: Double
        var rate = 0.0
        var since: Instant
        /// The latest change of the rate, so that an alarm of an older rate is known; 0 before the first.
        var version = 0
        let done: (Flow) -> Void
    }

    private let clock: ModelClock
    /// What is taken of resources counts from here on.
    private let countsFrom: Instant
    private var shares = FairShares()
    private var indices: [String: Int] = [:]
    /// Units of each resource that were taken.
    private var taken: [Double] = []
    /// By their place in ``shares``.
    private var states: [State?] = []
    private var flowCount = 0
    private var versionCount = 0

    init(clock: ModelClock, countsFrom: Instant = .zero) {
        self.clock = clock
        self.countsFrom = countsFrom
    }

    /// The resource of a name; a new one has no end.
    func resource(_ name: String) -> Int {
        if let known = indices[name] { return known }
        let index = shares.addResource()
        indices[name] = index
        taken.append(0)
        return index
    }

    /// Names a capacity, or gives a known one another.
    ///
    /// - Parameter perSecond: 0 for what is down: what passes it waits.
    func setCapacity(_ name: String, _ perSecond: Double) {
        apply(shares.setCapacity(resource(name), perSecond))
    }

    /// The share of a resource's capacity that was taken, from the first count until now, 0…1; `nil` for a
    /// name without capacity.
    func utilization(_ name: String) -> Double? {
        guard let index = indices[name], clock.now > countsFrom else { return nil }
        let capacity = shares.capacity(index)
        guard capacity > 0, capacity.isFinite else { return nil }
        // Whoever asks changes nothing: what goes on now is added here alone.
        let going = shares.flows(through: index).reduce(0.0) { sum, place in
            guard let state = states[place], state.rate.isFinite else { return sum }
            let seconds = (clock.now - max(state.since, countsFrom)).inSeconds
            return shares.uses(place).reduce(sum) {
                $0 + ($1.resource == index ? state.rate * $1.weight * seconds : 0)
            }
        }
        return (taken[index] + going) / capacity / (clock.now - countsFrom).inSeconds
    }

    /// Begins a transfer; `done` is called when its last byte has arrived.
    func begin(bytes: Int, through names: [String], _ done: @escaping (Flow) -> Void) -> Flow {
        begin(Double(max(0, bytes)), names.map { FairShares.Use(resource($0)) }, done)
    }

    /// Begins work; `done` is called when nothing of it is left.
    ///
    /// - Parameter limit: its rate when nobody else is there.
    func begin(
        _ amount: Double, _ uses: [FairShares.Use], limit: Double = .infinity,
        _ done: @escaping (Flow) -> Void
    ) -> Flow {
        flowCount += 1
        let (place, changed) = shares.add(uses, limit: limit)
        while states.count <= place { states.append(nil) }
        states[place] = State(number: flowCount, amountLeft: amount, since: clock.now, done: done)
        let flow = Flow(place: place, number: flowCount)
        // One that stands still at once has changed nothing.
        apply(changed)
        return flow
    }

    /// Changes the rate that work has when nobody else is there; work that is over is left alone.
    func setLimit(_ flow: Flow, _ limit: Double) {
        guard states[flow.place]?.number == flow.number else { return }
        apply(shares.setLimit(flow.place, limit))
    }

    /// Stops work; work that is over is left alone.
    func cancel(_ flow: Flow) {
        guard states[flow.place]?.number == flow.number else { return }
        settle(flow.place)
        states[flow.place] = nil
        apply(shares.remove(flow.place))
    }

    // MARK: Time

    private func apply(_ changed: [Int]) { for place in changed { setRate(place, shares.rate(place)) } }

    /// What was done at the present rate counts.
    private func settle(_ place: Int) {
        guard var state = states[place] else { return }
        let now = clock.now
        if state.rate > 0, state.rate.isFinite {
            let amount = state.rate * Double((now - state.since).nanoseconds) / 1e9
            state.amountLeft = max(0, state.amountLeft - amount)
            let from = max(state.since, countsFrom)
            if now > from {
                let counted = state.rate * Double((now - from).nanoseconds) / 1e9
                for use in shares.uses(place) { taken[use.resource] += counted * use.weight }
            }
        }
        state.since = now
        states[place] = state
    }

    private func setRate(_ place: Int, _ rate: Double) {
        settle(place)
        versionCount += 1
        states[place]?.rate = rate
        states[place]?.version = versionCount
        guard rate > 0, let state = states[place] else { return }
        let seconds = rate.isFinite ? state.amountLeft / rate : 0
        let version = versionCount
        // Beyond the end of represented time, work never ends.
        let nanoseconds = Int64(min(seconds * 1e9, 9e18).rounded(.up))
        clock.at(clock.now + .nanoseconds(nanoseconds)) { [weak self] in self?.alarm(place, version) }
    }

    private func alarm(_ place: Int, _ version: Int) {
        guard let state = states[place], state.version == version else { return }
        settle(place)
        states[place] = nil
        apply(shares.remove(place))
        state.done(Flow(place: place, number: state.number))
    }
}
