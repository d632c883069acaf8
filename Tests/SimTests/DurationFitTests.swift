// SPDX-License-Identifier: Apache-2.0
import Kernel
import Sim
import Testing

@Suite("Durations from bench files, logs and histories")
struct DurationFitTests {
    @Test("a bench gives its steps, and the section reads back as a scenario's tasks")
    func bench() throws {
        // The figures of a published bench of one 32 GiB sector.
        let text = """
            {"SectorSize": 34359738368, "SealingResults": [
              {"AddPiece": 870097300267, "PreCommit1": 19675090466708, "PreCommit2": 2160057571490,
               "Commit1": 44283547951, "Commit2": 5573822383169, "Verify": 28487520, "Unseal": 0}]}
            """
        var samples = DurationSamples()
        try samples.read(text, file: "bench.json")
        #expect(samples.count == 5 && samples[.unseal].isEmpty)
        #expect(samples[.preCommit1] == [19_675.090466708])
        let yaml = samples.tasksYAML
        #expect(yaml.contains("# Finalize: not in these files") && yaml.contains("lotus-bench bench.json"))
        let tasks = ScenarioMistakeTests.sound.split(separator: "tasks:")[0]
        let rest = ScenarioMistakeTests.sound.split(separator: "workload:")[1]
        let scenario = try Scenario.parse(
            text: tasks + yaml + "  Finalize: 1s\nworkload:" + rest, fileName: "made.yaml")
        let task = try #require(scenario.task(.commit1))
        #expect(
            task.duration.shape == .constant(.nanoseconds(44_283_547_951)) && task.provenance == .measured)
    }

    @Test("a sector's log gives the time between its states; a failure starts anew")
    func log() throws {
        let text = """
            SectorID:\t7
            Event Log:
            0.\t2024-02-28 23:00:00 +0000 UTC:\t[event;sealing.SectorStartCC]\t{}
            1.\t2024-02-28 23:00:10 +0000 UTC:\t[event;sealing.SectorPacked]\t{}
            2.\t2024-02-28 23:30:00 +0000 UTC:\t[event;sealing.SectorTicket]\t{}
            3.\t2024-02-29 02:30:00 +0000 UTC:\t[event;sealing.SectorSealPreCommit1Failed]\t{}
            4.\t2024-02-29 02:31:00 +0000 UTC:\t[event;sealing.SectorTicket]\t{}
            5.\t2024-03-01 06:31:00 +0100 CET:\t[event;sealing.SectorPreCommit1]\t{}
            6.\t2024-03-01 05:50:00.5 +0000 UTC:\t[event;sealing.SectorPreCommit2]\t{}
            """
        var samples = DurationSamples()
        try samples.read(text, file: "log")
        #expect(
            samples[.addPiece] == [10] && samples[.preCommit1] == [27 * 3600]
                && samples[.preCommit2] == [1140.5])
    }

    @Test("a task history gives what went well")
    func history() throws {
        let text = """
            id,name,posted,work_start,work_end,result,err
            1,SDR,x,2024-01-01 00:00:00.25+00,2024-01-01 03:00:00.75+00,t,
            2,SDR,x,2024-01-01 00:00:00+00,2024-01-01 00:00:01+00,f,"disk full, no room"
            3,PoRep,x,2024-01-01T00:00:00Z,2024-01-01T00:10:00Z,t,
            4,SendMessage,x,,,t,
            """
        var samples = DurationSamples()
        try samples.read(text, file: "h.csv")
        #expect(samples[.preCommit1] == [10_800.5] && samples[.commit2] == [600] && samples.count == 2)
    }

    // Goal: the history of a real cluster is read, whose errors are texts of many lines. Method: one such row
    // between others, quotes within quotes, both line ends, and kinds that no scenario has.
    @Test("a quoted error may have line breaks; rows of other kinds are counted and told")
    func quoted() throws {
        let text =
            "id,name,work_start,work_end,result,err\r\n"
            + "1,SDR,2024-01-01 00:00:00+00,2024-01-01 00:00:01+00,f,\"disk \"\"a\"\" full,\n"
            + "2,SDR,no,room\r\nat all\"\r\n" + "3,SDR,2024-01-01 00:00:00+00,2024-01-01 01:00:00+00,t,\n"
            + "4,TreeD,2024-01-01 00:00:00+00,2024-01-01 00:10:00+00,t,\n"
            + "5,TreeD,2024-01-01 00:00:00+00,2024-01-01 00:10:00+00,t,\n6,SendMessage,,,t,"
        var samples = DurationSamples()
        try samples.read(text, file: "h.csv")
        #expect(samples[.preCommit1] == [3600] && samples.count == 1)
        #expect(samples.skippedCounts == ["TreeD": 2, "SendMessage": 1])
        let first = try #require(samples.tasksYAML.split(separator: "\n").first)
        #expect(first.hasPrefix("# rows left out") && first.hasSuffix("TreeD 2, SendMessage 1"), "\(first)")
        // A row after a quoted cell of three lines is on the line that an editor shows.
        let wrong = text + "\n7,SDR,now,then,t,"
        var others = DurationSamples()
        let error = try #require(throws: DurationFileError.self) { try others.read(wrong, file: "h.csv") }
        #expect(error.line == 9, "\(error)")
    }

    @Test("benches of two sector sizes do not mix, in one call or in several")
    func sizes() throws {
        func bench(_ size: Int, _ seconds: Int) -> String {
            "{\"SectorSize\": \(size), \"SealingResults\": [{\"PreCommit1\": \(seconds)000000000}]}"
        }
        var samples = DurationSamples()
        try samples.read(bench(32 << 30, 9), file: "a.json")
        try samples.read(bench(32 << 30, 10), file: "b.json")
        let error = try #require(throws: DurationFileError.self) {
            try samples.read(bench(64 << 30, 20), file: "c.json")
        }
        for words in ["c.json:1:", "64GiB", "a.json", "32GiB", "do not mix"] {
            #expect(error.description.contains(words), "\(error)")
        }
        #expect(samples[.preCommit1] == [9, 10])
    }

    @Test("proofs of a bench stand beside its sectors: the first of a process, and a later one")
    func proofs() throws {
        let text = """
            {"SealingResults": [{"Commit1": 44283547951}],
             "PostWinningProofCold": 8360000000, "PostWinningProofHot": 4290000000,
             "PostWindowProofCold": 1080000000000, "PostWindowProofHot": 974000000000}
            """
        var samples = DurationSamples()
        try samples.read(text, file: "bench.json")
        #expect(samples[.windowPoSt] == [1080, 974] && samples[.winningPoSt] == [8.36, 4.29])
        #expect(samples.sources(of: .windowPoSt) == ["lotus-bench bench.json"])
        #expect(samples.tasksYAML.contains("  WindowPoSt:"))
    }

    @Test("each figure names the files that have it, and no others")
    func sources() throws {
        var samples = DurationSamples()
        try samples.read("{\"SealingResults\": [{\"PreCommit1\": 5000000000}]}", file: "a.json")
        try samples.read(
            "{\"SealingResults\": [{\"PreCommit1\": 6000000000, \"Commit2\": 7000000000}]}", file: "b.json")
        #expect(samples.sources(of: .preCommit1) == ["lotus-bench a.json", "lotus-bench b.json"])
        #expect(samples.sources(of: .commit2) == ["lotus-bench b.json"])
        #expect(samples.sources(of: .finalize) == [])
        let lines = samples.tasksYAML.split(separator: "\n").filter { $0.contains("source:") }
        #expect(
            lines == [
                "    source: 'lotus-bench a.json; lotus-bench b.json'", "    source: 'lotus-bench b.json'",
            ])
    }

    static let wrong: [(text: String, line: Int, fragment: String)] = [
        ("hello", 1, "not a known form"),
        ("{\"SealingResults\": []}", 1, "missing or empty"),
        ("{\"SealingResults\": [\n  {\"PreCommit1\": \"long\"}]}", 2, "not a number of nanoseconds"),
        ("{\"SealingResults\": [\n  {\"PreCommit1\": -5}]}", 2, "not a number of nanoseconds"),
        ("{\"SealingResults\": [\n  {\"PreCommit1\": 9000000000000000000}]}", 2, "more than a year"),
        ("{\"SealingResults\": ]}", 1, "not YAML"),
        ("0.\tyesterday:\t[event;sealing.SectorTicket]\t{}", 1, "no time such as"),
        ("name,work_start\n", 1, "the column work_end is missing"),
        ("name,work_start,work_end\nSDR,2024-01-01 00:00:00\n", 2, "fewer than the header"),
        ("name,work_start,work_end\nSDR,now,then\n", 2, "no time such as"),
        ("name,work_start,work_end\n\nSDR,\"now,then\n", 3, "never ends"),
        ("{\"SectorSize\": \"large\", \"SealingResults\": [{}]}", 1, "not a number of bytes"),
        ("{\"SectorSize\": 9000000000000000000, \"SealingResults\": [{}]}", 1, "not a number of bytes"),
        ("name,work_start,work_end\nSDR,2024-01-01 00:00:01,2024-01-01 00:00:00\n", 2, "would take -1"),
    ]

    @Test("bad files are refused with the place", arguments: wrong)
    func refusals(_ text: String, _ line: Int, _ fragment: String) throws {
        var samples = DurationSamples()
        let error = try #require(throws: DurationFileError.self) { try samples.read(text, file: "f") }
        #expect(error.line == line && error.description.contains(fragment), "\(error)")
    }

    @Test(
        "the family is found again from draws",
        arguments: [
            ("uniform", DurationModel.Shape.uniform(low: .seconds(100), high: .seconds(300))),
            (
                "normal",
                .normal(mean: .seconds(500), deviation: .seconds(50), low: .zero, high: .seconds(1000))
            ),
            ("lognormal", .lognormal(median: .seconds(60), sigma: 0.8)),
            ("exponential", .exponential(mean: .seconds(40))), ("constant", .constant(.seconds(9))),
        ])
    func families(_ family: String, _ shape: DurationModel.Shape) throws {
        let model = DurationModel(shape)
        var random = RandomStream(seed: 3)
        let fit = try #require(
            DurationFit.best((0..<2000).map { _ in model.sample(u: random.uniform()).inSeconds }))
        #expect(fit.family == family && fit.distance < 0.05, "\(fit)")
        #expect(abs(fit.model.meanSeconds / model.meanSeconds - 1) < 0.06)
    }

    @Test("few samples give a range, two heaps their own list, none nothing")
    func small() throws {
        #expect(DurationFit.best([]) == nil)
        #expect(DurationFit.best([1, 2, 3])?.family == "uniform")
        let heaps = try #require(DurationFit.best((0..<200).map { $0 < 100 ? 10 + Double($0) / 100 : 5000 }))
        #expect(heaps.family == "empirical" && heaps.distance < 0.1)
    }
}
