// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Kernel
import Sim

/// The pipeline model on which general simulators are compared.
struct BenchSimulationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulation",
        abstract: "Measure the simulator on the five-station pipeline model.",
        discussion: """
            With --replications it measures no speed: a block of so many replications gives an interval of \
            the mean wait at each station, which stands beside Erlang C's. Neither the start, while the \
            stations fill, nor the end, when nothing arrives any more, is counted. --blocks takes more seeds \
            and says how often the intervals cover the closed form.
            """)

    @Option(help: "Sectors that pass; with --replications, that count in each.") var sectors = 100_000
    @Option(help: "Seed of the draws.") var seed: UInt64 = 1
    @Option(help: "Mean seconds between arrivals; 0.001 is a burst.") var gap = PipelineModel.gapSeconds
    @Option(help: "Runs, of which the median counts.") var runs = 3
    @Option(help: "Replications of a block, 30 for example.") var replications: Int?
    @Option(help: "Blocks of replications, over consecutive seeds.") var blocks = 1
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (1...100_000_000).contains(sectors) else {
            throw ValidationError("--sectors takes 1 to 100000000")
        }
        guard (1...1_000).contains(runs) else { throw ValidationError("--runs takes 1 to 1000") }
        if replications != nil, gap != PipelineModel.gapSeconds {
            throw ValidationError("--gap: the closed form is that of 60 s; leave it away with --replications")
        }
        if replications == nil, blocks != 1 {
            throw ValidationError("--blocks needs --replications, such as --replications 30")
        }
        guard gap.isFinite, gap > 0, gap <= 1e6 else { throw ValidationError("--gap takes 0 to 1000000 s") }
    }

    func run() async throws {
        if let replications { return try cover(replications) }
        let result = try PipelineBenchmark.run(sectors: sectors, seed: seed, gap: gap, runs: runs)
        if json { return try Console.write(json: result) }
        var table = BenchTable()
        table.add("timed events", result.timedEventsPerSecond, "events/s")
        table.add("messages", result.messagesPerSecond, "messages/s")
        table.add("wall time", result.wallSeconds, "s", digits: 3)
        table.add("peak memory", result.peakMebibytes, "MiB", digits: 1)
        table.add("mean sojourn", result.meanSojournSeconds, "s", digits: 6)
        table.add("makespan", result.makespanSeconds, "s", digits: 6)
        Console.write(table.text)
    }

    private func cover(_ replications: Int) throws {
        let (study, found) = try StudyOptions.own(noProgress: false).run { control in
            let study = try PipelineStudy(replications: replications, countedSectors: sectors)
            return (study, try study.run(blockCount: blocks, firstSeed: seed, control: control))
        }
        Console.write(json ? study.document(found).json : study.text(found))
        try StudyOptions.endIfInterrupted()
    }
}
