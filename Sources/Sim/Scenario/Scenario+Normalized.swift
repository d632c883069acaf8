// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// The scenario with every default spelled out, in the very form in which a file says it.
    ///
    /// Its JSON text, read as a scenario file, gives an equal scenario.
    package var normalized: ScenarioDocument {
        .object { object in
            object.add("name", .text(name))
            object.add("description", .text(description))
            object.add("sectorSize", .text(sectorSize.description))
            object.add("network", network.normalized)
            object.add("hosts", .list(hosts.map(\.normalized)))
            object.add("stores", .list(stores.map(\.normalized)))
            object.add("links", links.normalized)
            object.add(
                "tasks",
                .object { section in
                    for task in tasks { section.add(task.kind.rawValue, task.normalized) }
                }
            )
            object.add("workload", workload.normalized)
            object.add("miner", miner.normalized)
            object.add("policy", .text(policy))
            if !policyOptions.isEmpty {
                object.add(
                    "policyOptions",
                    .object { section in
                        for (name, value) in policyOptions.sorted(by: { $0.key < $1.key }) {
                            section.add(name, value)
                        }
                    })
            }
            object.add("faults", .list(faults.map(\.normalized)))
            if let costs { object.add("costs", costs.normalized) }
            object.add(
                "report",
                .object { section in
                    section.add("warmUp", .text(report.warmUp.scenarioText))
                    section.add("until", .text(report.until.scenarioText))
                }
            )
        }
    }
}

extension ScenarioDocument {
    /// Collects the entries of an object.
    struct Builder {
        var entries: [Entry] = []

        mutating func add(_ key: String, _ value: ScenarioDocument) {
            entries.append(Entry(key: key, value: value))
        }
        mutating func add(_ key: String, _ value: Duration) { add(key, .text(value.scenarioText)) }
        mutating func add(_ key: String, _ value: ByteCount) { add(key, .text(value.description)) }
        mutating func add(_ key: String, _ value: Bandwidth) { add(key, .text(value.description)) }
        mutating func add(_ key: String, _ value: Money) { add(key, .text(value.description)) }
        mutating func add(_ key: String, _ value: Int) { add(key, .integer(value)) }
        mutating func add(_ key: String, _ value: Bool) { add(key, .flag(value)) }
        mutating func add(_ key: String, _ value: String) { add(key, .text(value)) }
    }

    static func object(_ build: (inout Builder) -> Void) -> ScenarioDocument {
        var builder = Builder()
        build(&builder)
        return .object(builder.entries)
    }
}

extension Scenario.Network {
    fileprivate var normalized: ScenarioDocument {
        if Self.presets.contains(self) { return .text(name) }
        return .object { object in
            object.add("base", "mainnet")
            object.add("epochDuration", epochDuration)
            object.add("propagationDelay", propagationDelay)
            object.add("preCommitChallengeDelay", preCommitChallengeDelay)
            object.add("interactivePoRepConfidence", interactivePoRepConfidence)
            object.add("messageConfidence", messageConfidence)
            object.add("sealRandomnessLookback", sealRandomnessLookback)
            object.add("maxPreCommitRandomnessLookback", maxPreCommitRandomnessLookback)
            object.add("maxProveCommitDuration", maxProveCommitDuration)
            object.add("provingPeriod", provingPeriod)
            object.add("deadlines", deadlines)
            object.add("challengeWindow", challengeWindow)
            object.add("challengeLookback", challengeLookback)
            object.add("faultDeclarationCutoff", faultDeclarationCutoff)
            object.add("expectedLeaders", expectedLeaders)
            object.add("sectorSizes", .list(sectorSizes.map { .text($0.description) }))
        }
    }
}

extension Scenario.HostGroup {
    fileprivate var normalized: ScenarioDocument {
        .object { object in
            object.add("name", name)
            object.add("count", count)
            object.add(
                "cpu",
                .object { section in
                    section.add("model", cpu.model)
                    section.add("sockets", cpu.sockets)
                    section.add("cores", cpu.coresPerSocket)
                    section.add("threadsPerCore", cpu.threadsPerCore)
                    if let groups = cpu.l3Groups { section.add("l3Groups", groups) }
                    if let size = cpu.l3 { section.add("l3", size) }
                }
            )
            object.add("numaNodes", numaNodes)
            object.add("memory", memory)
            object.add("hugepages", hugepages)
            if !hugepagesByNode.isEmpty {
                object.add("hugepagesByNode", .list(hugepagesByNode.map { .text($0.description) }))
            }
            if let memoryBandwidth { object.add("memoryBandwidth", memoryBandwidth) }
            if !contention.isEmpty {
                object.add("contention", .list(contention.map { .text($0.rawValue) }))
            }
            object.add(
                "gpus",
                .list(
                    gpus.map { gpu in
                        .object { section in
                            section.add("model", gpu.model)
                            section.add("count", gpu.count)
                        }
                    }
                )
            )
            object.add("disks", .list(disks.map(\.normalized)))
            object.add("nic", nic)
            object.add("workers", .list(workers.map(\.normalized)))
            mark?.add(to: &object)
        }
    }
}

extension Scenario.Disk {
    fileprivate var normalized: ScenarioDocument {
        .object { object in
            object.add("name", name)
            object.add("capacity", capacity)
            object.add("read", read)
            object.add("write", write)
            object.add("sealing", sealing)
            if let maxSealing { object.add("maxSealing", maxSealing) }
            if let iops { object.add("iops", iops) }
            mark?.add(to: &object)
        }
    }
}

