// SPDX-License-Identifier: Apache-2.0
private import Kernel
private import Scheduler

/// What a cluster can seal at best, in closed form from its scenario: a formula a microsecond, where a run
/// takes seconds.
///
/// Tasks that need a sector's files run on the host that holds them, so such a host passes what its slowest
/// stage passes; tasks that need none are shared by all slots of the cluster. Where hosts fetch sectors of
/// others, every kind is shared by the slots of the hosts that can hold sectors: what moving costs is left
/// out, as a best case may. What the stages of a host share (``SharedCapacities``) bounds them together: on a
/// host all that a sector must do there, and over the hosts every set of kinds by those that do any of it.
package struct ClusterScreen: Sendable {
    /// One resource: what each host of a group adds to it, and what there is besides.
    package struct Resource: Sendable, Hashable {
        package var name: String
        /// Sectors an hour of one host, by group.
        package var perHost: [Double]
        /// Sectors an hour that no host group brings.
        package var fixed: Double
        /// Hosts add to it; otherwise it is the cluster's own.
        package var isOfHosts: Bool
        package var stage: Scenario.TaskKind?
    }

    package let resources: [Resource]
    /// For each group, the resources that bound one of its hosts by itself: indices of ``resources``.
    private let local: [[Int]]
    private let pooled: [Int]
    private let fixed: [Int]
    private let sharings: [Sharing]
    let groupNames: [String]
    let tebibytesPerSector: Double

    /// What stages share, as the form takes it.
    fileprivate struct Sharing: Sendable {
        /// Its place in ``ClusterScreen/resources``.
        let resource: Int
        let shared: SharedCapacities.Shared
        /// Places of stages in ``ClusterScreen/resources``, with what a sector takes of it there.
        let parts: [(stage: Int, part: SharedCapacities.Part)]
        /// Of kinds that a sector's own host does.
        let localCuts: [Cut]
        let cuts: [Cut]
    }

    /// A set of kinds, and what one host of each group has that any of them may use; no larger set of kinds
    /// has the same.
    fileprivate struct Cut: Sendable {
        let reach: [Double]
        let parts: [Int]
    }

    /// - Throws: ``SimulationError`` where the scenario cannot be simulated.
    package init(_ scenario: Scenario) throws(SimulationError) {
        self.init(scenario, try ClusterPlan(scenario))
    }

    /// - Parameter plan: the scenario's.
    init(_ scenario: Scenario, _ plan: ClusterPlan) {
        var resources: [Resource] = []
        var localKinds: [Int] = []
        var pooled: [Int] = []
        let groups = scenario.hosts
        let holds = groups.map { group in plan.hosts.contains { $0.group == group.name } }
        let begins = groups.map { group in
            plan.hosts.contains { $0.group == group.name && $0.store.admitsNew }
        }
        let isShared = plan.hosts.contains { !$0.store.admitsNew }
        for type in TaskType.sealing {
            guard let model = scenario.task(type.kind), model.duration.meanSeconds > 0 else { continue }
            let rate = 3600 / model.duration.meanSeconds * (1 - model.failureRate)
            let perHost = groups.indices.map { index -> Double in
                if type.needsFiles && !holds[index] { return 0 }
                return Double(groups[index].slotsPerHost(of: type.kind)) * rate
            }
            if type.needsFiles && !isShared {
                localKinds.append(resources.count)
            } else {
                pooled.append(resources.count)
            }
            resources.append(
                Resource(
                    name: type.kind.rawValue, perHost: perHost, fixed: 0, isOfHosts: true, stage: type.kind))
        }
        for rule in plan.pacing {
            localKinds.append(resources.count)
            let perHost = Double(rule.count) * 3600 / rule.interval.inSeconds
            resources.append(
                Resource(
                    name: "\(rule.type.kind.rawValue) tickets", perHost: begins.map { $0 ? perHost : 0 },
                    fixed: 0, isOfHosts: true))
        }
        // Little's law: a host's room by the time that a sector holds it, queues left out. Where hosts fetch,
        // a sector leaves the room of its first host when it is labelled, or before if others label as well.
        let labelsElsewhere = groups.indices.contains {
            holds[$0] && !begins[$0] && groups[$0].slotsPerHost(of: .preCommit1) > 0
        }
        let first: [Scenario.TaskKind] = labelsElsewhere ? [.addPiece] : [.addPiece, .preCommit1]
        let firstHours = first.reduce(0.0) { $0 + (scenario.task($1)?.duration.meanSeconds ?? 0) } / 3600
        let held = isShared ? max(firstHours, 1e-9) : Self.wayHours(scenario)
        localKinds.append(resources.count)
        resources.append(
            Resource(
                name: "room on sealing stores",
                perHost: groups.map { group in
                    guard let host = plan.hosts.first(where: { $0.group == group.name }) else { return 0 }
                    let bytes = UInt64(max(1, scenario.sealingFootprint.bytes))
                    let byBytes = Int(clamping: host.store.capacityBytes / bytes)
                    let count = host.store.sealingCountMax
                    return Double(count > 0 ? min(count, byBytes) : byBytes) / held
                }, fixed: 0, isOfHosts: true))
        let localStages = localKinds.filter { resources[$0].stage != nil }
        var sharings: [Sharing] = []
        for shared in SharedCapacities(scenario, plan).all() {
            let parts = shared.parts.compactMap { part in
                resources.firstIndex { $0.stage == part.kind }.map { (stage: $0, part: part) }
            }
            let local = parts.indices.filter { localStages.contains(parts[$0].stage) }
            let all = Self.cuts(shared, among: Array(parts.indices), groupCount: groups.count)
            sharings.append(
                Sharing(
                    resource: resources.count, shared: shared, parts: parts,
                    localCuts: Self.cuts(shared, among: local, groupCount: groups.count),
                    // Each host has a bound of its own for the others.
                    cuts: all.filter { !$0.parts.allSatisfy(local.contains) }))
            let perHost = groups.indices.map { group in
                let taken = parts.reduce(0.0) { $0 + ($1.part.amounts[group] ?? 0) }
                return taken > 0 ? shared.perHost(group) / taken : 0
            }
            resources.append(Resource(name: shared.name, perHost: perHost, fixed: 0, isOfHosts: true))
        }
        var fixed: [Int] = []
        func add(_ name: String, _ perHour: Double) {
            fixed.append(resources.count)
            resources.append(Resource(name: name, perHost: [], fixed: perHour, isOfHosts: false))
        }
        let pledge = scenario.workload.pledge
        if pledge.packingMax > 0 {
            add("pledge rule", Double(pledge.packingMax) * 3600 / pledge.every.inSeconds)
        }
        let bytes = scenario.task(.finalize)?.transfer.bytes ?? 0
        if bytes > 0 {
            let rate = scenario.stores.reduce(0.0) { $0 + $1.write.bytesPerSecond }
            add("store writes", rate * 3600 / Double(bytes))
        }
        local = groups.indices.map { group in begins[group] ? localKinds : [] }
        self.pooled = pooled
        self.fixed = fixed
        self.sharings = sharings
        self.resources = resources
        groupNames = groups.map(\.name)
        tebibytesPerSector = Double(scenario.sectorSize.bytes) / 0x1p40
    }

    /// Sectors an hour at best with these counts of hosts, each resource multiplied by its factor.
    package func sectorsPerHour(counts: [Int], factors: [Double]) -> Double {
        form(factors).sectorsPerHour(counts)
    }

    /// The closed form with each resource multiplied by its factor: a minimum of sums over the groups, in a
    /// shape in which a million candidates take a moment.
    ///
    /// - Parameter speeds: by resource, how much faster than usual the tasks of a stage are, so that they
    ///   hold what they share for less time; `nil` where all are as usual.
    package func form(_ factors: [Double], speeds: [Double]? = nil) -> Form {
        let groups = local.indices
        let hosts = groups.map { group -> Double in
            guard !local[group].isEmpty else { return 0 }
            let own = local[group].map { resources[$0].perHost[group] * factors[$0] }.min() ?? 0
            let shared = sharings.flatMap { sharing in
                sharing.localCuts.compactMap { cut -> Double? in
                    let taken = cut.parts.reduce(0.0) { $0 + sharing.taken($1, by: group, speeds) }
                    return taken > 0 ? cut.reach[group] * factors[sharing.resource] / taken : nil
                }
            }
            return min(own, shared.min() ?? .infinity)
        }
        var sums = pooled.map { index in groups.map { resources[index].perHost[$0] * factors[index] } }
        for sharing in sharings {
            for cut in sharing.cuts {
                // Each kind where it takes least.
                let taken = cut.parts.reduce(0.0) { sum, part in
                    let least = groups.filter { sharing.parts[part].part.amounts[$0] != nil }
                        .map { sharing.taken(part, by: $0, speeds) }.min()
                    return sum + (least ?? 0)
                }
                guard taken > 0 else { continue }
                let factor = factors[sharing.resource] / taken
                sums.append(cut.reach.map { $0 * factor })
            }
        }
        return Form(
            groupCount: groups.count, coefficients: hosts + sums.flatMap(\.self),
            constant: fixed.map { resources[$0].fixed * factors[$0] }.min() ?? .infinity)
    }

    /// Every set of some kinds that reaches something else than its larger ones.
    private static func cuts(
        _ shared: SharedCapacities.Shared, among kinds: [Int], groupCount: Int
    ) -> [Cut] {
        var cuts: [Cut] = []
        for subset in 0..<1 << kinds.count where subset > 0 {
            let chosen = kinds.indices.filter { subset >> $0 & 1 == 1 }.map { kinds[$0] }
            let reached = (0..<groupCount).map { group in
                chosen.reduce(into: Set()) { $0.formUnion(shared.parts[$1].pieces[group]) }
            }
            let all = kinds.filter { kind in
                (0..<groupCount).allSatisfy { shared.parts[kind].pieces[$0].isSubset(of: reached[$0]) }
            }
            guard all == chosen else { continue }
            cuts.append(
                Cut(reach: (0..<groupCount).map { shared.reach(chosen, by: $0) }, parts: chosen))
        }
        return cuts
    }

    package struct Form: Sendable {
        let groupCount: Int
        /// Row by row, a number for each group.
        let coefficients: [Double]
        let constant: Double

        package func sectorsPerHour(_ counts: [Int]) -> Double {
            var rate = constant
            var place = 0
            while place < coefficients.count {
                var sum = 0.0
                for group in 0..<groupCount { sum += coefficients[place + group] * Double(counts[group]) }
                rate = min(rate, sum)
                place += groupCount
            }
            return rate
        }
    }

    package var unitFactors: [Double] { Array(repeating: 1, count: resources.count) }

    /// What a thing that stages share allows by itself, all else without end.
    struct SharedLimit {
        var sectorsPerHour: Double
        /// Of it on all hosts that have an end of it, and the hours of it that one sector takes there.
        var amount: Double
        var hours: Double
    }

    /// - Returns: `nil` where nothing is short of it, or somewhere it has no end.
    func limit(of name: String, counts: [Int]) -> SharedLimit? {
        guard let sharing = sharings.first(where: { $0.shared.name == name }) else { return nil }
        var factors = Array(repeating: 1e12, count: resources.count)
        factors[sharing.resource] = 1
        let rate = sectorsPerHour(counts: counts, factors: factors)
        let ends = counts.indices.filter { sharing.shared.perHost($0) < SharedCapacities.endless }
        let taken = sharing.shared.parts.filter { part in
            counts.indices.allSatisfy { part.amounts[$0] == nil || ends.contains($0) }
        }
        guard rate < 1e9, !taken.isEmpty else { return nil }
        return SharedLimit(
            sectorsPerHour: rate,
            amount: ends.reduce(0) { $0 + Double(counts[$1]) * sharing.shared.perHost($1) },
            hours: taken.reduce(0) { $0 + ($1.amounts.compactMap(\.self).min() ?? 0) })
    }

    package func tebibytesPerDay(counts: [Int], factors: [Double]) -> Double {
        sectorsPerHour(counts: counts, factors: factors) * 24 * tebibytesPerSector
    }

    private static func wayHours(_ scenario: Scenario) -> Double {
        let network = scenario.network
        let epochs =
            network.preCommitChallengeDelay + network.interactivePoRepConfidence
            + 2 * network.messageConfidence
        let tasks = scenario.tasks.filter { Scenario.TaskKind.sealing.contains($0.kind) }
            .reduce(0.0) { $0 + $1.duration.meanSeconds }
        return max(1e-9, (tasks + Double(epochs) * network.epochDuration.inSeconds) / 3600)
    }
}

