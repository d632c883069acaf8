// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// Every value that a scenario may leave out, in one place.
    ///
    /// Durations of sealing tasks, memory, disks and stores have no default: a figure that decides the result
    /// is written down by whoever wants the result. What kinds of stores have by themselves is in
    /// ``Store/usual(_:)``.
    package enum Defaults {
        package static let network = Network.mainnet
        package static let policy = "sealyard"

        package static let hostCount = 1
        package static let cpu = CPU(
            model: "unnamed",
            sockets: 1,
            coresPerSocket: 1,
            threadsPerCore: 1
        )
        package static let numaNodes = 1
        package static let hugepages = ByteCount(bytes: 0)
        package static let gpuCount = 1
        package static let nic = Bandwidth(bitsPerSecond: 10_000_000_000)
        package static let diskSealing = true
        package static let workerCount = 1
        package static let slotCount = 1
        package static let workerGroup = WorkerGroup.Group.none

        package static let links = Links(
            latency: .microseconds(200),
            bandwidth: Bandwidth(bitsPerSecond: 10_000_000_000),
            exceptions: []
        )

        package static let transfer = ByteCount(bytes: 0)
        package static let failureRate = 0.0
        package static let provenance = Provenance.assumed

        /// The handbook's rule: every four minutes up to fourteen in Packing.
        package static let pledge = PledgeRule(
            every: .seconds(240),
            packingMax: 14,
            initialPerHost: 0,
            sealingMaxPerHost: nil
        )

        package static let workload = Workload(pledge: pledge, provingAtStart: 0, tickets: [])

        /// Tickets for PreCommit1 are counted by host, because they spread the load of a host; others by
        /// cluster.
        package static func ticketScope(of kind: TaskKind) -> TicketRule.Scope {
            kind == .preCommit1 ? .host : .cluster
        }

        /// The reference miner's own defaults, except that messages go out one by one.
        package static let miner = Miner(
            maxSealingSectors: 0,
            maxSealingSectorsForDeals: 0,
            maxWaitDealsSectors: 2,
            waitDealsDelay: .seconds(6 * 3600),
            startEpochSealingBuffer: 480,
            alwaysKeepUnsealedCopy: true,
            finalizeEarly: false,
            dataTemplate: true,
            batchPreCommits: false,
            maxPreCommitBatch: 256,
            preCommitBatchWait: .seconds(24 * 3600),
            aggregateCommits: false,
            minCommitBatch: 4,
            maxCommitBatch: 819,
            commitBatchWait: .seconds(24 * 3600)
        )

        /// The time that a deal lasts unless the file says otherwise.
        package static let dealLasts = Duration.seconds(518 * 86_400)

        package static let currency = "USD"
        package static let depreciation = Duration.seconds(3 * 365 * 86_400)

        package static let report = Report(warmUp: .zero, until: .seconds(30 * 86_400))
    }
}
