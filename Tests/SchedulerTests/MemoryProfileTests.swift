// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

private let gib: UInt64 = 1 << 30
private let key = ResourceTable.Key(task: TaskType.preCommit1.rawValue, sectorBytes: 32 << 30)
private let other = ResourceTable.Key(task: TaskType.preCommit2.rawValue, sectorBytes: 32 << 30)

@Suite("What tasks take of memory, by measurement")
struct MemoryProfileTests {
    private let prior = ResourceNeed(minMemory: 56 * gib, maxMemory: 64 * gib, baseMemory: 1 * gib)

    /// A profile that has seen these peaks: bytes, and tasks of the kind that ran at once; 0 for a task
    /// that always had others beside it.
    private func figure(
        _ seen: [(bytes: UInt64, count: Int)], prior: ResourceNeed? = nil, limit: UInt64 = .max
    ) -> ResourceNeed? {
        var profile = MemoryProfile()
        for (bytes, count) in seen {
            let share = count == 0 ? nil : MemoryMark.Share(count: count, bytes: bytes)
            profile.add(MemoryMark(key: key, mostBytes: bytes, share: share))
        }
        return profile.need(key, prior: prior ?? self.prior, limit: limit)
    }

    /// Within the eighth that is put on top, and a sixteenth of rounding.
    private func isNear(_ bytes: UInt64?, _ expected: UInt64) -> Bool {
        guard let bytes else { return false }
        return bytes >= expected && bytes <= expected * 125 / 100
    }

    @Test("until enough was seen the table's figures hold")
    func few() {
        #expect(figure([]) == nil)
        #expect(figure([(8 * gib, 1), (8 * gib, 1)]) == nil)
        #expect(figure([(8 * gib, 1), (8 * gib, 1), (8 * gib, 1)]) != nil)
    }

    @Test("a task that ran alone has its own figure, whether the table's is larger or smaller")
    func alone() throws {
        for bytes in [2 * gib, 8 * gib, 100 * gib] {
            let need = try #require(figure(Array(repeating: (bytes, 1), count: 3)))
            #expect(isNear(need.minMemory + need.baseMemory, bytes), "\(bytes): \(need)")
            #expect(need.maxMemory >= need.minMemory)
            #expect(need.baseMemory <= prior.baseMemory)
        }
    }

    @Test(
        "of tasks that ran together each has its part at the least, and the table's figure if that is larger")
    func together() throws {
        // Four took 256 GiB: one takes 64 at the least and 256 at the most.
        let four = try #require(figure(Array(repeating: (256 * gib, 4), count: 3)))
        #expect(isNear(four.minMemory, 64 * gib), "\(four)")
        // Two took 60: the table's 56 are possible, and stay.
        let two = try #require(figure(Array(repeating: (60 * gib, 2), count: 3)))
        #expect(two.minMemory == 56 * gib, "\(two)")
        // Two took 6 in all: so one took no more.
        let small = try #require(figure(Array(repeating: (6 * gib, 2), count: 3)))
        #expect(isNear(small.minMemory + small.baseMemory, 6 * gib), "\(small)")
    }

    @Test("company of other kinds gives the most only")
    func mixed() throws {
        let need = try #require(figure(Array(repeating: (10 * gib, 0), count: 3)))
        #expect(isNear(need.minMemory + need.baseMemory, 10 * gib), "\(need)")
        #expect(figure(Array(repeating: (100 * gib, 0), count: 3))?.minMemory == prior.minMemory)
    }

    @Test("one odd task among many does not bring the figure down; one that took more brings it up")
    func odd() throws {
        let usual = Array(repeating: (bytes: 64 * gib, count: 1), count: 9)
        let least = try #require(figure(usual + [(1 * gib, 1)]))
        #expect(isNear(least.minMemory, 63 * gib), "\(least)")
        let most = try #require(figure(usual + [(90 * gib, 1)]))
        #expect(isNear(most.minMemory, 89 * gib), "\(most)")
        // And after twenty more it is forgotten.
        let later = figure([(90 * gib, 1)] + Array(repeating: (64 * gib, 1), count: MemoryProfile.countMax))
        #expect(isNear(later?.minMemory, 63 * gib))
    }

