// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// Transfers that share cards, links and disks evenly: each gets as much as it can without taking from one
/// that has less (max-min fairness).
///
/// A resource is a capacity in bytes a second under a name; a transfer passes several at once. When one
/// comes, goes or a capacity changes, only the transfers that are bound to it by shared resources get new
/// rates, by progressive filling: all rise together until a resource is full, whose transfers stop there,
/// and so on.
// Safety: touched only by the script and the components of one simulated world, which runs on one thread.
final class FairTransfers: @unchecked Sendable {
    private struct Resource {
        var bytesPerSecond: Double
        /// In order of their beginning.
        var flows: [Int] = []
    }

    private struct Flow {
        let resources: [Int]
        var bytesLeft: Double
        var rate = 0.0
        var since: Instant
        /// Counts the changes of the rate, so that an alarm of an older rate is known.
        var version = 0
        let done: (Int) -> Void
    }

    private let clock: ModelClock
    private var resources: [Resource] = []
    private var indices: [String: Int] = [:]
    private var flows: [Int: Flow] = [:]
    private var flowCount = 0

    init(clock: ModelClock) { self.clock = clock }

    /// The number of transfers under way.
    var count: Int { flows.count }

    /// Names a capacity, or gives a known one another.
    ///
    /// - Parameter bytesPerSecond: 0 for what is down: its transfers wait.
    func setCapacity(_ name: String, _ bytesPerSecond: Double) {
        let index = index(of: name)
        guard resources[index].bytesPerSecond != bytesPerSecond else { return }
        resources[index].bytesPerSecond = bytesPerSecond
        share(from: [index])
    }

    /// Transfers that pass a resource now.
    func flowCount(through name: String) -> Int { indices[name].map { resources[$0].flows.count } ?? 0 }

    /// Begins a transfer; `done` is called with its number when its last byte has arrived.
    func begin(bytes: Int, through names: [String], _ done: @escaping (Int) -> Void) -> Int {
        flowCount += 1
        let passed = names.map(index(of:))
        flows[flowCount] = Flow(
            resources: passed, bytesLeft: Double(max(0, bytes)), since: clock.now, done: done)
        for resource in passed { resources[resource].flows.append(flowCount) }
        share(from: passed, also: flowCount)
        return flowCount
    }

    /// Stops a transfer; one that is over is left alone.
    func cancel(_ id: Int) {
        guard let flow = flows.removeValue(forKey: id) else { return }
        leave(id, flow)
    }

    private func leave(_ id: Int, _ flow: Flow) {
        for resource in flow.resources { resources[resource].flows.removeAll { $0 == id } }
        share(from: flow.resources)
    }

    private func index(of name: String) -> Int {
        if let known = indices[name] { return known }
        indices[name] = resources.count
        resources.append(Resource(bytesPerSecond: .infinity))
        return resources.count - 1
    }

    // MARK: Sharing

    /// Gives new rates to all transfers that are bound to these resources.
    private func share(from changed: [Int], also single: Int? = nil) {
        let (touched, members) = component(changed, single)
        var rates: [Int: Double] = [:]
        var room: [Int: (free: Double, count: Int)] = [:]
        for resource in touched {
            room[resource] = (resources[resource].bytesPerSecond, resources[resource].flows.count)
        }
        while rates.count < members.count {
            // The resource that is full first when all rise together.
            var tightest: (share: Double, resource: Int)?
            for resource in touched {
                guard let left = room[resource], left.count > 0 else { continue }
                let share = left.free / Double(left.count)
                if tightest.map({ share < $0.share }) ?? true { tightest = (share, resource) }
            }
            let open = members.filter { rates[$0] == nil }
            guard let tightest, tightest.share.isFinite else {
                // Nothing limits what is left: it arrives at once.
                for id in open { rates[id] = .infinity }
                break
            }
            for id in resources[tightest.resource].flows where rates[id] == nil {
                rates[id] = max(0, tightest.share)
                for resource in flows[id]?.resources ?? [] {
                    guard let left = room[resource] else { continue }
                    room[resource] = (max(0, left.free - tightest.share), left.count - 1)
                }
            }
        }
        for id in members { setRate(id, rates[id] ?? 0) }
    }

    /// The resources and transfers that hang together with some, in order.
    private func component(_ changed: [Int], _ single: Int?) -> (resources: [Int], flows: [Int]) {
        var seenResources = Set(changed)
        var seenFlows: Set<Int> = []
        if let single { seenFlows.insert(single) }
        var open = changed
        while let resource = open.popLast() {
            for id in resources[resource].flows where seenFlows.insert(id).inserted {
                for other in flows[id]?.resources ?? [] where seenResources.insert(other).inserted {
                    open.append(other)
                }
            }
        }
        return (seenResources.sorted(), seenFlows.sorted())
    }

    private func setRate(_ id: Int, _ rate: Double) {
        guard var flow = flows[id], flow.rate != rate || flow.version == 0 else { return }
        let now = clock.now
        if flow.rate > 0, flow.rate.isFinite {
            flow.bytesLeft = max(0, flow.bytesLeft - flow.rate * Double((now - flow.since).nanoseconds) / 1e9)
        }
        flow.since = now
        flow.rate = rate
        flow.version += 1
        flows[id] = flow
        guard rate > 0 else { return }
        let seconds = rate.isFinite ? flow.bytesLeft / rate : 0
        let version = flow.version
        clock.at(now + .nanoseconds(Int64((seconds * 1e9).rounded(.up)))) { [weak self] in
            self?.alarm(id, version)
        }
    }

    private func alarm(_ id: Int, _ version: Int) {
        guard let flow = flows[id], flow.version == version else { return }
        flows[id] = nil
        leave(id, flow)
        flow.done(id)
    }
}
