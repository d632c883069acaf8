// SPDX-License-Identifier: Apache-2.0
import Kernel
import Scheduler
import Testing

/// A ledger of one host behind a reference, so that expectations can change it.
private final class Books {
    let ledger = ResourceLedger()

    init(_ info: HostInfo) { ledger.setHost(0, info) }

    func release(_ id: UInt64) -> Bool { ledger.release(id) }

    func take(
        _ id: UInt64, _ need: ResourceNeed, stage: Int = 2,
        worker: WorkerInfo = WorkerInfo(name: "w", host: "h", store: "s", slots: []),
        disk: ResourceLedger.DiskShare? = nil
    ) -> Result<DeviceGrant, Refusal> {
        do throws(Refusal) {
            return .success(
                try ledger.lease(id, need, stage: stage, host: 0, worker: worker, workerIndex: 0, disk: disk))
        } catch { return .failure(error) }
    }
}

@Suite("Resources of hosts")
struct ResourceLedgerTests {
    private static let gib: UInt64 = 1 << 30

    private func host(gpus: Int = 2, groups: Int = 0, memory: UInt64 = 256, cores: Int = 32) -> HostInfo {
        HostInfo(
            name: "h", logicalCoreCount: cores,
            coreGroups: (0..<groups).map {
                .init(id: "ccx\($0)", numaNode: $0 % 2, cores: [2 * $0, 2 * $0 + 1])
            },
            numaNodes: (0..<2).map { .init(index: $0, memoryBytes: memory * Self.gib / 2) },
            memoryBytes: memory * Self.gib, gpus: (0..<gpus).map { .init(id: "gpu\($0)", name: "RTX") })
    }

    private func worker(numaNode: Int? = nil, gpus: [String]? = nil) -> WorkerInfo {
        WorkerInfo(name: "w", host: "h", store: "s", slots: [], numaNode: numaNode, gpus: gpus)
    }

    @Test("GPUs are leased by name, halves share one, and a worker gets none but its own")
    func gpus() throws {
        let books = Books(host())
        let whole = ResourceNeed(gpuUnits: 1)
        let half = ResourceNeed(gpuUnits: 0.5)
        #expect(try books.take(1, half).get().gpus == ["gpu0"])
        #expect(try books.take(2, whole).get().gpus == ["gpu1"])
        #expect(try books.take(3, half).get().gpus == ["gpu0"], "the part goes where a part is taken")
        #expect(throws: Refusal.self) { try books.take(4, half).get() }
        #expect(books.release(2))
        guard case .failure(let refusal) = books.take(5, whole, worker: worker(gpus: ["gpu0"])) else {
            Issue.record("a worker bound to a taken GPU got one")
            return
        }
        #expect(refusal.code == .gpu)
        #expect(books.ledger.brokenAccount() == nil)
    }

    @Test("what a kind shares is counted once, and memory is refused by what is short")
    func memory() throws {
        let books = Books(host(memory: 256))
        // Commit2 of 32 GiB sectors as shipped: 30 GiB each, 32 GiB of parameters together, 150 GiB at the
        // peak.
        let need = ResourceTable.standard.need("seal/v0/commit/2", sectorBytes: 32 << 30)
        #expect(need.minMemory == 30 << 30 && need.baseMemory == 32 << 30)
        _ = try books.take(1, need, stage: 4).get()
        #expect(books.ledger.account(0)?.memoryFree == (256 - 62) << 30)
        guard case .failure(let refusal) = books.take(2, need, stage: 4) else {
            Issue.record("two peaks of 150 GiB fit into 256 GiB without swap")
            return
        }
        #expect(refusal.code == .virtualMemory)
        #expect(books.release(1))
        #expect(!books.release(1), "a lease is given back once")
        #expect(books.ledger.account(0)?.memoryFree == 256 << 30)
    }