    @Test(
        "by the figure, as many tasks of the kind as ever ran take no less than they took", arguments: 1...200
    )
    func covered(seed: UInt64) throws {
        var random = RandomStream(seed: seed, name: "memory")
        func draw(_ most: UInt64) -> UInt64 { random.next() % most + 1 }
        let prior = ResourceNeed(
            minMemory: draw(80) * gib, maxMemory: draw(120) * gib, baseMemory: draw(40) * gib)
        let seen = (0..<(3 + Int(draw(20)))).map { _ in (bytes: draw(400) << 28, count: Int(draw(6))) }
        let need = try #require(figure(seen, prior: prior))
        for (bytes, count) in seen.suffix(MemoryProfile.countMax) {
            #expect(need.baseMemory + UInt64(count) * need.minMemory >= bytes, "\(need), \(bytes), \(count)")
        }
        #expect(need.maxMemory >= need.minMemory)
    }

    @Test("what ran on a host fits it, however much the process took")
    func limit() throws {
        let need = try #require(figure(Array(repeating: (100 * gib, 1), count: 3), limit: 70 * gib))
        #expect(need.minMemory + need.baseMemory == 70 * gib)
        #expect(need.maxMemory + need.baseMemory == 70 * gib)
    }

    @Test("figures from outside are bounded, and so is what is remembered")
    func bounds() throws {
        var profile = MemoryProfile()
        for number in 0..<1_000 as Range<UInt64> {
            for _ in 0..<50 {
                let key = ResourceTable.Key(task: "kind \(number)", sectorBytes: number)
                profile.add(MemoryMark(key: key, mostBytes: .max, share: .init(count: -3, bytes: .max)))
            }
        }
        #expect(profile.all.count == MemoryProfile.keyCountMax * MemoryProfile.countMax)
        let known = try #require(profile.all.first)
        let need = try #require(profile.need(known.key, prior: .none))
        #expect(need.bounded.minMemory == HostInfo.bytesMax)
    }

    @Test("a worker's cells have what was measured, marked so, and its operator's word where there is one")
    func cells() throws {
        var profile = MemoryProfile()
        for key in [key, other] {
            for _ in 0..<3 {
                profile.add(MemoryMark(key: key, mostBytes: 4 * gib, share: .init(count: 1, bytes: 4 * gib)))
            }
        }
        var table = ResourceTable.standard
        table[other].minMemory = 77 * gib
        let cells = profile.cells(table, fixed: [other])
        let own = try #require(cells.first { $0.key == other })
        #expect(!own.isMeasured && own.need == table[other])
        let measured = try #require(cells.first { $0.key == key })
        #expect(measured.isMeasured && isNear(measured.need.minMemory, 4 * gib), "\(measured)")
        #expect(measured.need.threads == table[key].threads, "nothing but memory was measured")
        #expect(cells.count == 2)
    }

    @Test("a kind that the table leaves out is measured as well")
    func unlisted() {
        let key = ResourceTable.Key(task: TaskType.finalize.rawValue, sectorBytes: 32 << 30)
        var profile = MemoryProfile()
        let share = MemoryMark.Share(count: 2, bytes: gib)
        for _ in 0..<3 { profile.add(MemoryMark(key: key, mostBytes: gib, share: share)) }
        let cells = profile.cells(.standard)
        #expect(cells.map(\.key) == [key])
        #expect(isNear(cells.first?.need.minMemory, gib / 2))
    }

    // MARK: The meter

    private func call(_ number: UInt64, _ type: TaskType = .preCommit1) -> CallID {
        CallID(
            task: TaskID(sector: SectorKey(miner: 1000, number: number), type: type, attempt: 1),
            number: number)
    }

    @Test("a peak belongs to those that ran when it was; what the idle process takes belongs to nobody")
    func meter() throws {
        var meter = MemoryMeter()
        meter.begin(call(1), key, MemoryReading(peakBytes: 900, currentBytes: 100))
        meter.begin(call(2), key, MemoryReading(peakBytes: 150, currentBytes: 150))
        // Together 300, then the second alone 400.
        let first = meter.end(call(1), MemoryReading(peakBytes: 400, currentBytes: 250))
        #expect(first == MemoryMark(key: key, mostBytes: 300, share: .init(count: 2, bytes: 300)))
        let second = meter.end(call(2), MemoryReading(peakBytes: 500, currentBytes: 200))
        #expect(second == MemoryMark(key: key, mostBytes: 400, share: .init(count: 1, bytes: 400)))
        #expect(meter.isIdle)
        // The allocator has kept 100 of it: they are the next task's again.
        meter.begin(call(3), key, MemoryReading(peakBytes: 800, currentBytes: 200))
        let third = meter.end(call(3), MemoryReading(peakBytes: 500, currentBytes: 120))
        #expect(third?.mostBytes == 400)
        #expect(meter.end(call(3), MemoryReading(peakBytes: 1, currentBytes: 1)) == nil)
    }

