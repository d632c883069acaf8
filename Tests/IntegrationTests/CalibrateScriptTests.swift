// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Whether the simulator is right about a real run is judged by a script; these tests judge the script, over
/// figures that are written here. The run itself takes two minutes and is a benchmark.
@Suite("Benchmarks/calibrate")
struct CalibrateScriptTests {
    private static let python = "/usr/bin/python3"
    private static let hasPython = FileManager.default.isExecutableFile(atPath: python)
    private static let why: Comment = "there is no \(python)"
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Benchmarks/calibrate").path

    /// Judges a recorded run of 100 s with PreCommit1 of 4 s beside a simulated one.
    private func judge(
        makespan: Double, p95: Double?, sectors: Double = 60
    ) async throws -> Program.Result {
        let scratch = try ScratchFolder()
        func side(_ makespan: Double, _ p95: Double?, _ sectors: Double) -> [String: Any] {
            let stage = p95.map { ["name": "PreCommit1", "calls": 60, "p50Seconds": 3, "p95Seconds": $0] }
            return [
                "title": "a side", "makespanSeconds": makespan, "sectors": sectors,
                "stages": [stage].compactMap(\.self),
            ]
        }
        let both: [String: Any] = [
            "recorded": side(100, 4, 60), "simulated": [side(makespan, p95, sectors)],
        ]
        let file = try scratch.file("both.json", Array(try JSONSerialization.data(withJSONObject: both)))
        return try await run(file)
    }

    private func run(_ file: String) async throws -> Program.Result {
        let running = try RunningProgram(path: Self.python, arguments: [Self.script, "--judge", file])
        return await running.finish()
    }

    @Test("within 5 % and 10 % it is content", .enabled(if: hasPython, why))
    func within() async throws {
        let result = try await judge(makespan: 104.9, p95: 3.61)
        #expect(result.status == 0, "\(result.standardError)")
        #expect(result.standardOutput.contains("+4.9 % (within 5 %)"), "\(result.standardOutput)")
        #expect(result.standardOutput.contains("(within 10 %)") && result.standardError.isEmpty)
    }

    @Test(
        "out of bounds it ends with status 1 and says what is off by how much",
        .enabled(if: hasPython, why),
        arguments: [
            (94.9, 4.0, 60, "makespan is simulated as 94.900 s and was 100.000 s: -5.1 %, where 5 % are"),
            (100, 4.5, 60, "PreCommit1 p95 is simulated as 4.500 s and was 4.000 s: +12.5 %, where 10 %"),
            (100, nil, 60, "PreCommit1 p95 was not simulated to its end"),
            (100, 4, 58.5, "60 sectors were recorded, and 58.50 were simulated to their end"),
        ] as [(Double, Double?, Double, String)])
    func outside(_ makespan: Double, _ p95: Double?, _ sectors: Double, _ words: String) async throws {
        let result = try await judge(makespan: makespan, p95: p95, sectors: sectors)
        #expect(result.status == 1, "\(result.standardOutput)")
        #expect(result.standardError.contains("calibrate: " + words), "\(result.standardError)")
    }

    @Test("a file that is none of its own is refused by name", .enabled(if: hasPython, why))
    func wrong() async throws {
        let scratch = try ScratchFolder()
        let file = try scratch.file("both.json", Array("{\"recorded\": 3}".utf8))
        for path in [file, scratch.path("nowhere.json")] {
            let result = try await run(path)
            #expect(result.status == 1 && result.standardError.contains(path), "\(result.standardError)")
        }
    }
}
