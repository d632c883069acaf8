// SPDX-License-Identifier: Apache-2.0
import Chain
import Scheduler
import Testing

@Suite("Accounts as Lotus keeps them")
struct LotusAccountTests {
    private static let gib: UInt64 = 1 << 30
    private static let commit2 = ResourceNeed(
        minMemory: 30 << 30, maxMemory: 150 << 30, baseMemory: 32 << 30, threads: .all, threadsWithGPU: 6,
        gpuUnits: 1)
    private static let preCommit1 = ResourceNeed(
        minMemory: 56 << 30, maxMemory: 64 << 30, baseMemory: 10 << 20, threads: .count(1))

    private func admitted(_ need: ResourceNeed, _ machine: LotusMachine) -> Int {
        var account = LotusAccount()
        var count = 0
        while account.obstacle(need, machine) == nil, count < 1000 {
            account.add(need, machine)
            count += 1
        }
        return count
    }

    @Test("a machine of 128 GiB without swap never gets a Commit2 of 32 GiB")
    func smallMachine() {
        let machine = LotusMachine(memoryBytes: 128 << 30, coreCount: 32, gpuCount: 1)
        #expect(LotusAccount().obstacle(Self.commit2, machine) == .virtualMemory)
        // It needs 62 GiB physically and 182 GiB with swap: exactly that is enough, a byte less is not.
        let enough = LotusMachine(memoryBytes: 62 << 30, swapBytes: 120 << 30, coreCount: 32, gpuCount: 1)
        #expect(LotusAccount().obstacle(Self.commit2, enough) == nil)
        var less = enough
        less.swapBytes -= 1
        #expect(LotusAccount().obstacle(Self.commit2, less) == .virtualMemory)
        less = enough
        less.memoryBytes -= 1
        less.swapBytes += 1
        #expect(LotusAccount().obstacle(Self.commit2, less) == .physicalMemory)
    }

    @Test("1 TiB admits 15 PreCommit1 of 32 GiB without swap and 18 with 200 GiB of it")
    func preCommit1() {
        var machine = LotusMachine(memoryBytes: 1 << 40, coreCount: 64)
        #expect(admitted(Self.preCommit1, machine) == 15)
        machine.swapBytes = 200 << 30
        #expect(admitted(Self.preCommit1, machine) == 18)
        machine.coreCount = 7
        #expect(admitted(Self.preCommit1, machine) == 7)
    }

    @Test("what the system uses is a floor and not an addend")
    func floor() {
        // 100 of 256 GiB are used by others when the worker registers.
        let machine = LotusMachine(memoryBytes: 256 << 30, memoryUsedBytes: 100 << 30, coreCount: 64)
        let need = ResourceNeed(minMemory: 40 << 30, maxMemory: 50 << 30)
        // 5 × 50 GiB are promised although only 156 GiB are there.
        #expect(admitted(need, machine) == 5)
    }

    @Test("all processors are 92 % of them, one at least; with a GPU it is another number")
    func threads() {
        var machine = LotusMachine(memoryBytes: 1 << 40, coreCount: 64)
        #expect(machine.threads(Self.commit2) == 58)
        machine.gpuCount = 1
        #expect(machine.threads(Self.commit2) == 6)
        machine = LotusMachine(memoryBytes: 1 << 40, coreCount: 1)
        #expect(machine.threads(Self.commit2) == 1)
    }

    @Test("a worker without a GPU takes GPU tasks; one with a GPU takes as many as it has")
    func gpus() {
        let need = ResourceNeed(gpuUnits: 0.5)
        #expect(admitted(need, LotusMachine(memoryBytes: 1, coreCount: 0, gpuCount: 2)) == 4)
        #expect(admitted(need, LotusMachine(memoryBytes: 1, coreCount: 0)) == 1000)
        let tenths = ResourceNeed(gpuUnits: 0.1)
        #expect(admitted(tenths, LotusMachine(memoryBytes: 1, coreCount: 0, gpuCount: 1)) == 10)
    }

    @Test("sums that would wrap refuse the task; Lotus lets it pass")
    func overflow() {
        let machine = LotusMachine(memoryBytes: 1 << 40, coreCount: 64)
        var need = ResourceNeed(minMemory: .max, baseMemory: 2)
        #expect(LotusAccount().obstacle(need, machine) == .physicalMemory)
        need = ResourceNeed(minMemory: 1, maxMemory: .max, baseMemory: 2)
        #expect(LotusAccount().obstacle(need, machine) == .virtualMemory)
        // An account that holds more than the machine has: nothing is left, not nearly all.
        var overdrawn = LotusAccount()
        overdrawn.add(ResourceNeed(minMemory: 2 << 40), machine)
        #expect(overdrawn.obstacle(ResourceNeed(minMemory: 1), machine) == .physicalMemory)
    }

    @Test("a limit on numbers is looked at first, and a task does not stand in its own way")
    func maxConcurrent() {
        let machine = LotusMachine.unknown
        let kind = LotusTaskCounter.Kind(proof: 8, stage: 1)
        var counter = LotusTaskCounter()
        let first = LotusTimeline.task(1, .preCommit1).id
        let second = LotusTimeline.task(2, .preCommit1).id
        counter.add(first, kind)
        counter.add(first, kind)
        let account = LotusAccount()
        #expect(account.obstacle(second, kind, countMax: 2, .none, machine, counter) == nil)
        #expect(account.obstacle(second, kind, countMax: 1, .none, machine, counter) == .maxConcurrent)
        #expect(account.obstacle(first, kind, countMax: 1, .none, machine, counter) == nil)
        #expect(account.obstacle(second, kind, countMax: 0, .none, machine, counter) == nil)
    }

    @Test("utilization is the largest share; the system's memory counts in every account")
    func utilization() {
        let machine = LotusMachine(
            memoryBytes: 100, swapBytes: 100, memoryUsedBytes: 20, swapUsedBytes: 10, coreCount: 10,
            gpuCount: 2)
        var account = LotusAccount()
        #expect(account.utilization(machine) == 0.2)
        let need = ResourceNeed(
            minMemory: 10, maxMemory: 120, threads: .count(3), threadsWithGPU: 4, gpuUnits: 0.5)
        let rise = account.add(need, machine)
        // 4 of 10 processors, 20 of 100 bytes, 120 of 200 bytes, 0.5 of 2 GPUs.
        #expect(account.utilization(machine) == 0.6)
        #expect((rise - 0.4).magnitude < 1e-12)
        account.free(need, machine)
        #expect(account == LotusAccount())
    }
}
