// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Logging
import Scheduler
import Testing

@Suite("What a worker's tasks take of its memory")
struct MemoryWatchTests {
    private static let key = ResourceTable.Key(
        task: TaskType.preCommit2.rawValue, sectorBytes: 512 << 20)
    private static let proof: UInt64 = 7

    private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A folder with the files by which the kernel tells of a process.
    private func with(_ body: (_ root: String) throws -> Void) throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "memory-\(UUID())").path
        try FileManager.default.createDirectory(atPath: "\(root)/self", withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(atPath: root) } catch {
                Issue.record("\(root) stays behind: \(error)")
            }
        }
        try Data().write(to: URL(filePath: "\(root)/self/clear_refs"))
        try body(root)
    }

    private func tell(_ root: String, peak: Int, now: Int) throws {
        let text = "Name:\tsealyard\nVmHWM:\t \(peak << 10) kB\nVmRSS:\t \(now << 10) kB\nVmSwap:\t 1024 kB\n"
        try Data(text.utf8).write(to: URL(filePath: "\(root)/self/status"))
    }

    private func watch(_ root: String, fixed: Set<ResourceTable.Key> = []) -> MemoryWatch {
        MemoryWatch(
            table: .standard, fixed: fixed, process: ProcessMemory(procRoot: root),
            path: "\(root)/memory.json", log: log)
    }

    private func call(_ number: UInt64) -> CallID {
        CallID(
            task: TaskID(sector: SectorKey(miner: 1000, number: number), type: .preCommit2, attempt: 1),
            number: number)
    }

    /// A task that takes `mebibytes` beyond the hundred of the idle process.
    private func work(
        _ watch: MemoryWatch, _ root: String, _ number: UInt64, _ mebibytes: Int, isDone: Bool = true
    ) throws -> [ResourceTable.Override]? {
        try tell(root, peak: 5_000, now: 100)
        watch.begin([call(number)], proof: Self.proof)
        try tell(root, peak: 100 + mebibytes, now: 100)
        return watch.end([call(number)], isDone: isDone)
    }

    @Test("the kernel tells of a peak that is over, and begins to count anew")
    func process() throws {
        let memory = ProcessMemory()
        _ = try memory.read()
        do {
            let count = 256 << 20
            let bytes = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4_096)
            bytes.initializeMemory(as: UInt8.self, repeating: 1, count: count)
            bytes.deallocate()
        }
        let after = try memory.read()
        #expect(after.peakBytes >= 256 << 20)
        #expect(after.currentBytes <= after.peakBytes)
    }

    @Test("three tasks that ended well give a figure, which is told once")
    func figure() throws {
        try with { root throws in
            let watch = watch(root)
            #expect(watch.cells.isEmpty)
            #expect(try work(watch, root, 1, 300) == nil)
            #expect(try work(watch, root, 2, 300) == nil)
            #expect(try work(watch, root, 3, 900, isDone: false) == nil, "a failure says nothing")
            let cells = try #require(try work(watch, root, 4, 300))
            let cell = try #require(cells.first)
            #expect(cells.count == 1 && cell.key == Self.key && cell.isMeasured)
            let bytes = cell.need.minMemory + cell.need.baseMemory
            #expect(bytes >= 300 << 20 && bytes < 380 << 20, "\(cell)")
            #expect(try work(watch, root, 5, 300) == nil, "it is the same as before")
            #expect(try work(watch, root, 6, 600) != nil)
        }
    }

    @Test("an operator's word about memory holds, whatever is measured")
    func fixed() throws {
        try with { root throws in
            let watch = watch(root, fixed: [Self.key])
            for number in 1...5 as ClosedRange<UInt64> { #expect(try work(watch, root, number, 300) == nil) }
            #expect(watch.cells.isEmpty)
        }
    }

    @Test("a stopped worker's figures are the next one's; one that was killed begins with the table's")
    func between() throws {
        try with { root throws in
            let first = watch(root)
            for number in 1...3 as ClosedRange<UInt64> { _ = try work(first, root, number, 300) }
            first.save()
            let second = watch(root)
            #expect(second.cells == first.cells && !second.cells.isEmpty)
            #expect(second.marks == first.marks)
            // It is killed, perhaps for want of memory: nothing is left of what it believed.
            #expect(watch(root).cells.isEmpty)
        }
    }

    @Test(
        "a damaged file is left aside",
        arguments: ["", "{", "[]", "{\"version\":2,\"marks\":[]}", "{\"version\":1,\"marks\":[{}]}"])
    func damaged(text: String) throws {
        try with { root throws in
            try Data(text.utf8).write(to: URL(filePath: "\(root)/memory.json"))
            let watch = watch(root)
            #expect(watch.cells.isEmpty)
            for number in 1...3 as ClosedRange<UInt64> { _ = try work(watch, root, number, 300) }
            #expect(watch.cells.count == 1)
        }
    }

    @Test("where the system does not tell, the table's figures hold")
    func silent() throws {
        try with { root throws in
            let watch = watch(root)
            try FileManager.default.removeItem(atPath: "\(root)/self/clear_refs")
            for number in 1...4 as ClosedRange<UInt64> { #expect(try work(watch, root, number, 300) == nil) }
            #expect(watch.cells.isEmpty && watch.marks.isEmpty)
        }
    }
}
