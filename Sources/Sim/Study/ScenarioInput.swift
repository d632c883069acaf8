// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// A quantity of a scenario that may turn out to be other than the file says, named by its path as `--set`
/// names it.
package struct ScenarioInput: Sendable, Hashable {
    /// Where it stands; groups and stores by their place.
    private enum Place: Sendable, Hashable {
        case hosts(Int)
        case nic(Int)
        case diskRead(group: Int, disk: Int)
        case diskWrite(group: Int, disk: Int)
        case room(group: Int, disk: Int)
        case duration(Int)
        case failures(Int)
        case transfer(Int)
        case link
        case storeWrite(Int)
        case storeRead(Int)
        case pledge
        case between(Int)
        case electricity
        case depreciation
        case space
        case price(Int)
        case power(Int)
    }

    package let path: String
    /// Where the file has it from; `nil` where files do not say.
    package let provenance: Scenario.Provenance?
    private let place: Place

    private init(_ path: String, _ place: Place, _ provenance: Scenario.Provenance? = nil) {
        self.path = path
        self.place = place
        self.provenance = provenance
    }

    /// All inputs of a scenario that a percentage can change, in the order of the file.
    package static func all(of scenario: Scenario) -> [ScenarioInput] {
        var inputs: [ScenarioInput] = []
        for (group, hosts) in scenario.hosts.enumerated() {
            inputs.append(ScenarioInput("hosts.\(hosts.name).count", .hosts(group)))
            let disks = hosts.disks.enumerated().filter { $0.element.sealing }
            guard !disks.isEmpty else { continue }
            let mark = hosts.mark?.provenance
            inputs.append(ScenarioInput("hosts.\(hosts.name).nic", .nic(group), mark))
            for (disk, model) in disks {
                let path = "hosts.\(hosts.name).disks.\(model.name)"
                let own = model.mark?.provenance ?? mark
                inputs.append(ScenarioInput(path + ".read", .diskRead(group: group, disk: disk), own))
                inputs.append(ScenarioInput(path + ".write", .diskWrite(group: group, disk: disk), own))
                if model.maxSealing != nil {
                    inputs.append(ScenarioInput(path + ".maxSealing", .room(group: group, disk: disk)))
                }
            }
        }
        for (index, store) in scenario.stores.enumerated() {
            let mark = store.mark?.provenance
            inputs.append(ScenarioInput("stores.\(store.name).write", .storeWrite(index), mark))
            guard scenario.diskBytes(.reads, of: .windowPoSt) > 0 else { continue }
            inputs.append(ScenarioInput("stores.\(store.name).read", .storeRead(index), mark))
        }
        inputs.append(ScenarioInput("links.bandwidth", .link, scenario.links.mark?.provenance))
        for (index, task) in scenario.tasks.enumerated() where isRun(task.kind, in: scenario) {
            let path = "tasks.\(task.kind.rawValue)"
            inputs.append(ScenarioInput(path + ".duration", .duration(index), task.provenance))
            if task.failureRate > 0 { inputs.append(ScenarioInput(path + ".failureRate", .failures(index))) }
            if task.transfer.bytes > 0 { inputs.append(ScenarioInput(path + ".transfer", .transfer(index))) }
        }
        if scenario.workload.pledge.packingMax > 0 {
            inputs.append(ScenarioInput("workload.pledge.every", .pledge))
        }
        for index in scenario.faults.indices where meanBetween(scenario.faults[index]) != nil {
            inputs.append(ScenarioInput("faults.\(index).mtbf", .between(index)))
        }
        if let costs = scenario.costs {
            inputs += moneyInputs(costs)
        }
        return inputs
    }

    /// What a TiB costs depends on: prices, and over how long those of the hosts are spread.
    private static func moneyInputs(_ costs: Scenario.Costs) -> [ScenarioInput] {
        func input(_ key: String, _ place: Place) -> ScenarioInput {
            ScenarioInput("costs.\(key)", place, costs.mark(key).provenance)
        }
        var inputs = [
            input("electricityPerKilowattHour", .electricity), input("depreciation", .depreciation),
        ]
        // Space costs something only where its price and the height of hosts are both said.
        if costs.rackUnitMonth.micros > 0, costs.hosts.contains(where: { $0.rackUnits != nil }) {
            inputs.append(input("rackUnitMonth", .space))
        }
        for (index, host) in costs.hosts.enumerated() {
            let path = "costs.hosts.\(host.group)"
            inputs.append(ScenarioInput(path + ".price", .price(index), host.provenance))
            inputs.append(ScenarioInput(path + ".power", .power(index), host.provenance))
        }
        return inputs
    }

    /// - Throws: ``StudyError`` with `invalid`, which names the nearest path that there is.
    package static func named(_ path: String, of scenario: Scenario) throws(StudyError) -> ScenarioInput {
        let inputs = all(of: scenario)
        if let input = inputs.first(where: { $0.path == path }) { return input }
        throw StudyError(
            .invalid,
            "'\(path.prefix(80))' is nothing that a percentage can change"
                + Suggestion.hint(for: path, among: inputs.map(\.path)))
    }

    /// Whether a run asks for tasks of a kind at all.
    private static func isRun(_ kind: Scenario.TaskKind, in scenario: Scenario) -> Bool {
        switch kind {
        case .addPiece, .preCommit1, .preCommit2, .commit1, .commit2, .finalize:
            !scenario.workload.provesOnly
        case .windowPoSt: true
        case .fetch, .unseal, .winningPoSt: false
        }
    }

    private static func meanBetween(_ fault: Scenario.Fault) -> Duration? {
        fault.rhythm?.between
    }
}

