// SPDX-License-Identifier: Apache-2.0
package import Chain
internal import Kernel
package import Scheduler

/// What a journal's first lines say of the miner that wrote it.
package struct RecordedFacts: Sendable {
    package var policy: String
    /// The time a lost worker had to come back.
    package var lease: Duration
    package var network: NetworkParameters
    package var sectorBytes: UInt64

    package init(policy: String, lease: Duration, network: NetworkParameters, sectorBytes: UInt64) {
        self.policy = policy
        self.lease = lease
        self.network = network
        self.sectorBytes = sectorBytes
    }
}

/// What a simulation of a recorded run takes over that no scenario file says.
package struct RecordedConditions: Sendable, Hashable {
    /// Sectors that begin together.
    package struct Pledge: Sendable, Hashable {
        package var at: Duration
        package var count: Int
    }

    package var pledges: [Pledge]
    package var lease: Duration
    /// Commit2 follows Commit1.
    package var makesSNARK: Bool
    /// From a worker's end to the scheduler's knowledge of it: a process that ends closes its connections.
    package var lossDetection: Duration
    /// What the workers told of their machines, by the simulated host; processes of one machine share what it
    /// has. Hosts that were not there have what the scenario says.
    package var machines: [String: Machine] = [:]

    package struct Machine: Sendable, Hashable {
        package var info: HostInfo
        package var resources: [ResourceTable.Override]
    }
}

/// The cluster of a recorded run as a scenario, with the durations that were measured in it.
extension RecordedRun {
    /// The run begins this long before its first sector, so that the workers are there.
    private static let lead = Duration.seconds(2)
    /// Within this time sectors begin together.
    private static let together = Duration.milliseconds(20)
    /// Room for what no journal says: no limit of the model is to be met that the real run did not meet.
    private static let ample = ByteCount(bytes: 1 << 50)

    /// Builds the scenario and what goes with it.
    ///
    /// - Throws: ``SimulationError`` with `impossible` where the journal holds no sector from its beginning
    ///   to its end.
    package func scenario(
        name: String, _ facts: RecordedFacts
    ) throws(SimulationError) -> (scenario: Scenario, conditions: RecordedConditions) {
        guard let begin, let makespan = makespanSeconds, !workers.isEmpty else {
            throw SimulationError(
                .impossible, "the journal holds no sector that was sealed to its end; let the run go on")
        }
        let origin = begin.advanced(byNanoseconds: -Self.lead.nanoseconds)
        let groups = hostGroups()
        let makesSNARK = calls.contains { $0.id.task.type == .commit2 }
        var hosts = groups.map(\.group)
        if !makesSNARK {
            // Never asked; a scenario says who proves.
            hosts[0].workers[0].slots.removeAll { $0.kind == .commit2 }
            hosts[0].workers[0].slots.append(.init(kind: .commit2, count: 1))
            hosts[0].workers[0].slots.sort { $0.kind < $1.kind }
        }
        let delay = Duration.nanoseconds(Int64((messageSeconds ?? 0.0002) * 1e9))
        var network = Scenario.Network.devnet
        network.epochDuration = facts.network.epochDuration
        network.propagationDelay = min(network.propagationDelay, facts.network.epochDuration / 2)
        network.preCommitChallengeDelay = Int(facts.network.preCommitChallengeDelay)
        network.messageConfidence = Int(facts.network.messageConfidence)
        network.interactivePoRepConfidence = Int(facts.network.seedConfidence)
        network.sealRandomnessLookback = Int(facts.network.sealLookback)
        network.maxPreCommitRandomnessLookback = Int(facts.network.maxTicketAge)
        network.maxProveCommitDuration = Int(facts.network.maxProveCommitDuration)
        if network != .devnet { network.name = "custom" }
        let scenario = Scenario(
            name: name, description: "A run as its miner's journal has it.",
            sectorSize: ByteCount(bytes: Int(clamping: facts.sectorBytes)), network: network, hosts: hosts,
            stores: [
                .init(
                    name: "long-term", kind: .local, capacity: Self.ample,
                    read: Bandwidth(bitsPerSecond: 100_000_000_000),
                    write: Bandwidth(bitsPerSecond: 100_000_000_000))
            ],
            links: .init(
                latency: max(.microseconds(1), delay), bandwidth: Bandwidth(bitsPerSecond: 10_000_000_000),
                exceptions: []),
            tasks: taskModels(makesSNARK: makesSNARK),
            workload: .init(
                pledge: .init(
                    every: .seconds(3600), packingMax: 0, initialPerHost: 1, sealingMaxPerHost: nil),
                provingAtStart: 0, tickets: [], sectorsTarget: sectors.count, sectorsMax: sectors.count),
            miner: Scenario.Defaults.miner, policy: facts.policy,
            faults: faults(groups.map { ($0.group.name, $0.hosts) }, since: origin), costs: nil,
            report: .init(
                warmUp: .milliseconds(1), until: .nanoseconds(Int64((makespan * 20 + 60) * 1e9))))
        var conditions = RecordedConditions(
            pledges: pledges(since: origin), lease: facts.lease, makesSNARK: makesSNARK, lossDetection: delay)
        conditions.machines = machines(groups)
        return (scenario, conditions)
    }

