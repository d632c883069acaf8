// SPDX-License-Identifier: Apache-2.0
private import Kernel
package import KernelTCP
package import Logging
package import Scheduler
package import Sealing

/// A worker process: native kernels behind a ``WorkerActor`` that serves one miner.
package struct WorkerDaemon: Sendable {
    /// What a worker is started with.
    package struct Options: Sendable {
        package var node: DaemonOptions
        package var miner: Endpoint
        package var minerName: String
        /// Where this worker seals.
        package var sealingDirectory: String
        /// Where finished sectors go.
        package var longTermDirectory: String
        package var slots: [WorkerInfo.SlotCount]
        /// Sectors that may be under way in the sealing directory; 0 for no limit.
        package var sealingCountMax: Int
        package var capacityBytes: UInt64
        package var threadCount: Int
        /// Limits and places for the kernels.
        package var sealing = SealingOptions()
        /// Who hashes trees and columns.
        package var hasher: any PoseidonHasher = ProcessorPoseidon()
        /// How many tasks of pre-commit 1 are run together.
        package var batching = NativeTaskRunner.Batching()

        package init(
            node: DaemonOptions, miner: Endpoint, minerName: String, sealingDirectory: String,
            longTermDirectory: String, slots: [WorkerInfo.SlotCount], sealingCountMax: Int,
            capacityBytes: UInt64, threadCount: Int
        ) {
            self.node = node
            self.miner = miner
            self.minerName = minerName
            self.sealingDirectory = sealingDirectory
            self.longTermDirectory = longTermDirectory
            self.slots = slots
            self.sealingCountMax = sealingCountMax
            self.capacityBytes = capacityBytes
            self.threadCount = threadCount
        }
    }

    package let node: DaemonNode
    private let pool: WorkPool
    private let provingPool: WorkPool

    /// Starts the worker; it registers by itself and keeps trying.
    ///
    /// - Throws: ``EngineError``, ``KernelError`` or `TransportError`.
    package init(_ options: Options, log: Logger) async throws {
        let name = options.node.nodeName
        node = try await DaemonNode(
            options.node, peers: [.init(name: options.minerName, endpoint: options.miner)], log: log)
        pool = try WorkPool(name: "seal", threadCount: options.threadCount)
        let provingCount = options.slots.filter { $0.type == .windowPoSt }.reduce(0) { $0 + $1.count }
        provingPool = try WorkPool(name: "prove", threadCount: min(max(provingCount, 1), options.threadCount))
        let results = try SQLiteResultStore(path: "\(options.node.dataDirectory)/results.sqlite")
        let runner = NativeTaskRunner(
            sealing: try SectorDirectory(root: options.sealingDirectory),
            longTerm: try SectorDirectory(root: options.longTermDirectory), pool: pool,
            provingPool: provingPool, options: options.sealing, hasher: options.hasher,
            batching: options.batching, log: log)
        let info = WorkerInfo(name: name, host: name, store: "\(name):sealing", slots: options.slots)
        let store = StoreInfo(
            name: info.store, host: info.host, capacityBytes: options.capacityBytes,
            sealingCountMax: options.sealingCountMax)
        let scheduler = node.world.ref(
            at: Address(node: options.minerName, name: MinerAssembly.schedulerName), as: SchedulerMessage.self
        )
        try node.world.spawn("worker") { home in
            WorkerActor(
                home: home, info: info, store: store, runner: runner, results: results,
                scheduler: scheduler, retryInterval: .seconds(1))
        }
    }

    /// Stops at once; what runs is lost, what is complete on disk stays.
    package func shutDown() {
        node.shutDown()
        pool.shutDown()
        provingPool.shutDown()
    }
}