extension ScenarioInput {
    /// The scenario with this input multiplied by `factor`. Counts are rounded, but change by one at least,
    /// and none falls below one.
    ///
    /// - Parameter factor: above zero and finite.
    package func scaled(_ scenario: Scenario, by factor: Double) -> Scenario {
        precondition(factor > 0 && factor.isFinite, "an input is multiplied by something")
        var changed = scenario
        switch place {
        case .hosts(let group):
            changed.hosts[group].count = Self.count(scenario.hosts[group].count, factor)
        case .nic(let group): changed.hosts[group].nic = scenario.hosts[group].nic * factor
        case .diskRead(let group, let disk):
            changed.hosts[group].disks[disk].read = scenario.hosts[group].disks[disk].read * factor
        case .diskWrite(let group, let disk):
            changed.hosts[group].disks[disk].write = scenario.hosts[group].disks[disk].write * factor
        case .room(let group, let disk):
            changed.hosts[group].disks[disk].maxSealing =
                scenario.hosts[group].disks[disk].maxSealing.map { Self.count($0, factor) }
        case .duration(let task): changed.tasks[task].duration = scenario.tasks[task].duration * factor
        case .failures(let task):
            changed.tasks[task].failureRate = min(scenario.tasks[task].failureRate * factor, 0.999)
        case .transfer(let task):
            let bytes = Self.whole(scenario.tasks[task].transfer.bytes, factor, max: ByteCount.bytesMax)
            changed.tasks[task].transfer = ByteCount(bytes: bytes)
        case .link: changed.links.bandwidth = scenario.links.bandwidth * factor
        case .storeWrite(let store): changed.stores[store].write = scenario.stores[store].write * factor
        case .storeRead(let store): changed.stores[store].read = scenario.stores[store].read * factor
        case .pledge: changed.workload.pledge.every = Self.time(scenario.workload.pledge.every, factor)
        case .between(let fault):
            let between = Self.meanBetween(scenario.faults[fault])
            changed.faults[fault].rhythm?.between = Self.time(between ?? .zero, factor)
        case .electricity:
            changed.costs?.electricityPerKilowattHour = Self.money(
                scenario.costs?.electricityPerKilowattHour, factor)
        case .depreciation:
            let depreciation = Self.time(scenario.costs?.depreciation ?? .zero, factor)
            changed.costs?.depreciation = max(.seconds(86_400), depreciation)
        case .space:
            changed.costs?.rackUnitMonth = Self.money(scenario.costs?.rackUnitMonth, factor)
        case .price(let host):
            changed.costs?.hosts[host].price = Self.money(scenario.costs?.hosts[host].price, factor)
        case .power(let host):
            changed.costs?.hosts[host].powerWatts = Self.whole(
                scenario.costs?.hosts[host].powerWatts ?? 0, factor, max: .max >> 1)
        }
        return changed
    }

