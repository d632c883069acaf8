// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Scheduler
import Testing

/// What a scheduler says of itself.
enum OperatorSample {
    /// A worker that runs one PC1 with its kinds paused, another that is lost, and a task that waits.
    static func diagnosis(runningCount: Int = 1) throws -> SchedulerDiagnosis {
        let key = #"{"miner":1000,"number":4}"#
        let pc1 = #""seal/v0/precommit/1""#
        let json = """
            {"at":{"nanoseconds":100000000000},"policy":"sealyard","workerCount":1,"omittedCount":0,
             "admissions":[{"sector":\(key),"bytes":10,"since":{"nanoseconds":99000000000},"reason":"full"}],
             "running":[{"task":{"sector":\(key),"type":\(pc1),"attempt":1},"worker":"w1",
               "since":{"nanoseconds":30000000000},"isOrphaned":false,"isFetching":false,
               "devices":{"coreCount":0,"cores":[],"gpus":[],"memoryBytes":0}}],
             "waiting":[{"task":{"sector":\(key),"type":\(pc1),"attempt":2},"host":"h1","priority":0,
               "since":{"nanoseconds":40000000000},"reason":"the workers are paused",
               "refusals":[{"worker":"w1","refusal":{"code":"paused","limit":"","needed":0,"free":0}}]}],
             "workers":[
               {"name":"w2","host":"h2","group":"g","isLost":true,"isCordoned":true,"measured":[],
                "cordonedKinds":[],"pausedKinds":[],
                "runningCount":0,"slots":[]},
               {"name":"w1","host":"h1","group":"h1","isLost":false,"isCordoned":false,
                "cordonedKinds":[],
                "measured":[{"key":{"task":"seal/v0/precommit/1","sectorBytes":34359738368},"isMeasured":true,
                  "need":{"minMemory":77309411328,"maxMemory":77309411328,"baseMemory":10485760,
                    "threads":{"count":{"_0":1}},"threadsWithGPU":0,"gpuUnits":0,"maxConcurrent":0,
                    "wantsCoreGroup":false,"diskBytesPerSecond":0}}],
                "pausedKinds":[\(pc1)],"runningCount":\(runningCount),
                "slots":[{"type":\(pc1),"count":4},{"type":"seal/v0/addpiece","count":1048576}],
                "resources":{"machine":"h1","coreCount":8,"coreCountUsed":2,"memoryBytes":4096,
                  "memoryBytesUsed":1024,
                  "virtualBytes":4096,"virtualBytesUsed":4096,"gpus":[{"name":"GPU X","used":0}]}}]}
            """
        return try JSONDecoder().decode(SchedulerDiagnosis.self, from: Data(json.utf8))
    }
}

/// Answers as a scheduler would whose tasks end one with each question.
private actor FakeScheduler: Component {
    nonisolated let home: Home
    private var runningCount: Int

    init(home: Home, runningCount: Int) {
        self.home = home
        self.runningCount = runningCount
    }

    func receive(_ message: SchedulerMessage, _ context: Context<SchedulerMessage>) throws {
        switch message {
        case .control(_, let asker):
            asker?.tell(.control(ControlReport(workers: ["w1"], runningCount: runningCount)))
        case .diagnose(let asker):
            asker.tell(.diagnosis(try OperatorSample.diagnosis(runningCount: runningCount)))
            runningCount = max(0, runningCount - 1)
        case .abort(let id, let asker):
            asker?.tell(.aborted(id, ControlReport(workers: ["w1"], runningCount: 1, note: "stopped")))
        default: break
        }
    }
}

/// The client's own logic, against a scheduler that says what the test wants.
@Suite("Miner client")
struct MinerClientTests {
    private func client(
        runningCount: Int, _ body: (MinerClient) async throws -> Void
    ) async throws {
        let world = try LiveWorld(name: "miner", options: .init(executorCount: 1))
        defer { world.shutDown() }
        try world.spawn(MinerAssembly.schedulerName) { FakeScheduler(home: $0, runningCount: runningCount) }
        try await body(MinerClient(world: world, minerName: "miner", timeout: .seconds(5)))
    }

    @Test("a drain waits until nothing runs, and tells how much still does")
    func drains() async throws {
        try await client(runningCount: 1) { client in
            var news: [Int] = []
            let report = try await client.drain(worker: nil, group: nil, wait: nil) { news.append($0) }
            #expect(report == ControlReport(workers: ["w1"], runningCount: 0))
            #expect(news == [1])
        }
    }

    @Test("a drain that takes too long says what still runs and that the cordon holds")
    func drainsInVain() async throws {
        try await client(runningCount: 3) { client in
            do {
                _ = try await client.drain(worker: nil, group: nil, wait: .zero) { _ in }
                Issue.record("three tasks run, and the drain is done")
            } catch let error as EngineError {
                #expect(error.code == .timedOut)
                #expect(error.message.contains("3 tasks still run on w1"), "\(error)")
                #expect(error.message.contains("cordoned"), "\(error)")
            }
        }
    }

    @Test("a task may be named without its try where only one is meant")
    func aborts() async throws {
        try await client(runningCount: 1) { client in
            let (task, report) = try await client.abort("f01000-4/PC1/2")
            #expect(task.attempt == 2)
            #expect(report.note == "stopped")
            for (name, fragment) in [
                ("f01000-4/PC1", "f01000-4/PC1/1, f01000-4/PC1/2"), ("f01000-4/PC2", "runs or waits"),
            ] {
                do {
                    _ = try await client.abort(name)
                    Issue.record("'\(name)' was taken for one task")
                } catch let error as EngineError {
                    #expect(error.code == .refused)
                    #expect(error.message.contains(fragment), "\(error)")
                }
            }
        }
    }
}
