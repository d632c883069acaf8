// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
package import Scheduler
private import Sealing

/// A scenario's cluster in a simulated world: the shipped components, furnished with models.
///
/// One node for the chain, one for the miner, one for each worker process. Stores and records
/// survive the kill of a node; all else on it is lost, as in the field.
///
///     let cluster = try SimulatedCluster(scenario, options: .init(seed: 7))
///     cluster.run(until: .zero + .seconds(86_400))
///     let report = cluster.report()
package final class SimulatedCluster {
    /// What a run is made with.
    package struct Options: Sendable {
        package var seed: UInt64
        /// A name of ``PolicyCatalog``; `nil` for the scenario's own.
        package var policy: String?
        /// What the world's trace covers; the report's hash always covers every step of every
        /// sector as well.
        package var traceDetail: TraceDetail
        package var tieBreak: SimulatedWorld.TieBreak
        /// Messages between nodes take their wire form: slower, and finds what cannot travel.
        package var encodesNetworkMessages: Bool
        /// The scheduler's accounts are checked after every message, and the chain keeps all that ever
        /// landed, so that it can be audited.
        package var checksInvariants: Bool
        /// What these checks find is noted for the audit, in place of a trap.
        package var notesBrokenAccounts = false
        /// The faults of the scenario happen.
        package var appliesFaults: Bool
        /// The program that decides, for the policy `external`.
        package var link: ExternalPolicyLink?
        /// What is taken over from a recorded run.
        package var recorded: RecordedConditions?
        /// What a task of a kind takes of memory, which workers measure and tell; empty where none does, so
        /// that the table's figures hold.
        package var measuredMemory: [TaskType: UInt64] = [:]
        /// For tests of the fault search, and of what distrusts a run, alone.
        package var bug: SeededBug?

        package init(
            seed: UInt64 = 1, policy: String? = nil, traceDetail: TraceDetail = .route,
            tieBreak: SimulatedWorld.TieBreak = .seeded, encodesNetworkMessages: Bool = false,
            checksInvariants: Bool = false, appliesFaults: Bool = true,
            link: ExternalPolicyLink? = nil, recorded: RecordedConditions? = nil
        ) {
            self.link = link
            self.recorded = recorded
            self.seed = seed
            self.policy = policy
            self.traceDetail = traceDetail
            self.tieBreak = tieBreak
            self.encodesNetworkMessages = encodesNetworkMessages
            self.checksInvariants = checksInvariants
            self.appliesFaults = appliesFaults
        }
    }

    package static let chainNode = "chain"
    package static let minerNode = "miner"
    /// Decisions that the simulated scheduler keeps: few, since hardly anybody asks a simulation for them,
    /// and each that is kept takes a place in the cache from what is used.
    private static let decisionsKept = 32

    package let scenario: Scenario
    package let options: Options
    package let plan: ClusterPlan
    package let policy: String
    package let world: SimulatedWorld
    /// The miner's records of sectors that are not proving.
    package let sectorStore = MemorySectorStore(forgetsProving: true)
    let draws: TaskDraws
    let stores: ModelStores
    let shared: SharedHardware
    let hosts = ModelHosts()
    let chainStore: MemoryChainStore
    let chainConditions: ChainConditions
    let ledger: ChainLedger
    var faultBook = FaultBook()
    var faultRandom: RandomStream
    /// What came of the faults, for the report.
    var faultLog = FaultLog()
    /// The kind whose conditions are being set.
    var faultKind: Scenario.Fault.Kind?
    /// Processes that cannot work at this moment, for a fault.
    var awayNodes: Set<String> = []
    let metrics: ClusterMetrics

    /// Builds the cluster at time zero.
    ///
    /// - Throws: ``SimulationError``, or what a component throws that cannot start.
    package init(_ scenario: Scenario, options: Options = Options()) throws {
        let policy = options.policy ?? scenario.policy
        guard let kind = PolicyCatalog.policies.first(where: { $0.name == policy }) else {
            throw SimulationError(
                .unknownPolicy,
                "no policy '\(policy.prefix(64))'; choose one of "
                    + PolicyCatalog.names.joined(separator: ", "))
        }
        self.scenario = scenario
        self.options = options
        self.policy = policy
        plan = try ClusterPlan(scenario)
        if let need = plan.moveNeed, !kind.movesSectors {
            throw SimulationError(
                .impossible,
                "host \(need.host) has no slots for "
                    + need.kinds.map(\.kind.rawValue).joined(separator: ", ")
                    + " and policy \(policy) moves no sectors between hosts: choose another, or give the "
                    + "group a worker for these")
        }
        draws = TaskDraws(scenario: scenario, seed: options.seed)
        metrics = ClusterMetrics(warmUp: .zero + Self.warmUp(of: scenario))
        metrics.notesBrokenAccounts = options.notesBrokenAccounts
        metrics.bug = options.bug
        world = SimulatedWorld(
            options: .init(
                seed: options.seed, tieBreak: options.tieBreak, traceDetail: options.traceDetail,
                link: LinkModel(
                    latency: scenario.links.latency,
                    bytesPerSecond: max(1, scenario.links.bandwidth.bytesPerSecond)),
                lossDetection: options.recorded?.lossDetection ?? SimulatedWorld.Options().lossDetection,
                encodesNetworkMessages: options.encodesNetworkMessages))
        chainStore = MemoryChainStore(dropsFinal: !options.checksInvariants)
        chainConditions = ChainConditions(store: chainStore)
        ledger = ChainLedger(parameters: plan.network)
        faultRandom = world.random(named: "faults of the scenario")
        metrics.forget = { [hosts] in hosts.forget($0) }
        let clock = ModelClock(world)
        metrics.clock = clock
        stores = ModelStores(scenario: scenario, plan: plan, clock: clock, countsFrom: metrics.warmUp)
        shared = SharedHardware(
            scenario: scenario, plan: plan, stores: stores, clock: clock, countsFrom: metrics.warmUp)
        try bootChain()
        try bootMiner()
        for process in plan.processes { try bootWorker(process) }
        applyLinks()
        if options.appliesFaults { applyScenarioFaults() }
        scheduleDeals()
        for pledge in options.recorded?.pledges ?? [] { self.pledge(pledge.count, at: .zero + pledge.at) }
    }

    /// Begins sectors as an operator does.
    private func pledge(_ count: Int, at time: Instant) {
        let manager = world.ref(
            at: Address(node: Self.minerNode, name: MinerAssembly.sectorsName), as: ManagerMessage.self)
        world.at(time) { manager.tell(.pledge(count: count, payloadPath: nil, replyTo: nil)) }
    }

    /// Runs up to and including `limit`.
    ///
    /// Where an external policy fails the run stops within a simulated hour, and ``policyFailure`` says why.
    package func run(until limit: Instant) {
        guard options.link != nil else {
            world.run(until: limit)
            return
        }
        while policyFailure == nil, world.now < limit {
            world.run(until: min(limit, world.now + .seconds(3600)))
        }
    }

    /// Why the program that decides does not any more.
    package var policyFailure: ExternalPolicyError? { options.link?.failure }

    /// Bytes that were moved between sealing hosts so far.
    package var movedBytes: Int { stores.movedBytes }

    /// Tickets that ran out before their pre-commitment landed, so far.
    package var expiredTicketCount: Int { metrics.expiredTicketCount }

    var losses: LossTally { metrics.losses }

    /// Sectors that were proven so far, those that were proving at the start left out.
    package var provenCount: Int { metrics.provingCount }
    /// Sectors begun so far.
    package var pledgedCount: Int { metrics.pledgedCount }
    /// Sectors that were given up.
    package var failedCount: Int { metrics.failedCount }
    /// Entries in the tables of statistics and records: flat in time, whatever the number of
    /// finished sectors.
    package var entryCount: Int { metrics.entryCount + sectorStore.load(miner: plan.miner).count }

    /// Entries that the chain's store keeps: flat in time, unless the chain is to be audited.
    package var chainEntryCount: Int { chainStore.count }

    /// The time that rates and means leave out: what the scenario says, or twice a sector's way
    /// without queues.
    package static func warmUp(of scenario: Scenario) -> Duration {
        guard scenario.report.warmUp == .zero else { return scenario.report.warmUp }
        let network = scenario.network
        let epochs =
            network.preCommitChallengeDelay + network.interactivePoRepConfidence + 2
            * network.messageConfidence
        let tasks = scenario.tasks.filter { Scenario.TaskKind.sealing.contains($0.kind) }
            .reduce(0.0) { $0 + $1.duration.meanSeconds }
        return .nanoseconds(Int64((tasks + Double(epochs) * network.epochDuration.inSeconds) * 2e9))
    }

    // MARK: Nodes

    private func bootChain() throws {
        let parameters = plan.network
        let (beacon, adopted) = (beacon, adoptedSectors)
        let (store, conditions, bug) = (chainStore, chainConditions, options.bug)
        let (ledger, baseFee) = (ledger, BaseFeeModel.constant(prices.baseFeeOfNode))
        // The chain is older than the run, so that tickets have their full lookback from the start.
        let age = parameters.epochDuration.inSeconds * Double(parameters.sealLookback + 1)
        let genesis = Instant(seconds: -age)
        try world.addNode(Self.chainNode) { node in
            try node.spawn(MinerAssembly.chainName, options: .init(mailboxCountMax: 1_000_000)) { home in
                try ChainNode(
                    home: home, parameters: parameters, beacon: beacon, verifier: ModelProofVerifier(),
                    store: store, genesis: genesis, baseFee: baseFee, adopted: adopted,
                    conditions: conditions, ledger: ledger, bug: bug)
            }
        }
    }

    var beacon: DevnetBeacon { DevnetBeacon(network: plan.network.name, seed: options.seed) }

    /// Those that are proving when the run begins.
    var adoptedSectors: ChainNode.AdoptedSectors? {
        guard scenario.workload.provingAtStart > 0 else { return nil }
        let size = SectorSize(rawValue: UInt64(scenario.sectorSize.bytes)) ?? .gib32
        return ChainNode.AdoptedSectors(
            miner: plan.miner, size: size, numbers: SectorPlaces.numbersAtStart(scenario),
            epoch: plan.network.sealLookback + 1)
    }

    private func bootMiner() throws {
        let epoch = scenario.network.epochDuration
        let (plan, policy, options, metrics, store) = (plan, policy, options, metrics, sectorStore)
        let sealingBytes = UInt64(scenario.sealingFootprint.bytes)
        let clock = ModelClock(world)
        var context = PolicyContext(seed: options.seed)
        context.link = options.link
        // Those of the scenario's policy are not another's that is tried in its place.
        context.options =
            policy == scenario.policy
            ? scenario.policyOptions : PolicyCatalog.options(scenario.policyOptions, for: policy)
        for model in scenario.tasks {
            guard let type = TaskType.allCases.first(where: { $0.kind == model.kind }) else { continue }
            context.durations[type] = .nanoseconds(Int64(model.duration.meanSeconds * 1e9))
        }
        let policyContext = context
        var managerOptions = SectorManager.Options(
            miner: plan.miner, proof: plan.proof, makesSNARK: options.recorded?.makesSNARK ?? true,
            pledgeRule: options.recorded == nil ? plan.pledge : nil, provingKeptMax: 0,
            limits: plan.sectorLimits(scenario.miner),
            packing: ClusterPlan.packing(scenario))
        managerOptions.alwaysKeepsUnsealed = scenario.miner.alwaysKeepUnsealedCopy
        let (manager, batching) = (managerOptions, ClusterPlan.batching(scenario.miner))
        var limits = SectorStateMachine.Limits(
            network: plan.network, finalizesEarly: scenario.miner.finalizeEarly)
        limits.hints = plan.hints(context.durations, scenario)
        limits.bug = options.bug
        let sectorLimits = limits
        try world.addNode(Self.minerNode) { node in
            metrics.minerBooted(at: clock.now)
            let assembly = MinerAssembly(
                manager: manager,
                scheduler: .init(
                    pacing: plan.pacing, lease: options.recorded?.lease ?? ClusterScheduler.Options().lease,
                    checksInvariants: options.checksInvariants, observer: metrics,
                    decisionCountMax: Self.decisionsKept),
                policy: policy, policyContext: policyContext,
                chain: node.ref(
                    at: Address(node: Self.chainNode, name: MinerAssembly.chainName), as: ChainMessage.self),
                store: store, limits: sectorLimits, sealingBytes: sealingBytes,
                lifetimeEpochs: 540 * 2880,
                askAgainAfter: epoch * 40, observer: metrics, batching: batching,
                // A proof leaves out what cannot be read: only what is faulty is looked at ahead of it.
                proving: PoStOptions(miner: plan.miner, proof: plan.proof, checksAll: false),
                provingObserver: metrics)
            _ = try assembly.boot(on: node)
        }
    }

    private func bootWorker(_ process: ClusterPlan.Process) throws {
        let store = plan.hosts.first { $0.host == process.host }?.store
        let machine = options.recorded?.machines[process.host]
        let info = WorkerInfo(
            name: process.name, host: process.host, store: store?.name ?? "", slots: process.slots,
            hostInfo: machine?.info ?? plan.hostInfo(of: process), canFetch: process.canFetch,
            numaNode: process.numaNode, resources: machine?.resources ?? process.resources)
        let bug = options.bug
        let (measured, limit) = (options.measuredMemory, plan.hostInfos[process.host]?.memoryBytes ?? .max)
        let (draws, stores, hosts, shared, clock) = (draws, stores, hosts, shared, ModelClock(world))
        try world.addNode(process.node) { node in
            // A process that was killed has forgotten what it had measured.
            let memory = measured.isEmpty ? nil : ModelMemory(measured, process.resources, limit: limit)
            let runner = ModelTaskRunner(
                node: process.node, host: process.host, draws: draws, stores: stores, hosts: hosts,
                shared: shared, numaNode: process.numaNode, clock: clock, memory: memory)
            hosts.began(runner)
            let scheduler = node.ref(
                at: Address(node: Self.minerNode, name: MinerAssembly.schedulerName),
                as: SchedulerMessage.self)
            try node.spawn("worker") { home in
                WorkerActor(
                    home: home, info: info, store: store, runner: runner, scheduler: scheduler,
                    bug: bug)
            }
        }
    }

    private func applyLinks() {
        guard let miner = world.node(Self.minerNode) else { return }
        for name in [Self.chainNode] + plan.processes.map(\.node) {
            guard let exception = linkException(name), let node = world.node(name) else { continue }
            world.setLink(from: node, to: miner, exception)
            world.setLink(from: miner, to: node, exception)
        }
    }

    /// How a node's link to the miner differs from all others; `nil` where it does not.
    func linkException(_ node: String) -> LinkModel? {
        let name = node == Self.chainNode ? "chain" : plan.processes.first { $0.node == node }?.group
        let link = scenario.links.exceptions.last {
            $0.from == "miner" && $0.to == name || $0.to == "miner" && $0.from == name
        }
        return link.map {
            LinkModel(latency: $0.latency, bytesPerSecond: max(1, $0.bandwidth.bytesPerSecond))
        }
    }
}