    @Test("core groups are exclusive, and a worker bound to a NUMA node stays on it")
    func coreGroups() throws {
        let books = Books(host(groups: 4))
        let need = ResourceNeed(minMemory: 60 << 30, threads: .count(2), wantsCoreGroup: true)
        let first = try books.take(1, need, worker: worker(numaNode: 1)).get()
        #expect(first.coreGroup == "ccx1" && first.cores == [2, 3] && first.numaNode == 1)
        #expect(try books.take(2, need, worker: worker(numaNode: 1)).get().coreGroup == "ccx3")
        guard case .failure(let refusal) = books.take(3, need, worker: worker(numaNode: 1)) else {
            Issue.record("a third group of two was leased")
            return
        }
        #expect(refusal.code == .numaMemory)
        #expect(try books.take(4, need, worker: worker(numaNode: 0)).get().coreGroup == "ccx0")
        #expect(books.ledger.brokenAccount() == nil)
    }

    @Test("a worker's figures are bounded, so that no sum of them overflows")
    func bounded() {
        let key = ResourceTable.Key(task: TaskType.preCommit1.rawValue, sectorBytes: 32 << 30)
        let wild = ResourceNeed(
            minMemory: .max, maxMemory: .max, baseMemory: .max, threads: .count(.max), threadsWithGPU: .max,
            gpuUnits: .nan, maxConcurrent: .min, diskBytesPerSecond: .max)
        var table = ResourceTable.standard
        table[key] = wild
        let need = ResourceTable.standard.applying(table.differences(from: .standard))[key]
        #expect(need == need.bounded && need.gpuUnits == 64 && need.maxConcurrent == 0)
        let books = Books(host())
        let disk = ResourceLedger.DiskShare(disk: "d", bytesPerSecond: need.diskBytesPerSecond, limit: 1)
        guard case .failure(let refusal) = books.take(1, need, disk: disk) else {
            Issue.record("more memory was given than there is")
            return
        }
        #expect(refusal.code == .memory)
        #expect(ResourceNeed.none.bounded == .none)
    }

    @Test("a disk's rate is leased; an idle disk takes what wants more than it gives, alone")
    func disks() throws {
        let books = Books(host())
        func share(_ rate: UInt64, of disk: String = "d") -> ResourceLedger.DiskShare {
            .init(disk: disk, bytesPerSecond: rate, limit: 100)
        }
        #expect(throws: Never.self) { try books.take(1, .none, disk: share(60)).get() }
        guard case .failure(let refusal) = books.take(2, .none, disk: share(41)) else {
            Issue.record("a disk was given more than it has")
            return
        }
        #expect(refusal == Refusal(.disk, "d", needed: 41, free: 40))
        #expect(
            "\(refusal)" == "needs 41.0 B a second of the disk of d, which has 40.0 B a second left")
        #expect(throws: Never.self) { try books.take(3, .none, disk: share(40)).get() }
        #expect(throws: Never.self) { try books.take(4, .none, disk: share(200, of: "e")).get() }
        #expect(throws: Refusal.self) { try books.take(5, .none, disk: share(1, of: "e")).get() }
        #expect(books.ledger.diskBytesUsed("d") == 100 && books.ledger.diskBytesUsed("e") == 200)
        #expect(books.ledger.brokenAccount() == nil)
        for id in [1, 3, 4] as [UInt64] { #expect(books.release(id)) }
        #expect(books.ledger.diskBytesUsed("d") == 0 && books.ledger.diskBytesUsed("e") == 0)
        #expect(books.ledger.brokenAccount() == nil)
    }

