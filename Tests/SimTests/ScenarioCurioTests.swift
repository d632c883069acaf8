// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Scheduler
import Sim
import Testing

@Suite("Curio's cost table")
struct ScenarioCurioTests {
    /// A row of the table: processors, GiB, GPUs.
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var kind: String
        var processors: Int
        var gibibytes: Double
        var gpus: Double
        /// What the code has in its place.
        var inCode: (processors: Int, gibibytes: Double)?

        var testDescription: String { name }
    }

    /// docs.curiostorage.org, Harmony Tasks, "Resource requirements for each Task type"; `inCode` where curio
    /// v1.27 itself has another figure, which is the one that its nodes go by.
    static let rows = [
        Row(
            name: "SDR", kind: "seal/v0/precommit/1", processors: 4, gibibytes: 54, gpus: 0,
            inCode: (4, 64.25)),
        Row(name: "SDRTrees", kind: "seal/v0/precommit/2", processors: 1, gibibytes: 8, gpus: 1),
        Row(name: "PoRep", kind: "seal/v0/commit/2", processors: 1, gibibytes: 50, gpus: 1, inCode: (1, 128)),
        Row(
            name: "Finalize", kind: "seal/v0/finalize", processors: 1, gibibytes: 0.1, gpus: 0,
            inCode: (0, 0.1)),
        Row(name: "MoveStorage", kind: "seal/v0/fetch", processors: 1, gibibytes: 0.128, gpus: 0),
    ]

    @Test("every row is the one that nodes go by, within the rounding of the document", arguments: rows)
    func table(_ row: Row) throws {
        let cost = try #require(CurioCost.table[row.kind])
        let gibibytes = Double(cost.memoryBytes) / 0x1p30
        let (processors, expected) = row.inCode ?? (row.processors, row.gibibytes)
        #expect(cost.processors == processors && cost.gpus == row.gpus)
        #expect(abs(gibibytes - expected) < 0.005, "\(gibibytes) GiB")
    }

    /// The most tasks of a kind that ran at once, from the recorded day.
    private func most(_ recorder: RunRecorder, _ stage: Int) -> Int {
        var changes: [(at: Int64, by: Int)] = []
        for span in recorder.spans where span.stage == stage {
            changes.append((span.begin.nanoseconds, 1))
            changes.append((span.end.nanoseconds, -1))
        }
        var (level, most) = (0, 0)
        for change in changes.sorted(by: { ($0.at, $0.by) < ($1.at, $1.by) }) {
            level += change.by
            most = max(most, level)
        }
        return most
    }

    @Test("in the shipped scenario the table says how many are labelled at once: seven, 3 h each")
    func labelling() throws {
        let scenario = try ShippedScenarios.load("curio-node")
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 2))
        let end = Instant(seconds: 3 * 86_400)
        let recorder = cluster.record(until: end)
        cluster.run(until: end)
        let count = Int(Double(scenario.hosts[0].memory.bytes) / (64.25 * 0x1p30))
        #expect(count == 7 && scenario.slotCount(of: .preCommit1) > count)
        #expect(most(recorder, 1) == count)
        let rate = try #require(cluster.report().sectorsPerHour)
        #expect(abs(rate / (7.0 / 3) - 1) < 0.05, "\(rate)")
    }
}
