// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Kernel

/// How long the fault search takes to find the bugs that are seeded into the shipped components for that
/// purpose, and to shrink what it found.
package struct FaultSearchBenchmark: Sendable {
    package struct Result: Sendable {
        package let bug: SeededBug
        /// Runs until the bug showed; `nil` where it did not.
        package let runCount: Int?
        /// Runs that shrinking took.
        package let shrinkCount: Int
        /// Faults of the shrunk case.
        package let faultCount: Int
        package let nanoseconds: UInt64

        package var seconds: Double { Double(nanoseconds) / 1e9 }
    }

    package static let runCountMax = 320
    package static let shrinkCountMax = 40

    private let scenario: Scenario
    private let threadCount: Int

    /// - Parameter scenario: a small cluster; its own faults are left out.
    package init(_ scenario: Scenario, threadCount: Int) {
        self.scenario = scenario
        self.threadCount = threadCount
    }

    /// The trial in which bugs are looked for: many faults while a few sectors are under way, and a few
    /// minutes' pauses to recover from.
    ///
    /// - Throws: ``SimulationError``.
    package static func trial(_ scenario: Scenario, bug: SeededBug? = nil) throws -> ClusterTrial {
        var scenario = scenario
        // Each sector sends its own messages, so that a fault of the chain meets more of them.
        scenario.miner.batchPreCommits = false
        var trial = try ClusterTrial(
            scenario, sectorCount: 5, faultCount: 14, faultsEnd: .seconds(400), recovery: .seconds(9_000))
        trial.bug = bug
        return trial
    }

    /// Looks for one bug, on all threads.
    ///
    /// - Throws: what a run throws that cannot begin.
    package func run(_ bug: SeededBug) throws -> Result {
        var explorer = Explorer(try Self.trial(scenario, bug: bug))
        explorer.shrinkCountMax = Self.shrinkCountMax
        let begin = SystemClock.monotonicNanoseconds
        let found = try explorer.search(
            from: 1, count: Self.runCountMax, control: StudyControl(threadCount: threadCount))
        let failure = found.failures.first
        return Result(
            bug: bug, runCount: failure == nil ? nil : found.triedCount,
            shrinkCount: failure?.shrinkCount ?? 0, faultCount: failure?.shrunk.faults.count ?? 0,
            nanoseconds: UInt64(SystemClock.monotonicNanoseconds - begin))
    }
}
