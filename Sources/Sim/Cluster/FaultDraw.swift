// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// Draws faults that all end, so that a cluster can be expected to recover.
package struct FaultDraw: Sendable {
    package var kinds: [Scenario.Fault.Kind]
    private let hosts: [Scenario.HostGroup]
    private let stores: [String]

    /// Makes a draw for a scenario's things.
    ///
    /// - Parameter kinds: what may break; kinds for which the scenario has nothing are left out.
    package init(
        _ scenario: Scenario, kinds: [Scenario.Fault.Kind] = Scenario.Fault.Kind.allCases
    ) {
        hosts = scenario.hosts
        stores = scenario.stores.map(\.name)
        let hasStores = !stores.isEmpty
        self.kinds = kinds.filter { $0.place != .store || hasStores }
    }

    /// Draws `count` faults that begin and end before `end`, in order of their beginning.
    package func faults(
        count: Int, until end: Duration, from random: inout RandomStream
    ) -> [Scenario.Fault] {
        guard !kinds.isEmpty else { return [] }
        var faults: [Scenario.Fault] = []
        for _ in 0..<count { faults.append(fault(until: end, &random)) }
        return faults.sorted { $0.at < $1.at }
    }

    private func fault(until end: Duration, _ random: inout RandomStream) -> Scenario.Fault {
        let drawn = kinds[random.index(below: kinds.count)]
        let target = target(drawn.place, &random)
        // What a host does not have cannot be lost; its processes can.
        let kind = hosts.first { $0.name == target.group }?.lack(for: drawn) == nil ? drawn : .workerKilled
        let whole = Double(end.nanoseconds) / 1e6
        let begin = random.uniform() * 0.8 * whole
        // Short ones are as many as long ones: from a second to what is left.
        let left = max(2_000, 0.95 * (whole - begin))
        var span = logUniform(1_000, left, &random)
        if kind == .rollingUpgrade { span = max(1, span / Double(processCount(target))) }
        let by: Duration
        switch kind {
        case .messagesLate: by = milliseconds(logUniform(200, 20_000, &random))
        case .nicFlapping: by = milliseconds(logUniform(2_000, 60_000, &random))
        default: by = milliseconds(logUniform(1_000, 300_000, &random))
        }
        let factor = logUniform(2, 50, &random).rounded()
        let share = (logUniform(2, 50, &random)).rounded() / 100
        return Scenario.Fault(
            kind, at: milliseconds(begin), target: target,
            duration: kind.isMomentary ? nil : milliseconds(span),
            factor: kind.measure == .factor ? factor : nil, share: kind.measure == .share ? share : nil,
            by: kind.measure == .time ? by : nil)
    }

    private func milliseconds(_ value: Double) -> Duration { .milliseconds(Int64(value)) }

    private func logUniform(_ low: Double, _ high: Double, _ random: inout RandomStream) -> Double {
        low * DeterministicMath.exp(random.uniform() * DeterministicMath.log(high / low))
    }

    private func target(
        _ place: Scenario.Fault.Place, _ random: inout RandomStream
    ) -> Scenario.Fault.Target {
        switch place {
        case .chain: return .chain
        case .miner: return .miner
        case .store: return .store(stores[random.index(below: stores.count)])
        case .process: return process(&random)
        case .host: return host(&random)
        case .node, .link:
            switch random.index(below: place == .link && !stores.isEmpty ? 6 : 5) {
            case 0: return .chain
            case 1: return .miner
            case 2: return process(&random)
            case 5: return .store(stores[random.index(below: stores.count)])
            default: return host(&random)
            }
        }
    }

    private func host(_ random: inout RandomStream) -> Scenario.Fault.Target {
        let group = hosts[random.index(below: hosts.count)]
        // Now and then a whole group at once.
        if random.index(below: 8) == 0 { return .group(group.name) }
        return .host(group: group.name, index: random.index(below: group.count))
    }

    private func process(_ random: inout RandomStream) -> Scenario.Fault.Target {
        let group = hosts[random.index(below: hosts.count)]
        let index = random.index(below: group.count)
        guard !group.workers.isEmpty else { return .host(group: group.name, index: index) }
        let workers = group.workers[random.index(below: group.workers.count)]
        return .worker(
            group: group.name, index: index, worker: workers.name,
            instance: random.index(below: workers.count))
    }

    private func processCount(_ target: Scenario.Fault.Target) -> Int {
        switch target {
        case .group(let name):
            hosts.filter { $0.name == name }.reduce(0) { $0 + $1.count * $1.workersPerHost }
        case .host(let name, _): hosts.filter { $0.name == name }.reduce(0) { $0 + $1.workersPerHost }
        default: 1
        }
    }
}

extension Scenario.Fault: CustomStringConvertible {
    /// As a scenario file says it, on one line.
    package var description: String {
        guard case .object(let entries) = normalized else { return "" }
        let fields = entries.map { entry in
            let value =
                switch entry.value {
                case .text(let text): text
                default: entry.value.json
                }
            return "\(entry.key): \(value)"
        }
        return "{\(fields.joined(separator: ", "))}"
    }
}

extension [Scenario.Fault] {
    /// The list as YAML on one line, for `--set faults=…`.
    package var yaml: String { "[\(map(\.description).joined(separator: ", "))]" }
}
