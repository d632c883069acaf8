// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Kernel
import Sim

/// `sealyard sweep`: a grid of scenarios, whole or in shards.
struct SweepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sweep", abstract: "Run every combination of values, one line of JSON a run.",
        discussion: """
            sealyard sweep run S.yaml --vary hosts.p1.count=10,20 --vary policy=a,b --shard 0/8 --out 0.jsonl
            sealyard sweep merge *.jsonl --out all.jsonl

            Shards may run on any machines; merged they are the file of the whole sweep, byte for byte. \
            Ctrl-C keeps the runs that are done; the same command with --resume does the rest.
            """,
        subcommands: [Run.self, Merge.self], defaultSubcommand: Run.self)

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run a sweep or a shard of it.")

        @Argument(help: "The scenario file.", completion: .file(extensions: ["yaml", "yml", "json"]))
        var scenario: String

        @Option(help: "A key and its values, such as hosts.p1.count=10,20; may stand several times.")
        var vary: [String] = []

        @Option(help: "A fixed setting, such as policy=oldest-local; may stand several times.")
        var set: [String] = []

        @Option(help: "Replications of each combination.")
        var replications = 1

        @Option(help: "Run the i-th of n shards, i/n with i from 0.")
        var shard: String?

        @Option(help: "How long to simulate, such as 30d; the scenario says it otherwise.")
        var until: String?

        @Option(help: "The file to write; standard output otherwise.")
        var out: String?

        @Flag(help: "Keep the runs that the file of --out has, and do the rest.")
        var resume = false

        @OptionGroup var study: StudyOptions

        func validate() throws {
            if let until { _ = try StudyOptions.duration(until) }
            if resume, out == nil {
                throw ValidationError("--resume goes with --out, the file to go on with")
            }
        }

        func run() throws {
            let until = try until.map(StudyOptions.duration)
            let part = try study.run { control in
                let sweep = try Sweep(
                    .file(scenario, overrides: set.map { ScenarioOverride($0) }, measurements: .withJournals),
                    axes: vary.map { try SweepAxis($0) }, replications: replications, seed: study.seed,
                    until: until, version: Sealyard.configuration.version)
                let shard = try shard.map { try SweepShard($0) } ?? .whole
                return try sweep.run(shard, keeping: try known(to: sweep, shard), control: control)
            }
            try SweepCommand.put(part.text, out)
            try StudyOptions.endIfDistrusted(part)
            guard part.isWhole else {
                let place = out.map { " are in \($0); run it again with --resume" } ?? " were printed"
                throw CommandError.temporary(
                    "interrupted; \(part.doneCount) of \(part.runCount) runs\(place)")
            }
        }

        private func known(to sweep: Sweep, _ shard: SweepShard) throws -> [Int: String] {
            guard resume, let out, FileText.exists(out) else { return [:] }
            let bytes = try FileText.read(out, bytesMax: SweepCommand.fileBytesMax)
            return try sweep.lines(of: String(decoding: bytes, as: UTF8.self), out, shard)
        }
    }

    struct Merge: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put the shards of a sweep together.")

        @Argument(help: "The files of all shards.", completion: .file(extensions: ["jsonl"]))
        var files: [String]

        @Option(help: "The file to write; standard output otherwise.")
        var out: String?

        func run() throws {
            let texts = try files.map { path in
                let bytes = try FileText.read(path, bytesMax: SweepCommand.fileBytesMax)
                return (name: path, text: String(decoding: bytes, as: UTF8.self))
            }
            let merged: Sweep.Part
            do { merged = try Sweep.merge(texts) } catch {
                throw CommandError.failure(error.message)
            }
            try SweepCommand.put(merged.text, out)
            try StudyOptions.endIfDistrusted(merged)
        }
    }

    private static let fileBytesMax = 1 << 30

    private static func put(_ text: String, _ out: String?) throws {
        if let out {
            try FileText.write(Array(text.utf8), to: out)
        } else {
            Console.write(String(text.dropLast()))
        }
    }
}