    private func pledges(since origin: Instant) -> [RecordedConditions.Pledge] {
        var pledges: [RecordedConditions.Pledge] = []
        for sector in sectors {
            let at = sector.begunAt - origin
            if let last = pledges.indices.last, at - pledges[last].at <= Self.together {
                pledges[last].count += 1
            } else {
                pledges.append(.init(at: at, count: 1))
            }
        }
        return pledges
    }

    // MARK: Tasks

    /// The measured durations themselves, thinned evenly where there are more than a model holds.
    private func taskModels(makesSNARK: Bool) -> [Scenario.TaskModel] {
        Scenario.TaskKind.sealing.compactMap { kind in
            guard let type = TaskType.sealing.first(where: { $0.kind == kind }) else { return nil }
            let seconds = workSeconds(type)
            let failed = calls.filter { $0.id.task.type == type && $0.isComputeFailure }.count
            let ended = seconds.count + failed
            // As many digits as a scenario's text has.
            let rate = ended == 0 ? 0 : (Double(failed) / Double(ended) * 1e6).rounded() / 1e6
            let shape: DurationModel.Shape =
                seconds.isEmpty ? .constant(.zero) : .empirical(Self.thinned(seconds))
            return Scenario.TaskModel(
                kind: kind, duration: DurationModel(shape), transfer: ByteCount(bytes: 0),
                failureRate: rate,
                provenance: .measured, source: "\(seconds.count) calls of the journal")
        }
    }

    private static func thinned(_ sorted: [Double]) -> [Duration] {
        let count = min(sorted.count, DurationModel.empiricalCountMax)
        return (0..<count).map { index in
            .nanoseconds(Int64(quantile(sorted, (Double(index) + 0.5) / Double(count)) * 1e9))
        }
    }

    // MARK: Hosts

    private func machines(_ groups: [Group]) -> [String: RecordedConditions.Machine] {
        var machines: [String: RecordedConditions.Machine] = [:]
        for group in groups {
            for (index, host) in group.hosts.enumerated() {
                let told = workers.first { $0.info.host == host && $0.info.hostInfo != nil }?.info
                guard let told, let info = told.hostInfo else { continue }
                machines["\(group.group.name)/\(index)"] = .init(info: info, resources: told.resources)
            }
        }
        return machines
    }

    private struct Group {
        var group: Scenario.HostGroup
        /// The recorded hosts, by their place in the group.
        var hosts: [String]
    }

    /// Hosts that offer the same are one group, in order of their first worker.
    private func hostGroups() -> [Group] {
        var groups: [Group] = []
        var seen: [String] = []
        for worker in workers where !seen.contains(worker.info.host) {
            seen.append(worker.info.host)
            let host = hostGroup(worker.info.host)
            if let index = groups.firstIndex(where: { Self.isSame($0.group, host) }) {
                groups[index].hosts.append(worker.info.host)
                for (disk, other) in zip(groups[index].group.disks.indices, host.disks) {
                    let least = min(groups[index].group.disks[disk].capacity, other.capacity)
                    groups[index].group.disks[disk].capacity = least
                }
            } else {
                groups.append(Group(group: host, hosts: [worker.info.host]))
            }
        }
        var taken: [String] = []
        for index in groups.indices {
            var name = Self.commonName(groups[index].hosts)
            if taken.contains(name) { name += "-\(index)" }
            taken.append(name)
            groups[index].group.name = name
            groups[index].group.count = groups[index].hosts.count
        }
        return groups
    }

    /// Whether two hosts offer the same. Room is what was free when each came: it counts for the group as the
    /// least of its hosts'.
    private static func isSame(_ one: Scenario.HostGroup, _ other: Scenario.HostGroup) -> Bool {
        var (one, other) = (one, other)
        for index in one.disks.indices { one.disks[index].capacity = ample }
        for index in other.disks.indices { other.disks[index].capacity = ample }
        return one == other
    }

