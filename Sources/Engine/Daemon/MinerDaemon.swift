// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Kernel
package import KernelTCP
package import Logging
package import Scheduler
package import Sealing

/// A miner process: sector manager, scheduler and storage index, with their records in SQLite.
package struct MinerDaemon: Sendable {
    /// What a miner is started with.
    package struct Options: Sendable {
        package var node: DaemonOptions
        package var chain: Endpoint
        package var chainName: String
        package var miner: UInt64
        package var proof: RegisteredSealProof
        package var policy: String
        package var policyOptions: [String: String] = [:]
        /// The program that decides, for the policy `external`.
        package var policyLink: ExternalPolicyLink?
        /// The time a lost worker has to come back.
        package var lease: Duration
        package var network: NetworkParameters
        /// The folder of the journal; `nil` for none.
        package var journalFolder: String?
        package var config = MinerConfig.withoutFile

        package init(
            node: DaemonOptions, chain: Endpoint, chainName: String, miner: UInt64,
            proof: RegisteredSealProof,
            policy: String, lease: Duration, network: NetworkParameters, journalFolder: String? = nil
        ) {
            self.node = node
            self.chain = chain
            self.chainName = chainName
            self.miner = miner
            self.proof = proof
            self.policy = policy
            self.lease = lease
            self.network = network
            self.journalFolder = journalFolder
        }
    }

    package let node: DaemonNode
    package let components: MinerAssembly.Miner
    private let journal: MinerJournal?

    /// Starts the miner; sectors that were under way go on.
    ///
    /// - Throws: ``EngineError``, ``SchedulerError``, ``KernelError`` or `TransportError`.
    package init(_ options: Options, log: Logger) async throws {
        node = try await DaemonNode(
            options.node, peers: [.init(name: options.chainName, endpoint: options.chain)], log: log)
        let store = try SQLiteSectorStore(path: "\(options.node.dataDirectory)/sectors.sqlite")
        let chain = node.world.ref(
            at: Address(node: options.chainName, name: MinerAssembly.chainName), as: ChainMessage.self)
        let size = options.proof.sectorSize
        let history = try SQLiteDeadlineStore(
            path: "\(options.node.dataDirectory)/deadlines.sqlite", log: log)
        let orders = try SQLiteOrderStore(path: "\(options.node.dataDirectory)/orders.sqlite")
        let standing = try orders.load()
        var schedulerOptions = Self.schedulerOptions(lease: options.lease)
        schedulerOptions.orders = orders
        let config = options.config
        var policyContext = PolicyContext(options: options.policyOptions)
        policyContext.link = options.policyLink
        let assembly = MinerAssembly(
            manager: config.manager(
                miner: options.miner, proof: UInt64(options.proof.number), sectorBytes: size.bytes),
            scheduler: schedulerOptions,
            policy: options.policy, policyContext: policyContext, chain: chain,
            store: store,
            limits: .init(
                retryPause: .seconds(2), network: options.network, finalizesEarly: config.finalizesEarly),
            sealingBytes: SealingFootprint.bytes(sectorBytes: size.bytes, layerCount: size.shape.layerCount),
            lifetimeEpochs: try config.lifetimeEpochs(options.network), askAgainAfter: .seconds(10),
            batching: config.batching,
            proving: PoStOptions(
                miner: options.miner, proof: UInt64(options.proof.number), form: .vanilla),
            provingObserver: history)
        let world = node.world
        journal = try options.journalFolder.map {
            try MinerJournal(folder: $0, world: world, setup: assembly.setup, network: options.network)
        }
        components = try assembly.boot(on: world)
        // Before anything is placed: the first tasks wait for the workers to come back.
        for order in standing { components.scheduler.tell(.control(order, replyTo: nil)) }
        try ProvingDesk.open(
            on: node.world, miner: options.miner, proof: options.proof,
            epochDuration: options.network.epochDuration, chain: chain, scheduler: components.scheduler,
            history: history)
    }

    /// How a live miner's scheduler behaves; a replay of its journal makes it the same.
    static func schedulerOptions(lease: Duration) -> ClusterScheduler.Options {
        ClusterScheduler.Options(lease: lease, startGrace: .seconds(1))
    }

    /// Stops at once; everything is in the database.
    package func shutDown() {
        node.shutDown()
        do { try journal?.close() } catch { node.world.log.error("the journal was not closed: \(error)") }
    }
}

/// Space that a sector takes while it is sealed.
package enum SealingFootprint {
    /// Bytes from AddPiece to finalize: unsealed and sealed data, all layers, tree-d (2 ×), tree-c (8/7 ×),
    /// tree-r-last.
    package static func bytes(sectorBytes: UInt64, layerCount: Int) -> UInt64 {
        sectorBytes * UInt64(layerCount + 2 + 2) + sectorBytes * 8 / 7 + sectorBytes / 7
    }
}
