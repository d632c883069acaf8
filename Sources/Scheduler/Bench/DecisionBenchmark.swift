// SPDX-License-Identifier: Apache-2.0
private import Chain
internal import Kernel

/// How long a policy takes for one decision on a large cluster with a long queue: a slot becomes free, and
/// the policy says who takes it.
///
/// The hosts join one after another, each with work for its slots several times over, so that a policy that
/// binds ahead has bound what it can when the long queue comes. Filling a whole cluster from a whole queue
/// would have Lotus compare every task with every window, which takes it minutes.
package struct DecisionBenchmark: Sendable {
    package struct Result: Sendable, Hashable {
        package let policy: String
        package let workerCount: Int
        /// Tasks that waited at the beginning; each decision that starts one is followed by a new one.
        package let taskCount: Int
        package let decisionCount: Int
        /// Decisions after which a task started.
        package let startCount: Int
        package let medianNanoseconds: Int
        package let p95Nanoseconds: Int
        package let maxNanoseconds: Int

        /// A line for people.
        package var text: String {
            "\(policy): \(workerCount) workers, \(taskCount) tasks, median \(medianNanoseconds / 1000) µs, "
                + "95 % \(p95Nanoseconds / 1000) µs, longest \(maxNanoseconds / 1000) µs "
                + "(\(decisionCount) decisions, \(startCount) starts)"
        }
    }

    package var workerCount: Int
    package var taskCount: Int
    package var decisionCount: Int
    package var seed: UInt64
    /// No further decision is timed after so many seconds of one policy's decisions: a slow one makes fewer.
    package var secondsMax: Double
    private static let workersPerHost = 4
    /// Tasks for each slot while hosts join. Lotus holds four times what a worker runs.
    private static let fillDepth = 5
    private static let proof: UInt64 = 5

    package init(
        workerCount: Int = 1_000, taskCount: Int = 100_000, decisionCount: Int = 200, seed: UInt64 = 1,
        secondsMax: Double = 10
    ) {
        precondition(workerCount > 0 && taskCount > 0 && decisionCount > 0, "a benchmark decides something")
        self.workerCount = workerCount
        self.taskCount = taskCount
        self.decisionCount = decisionCount
        self.seed = seed
        self.secondsMax = secondsMax
    }

    /// Fills the cluster, then frees slots one by one and times what the policy says.
    ///
    /// - Throws: ``SchedulerError`` with `unknownPolicy`.
    package func run(policy name: String) throws(SchedulerError) -> Result {
        guard var policy = PolicyCatalog.make(name, PolicyContext(seed: seed)) else {
            throw SchedulerError(
                code: .unknownPolicy,
                message: "no policy '\(name)'; choose one of \(PolicyCatalog.names.joined(separator: ", "))")
        }
        var cluster = Cluster(seed: seed)
        var now = Instant.zero
        func settle(_ policy: inout any SchedulingPolicy, _ cluster: inout Cluster) {
            for _ in 0..<10_000 {
                now = now.advanced(by: .seconds(60))
                let decisions = policy.decide(cluster.view, at: now)
                if decisions.reduce(0, { $0 + (cluster.apply($1, now) ? 1 : 0) }) == 0 { break }
            }
        }
        // The filling is not timed. Lotus decides nothing when it is asked first.
        _ = policy.decide(cluster.view, at: now)
        for first in stride(from: 0, to: workerCount, by: Self.workersPerHost) {
            cluster.addHost(workerCount: min(Self.workersPerHost, workerCount - first))
            cluster.submitForLatestHost(proof: Self.proof, depth: Self.fillDepth)
            settle(&policy, &cluster)
        }
        while cluster.waitingCount < taskCount { cluster.submit(proof: Self.proof) }
        settle(&policy, &cluster)
        var times: [Int] = []
        var startCount = 0
        while times.count < decisionCount, times.reduce(0, +) < Int(secondsMax * 1e9) || times.isEmpty {
            now = now.advanced(by: .seconds(60))
            cluster.finishOne()
            let begin = SystemClock.monotonicNanoseconds
            let decisions = policy.decide(cluster.view, at: now)
            times.append(Int(SystemClock.monotonicNanoseconds - begin))
            for decision in decisions where cluster.apply(decision, now) {
                startCount += 1
                cluster.submit(proof: Self.proof)
            }
        }
        times.sort()
        return Result(
            policy: name, workerCount: workerCount, taskCount: taskCount, decisionCount: times.count,
            startCount: startCount, medianNanoseconds: times[times.count / 2],
            p95Nanoseconds: times[times.count * 95 / 100], maxNanoseconds: times[times.count - 1])
    }

    /// A scheduler's view without a scheduler around it.
    private struct Cluster {
        var view = ClusterView(
            profiles: TaskProfiles(hints: [.preCommit1: .seconds(10_800), .preCommit2: .seconds(600)]))
        private var random: RandomStream
        private var sectorCount: UInt64 = 0
        private var callCount: UInt64 = 0
        private var running: [(id: TaskID, worker: Int, call: UInt64)] = []
        private var hostCount = 0
        private var workerCount = 0
        private static let slots: [WorkerInfo.SlotCount] = [
            .init(.preCommit1, 4), .init(.preCommit2, 1), .init(.commit2, 1),
        ]
        private static let kinds: [(type: TaskType, work: TaskWork)] = [
            (.preCommit1, .preCommit1(ticket: [])), (.preCommit1, .preCommit1(ticket: [])),
            (.preCommit1, .preCommit1(ticket: [])), (.preCommit2, .preCommit2), (.commit2, .commit2),
        ]

        init(seed: UInt64) { random = RandomStream(seed: seed) }

        var waitingCount: Int { TaskType.allCases.reduce(0) { $0 + view.waitingCount($1) } }

        mutating func addHost(workerCount count: Int) {
            let host = "host-\(hostCount)"
            hostCount += 1
            let info = HostInfo(
                name: host, logicalCoreCount: 128, memoryBytes: 4 << 40,
                gpus: (0..<4).map { .init(id: "\($0)", name: "GPU") }, nicBytesPerSecond: 3_125_000_000)
            for _ in 0..<count {
                workerCount += 1
                _ = view.join(
                    WorkerInfo(
                        name: "worker-\(workerCount)", host: host, store: host, slots: Self.slots,
                        hostInfo: info, resources: measured(workerCount)))
            }
        }

        /// Cells of its own, as every worker has that has measured for a while.
        private func measured(_ number: Int) -> [ResourceTable.Override] {
            let table = ResourceTable.standard
            return Self.slots.map { slot in
                let bytes = ResourceTable.sectorBytes(ofProof: DecisionBenchmark.proof)
                let key = ResourceTable.Key(task: slot.type.rawValue, sectorBytes: bytes)
                var need = table[key]
                need.minMemory = UInt64(1 + number % 7) << 20
                need.maxMemory = need.minMemory
                return ResourceTable.Override(key: key, need: need, isMeasured: true)
            }
        }

        /// Work for every slot of the host that joined last, `depth` times over.
        mutating func submitForLatestHost(proof: UInt64, depth: Int) {
            let workers = view.hosts[hostCount - 1].workerIndices.count
            for slot in Self.slots {
                guard let kind = Self.kinds.first(where: { $0.type == slot.type }) else { continue }
                for _ in 0..<workers * slot.count * depth { submit(kind, hostCount - 1, proof) }
            }
        }

        mutating func submit(proof: UInt64) {
            let kind = Self.kinds[random.index(below: Self.kinds.count)]
            submit(kind, random.index(below: hostCount), proof)
        }

        private mutating func submit(_ kind: (type: TaskType, work: TaskWork), _ host: Int, _ proof: UInt64) {
            sectorCount += 1
            let id = TaskID(sector: SectorKey(miner: 1000, number: sectorCount), type: kind.type, attempt: 1)
            let host = kind.type.needsFiles ? "host-\(host)" : nil
            let request = TaskRequest(
                id: id, proof: proof, work: kind.work, priority: random.happens(0.1) ? 1024 : 0)
            view.add(request, host: host, since: .zero, sequence: sectorCount)
        }

        mutating func apply(_ decision: Decision, _ now: Instant) -> Bool {
            guard case .assign(let id, let worker, _) = decision, let task = view.task(id),
                view.canStart(task, on: worker, at: now) == nil
            else { return false }
            callCount += 1
            let target = view.workers[worker]
            let need = view.need(id.type, proof: task.request.proof, on: worker)
            do {
                try view.ledger.lease(
                    callCount, need, stage: id.type.stage, host: view.hosts[target.hostIndex].machine,
                    worker: target.info,
                    workerIndex: worker)
            } catch { return false }
            _ = view.remove(id)
            view.occupy(worker, id)
            running.append((id, worker, callCount))
            return true
        }

        mutating func finishOne() {
            guard !running.isEmpty else { return }
            let index = random.index(below: running.count)
            let (id, worker, call) = running[index]
            running.swapAt(index, running.count - 1)
            running.removeLast()
            view.vacate(worker, id)
            view.ledger.release(call)
        }
    }
}
