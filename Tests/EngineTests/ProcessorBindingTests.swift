// SPDX-License-Identifier: Apache-2.0
import Engine
import Foundation
import Kernel
import Scheduler
import Testing

/// What the scheduler leases is where the work is done, and not only a figure in an account.
@Suite(
    "Tasks on the processors that they were leased", .serialized,
    .enabled(if: SystemClock.processorCount > 1, "one processor is every thread's only one"))
struct ProcessorBindingTests {
    /// The logical processors that this process may use.
    private func allowed() throws -> [Int] {
        let line = try lists(of: "/proc/self/status").first ?? ""
        let ranges = line.split(separator: ",").map { $0.split(separator: "-").compactMap { Int($0) } }
        return ranges.flatMap { Array($0[0]...($0.last ?? $0[0])) }
    }

    private func lists(of path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            .filter { $0.hasPrefix("Cpus_allowed_list:") }
            .map { $0.dropFirst("Cpus_allowed_list:".count).trimmingCharacters(in: .whitespaces) }
    }

    /// Threads of this process that may run on that processor alone.
    private func boundCount(_ processor: Int) throws -> Int {
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
        return threads.filter { thread in
            // A thread may end between the two looks.
            do { return try lists(of: "/proc/self/task/\(thread)/status") == ["\(processor)"] } catch {
                return false
            }
        }.count
    }

    @Test("a thread is bound as long as its work runs, and no longer; what cannot be is said before")
    func thread() throws {
        let last = try #require(try allowed().last)
        let all = SystemClock.processorCount
        let inside = try ProcessorBinding.bound(to: [last]) { SystemClock.processorCount }
        #expect(inside == 1 && SystemClock.processorCount == all)
        #expect(try ProcessorBinding.bound(to: []) { SystemClock.processorCount } == all)
        for wrong in [[1_023], [5_000], [-1]] {
            #expect(throws: KernelError.self) {
                try ProcessorBinding.bound(to: wrong) { Issue.record("it ran all the same") }
            }
        }
        #expect(SystemClock.processorCount == all)
    }

    @Test("PreCommit1 labels on its core group, alone and with others")
    func preCommit1() async throws {
        let last = try #require(try allowed().last)
        for batching in [NativeTaskRunner.Batching(), .init(countMax: 2, wait: .seconds(2))] {
            let house = try RunnerHouse(proof: 6, batching: batching)
            let numbers = Array(UInt64(1)...UInt64(batching.countMax))
            for number in numbers {
                let piece = house.start(number, .addPiece(payloadPath: nil))
                #expect(try await house.result(of: piece).isDone)
            }
            #expect(try boundCount(last) == 0)
            let calls = numbers.map {
                house.start($0, .preCommit1(ticket: RunnerHouse.ticket), cores: [last])
            }
            var most = 0
            while !calls.allSatisfy({ !house.results(of: $0).isEmpty }) {
                most = max(most, try boundCount(last))
            }
            #expect(most > 0, "no thread was seen on processor \(last) alone")
            for call in calls { #expect(try await house.result(of: call).isDone) }
            #expect(try boundCount(last) == 0, "the threads of the pool are free again")
        }
    }
}
