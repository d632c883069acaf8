// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Logging
import Scheduler
import Sealing
import Synchronization
import Testing

/// A native runner over directories of its own, and what it reported.
final class RunnerHouse: Sendable {
    static let ticket = [UInt8](repeating: 7, count: 32)

    let root: String
    let sealing: SectorDirectory
    private let pool: WorkPool
    private let runner: NativeTaskRunner
    private let proof: RegisteredSealProof
    private let reports = Reports()
    private let callCount = Mutex<UInt64>(0)
    private let former: RunnerHouse?
    private let threadCount: Int

    /// What the runner said; apart from the house, which must not go on a thread of its own pool.
    private final class Reports: Sendable {
        let all = Mutex<[(call: CallID, result: TaskResult)]>([])
    }

    /// `former` is a runner that has died, whose directories this one takes over.
    init(
        proof number: Int = 5, after former: RunnerHouse? = nil, threadCount: Int = 2,
        batching: NativeTaskRunner.Batching = .init()
    ) throws {
        self.former = former
        self.threadCount = threadCount
        root =
            former?.root ?? FileManager.default.temporaryDirectory.appending(path: "runner-\(UUID())").path
        proof = try RegisteredSealProof(number: number)
        sealing = try SectorDirectory(root: "\(self.root)/sealing")
        pool = try WorkPool(name: "seal", threadCount: threadCount)
        runner = NativeTaskRunner(
            stores: StorePaths(
                sealing: sealing, longTerm: try SectorDirectory(root: "\(self.root)/long-term")), pool: pool,
            batching: batching, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    deinit {
        pool.shutDown()
        guard former == nil else { return }
        do { try FileManager.default.removeItem(atPath: root) } catch {
            Issue.record("\(root) stays behind: \(error)")
        }
    }

    func paths(_ number: UInt64) -> SectorPaths {
        sealing.paths(of: SectorIdentity(minerID: 1000, number: number, proof: proof))
    }

    /// Where a sector's digests of layers are noted.
    func layerNotes(_ number: UInt64) -> String { "\(paths(number).cache)/sealyard-precommit1.json" }

    /// Starts a task, with processors of its own where some are given, and returns at once.
    func start(_ number: UInt64, _ work: TaskWork, cores: [Int] = []) -> CallID {
        let key = SectorKey(miner: 1000, number: number)
        let count = callCount.withLock { count in
            count += 1
            return count
        }
        let call = CallID(task: TaskID(sector: key, type: work.type, attempt: 1), number: count)
        let outlet = Outlet<WorkerMessage>(address: Address(node: "test", name: "worker")) { [reports] in
            if case .finished(let call, let result) = $0 {
                reports.all.withLock { $0.append((call, result)) }
            }
            return .accepted
        }
        let request = TaskRequest(id: call.task, proof: UInt64(proof.number), work: work)
        runner.start(
            call, Assignment(request, devices: DeviceGrant(cores: cores)),
            on: WorkerInfo(name: "w", host: "h", store: "s", slots: []), reportTo: outlet.ref)
        return call
    }

    func abort(_ call: CallID) { runner.abort(call) }

    /// Does something while all of the runner's threads are taken, so that nothing begins meanwhile.
    func holdThreads<T>(_ body: () -> T) -> T {
        let gate = DispatchSemaphore(value: 0)
        let taken = DispatchSemaphore(value: 0)
        for _ in 0..<threadCount {
            pool.submit {
                taken.signal()
                gate.wait()
            }
        }
        for _ in 0..<threadCount { taken.wait() }
        defer { for _ in 0..<threadCount { gate.signal() } }
        return body()
    }

    /// The results of a call so far.
    func results(of call: CallID) -> [TaskResult] {
        reports.all.withLock { $0.filter { $0.call == call }.map(\.result) }
    }

    /// The one result of a call, when it is there.
    func result(of call: CallID) async throws -> TaskResult {
        try await poll("\(call) ends") { !self.results(of: call).isEmpty }
        return results(of: call)[0]
    }

    func outcome(_ number: UInt64, _ work: TaskWork) async throws -> TaskOutcome {
        try outcome(await result(of: start(number, work)))
    }

    func outcome(_ result: TaskResult) throws -> TaskOutcome {
        switch result {
        case .done(let outcome): return outcome
        case .failed(let failure): throw failure
        }
    }

    /// Waits until something is so.
    func poll(_ what: String, _ isSo: @escaping @Sendable () -> Bool) async throws {
        for _ in 0..<60_000 {
            if isSo() { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw TaskFailure(cause: .computeFailed, message: "waited a minute in vain: \(what)")
    }

    /// Fills a sector with a payload of its own.
    func addPiece(_ number: UInt64) async throws {
        let count = Int(proof.sectorSize.unpaddedBytes)
        // Made of copies: in a debug build millions of bytes one by one take seconds.
        let part = Data((0..<1_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(number)) })
        var payload = Data()
        while payload.count < count { payload.append(part) }
        let path = "\(root)/payload-\(number)"
        try payload.prefix(count).write(to: URL(filePath: path))
        _ = try await outcome(number, .addPiece(payloadPath: path))
    }

    /// CommR, which pre-commit 2 gives.
    func commR(_ number: UInt64) async throws -> [UInt8] {
        guard case .preCommit2(_, let commR) = try await outcome(number, .preCommit2) else {
            throw TaskFailure(cause: .computeFailed, message: "no outcome of PreCommit2")
        }
        return commR
    }
}
