// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// Puts the components of a miner together on a node, simulated or live: the same rooms, furnished by the
/// caller.
package struct MinerAssembly: Sendable {
    /// Well-known names on a miner's node, by which workers and tools find the components.
    package static let schedulerName = "scheduler"
    package static let storageName = "storage"
    package static let sectorsName = "sectors"
    package static let proverName = "post"
    /// The chain's well-known name on its node.
    package static let chainName = "chain"

    package var manager: SectorManager.Options
    package var scheduler: ClusterScheduler.Options
    /// A name of ``PolicyCatalog``.
    package var policy: String
    package var policyContext: PolicyContext
    package var chain: Ref<ChainMessage>
    package var store: any SectorStore
    package var limits: SectorStateMachine.Limits
    /// Bytes that a sector takes on its sealing store from the first byte to finalize.
    package var sealingBytes: UInt64
    package var lifetimeEpochs: Int64
    package var askAgainAfter: Duration
    package var observer: (any SectorObserver)?
    /// How messages to the chain are gathered; `nil` where each sector sends its own.
    package var batching: [BatchKind: BatchPolicy]?
    /// The gatherer's well-known name.
    package static let batcherName = "batcher"
    /// How sectors are proven again; `nil` where nobody proves them.
    package var proving: PoStOptions?
    package var provingObserver: (any PoStObserver)?

    package init(
        manager: SectorManager.Options, scheduler: ClusterScheduler.Options = .init(), policy: String,
        policyContext: PolicyContext = PolicyContext(), chain: Ref<ChainMessage>, store: any SectorStore,
        limits: SectorStateMachine.Limits = .init(),
        sealingBytes: UInt64, lifetimeEpochs: Int64, askAgainAfter: Duration,
        observer: (any SectorObserver)? = nil, batching: [BatchKind: BatchPolicy]? = nil,
        proving: PoStOptions? = nil, provingObserver: (any PoStObserver)? = nil
    ) {
        self.manager = manager
        self.scheduler = scheduler
        self.policy = policy
        self.policyContext = policyContext
        self.chain = chain
        self.store = store
        self.limits = limits
        self.sealingBytes = sealingBytes
        self.lifetimeEpochs = lifetimeEpochs
        self.askAgainAfter = askAgainAfter
        self.observer = observer
        self.batching = batching
        self.proving = proving
        self.provingObserver = provingObserver
    }

    /// The running components.
    package struct Miner: Sendable {
        package let sectors: Ref<ManagerMessage>
        package let scheduler: Ref<SchedulerMessage>
        package let storage: Ref<StorageMessage>
        /// `nil` where each sector sends its own messages.
        package let batcher: Ref<BatcherMessage>?
        /// `nil` where nobody proves deadlines.
        package let prover: Ref<PoStMessage>?
    }

    /// What its scheduler is made of.
    package var setup: SchedulerSetup {
        var options = scheduler
        options.bug = limits.bug
        return SchedulerSetup(
            policy: policy, context: policyContext, options: options,
            sectorBytes: ResourceTable.sectorBytes(ofProof: manager.proof), sealingBytes: sealingBytes)
    }

    /// Spawns storage index, scheduler, sector manager, and the gatherer and prover that are asked for.
    ///
    /// - Throws: ``SchedulerError`` with `unknownPolicy`, or ``KernelError``.
    package func boot<N: Node>(on node: N) throws -> Miner {
        // Delivery is specialized where the node's class is known, and a simulation lives of that.
        if let node = node as? SimulatedNode { return try furnish(node) }
        return try furnish(node)
    }

    @inline(__always)
    private func furnish<N: Node>(_ node: N) throws -> Miner {
        let bug = limits.bug
        let (policy, schedulerOptions) = try setup.make()
        let storage = try node.spawn(Self.storageName, options: .init(mailboxCountMax: 1_000_000)) {
            StorageIndex(home: $0, bug: bug)
        }
        let cluster = try node.spawn(Self.schedulerName, options: .init(mailboxCountMax: 1_000_000)) {
            ClusterScheduler(home: $0, policy: policy, storage: storage, options: schedulerOptions)
        }
        var batcher: Ref<BatcherMessage>?
        if let batching {
            let options = Batcher.Options(
                policies: batching, epochDuration: limits.network.epochDuration, askAgainAfter: askAgainAfter)
            let chain = chain
            batcher = try node.spawn(Self.batcherName, options: .init(mailboxCountMax: 1_000_000)) {
                Batcher(home: $0, options: options, chain: chain)
            }
        }
        let services = SectorServices(
            scheduler: cluster, storage: storage, chain: chain, batcher: batcher, store: store,
            limits: limits,
            sealingBytes: sealingBytes, lifetimeEpochs: lifetimeEpochs, askAgainAfter: askAgainAfter)
        let (managerOptions, observer) = (manager, observer)
        let sectors = try node.spawn(Self.sectorsName, options: .init(mailboxCountMax: 1_000_000)) {
            SectorManager(home: $0, options: managerOptions, services: services, observer: observer)
        }
        var prover: Ref<PoStMessage>?
        if let proving {
            let (chain, observer) = (chain, provingObserver)
            let epochDuration = limits.network.epochDuration
            prover = try node.spawn(Self.proverName, options: .init(mailboxCountMax: 1_000_000)) {
                PoStProver(
                    home: $0, options: proving, epochDuration: epochDuration, chain: chain,
                    scheduler: cluster, sectors: sectors, observer: observer)
            }
        }
        return Miner(
            sectors: sectors, scheduler: cluster, storage: storage, batcher: batcher, prover: prover)
    }
}

/// A failure of the scheduler module.
package struct SchedulerError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Code: RawRepresentable, Sendable, Hashable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// No policy of that name is shipped.
        package static let unknownPolicy = Code(rawValue: "unknownPolicy")
        /// A setting of a policy that it does not know, or that is no value.
        package static let badPolicyOption = Code(rawValue: "badPolicyOption")
        /// A setting of the resource table is no value.
        package static let badResource = Code(rawValue: "badResource")
        /// A sector record could not be written or read.
        package static let storeFailed = Code(rawValue: "storeFailed")
        /// A name that is no state of a sector.
        package static let unknownState = Code(rawValue: "unknownState")
    }

    package let code: Code
    /// What happened and what to do.
    package let message: String

    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}