extension ClusterScreen.Sharing {
    /// What a sector takes of it for one kind on a host of a group.
    fileprivate func taken(_ part: Int, by group: Int, _ speeds: [Double]?) -> Double {
        let amount = parts[part].part.amounts[group] ?? 0
        guard parts[part].part.isHeld, let speeds else { return amount }
        return amount / speeds[parts[part].stage]
    }
}

/// What more of one resource would bring.
package struct Sensitivity: Sendable, Hashable {
    package var resource: String
    /// TiB/day with a tenth more of it, above what there is now.
    package var gainOfTenth: Double
    /// TiB/day without this limit.
    package var gainOfInfinite: Double
}

extension ClusterScreen {
    /// All resources, the one that brings most first.
    package func tornado(counts: [Int]) -> [Sensitivity] {
        let base = tebibytesPerDay(counts: counts, factors: unitFactors)
        return resources.indices.map { index in
            var factors = unitFactors
            factors[index] = 1.1
            let tenth = tebibytesPerDay(counts: counts, factors: factors) - base
            factors[index] = 1e12
            let infinite = tebibytesPerDay(counts: counts, factors: factors) - base
            return Sensitivity(
                resource: resources[index].name, gainOfTenth: tenth, gainOfInfinite: infinite)
        }.enumerated().sorted { left, right in
            let (a, b) = (left.element, right.element)
            return (-a.gainOfInfinite, -a.gainOfTenth, left.offset)
                < (-b.gainOfInfinite, -b.gainOfTenth, right.offset)
        }.map(\.element)
    }
}
