// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import Foundation
import Kernel
import KernelJournal
import Sim

extension ScenarioCommand {
    /// `sealyard scenario durations`: turns measurements into the `tasks:` section of a scenario.
    struct Durations: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fit durations to measurements and print a scenario's tasks section.",
            discussion: """
                Takes the JSON of lotus-bench or 'sealyard bench sealing', the text of 'sectors status \
                --log', Curio's task history as CSV, and a miner's journal (its folder or one of its files), \
                several at once. Each figure says how well it fits and where it is from. A scenario can \
                also name such files itself: 'duration: {measured: bench.json}'.
                """)

        @Argument(help: "Files with measured durations, and journals.", completion: .file())
        var files: [String]

        func validate() throws {
            if files.isEmpty { throw ValidationError("name a file with measured durations") }
        }

        func run() throws {
            var samples = DurationSamples()
            for file in files {
                do { try MeasurementReader.withJournals.add(file, to: &samples) } catch {
                    throw CommandError.failure("\(error)")
                }
            }
            Console.write(samples.tasksYAML)
        }
    }
}

extension MeasurementReader {
    /// Reads journals, too.
    static let withJournals = MeasurementReader { path in
        guard MinerJournal.isJournal(path) else { return nil }
        let (run, facts) = try RecordedRun.read(journal: path)
        return (run, Int(clamping: facts.sectorBytes))
    }
}