    private func hostGroup(_ host: String) -> Scenario.HostGroup {
        let own = workers.filter { $0.info.host == host }
        let info = own.compactMap(\.info.hostInfo).first
        var processes: [Scenario.WorkerGroup] = []
        for worker in own {
            let slots = Scenario.TaskKind.allCases.compactMap { kind -> Scenario.Slot? in
                guard let type = TaskType.allCases.first(where: { $0.kind == kind && kind != .fetch }) else {
                    return nil
                }
                let count = worker.info.slotCount(type)
                return count > 0 ? .init(kind: kind, count: min(count, 1_000)) : nil
            }
            let group = Scenario.WorkerGroup(
                name: "w\(processes.count)", roles: [.any], count: 1,
                group: worker.info.canFetch ? .none : .host, slots: slots)
            let same = processes.firstIndex { $0.slots == group.slots && $0.group == group.group }
            if let same { processes[same].count += 1 } else { processes.append(group) }
        }
        let store = own.compactMap(\.store).first
        let rate = Bandwidth(bitsPerSecond: 100_000_000_000)
        return Scenario.HostGroup(
            name: "", count: 1,
            cpu: .init(
                model: "recorded", sockets: 1, coresPerSocket: max(1, info?.logicalCoreCount ?? 64),
                threadsPerCore: 1),
            numaNodes: max(1, info?.numaNodes.count ?? 1),
            memory: ByteCount(bytes: Int(clamping: info?.memoryBytes ?? 1 << 44)),
            hugepages: ByteCount(bytes: 0),
            gpus: (info?.gpus ?? []).map { .init(model: $0.name, count: 1) },
            disks: [
                .init(
                    name: "sealing",
                    capacity: ByteCount(bytes: Int(clamping: store?.capacityBytes ?? 1 << 50)),
                    read: rate, write: rate, sealing: store != nil,
                    maxSealing: store.flatMap { $0.sealingCountMax > 0 ? $0.sealingCountMax : nil })
            ], nic: Bandwidth(bitsPerSecond: 10_000_000_000), workers: processes)
    }

    /// What the hosts' names begin with, in the letters that a scenario allows: `c2` for `c2-1` and `c2-2`.
    package static func commonName(_ hosts: [String]) -> String {
        var name = Substring(hosts[0])
        for host in hosts.dropFirst() {
            while !host.hasPrefix(name) { name = name.dropLast() }
        }
        // Where the names part within a number, as in node10 and node11, that number is the index.
        if hosts.contains(where: { isDigit($0.dropFirst(name.count).first) }) {
            while isDigit(name.last) { name.removeLast() }
        }
        let letters = name.unicodeScalars.map { scalar -> Character in
            let isAllowed = scalar.isASCII && (scalar.properties.isAlphabetic || isDigit(Character(scalar)))
            return isAllowed ? Character(scalar) : "-"
        }
        var word = String(letters.prefix(40))
        while hosts.count > 1, word.last == "-" { word.removeLast() }
        return word.isEmpty ? "host" : word
    }

    private static func isDigit(_ character: Character?) -> Bool {
        guard let character else { return false }
        return ("0"..."9").contains(character)
    }

    // MARK: Losses

    private func faults(
        _ groups: [(name: String, hosts: [String])], since origin: Instant
    ) -> [Scenario.Fault] {
        var faults: [Scenario.Fault] = []
        let end = sectors.compactMap(\.endedAt).max() ?? origin
        for group in groups {
            for (index, host) in group.hosts.enumerated() {
                let own = workers.filter { $0.info.host == host }
                for (position, worker) in own.enumerated() {
                    // Who went when all was done, as at the end of the whole cluster, delayed nothing.
                    for loss in worker.losses where loss.at > origin && loss.at < end {
                        let process = processName(of: position, among: own)
                        faults.append(
                            .init(
                                .workerKilled, at: loss.at - origin,
                                target: .worker(
                                    group: group.name, index: index, worker: process.name,
                                    instance: process.instance),
                                duration: loss.backAt.map { max(.milliseconds(1), $0 - loss.at) }))
                    }
                }
            }
        }
        return faults.sorted { $0.at < $1.at }
    }

    /// The worker group and the instance in it that ``hostGroup(_:)`` gave a host's worker.
    private func processName(of position: Int, among own: [Worker]) -> (name: String, instance: Int) {
        func isSame(_ one: Worker, _ other: Worker) -> Bool {
            one.info.canFetch == other.info.canFetch
                && TaskType.allCases.allSatisfy { one.info.slotCount($0) == other.info.slotCount($0) }
        }
        var firsts: [Worker] = []
        for worker in own where !firsts.contains(where: { isSame($0, worker) }) { firsts.append(worker) }
        let kind = firsts.firstIndex { isSame($0, own[position]) } ?? 0
        let instance = own[..<position].filter { isSame($0, own[position]) }.count
        return ("w\(kind)", instance)
    }
}
