// SPDX-License-Identifier: Apache-2.0
private import Foundation
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
        /// Where this worker seals; made a store where it is none yet.
        package var sealingDirectory: String
        /// Where finished sectors may go besides the paths that operators attach; made a store likewise.
        package var longTermDirectory: String?
        /// Where others reach this worker; where it listens unless given.
        package var advertised: Endpoint?
        package var slots: [WorkerInfo.SlotCount]
        /// Sectors that may be under way in the sealing directory; 0 for no limit.
        package var sealingCountMax: Int
        package var threadCount: Int
        /// The workers that it belongs to; those of its own name unless given.
        package var group: String?
        /// What it tells of its machine; `nil` where slots alone are to limit.
        package var resources: WorkerResources?
        /// The NUMA node to whose memory its tasks are bound.
        package var numaNode: Int?
        /// What the disk under each of its paths reads or writes in a second; 0 where it is not known.
        package var diskBytesPerSecond: UInt64 = 0
        /// Rates and limits of what comes from other workers.
        package var transfers = SectorTransfers.Options()
        /// Limits and places for the kernels.
        package var sealing = SealingOptions()
        /// Who hashes trees and columns.
        package var hasher: any PoseidonHasher = ProcessorPoseidon()
        /// How many tasks of pre-commit 1 are run together.
        package var batching = NativeTaskRunner.Batching()
        /// Sectors of a partition that are read at once.
        package var readCount = NativeTaskRunner.Proving.usualReadCount
        /// Kinds of task that take at least a given time, for a rehearsal.
        package var stretches: [StretchedTaskRunner.Stretch] = []

        package init(
            node: DaemonOptions, miner: Endpoint, minerName: String, sealingDirectory: String,
            longTermDirectory: String?, slots: [WorkerInfo.SlotCount], sealingCountMax: Int, threadCount: Int
        ) {
            self.node = node
            self.miner = miner
            self.minerName = minerName
            self.sealingDirectory = sealingDirectory
            self.longTermDirectory = longTermDirectory
            self.slots = slots
            self.sealingCountMax = sealingCountMax
            self.threadCount = threadCount
        }
    }

    package let node: DaemonNode
    private let pool: WorkPool
    private let disks: WorkPool
    private let provingPool: WorkPool
    private let memory: MemoryWatch?

    /// Starts the worker; it registers by itself and keeps trying.
    ///
    /// - Throws: ``EngineError``, ``KernelError`` or `TransportError`.
    package init(_ options: Options, log: Logger) async throws {
        let name = options.node.nodeName
        node = try await DaemonNode(
            options.node, peers: [.init(name: options.minerName, endpoint: options.miner)], log: log)
        let world = node.world
        pool = try WorkPool(name: "seal", threadCount: options.threadCount)
        disks = try WorkPool(name: "disk", threadCount: options.transfers.countMax + 2)
        let provingCount = options.slots.filter { $0.type == .windowPoSt }.reduce(0) { $0 + $1.count }
        provingPool = try WorkPool(name: "prove", threadCount: min(max(provingCount, 1), options.threadCount))
        let results = try SQLiteResultStore(path: "\(options.node.dataDirectory)/results.sqlite")
        let list = StoreList(path: "\(options.node.dataDirectory)/storage.json")
        let stores = StorePaths(
            opener: StoreOpener(
                environment: ProcessInfo.processInfo.environment,
                spool: "\(options.node.dataDirectory)/spool"), machine: try MachineName.read() ?? name)
        let main = try Self.openStores(stores, options)
        let index = world.ref(
            at: Address(node: options.minerName, name: MinerAssembly.storageName), as: StorageMessage.self)
        stores.onChange { index.tell(.path(.holds(store: $0, $1))) }
        let transfers = SectorTransfers(
            stores: stores, world: world, transport: node.transport, index: index, pool: disks,
            options: options.transfers)
        memory = options.resources.map { Self.memoryWatch($0, options, log) }
        let native = NativeTaskRunner(
            stores: stores, transfers: transfers, pool: pool,
            proving: .init(pool: provingPool, readCount: options.readCount), options: options.sealing,
            hasher: options.hasher, batching: options.batching, memory: memory, log: log)
        let runner: any TaskRunner =
            options.stretches.isEmpty
            ? native : StretchedTaskRunner(native, world: world, stretches: options.stretches)
        let shelf = FileShelf(stores: stores, pool: disks)
        try world.spawn(FileServer.name) { FileServer(home: $0, shelf: shelf, puller: transfers) }
        let keeper = StoreKeeper.Options(
            host: name, group: options.group, url: try Self.url(options, node),
            sealingCountMax: options.sealingCountMax,
            admitsNew: options.slots.contains { $0.type == .addPiece && $0.count > 0 },
            diskBytesPerSecond: options.diskBytesPerSecond)
        let caretaker = StoreCaretaker(stores: stores, list: list, pool: disks, log: log)
        try world.spawn(StoreKeeper.name) {
            StoreKeeper(home: $0, options: keeper, index: index, caretaker: caretaker)
        }
        let info = WorkerInfo(
            name: name, host: name, store: main.id, slots: options.slots, group: options.group,
            hostInfo: options.resources?.host, canFetch: true, numaNode: options.numaNode,
            gpus: options.resources?.host.gpus.map(\.id), resources: memory?.cells ?? [])
        let scheduler = world.ref(
            at: Address(node: options.minerName, name: MinerAssembly.schedulerName), as: SchedulerMessage.self
        )
        try world.spawn("worker") { home in
            WorkerActor(
                home: home, info: info, store: nil, runner: runner, results: results,
                scheduler: scheduler, retryInterval: .seconds(1))
        }
    }

    /// Opens the directories of the command line; the keeper opens those that operators attached.
    ///
    /// - Returns: the one to seal in.
    private static func openStores(
        _ stores: StorePaths, _ options: Options
    ) throws -> OpenStore {
        _ = try StoreFile.make(StoreSettings(canSeal: true), in: options.sealingDirectory)
        let main = try stores.open(options.sealingDirectory)
        if let longTerm = options.longTermDirectory {
            _ = try stores.opener.place(longTerm).make(StoreSettings(canStore: true))
            try stores.open(longTerm)
        }
        return main
    }

    private static func url(_ options: Options, _ node: DaemonNode) throws -> String {
        guard let listen = options.node.listen, let port = node.port else { return "" }
        let endpoint = options.advertised ?? Endpoint(host: listen.host, port: port)
        guard !["0.0.0.0", "::"].contains(endpoint.host) else {
            throw EngineError(
                code: .badOption,
                message: "others cannot reach \(endpoint.host): name this host's own address to advertise")
        }
        let known = Endpoint(host: endpoint.host, port: endpoint.port == 0 ? port : endpoint.port)
        return StoreURL(node: options.node.nodeName, endpoint: known).description
    }

    private static func memoryWatch(
        _ resources: WorkerResources, _ options: Options, _ log: Logger
    ) -> MemoryWatch {
        let table = ResourceTable.standard.applying(resources.changes)
        var fixed = resources.fixedMemory
        // Layers in pages of a reserved pool are in no count of the process.
        if options.sealing.hugePages != .none {
            fixed.formUnion(table.keys.filter { $0.task == TaskType.preCommit1.rawValue })
        }
        let host = resources.host
        return MemoryWatch(
            table: table, fixed: fixed, limit: host.memoryBytes - min(host.memoryBytes, host.memoryUsedBytes),
            path: "\(options.node.dataDirectory)/memory.json", log: log)
    }

    /// Stops at once; what runs is lost, what is complete on disk stays.
    package func shutDown() {
        memory?.save()
        node.shutDown()
        pool.shutDown()
        disks.shutDown()
        provingPool.shutDown()
    }
}
