// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Synchronization
import Testing

/// Chain, miner and workers as processes that can be killed with -9 and started again, each with its own data
/// and port. Epochs are of a tenth of a second, and a proving period of four deadlines takes twelve seconds.
final class RestartableCluster: OperatedCluster {
    let folder: ScratchFolder
    let workers: [String]
    private let sectorSize: String
    private let slots: [String: [String]]
    private let store: String?
    private let environment: [String: String]
    private let state = Mutex(State())

    private struct State {
        var running: [String: RunningProgram] = [:]
        /// A process that is started again listens where it did.
        var ports: [String: String] = [:]
    }

    static let network = DevnetRules.network(
        epoch: .milliseconds(100), deadlineCount: 4, deadlineEpochs: 30)

    var minerPort: String { port("miner") }

    /// `slots`: one of each of these kinds on the worker of that name; those that workers have anyway unless
    /// given. Who does not finalize has no part in the store of finished sectors: a folder of the cluster
    /// unless given.
    init(
        workers: [String], sectorSize: String = "2KiB", slots: [String: [String]] = [:],
        store: String? = nil, environment: [String: String] = [:]
    ) async throws {
        folder = try ScratchFolder()
        self.store = store
        self.environment = environment
        self.slots = slots
        self.workers = workers
        self.sectorSize = sectorSize
        do {
            for name in ["chain", "miner"] + workers { try await start(name) }
            try await until("the workers have registered") {
                try await self.json([[String: Any]].self, ["sealing", "workers"]).count == workers.count
            }
        } catch {
            await stop()
            throw error
        }
    }

    private func port(_ name: String) -> String { state.withLock { $0.ports[name] ?? "0" } }

    private func arguments(_ name: String) -> [String] {
        let epoch = ["--epoch", "100ms"]
        switch name {
        case "chain":
            return ["chain", "run", "--listen", "127.0.0.1:\(port(name))"] + epoch
                + ["--deadlines", "4", "--deadline-epochs", "30"]
        case "miner":
            return ["miner", "run", "--listen", "127.0.0.1:\(port(name))"] + epoch
                + ["--chain", "127.0.0.1:\(port("chain"))", "--sector-size", sectorSize]
        default:
            let kinds = slots[name]
            let store = kinds?.contains("FIN") ?? true ? ["--long-term", store ?? folder.path("store")] : []
            return ["worker", "run", "--name", name, "--miner", "127.0.0.1:\(minerPort)"] + store
                + (kinds ?? []).flatMap { ["--slot", "\($0)=1"] }
        }
    }

    /// Starts a process, for the first time or again.
    func start(_ name: String) async throws {
        let process = try Program.start(
            arguments(name) + [
                "--data", folder.path(name), "--secret", folder.path("secret"), "--exit-with-parent",
            ], holdsInput: true, environment: environment)
        state.withLock { $0.running[name] = process }
        guard !workers.contains(name) else { return }
        let port = try await process.announced("port")
        state.withLock { $0.ports[name] = port }
    }

    /// `kill -9`; what it wrote to its log comes back.
    @discardableResult func kill(_ name: String) async -> String {
        guard let process = state.withLock({ $0.running.removeValue(forKey: name) }) else { return "" }
        process.killHard()
        return await process.finish().standardError
    }

    /// `kill -9`, and a new process at once.
    func restart(_ name: String) async throws {
        await kill(name)
        try await start(name)
    }

    /// Ends all processes; to be called before the test ends.
    func stop() async {
        for name in workers.reversed() + ["miner", "chain"] { await kill(name) }
    }

    // MARK: The chain's own word

    /// What the chain has accepted; once it has stopped.
    func chainEntries() throws -> [ChainEntry] {
        let store = try SQLiteChainStore(path: folder.path("chain/chain.sqlite"), nowWallNanoseconds: 0)
        return try store.load().map { try ChainEntry(stored: $0) }
    }

    /// Every sector is pre-committed and proven once, and every partition once at each opening.
    func expectNothingTwice(sectors: Int) throws {
        let entries = try chainEntries()
        let keys = (1...UInt64(sectors)).map { SectorKey(miner: 1000, number: $0) }
        for key in keys {
            #expect(entries.count { if case .preCommitted(key, _) = $0 { true } else { false } } == 1)
            #expect(entries.count { if case .proven(key, _) = $0 { true } else { false } } == 1)
        }
        var state = try ChainState(
            parameters: Self.network, beacon: DevnetBeacon(network: Self.network.name, seed: 1))
        for entry in entries.dropFirst() { try state.apply(entry) }
        let period = try state.provingPeriod(of: 1000)
        var proven: Set<[Int64]> = []
        for case .windowPoSt(let record) in entries {
            for item in record.items {
                let open = period.current(at: record.epoch).open
                let isNew = proven.insert([open, Int64(item.partition)]).inserted
                #expect(isNew, "partition \(item.partition) of the deadline from \(open) is proven twice")
            }
        }
    }

    // MARK: What operators see

    struct Deadline {
        let index: Int
        let partitionCount: Int
        let provenCount: Int
        let faultCount: Int
        let isCurrent: Bool
    }

    /// The deadlines with sectors.
    func deadlines() async throws -> [Deadline] {
        try await json([[String: Any]].self, ["proving", "deadlines"]).map { view in
            Deadline(
                index: try #require(view["deadline"] as? Int),
                partitionCount: try #require(view["partitions"] as? [Any]).count,
                provenCount: try #require(view["provenPartitions"] as? Int),
                faultCount: try #require(view["faults"] as? Int),
                isCurrent: try #require(view["isCurrent"] as? Bool))
        }
    }

    /// The sectors that the chain has as faulty.
    func faulty() async throws -> [Int] {
        try await json([[String: Any]].self, ["proving", "faults"]).flatMap { view in
            try #require(view["partitions"] as? [[String: Any]]).flatMap {
                try #require($0["faulty"] as? [Int])
            }
        }
    }

    /// The deadline that proves a sector, and all sectors that it proves.
    ///
    /// Sectors that the chain takes on at different moments may come into different deadlines.
    func deadline(of sector: Int) async throws -> (index: Int, sectors: [Int]) {
        for view in try await json([[String: Any]].self, ["proving", "deadlines"]) {
            let partitions = try #require(view["partitions"] as? [[String: Any]])
            let sectors = try partitions.flatMap { try #require($0["sectors"] as? [Int]) }
            if sectors.contains(sector) {
                return (try #require(view["deadline"] as? Int), sectors)
            }
        }
        throw NoDeadline(sector: sector)
    }

    struct NoDeadline: Error { let sector: Int }

    /// Waits until every deadline with sectors has been proven whole at its last opening.
    func untilAllProven() async throws {
        try await until("every partition of every deadline is proven", minutes: 2) {
            let deadlines = try await self.deadlines()
            return !deadlines.isEmpty
                && deadlines.allSatisfy {
                    $0.faultCount == 0 && ($0.isCurrent || $0.provenCount == $0.partitionCount)
                }
        }
    }
}
