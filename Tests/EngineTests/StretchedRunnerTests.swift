// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Kernel
import Scheduler
import Synchronization
import Testing

/// A runner that is done, or fails, at once.
private final class InstantRunner: TaskRunner {
    let failure: TaskFailure?
    let aborted = Mutex<[CallID]>([])

    init(failure: TaskFailure? = nil) { self.failure = failure }

    func start(_ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>) {
        reportTo.tell(.finished(call, failure.map { .failed($0) } ?? .done(.completed)))
    }

    func abort(_ call: CallID) { aborted.withLock { $0.append(call) } }
}

@Suite("A rehearsal: tasks that take at least a time")
struct StretchedRunnerTests {
    private let worker = WorkerInfo(name: "w", host: "h", store: "s", slots: [])

    private func call(_ number: UInt64, _ type: TaskType) -> CallID {
        CallID(
            task: TaskID(sector: SectorKey(miner: 1, number: number), type: type, attempt: 1), number: number)
    }

    private func request(_ call: CallID) -> TaskRequest {
        TaskRequest(
            id: call.task, proof: 5,
            work: call.task.type == .preCommit2 ? .preCommit2 : .finalize(keepsUnsealed: true))
    }

    /// Starts calls one after the other, and yields the numbers in the order in which their ends were told.
    private func ends(
        _ stretches: [StretchedTaskRunner.Stretch], failure: TaskFailure? = nil,
        aborting aborted: CallID? = nil, _ calls: [CallID], count: Int
    ) async throws -> (numbers: [UInt64], seconds: Double) {
        let world = try LiveWorld(name: "w", options: .init(executorCount: 1))
        defer { world.shutDown() }
        let (stream, continuation) = AsyncStream.makeStream(of: UInt64.self)
        let outlet = Outlet<WorkerMessage>(address: Address(node: "w", name: "worker")) {
            if case .finished(let call, _) = $0 { continuation.yield(call.number) }
            return .accepted
        }
        let inner = InstantRunner(failure: failure)
        let runner = StretchedTaskRunner(inner, world: world, stretches: stretches)
        let start = world.now
        for call in calls { runner.start(call, request(call), on: worker, reportTo: outlet.ref) }
        if let aborted {
            runner.abort(aborted)
            #expect(inner.aborted.withLock { $0 } == [aborted])
        }
        var numbers: [UInt64] = []
        for await number in stream {
            numbers.append(number)
            if numbers.count == count { break }
        }
        return (numbers, (world.now - start).inSeconds)
    }

    @Test("results of the kinds named are held back, others come at once; what was aborted is never told")
    func held() async throws {
        let calls = [call(1, .preCommit2), call(2, .preCommit2), call(3, .finalize)]
        let (numbers, seconds) = try await ends(
            [.init(.preCommit2, .milliseconds(200), .milliseconds(300))], aborting: calls[0], calls, count: 2)
        #expect(numbers == [3, 2])
        #expect(seconds >= 0.2)
    }

    @Test("a failure is told at once")
    func failure() async throws {
        // An hour's stretch: the test ends because nothing waits for it.
        let (numbers, _) = try await ends(
            [.init(.preCommit2, .seconds(3600), .seconds(3600))],
            failure: TaskFailure(cause: .computeFailed, message: "no"), [call(1, .preCommit2)], count: 1)
        #expect(numbers == [1])
    }

    @Test("times are drawn from the range, by the sector and the kind alone")
    func draws() {
        let stretch = StretchedTaskRunner.Stretch(.preCommit1, .seconds(2), .seconds(4))
        let seconds = (1...1000).map { stretch.duration(of: call($0, .preCommit1).task).inSeconds }
        #expect(seconds.allSatisfy { (2...4).contains($0) })
        #expect(abs(seconds.reduce(0, +) / 1000 - 3) < 0.1)
        #expect(stretch.duration(of: call(7, .preCommit1).task).inSeconds == seconds[6])
    }
}
