// SPDX-License-Identifier: Apache-2.0

/// Rates of flows that share resources: each gets as much as it can without taking from one that has less
/// (max-min fairness).
///
/// A flow is anything that goes on at a rate: a transfer, a task that reads memory. For each unit of its rate
/// it takes `weight` units of every resource that it passes, and it never goes faster than its own limit. The
/// rates come by progressive filling (Bertsekas and Gallager, Data Networks, 6.5.2): all rise together until
/// a resource is full or a flow at its limit; those stop there, the others go on.
///
/// A change gives new rates only to the flows that hang together with it by shared resources. Flows are
/// places in a table: the place of one that is removed is given to a later one.
package struct FairShares: Sendable {
    /// What a flow takes of a resource for each unit of its rate.
    package struct Use: Sendable, Hashable {
        package var resource: Int
        /// Above 0.
        package var weight: Double

        package init(_ resource: Int, weight: Double = 1) {
            self.resource = resource
            self.weight = weight
        }
    }

    private struct Resource {
        var capacity: Double
        /// In order of their beginning.
        var flows: [Int] = []
        var mark = 0
        // While rates are found: what is left, and what takes it.
        var free = 0.0
        var weight = 0.0
        var openCount = 0
    }

    private struct Flow {
        /// Counts all flows, so that their order is that of their beginning.
        var number = 0
        var uses: [Use] = []
        var limit = Double.infinity
        var rate = 0.0
        var mark = 0
        var next = 0.0
        var isOpen = false
    }

    private var resources: [Resource] = []
    private var flows: [Flow] = []
    private var vacant: [Int] = []
    private var flowCount = 0
    private var round = 0
    /// Flows that were given rates anew so far, changed or not: the work that changes made.
    package private(set) var visitCount = 0

    package init() {}

    package func rate(_ flow: Int) -> Double { flows[flow].rate }
    package func limit(_ flow: Int) -> Double { flows[flow].limit }
    package func uses(_ flow: Int) -> [Use] { flows[flow].uses }
    package func capacity(_ resource: Int) -> Double { resources[resource].capacity }
    /// The flows through a resource, in order of their beginning.
    package func flows(through resource: Int) -> [Int] { resources[resource].flows }

    /// Units of a resource that are taken now.
    package func taken(_ resource: Int) -> Double {
        resources[resource].flows.reduce(0) { sum, flow in
            flows[flow].uses.reduce(sum) {
                $0 + ($1.resource == resource ? $1.weight * flows[flow].rate : 0)
            }
        }
    }

    // MARK: Changes

    package mutating func addResource(capacity: Double = .infinity) -> Int {
        resources.append(Resource(capacity: capacity))
        return resources.count - 1
    }

    /// - Parameter capacity: 0 for what is down: its flows stand still.
    /// - Returns: the flows whose rates changed, in order of their beginning.
    package mutating func setCapacity(_ resource: Int, _ capacity: Double) -> [Int] {
        guard resources[resource].capacity != capacity else { return [] }
        resources[resource].capacity = capacity
        return share(from: [resource])
    }

    /// - Parameter uses: each resource once.
    /// - Returns: its place, and the flows whose rates changed, in order of their beginning.
    package mutating func add(_ uses: [Use], limit: Double = .infinity) -> (flow: Int, changed: [Int]) {
        flowCount += 1
        let flow = vacant.popLast() ?? flows.count
        if flow == flows.count { flows.append(Flow()) }
        flows[flow] = Flow(number: flowCount, uses: uses, limit: max(0, limit))
        for use in uses {
            precondition(use.weight > 0, "a flow takes something of each resource that it passes")
            resources[use.resource].flows.append(flow)
        }
        return (flow, share(from: uses.map(\.resource), also: flow))
    }

    /// - Returns: the flows whose rates changed, in order of their beginning.
    package mutating func setLimit(_ flow: Int, _ limit: Double) -> [Int] {
        guard flows[flow].limit != limit else { return [] }
        flows[flow].limit = max(0, limit)
        return share(from: flows[flow].uses.map(\.resource), also: flow)
    }

    /// - Returns: the flows whose rates changed, in order of their beginning.
    package mutating func remove(_ flow: Int) -> [Int] {
        let uses = flows[flow].uses
        for use in uses { resources[use.resource].flows.removeAll { $0 == flow } }
        flows[flow] = Flow()
        vacant.append(flow)
        return share(from: uses.map(\.resource))
    }

    // MARK: Sharing

    private mutating func share(from changed: [Int], also single: Int? = nil) -> [Int] {
        let (touched, members) = component(changed, single)
        visitCount += members.count
        for resource in touched {
            resources[resource].free = resources[resource].capacity
            resources[resource].weight = 0
            resources[resource].openCount = 0
        }
        for flow in members {
            flows[flow].isOpen = true
            for use in flows[flow].uses {
                resources[use.resource].weight += use.weight
                resources[use.resource].openCount += 1
            }
        }
        fill(touched, members)
        return members.filter { flow in
            let isChanged = flows[flow].rate != flows[flow].next
            flows[flow].rate = flows[flow].next
            return isChanged
        }
    }

    /// The resources and flows that hang together with some, in order.
    private mutating func component(_ changed: [Int], _ single: Int?) -> (resources: [Int], flows: [Int]) {
        round += 1
        var touched: [Int] = []
        var members: [Int] = []
        func visit(_ flow: Int) {
            guard flows[flow].mark != round else { return }
            flows[flow].mark = round
            members.append(flow)
            for use in flows[flow].uses { reach(use.resource) }
        }
        func reach(_ resource: Int) {
            guard resources[resource].mark != round else { return }
            resources[resource].mark = round
            touched.append(resource)
        }
        for resource in changed { reach(resource) }
        if let single { visit(single) }
        var place = 0
        while place < touched.count {
            for flow in resources[touched[place]].flows { visit(flow) }
            place += 1
        }
        touched.sort()
        members.sort { flows[$0].number < flows[$1].number }
        return (touched, members)
    }

    private mutating func fill(_ touched: [Int], _ members: [Int]) {
        // Those with limits, the lowest first: they stop there where no resource is full before.
        var limited = members.filter { flows[$0].limit.isFinite }
        limited.sort { (flows[$0].limit, flows[$0].number) < (flows[$1].limit, flows[$1].number) }
        var place = 0
        var openCount = members.count
        while openCount > 0 {
            // The resource that is full first when all rise together.
            var tightest: (share: Double, resource: Int)?
            for index in touched where resources[index].openCount > 0 {
                let share = resources[index].free / resources[index].weight
                if tightest.map({ share < $0.share }) ?? true { tightest = (share, index) }
            }
            let level = tightest?.share ?? .infinity
            let before = openCount
            while place < limited.count, flows[limited[place]].limit <= level {
                let flow = limited[place]
                place += 1
                guard flows[flow].isOpen else { continue }
                settle(flow, at: flows[flow].limit)
                openCount -= 1
            }
            // What stopped at its limit leaves more to the others.
            if openCount < before { continue }
            guard let tightest, tightest.share.isFinite else {
                // Nothing limits what is left: it is done at once.
                for flow in members where flows[flow].isOpen { settle(flow, at: .infinity) }
                return
            }
            for flow in resources[tightest.resource].flows where flows[flow].isOpen {
                settle(flow, at: max(0, tightest.share))
                openCount -= 1
            }
        }
    }

    private mutating func settle(_ flow: Int, at rate: Double) {
        flows[flow].isOpen = false
        flows[flow].next = rate
        guard rate.isFinite else { return }
        for use in flows[flow].uses {
            let left = resources[use.resource].free - use.weight * rate
            resources[use.resource].free = max(0, left)
            resources[use.resource].weight -= use.weight
            resources[use.resource].openCount -= 1
        }
    }
}