    /// The input's value for people; of a distribution its mean.
    package func text(in scenario: Scenario) -> String {
        switch place {
        case .hosts(let group): "\(scenario.hosts[group].count)"
        case .nic(let group): Self.bits(scenario.hosts[group].nic)
        case .diskRead(let group, let disk): Self.bytes(scenario.hosts[group].disks[disk].read)
        case .diskWrite(let group, let disk): Self.bytes(scenario.hosts[group].disks[disk].write)
        case .room(let group, let disk): "\(scenario.hosts[group].disks[disk].maxSealing ?? 0)"
        case .duration(let task): SimulatedCluster.span(scenario.tasks[task].duration.meanSeconds)
        case .failures(let task): StudyText.figure(scenario.tasks[task].failureRate * 100) + " %"
        case .transfer(let task):
            StudyText.figure(Double(scenario.tasks[task].transfer.bytes) / 0x1p30) + " GiB"
        case .link: Self.bits(scenario.links.bandwidth)
        case .storeWrite(let store): Self.bytes(scenario.stores[store].write)
        case .storeRead(let store): Self.bytes(scenario.stores[store].read)
        case .pledge: SimulatedCluster.span(scenario.workload.pledge.every.secondsValue)
        case .between(let fault):
            SimulatedCluster.span(Self.meanBetween(scenario.faults[fault])?.secondsValue ?? 0)
        case .electricity: "\(scenario.costs?.electricityPerKilowattHour ?? Money(micros: 0))"
        case .depreciation: SimulatedCluster.span(scenario.costs?.depreciation.secondsValue ?? 0)
        case .space: "\(scenario.costs?.rackUnitMonth ?? Money(micros: 0))"
        case .price(let host): "\(scenario.costs?.hosts[host].price ?? Money(micros: 0))"
        case .power(let host): "\(scenario.costs?.hosts[host].powerWatts ?? 0) W"
        }
    }

    private static func bits(_ rate: Bandwidth) -> String {
        StudyText.figure(Double(rate.bitsPerSecond) / 1e9) + " Gbps"
    }

    private static func bytes(_ rate: Bandwidth) -> String {
        StudyText.figure(rate.bytesPerSecond / 1e9) + " GB/s"
    }

    private static func count(_ value: Int, _ factor: Double) -> Int {
        let scaled = whole(value, factor, max: .max >> 1)
        // A tenth of three hosts is no host, and still somebody wants to know what one would do.
        return max(1, factor > 1 ? max(scaled, value + 1) : factor < 1 ? min(scaled, value - 1) : value)
    }

    private static func whole(_ value: Int, _ factor: Double, max limit: Int) -> Int {
        let scaled = (Double(value) * factor).rounded()
        return scaled < Double(limit) ? Int(scaled) : limit
    }

    fileprivate static func time(_ value: Duration, _ factor: Double) -> Duration {
        let nanoseconds = (Double(value.nanosecondsValue) * factor).rounded()
        return nanoseconds < Double(Duration.scenarioMax.nanosecondsValue)
            ? .nanoseconds(Int64(max(1, nanoseconds))) : .scenarioMax
    }

    private static func money(_ value: Money?, _ factor: Double) -> Money {
        Money(micros: whole(value?.micros ?? 0, factor, max: Money.microsMax))
    }
}

extension Bandwidth {
    fileprivate static func * (rate: Bandwidth, factor: Double) -> Bandwidth {
        let scaled = (Double(rate.bitsPerSecond) * factor).rounded()
        return Bandwidth(
            bitsPerSecond: scaled < Double(bitsPerSecondMax) ? max(1, Int(scaled)) : bitsPerSecondMax)
    }
}

extension DurationModel {
    /// The model of times that are all `factor` times as long: every draw gives that much more.
    package static func * (model: DurationModel, factor: Double) -> DurationModel {
        func time(_ value: Duration) -> Duration {
            value == .zero ? .zero : ScenarioInput.time(value, factor)
        }
        return switch model.shape {
        case .constant(let value): DurationModel(.constant(time(value)))
        case .uniform(let low, let high): DurationModel(.uniform(low: time(low), high: time(high)))
        case .normal(let mean, let deviation, let low, let high):
            DurationModel(
                .normal(mean: time(mean), deviation: time(deviation), low: time(low), high: time(high)))
        case .lognormal(let median, let sigma):
            DurationModel(.lognormal(median: time(median), sigma: sigma))
        case .exponential(let mean): DurationModel(.exponential(mean: time(mean)))
        case .triangular(let low, let mode, let high):
            DurationModel(.triangular(low: time(low), mode: time(mode), high: time(high)))
        case .empirical(let values): DurationModel(.empirical(values.map(time)))
        }
    }
}