    /// Random starts and ends on one host: never more than there is, and nothing left at the end.
    @Test("no sequence of leases and releases leaks or exceeds", arguments: UInt64(1)...40)
    func conservation(seed: UInt64) {
        var random = RandomStream(seed: seed)
        let books = Books(host(gpus: 3, groups: 5, memory: 300, cores: 40))
        let kinds = ResourceTable.standard.keys.filter { $0.sectorBytes == 32 << 30 }
        var held: [UInt64] = []
        var grantedCount = 0
        for id in 1...300 as ClosedRange<UInt64> {
            if random.happens(0.6) {
                var need = ResourceTable.standard[kinds[random.index(below: kinds.count)]]
                if random.happens(0.3) { need.gpuUnits = 0.1 * Double(1 + random.index(below: 20)) }
                if random.happens(0.2) { need.wantsCoreGroup = true }
                let bound = random.happens(0.3) ? random.index(below: 2) : nil
                let stage = random.index(below: TaskType.count)
                let disk = ResourceLedger.DiskShare(
                    disk: "d\(random.index(below: 2))", bytesPerSecond: UInt64(1 + random.index(below: 90)),
                    limit: 300)
                if case .success(let grant) = books.take(
                    id, need, stage: stage, worker: worker(numaNode: bound),
                    disk: random.happens(0.5) ? disk : nil)
                {
                    grantedCount += 1
                    held.append(id)
                    #expect(Double(grant.gpus.count) >= need.gpuUnits.rounded(.down))
                }
            } else if !held.isEmpty {
                let call = held.remove(at: random.index(below: held.count))
                #expect(books.release(call))
                #expect(!books.release(call))
            }
            #expect(books.ledger.brokenAccount() == nil)
            #expect(books.ledger.leaseCount == held.count)
        }
        #expect(grantedCount > 20)
        for call in held { #expect(books.release(call)) }
        #expect(books.ledger.brokenAccount() == nil)
        let account = books.ledger.account(0)
        #expect(account?.memoryFree == 300 << 30 && account?.coreCountFree == 40)
        #expect(["d0", "d1"].allSatisfy { books.ledger.diskBytesUsed($0) == 0 })
        #expect(account?.gpuFreeCount == 3 && account?.coreGroupFreeCount == 5)
    }

    @Test("a worker's environment changes cells: the narrower name wins, and nonsense is refused by name")
    func environment() throws {
        let table = try ResourceTable.standard.applying(environment: [
            "PC2_GPU_UTILIZATION": "0.5", "PC2_64G_GPU_UTILIZATION": "0.25", "C2_32G_MAX_CONCURRENT": "2",
            "C2_MAX_MEMORY": "1024", "PC2_32G_DISK_RATE": "600000000", "FIL_PROOFS_USE_MULTICORE_SDR": "1",
        ])
        #expect(table.need(.preCommit2, sectorBytes: 32 << 30).gpuUnits == 0.5)
        #expect(table.need(.preCommit2, sectorBytes: 64 << 30).gpuUnits == 0.25)
        #expect(table.need(.preCommit2, sectorBytes: 32 << 30).diskBytesPerSecond == 600_000_000)
        #expect(table.need(.commit2, sectorBytes: 32 << 30).maxConcurrent == 2)
        #expect(table.need(.commit2, sectorBytes: 64 << 30).maxMemory == 1024)
        #expect(table.need(.preCommit1, sectorBytes: 32 << 30).threads == .count(4))
        #expect(ResourceTable.standard.need(.preCommit1, sectorBytes: 32 << 30).threads == .count(1))
        let changes = table.differences(from: .standard)
        #expect(ResourceTable.standard.applying(changes) == table)
        for (name, value) in [
            ("PC1_MIN_MEMORY", "much"), ("C2_MAX_MEMORY", "99999999999999999999"),
            ("AP_GPU_UTILIZATION", "-1"),
        ] {
            #expect(throws: SchedulerError.self) {
                try ResourceTable.standard.applying(environment: [name: value])
            }
        }
    }

    @Test("the shipped table has the rows of the field")
    func table() {
        #expect(ResourceTable.standard.keys.count == 66)
        let need = ResourceTable.standard.need(.preCommit1, sectorBytes: 64 << 30)
        #expect(need.minMemory == 112 << 30 && need.maxMemory == 128 << 30 && need.baseMemory == 10 << 20)
        #expect(ResourceTable.standard.need(.finalize, sectorBytes: 32 << 30) == .none)
        #expect(ResourceNeed.Threads.all.resolved(coreCount: 64) == 58)
        #expect(ResourceTable.sectorBytes(ofProof: 8) == 32 << 30)
    }
}
