// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// The JSON Schema (draft 2020-12) of a scenario file, for editors.
    ///
    /// It is built from the tables that the reader itself uses: the keys, the units and the words of each
    /// enum. What it cannot say (whether a cluster could seal at all) only the reader checks.
    ///
    /// A file that includes others requires nothing else: what it leaves out they may hold.
    package static var schema: ScenarioDocument {
        .object([
            .init(key: "$schema", value: .text("https://json-schema.org/draft/2020-12/schema")),
            .init(key: "title", value: .text("Sealyard scenario")),
            .init(key: "type", value: .text("object")),
            .init(key: "if", value: .object([.init(key: "required", value: .list([.text("include")]))])),
            .init(key: "then", value: wholeSchema.overlay),
            .init(key: "else", value: wholeSchema),
        ])
    }

    private static var wholeSchema: ScenarioDocument {
        let sizes = Network.allSectorSizes.map(\.description)
        return Schema.object(
            Keys.scenario,
            required: ["name", "sectorSize", "hosts", "stores", "tasks", "workload"],
            [
                "name": Schema.name,
                "description": Schema.text,
                "include": Schema.any([Schema.text, Schema.list(Schema.text)])
                    .described("Files over which this one is laid; paths from this file's folder."),
                "sectorSize": Schema.size.described("One of \(sizes.joined(separator: ", "))."),
                "network": Schema.any([
                    Schema.words(Network.presets.map(\.name)), networkSchema,
                ]),
                "hosts": Schema.list(hostSchema, least: 1),
                "stores": Schema.list(storeSchema, least: 1),
                "links": linksSchema,
                "tasks": tasksSchema,
                "workload": workloadSchema,
                "miner": minerSchema,
                "policy": Schema.name,
                "policyOptions": Schema.map(of: Schema.any([Schema.number(0, 1e6), Schema.text])),
                "faults": Schema.list(Fault.schema),
                "costs": Costs.schema,
                "report": Schema.object(
                    Keys.report,
                    ["warmUp": Schema.duration, "until": Schema.duration]
                ),
            ]
        )
    }

    private static var networkSchema: ScenarioDocument {
        var values: [String: ScenarioDocument] = [
            "base": Schema.words(Network.presets.map(\.name)),
            "epochDuration": Schema.duration,
            "propagationDelay": Schema.duration,
            "sectorSizes": Schema.list(Schema.size, least: 1),
        ]
        for key in Keys.network where values[key] == nil {
            values[key] = Schema.integer(0, 10_000_000)
        }
        return Schema.object(Keys.network, values)
    }

    private static var hostSchema: ScenarioDocument {
        let limits = ScenarioLimits()
        return Schema.object(
            Keys.host,
            required: ["name", "memory"],
            [
                "name": Schema.name,
                "count": Schema.integer(1, limits.hostCountMax),
                "cpu": Schema.object(
                    Keys.cpu,
                    [
                        "model": Schema.text, "sockets": Schema.integer(1, 64),
                        "cores": Schema.integer(1, 4096), "threadsPerCore": Schema.integer(1, 8),
                        "l3Groups": Schema.integer(1, 4096), "l3": Schema.size,
                    ]
                ),
                "numaNodes": Schema.integer(1, 1024),
                "memory": Schema.size,
                "hugepages": Schema.size,
                "hugepagesByNode": Schema.list(Schema.size, least: 1),
                "memoryBandwidth": Schema.bandwidth.described(
                    "What the memory of one NUMA node sustains; tasks of the node share it."),
                "contention": Schema.list(Schema.words(Contention.allCases.map(\.rawValue)), least: 1),
                "gpus": Schema.list(
                    Schema.any([
                        Schema.text,
                        Schema.object(
                            Keys.gpu,
                            required: ["model"],
                            ["model": Schema.text, "count": Schema.integer(1, 64)]
                        ),
                    ])
                ),
                "disks": Schema.list(diskSchema),
                "nic": Schema.bandwidth,
                "workers": Schema.list(workerSchema),
            ].merging(Mark.schema) { $1 }
        )
    }

    private static var diskSchema: ScenarioDocument {
        Schema.object(
            Keys.disk,
            required: ["name", "capacity", "read", "write"],
            [
                "name": Schema.name, "capacity": Schema.size, "read": Schema.bandwidth,
                "write": Schema.bandwidth, "sealing": Schema.flag,
                "maxSealing": Schema.integer(1, 1_000_000),
                "iops": Schema.integer(1, 1_000_000_000),
            ].merging(Mark.schema) { $1 }
        )
    }

    private static var workerSchema: ScenarioDocument {
        let limits = ScenarioLimits()
        let role = Schema.words(Role.allCases.map(\.rawValue) + ["APx"])
        let kinds = TaskKind.allCases.map(\.rawValue)
        let slot = Schema.integer(0, limits.slotsPerWorkerMax)
        return Schema.object(
            Keys.worker,
            required: ["role"],
            [
                "name": Schema.name,
                "role": Schema.any([role, Schema.list(role, least: 1)]),
                "count": Schema.integer(1, limits.workersPerHostMax),
                "group": Schema.words(WorkerGroup.Group.allCases.map(\.rawValue)),
                "slots": Schema.object(kinds, Schema.same(slot, for: kinds)),
                "memory": Schema.words(WorkerGroup.Memory.allCases.map(\.rawValue)),
                "cores": Schema.any([
                    Schema.words(WorkerGroup.Cores.allCases.map(\.rawValue)), Schema.cpus,
                    Schema.list(Schema.cpus, least: 1),
                ]),
                "gpus": Schema.any([Schema.cpus, Schema.list(Schema.cpus, least: 1)]).described(
                    "The cards of the host that the processes use, by their numbers from 0: one list for "
                        + "all, or one for each."),
            ]
        )
    }

    /// A rented service answers what it carries by itself; any other store says it.
    private static var storeSchema: ScenarioDocument {
        func schema(_ kinds: [Store.Kind], _ required: [String]) -> ScenarioDocument {
            Schema.object(
                Keys.store,
                required: required,
                [
                    "name": Schema.name, "kind": Schema.words(kinds.map(\.rawValue)),
                    "capacity": Schema.size, "read": Schema.bandwidth, "write": Schema.bandwidth,
                    "perClient": Schema.bandwidth, "latency": Schema.duration, "requestSize": Schema.size,
                    "streams": Schema.integer(1, 10_000),
                    "requestsPerSecond": Schema.integer(1, 1_000_000_000),
                ].merging(Mark.schema) { $1 }
            )
        }
        let whole = Store.Kind.allCases.filter(Store.isWhole)
        let others = Store.Kind.allCases.filter { !Store.isWhole($0) }
        return Schema.any([
            schema(others, ["name", "capacity", "read", "write"]),
            schema(whole, ["name", "kind", "capacity"]),
        ])
    }

    private static var switchSchema: ScenarioDocument {
        Schema.object(
            Keys.switch,
            required: ["name", "members"],
            [
                "name": Schema.name, "members": Schema.list(Schema.name, least: 1),
                "backplane": Schema.bandwidth, "uplink": Schema.bandwidth,
            ]
        )
    }

    private static var linksSchema: ScenarioDocument {
        let link = Schema.object(
            Keys.link,
            required: ["from", "to"],
            [
                "from": Schema.name, "to": Schema.name, "latency": Schema.duration,
                "bandwidth": Schema.bandwidth,
            ]
        )
        return Schema.object(
            Keys.links,
            [
                "latency": Schema.duration, "bandwidth": Schema.bandwidth,
                "exceptions": Schema.list(link), "switches": Schema.list(switchSchema),
            ].merging(Mark.schema) { $1 }
        )
    }

    private static var tasksSchema: ScenarioDocument {
        let amount = Schema.any([Schema.size, Schema.words(["computed"])])
        let task = Schema.any([
            Schema.duration,
            Schema.object(
                Keys.task,
                required: ["duration"],
                [
                    "duration": Schema.any([Schema.duration, durationModelSchema, measuredSchema]),
                    "transfer": Schema.size, "failureRate": Schema.fraction,
                    "provenance": Schema.words(Provenance.allCases.map(\.rawValue)),
                    "source": Schema.text,
                    "memoryTraffic": amount, "reads": amount, "writes": amount,
                    "requestSize": Schema.size,
                ]
            ),
        ])
        let kinds = TaskKind.allCases.map(\.rawValue)
        return Schema.object(
            kinds,
            required: TaskKind.sealing.map(\.rawValue),
            Schema.same(task, for: kinds)
        )
    }

    /// Files whose durations are fitted.
    private static var measuredSchema: ScenarioDocument {
        let files = Schema.any([Schema.text, Schema.list(Schema.text, least: 1)])
        return Schema.object(["measured"], required: ["measured"], ["measured": files])
    }

    private static var durationModelSchema: ScenarioDocument {
        func family(_ keys: [String], _ required: [String]) -> ScenarioDocument {
            var values = Schema.same(Schema.duration, for: keys)
            if keys.contains("sigma") { values["sigma"] = Schema.number(0.000_001, 4) }
            return Schema.object(keys, required: required, values)
        }
        let model = Schema.object(
            DurationModel.familyKeys,
            [
                "constant": Schema.duration,
                "uniform": family(["min", "max"], ["min", "max"]),
                "normal": family(["mean", "deviation", "min", "max"], ["mean", "deviation"]),
                "lognormal": family(["median", "sigma"], ["median", "sigma"]),
                "exponential": family(["mean"], ["mean"]),
                "triangular": family(["min", "mode", "max"], ["min", "mode", "max"]),
                "empirical": Schema.list(Schema.duration, least: 1),
            ]
        )
        guard case .object(let entries) = model else { return model }
        return .object(
            entries + [
                .init(key: "minProperties", value: .integer(1)),
                .init(key: "maxProperties", value: .integer(1)),
            ]
        )
    }

    private static var workloadSchema: ScenarioDocument {
        let kinds = TaskKind.allCases.map(\.rawValue)
        let ticket = Schema.any([
            Schema.rate,
            Schema.object(
                Keys.ticket,
                required: ["rate"],
                [
                    "rate": Schema.rate,
                    "per": Schema.words(TicketRule.Scope.allCases.map(\.rawValue)),
                ]
            ),
        ])
        let count = Schema.integer(1, 1_000_000_000)
        return Schema.object(
            Keys.workload,
            [
                "pledge": Schema.object(
                    Keys.pledge,
                    [
                        "every": Schema.duration, "packingMax": Schema.integer(0, 1_000_000),
                        "initialPerHost": Schema.integer(0, 100_000),
                        "sealingMaxPerHost": Schema.integer(1, 1_000_000),
                    ]
                ),
                "provingAtStart": Schema.integer(0, 100_000_000),
                "tickets": Schema.object(kinds, Schema.same(ticket, for: kinds)),
                "sectorsTarget": count, "sectorsMax": count,
                "deals": Schema.list(dealSchema),
            ]
        )
    }

    private static var dealSchema: ScenarioDocument {
        let model = Schema.any([Schema.duration, durationModelSchema])
        return Schema.object(
            Keys.deal,
            required: ["every", "pieceSize", "startAfter"],
            [
                "every": model, "pieceSize": Schema.size, "startAfter": model,
                "lasts": Schema.duration, "keepUnsealedCopy": Schema.flag,
            ]
        )
    }

    private static var minerSchema: ScenarioDocument {
        var values: [String: ScenarioDocument] = [
            "preCommitBatchWait": Schema.duration, "commitBatchWait": Schema.duration,
            "sealingFootprint": Schema.size,
            "maxPreCommitBatch": Schema.integer(1, 256), "minCommitBatch": Schema.integer(1, 819),
            "maxCommitBatch": Schema.integer(1, 819),
            "waitDealsDelay": Schema.duration,
            "startEpochSealingBuffer": Schema.integer(0, 1_000_000),
        ]
        for key in [
            "batchPreCommitAboveBaseFee", "aggregateAboveBaseFee", "preCommitFeePerSector",
            "commitFeePerSector",
        ] {
            values[key] = Schema.attoFIL
        }
        for key in ["maxSealingSectors", "maxSealingSectorsForDeals", "maxWaitDealsSectors"] {
            values[key] = Schema.integer(0, 10_000_000)
        }
        for key in Keys.miner where values[key] == nil { values[key] = Schema.flag }
        return Schema.object(Keys.miner, values)
    }
}