extension Scenario.WorkerGroup {
    fileprivate var normalized: ScenarioDocument {
        .object { object in
            object.add("name", name)
            object.add("role", .list(roles.map { .text($0.rawValue) }))
            object.add("count", count)
            object.add("group", group.rawValue)
            object.add(
                "slots",
                .object { section in
                    for slot in slots { section.add(slot.kind.rawValue, slot.count) }
                }
            )
            object.add("memory", memory.rawValue)
            object.add("cores", Self.normalized(cpuLists) ?? .text(cores.rawValue))
            if let cards = Self.normalized(cardLists) { object.add("gpus", cards) }
        }
    }

    private static func normalized(_ lists: [CPUList]) -> ScenarioDocument? {
        guard let first = lists.first else { return nil }
        return lists.count == 1 ? .text(first.description) : .list(lists.map { .text($0.description) })
    }
}

extension Scenario.Store {
    fileprivate var normalized: ScenarioDocument {
        .object { object in
            object.add("name", name)
            object.add("kind", kind.rawValue)
            object.add("capacity", capacity)
            object.add("read", read)
            object.add("write", write)
            if let perClient { object.add("perClient", perClient) }
            if let latency { object.add("latency", latency) }
            if let requestSize { object.add("requestSize", requestSize) }
            object.add("streams", streams)
            if let requestsPerSecond { object.add("requestsPerSecond", requestsPerSecond) }
            mark?.add(to: &object)
        }
    }
}

extension Scenario.Switch {
    fileprivate var normalized: ScenarioDocument {
        .object { object in
            object.add("name", name)
            object.add("members", .list(members.map { .text($0) }))
            if let backplane { object.add("backplane", backplane) }
            if let uplink { object.add("uplink", uplink) }
        }
    }
}

extension Scenario.TaskAmount {
    fileprivate var normalized: ScenarioDocument {
        switch self {
        case .bytes(let bytes): .text(bytes.description)
        case .computed: .text("computed")
        }
    }
}

extension Scenario.Links {
    fileprivate var normalized: ScenarioDocument {
        .object { object in
            object.add("latency", latency)
            object.add("bandwidth", bandwidth)
            object.add(
                "exceptions",
                .list(
                    exceptions.map { link in
                        .object { section in
                            section.add("from", link.from)
                            section.add("to", link.to)
                            section.add("latency", link.latency)
                            section.add("bandwidth", link.bandwidth)
                        }
                    }
                )
            )
            object.add("switches", .list(switches.map(\.normalized)))
            mark?.add(to: &object)
        }
    }
}

extension Scenario.TaskModel {
    fileprivate var normalized: ScenarioDocument {
        .object { object in
            object.add("duration", duration.normalized)
            object.add("transfer", transfer)
            object.add("failureRate", .number(failureRate))
            object.add("provenance", provenance.rawValue)
            object.add("source", source)
            if let memoryTraffic { object.add("memoryTraffic", memoryTraffic.normalized) }
            if let reads { object.add("reads", reads.normalized) }
            if let writes { object.add("writes", writes.normalized) }
            if let requestSize { object.add("requestSize", requestSize) }
        }
    }
}

extension DurationModel {
    var normalized: ScenarioDocument {
        .object { object in
            switch shape {
            case .constant(let value):
                object.add("constant", value)
            case .uniform(let low, let high):
                object.add(
                    "uniform",
                    .object { family in
                        family.add("min", low)
                        family.add("max", high)
                    }
                )
            case .normal(let mean, let deviation, let low, let high):
                object.add(
                    "normal",
                    .object { family in
                        family.add("mean", mean)
                        family.add("deviation", deviation)
                        family.add("min", low)
                        family.add("max", high)
                    }
                )
            case .lognormal(let median, let sigma):
                object.add(
                    "lognormal",
                    .object { family in
                        family.add("median", median)
                        family.add("sigma", .number(sigma))
                    }
                )
            case .exponential(let mean):
                object.add("exponential", .object { $0.add("mean", mean) })
            case .triangular(let low, let mode, let high):
                object.add(
                    "triangular",
                    .object { family in
                        family.add("min", low)
                        family.add("mode", mode)
                        family.add("max", high)
                    }
                )
            case .empirical(let values):
                object.add("empirical", .list(values.map { .text($0.scenarioText) }))
            }
        }
    }
}

extension Scenario.Workload {
    fileprivate var normalized: ScenarioDocument {
        .object { object in
            object.add(
                "pledge",
                .object { section in
                    section.add("every", pledge.every)
                    section.add("packingMax", pledge.packingMax)
                    section.add("initialPerHost", pledge.initialPerHost)
                    if let limit = pledge.sealingMaxPerHost {
                        section.add("sealingMaxPerHost", limit)
                    }
                }
            )
            object.add("provingAtStart", provingAtStart)
            object.add(
                "tickets",
                .object { section in
                    for ticket in tickets {
                        section.add(
                            ticket.task.rawValue,
                            .object { rule in
                                rule.add("rate", ticket.rate.description)
                                rule.add("per", ticket.scope.rawValue)
                            }
                        )
                    }
                }
            )
            if let sectorsTarget { object.add("sectorsTarget", sectorsTarget) }
            if let sectorsMax { object.add("sectorsMax", sectorsMax) }
            object.add("deals", .list(deals.map(\.normalized)))
        }
    }
}