    @Test("beside another kind only the most is known, and the time alone counts")
    func meterOfTwoKinds() throws {
        var meter = MemoryMeter()
        meter.begin(call(1), key, MemoryReading(peakBytes: 0, currentBytes: 0))
        meter.begin(call(2, .preCommit2), other, MemoryReading(peakBytes: 50, currentBytes: 50))
        let second = meter.end(call(2, .preCommit2), MemoryReading(peakBytes: 90, currentBytes: 60))
        #expect(second == MemoryMark(key: other, mostBytes: 90, share: nil))
        let first = meter.end(call(1), MemoryReading(peakBytes: 70, currentBytes: 0))
        #expect(first == MemoryMark(key: key, mostBytes: 90, share: .init(count: 1, bytes: 70)))
    }
}

/// Workers that tell what they have measured.
extension ClusterControlTests {
    private func tell(_ name: String, _ cells: [ResourceTable.Override]) {
        let address = Address(node: name, name: "worker")
        world.node("miner")?.ref(at: address, as: WorkerMessage.self).tell(.measured(cells))
        run(1)
    }

    @Test("tasks are given what they were measured to take, and what runs keeps what it was given")
    func measured() throws {
        let key = ResourceTable.Key(task: TaskType.commit2.rawValue, sectorBytes: 2_048)
        let prior = ResourceTable.standard[key]
        func cell(_ part: UInt64) -> ResourceTable.Override {
            var need = prior
            (need.minMemory, need.maxMemory) = (prior.minMemory * 2 / part, prior.minMemory * 2 / part)
            return .init(key: key, need: need, isMeasured: true)
        }
        let cluster = try boot()
        try addWorker(
            "w1", host: "h1", slots: [.commit2], slotCount: 100,
            hostInfo: HostInfo(
                name: "h1", logicalCoreCount: 1_000, memoryBytes: prior.baseMemory + prior.minMemory * 4))
        run(1)
        for number in 1...100 as ClosedRange<UInt64> {
            cluster.scheduler.tell(
                .submit(request(number, .commit2), host: nil, replyTo: cluster.tasks))
        }
        run(1)
        func runningCount() throws -> Int { try diagnosis(cluster).running.count }
        #expect(try runningCount() == 4, "by the table")
        tell("w1", [cell(4)])
        #expect(try runningCount() == 4, "what runs has the whole memory")
        run(100)
        #expect(try runningCount() == 8, "half of it, twice as many")
        #expect(try diagnosis(cluster).workers.map(\.measured) == [[cell(4)]])
        // They take more after all: nothing is overdrawn, and fewer begin.
        tell("w1", [cell(1)])
        run(100)
        #expect(try runningCount() == 2)
        // The next process of that worker has measured nothing.
        let worker = try #require(world.node("w1"))
        world.kill(worker)
        try world.restart(worker)
        run(60)
        #expect(try runningCount() == 4)
        #expect(try diagnosis(cluster).workers.map(\.measured) == [[]])
        tell("w1", [cell(4)])
        // The miner is cut off and both sides agree anew: the figures are told again.
        let miner = try #require(world.node("miner"))
        world.partition([miner], from: [worker])
        run(20)
        world.heal([miner], and: [worker])
        run(220)
        #expect(try runningCount() == 8)
    }

    @Test("a word of an earlier registration, or of nobody, changes nothing")
    func measuredLate() throws {
        let cluster = try boot()
        try addWorker("w1", host: "h1", slots: [.commit2])
        run(1)
        let key = ResourceTable.Key(task: TaskType.commit2.rawValue, sectorBytes: 2_048)
        let cells = [ResourceTable.Override(key: key, need: .none, isMeasured: true)]
        for name in ["w1", "nobody"] {
            cluster.scheduler.tell(
                .measured(worker: name, JoinID(incarnation: 1, number: 1), cells))
        }
        run(1)
        #expect(try diagnosis(cluster).workers.map(\.measured) == [[]])
    }
}
