// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Chain
import Foundation
import Kernel
import Scheduler
import Sim

/// `sealyard policy tournament`: every policy in every scenario under every seed.
struct PolicyTournament: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tournament", abstract: "Let policies compete over scenarios and seeds.",
        discussion: """
            Under one seed all policies meet the same arrivals, durations and faults. The result does \
            not depend on the number of threads. Ctrl-C prints what is done by then, and says that it \
            is incomplete.
            """)

    @Option(help: "A folder of scenario files, or one file.", completion: .file())
    var scenarios = "Scenarios/tournament"

    @Option(help: "Names, separated by commas; all that need no program otherwise.")
    var policies: String?

    @Option(help: "The number of seeds, from 1 on.")
    var seeds = 10

    @Option(help: "How long each run lasts, such as 3d; the scenario says it otherwise.")
    var until: String?

    @Option(help: "The policy that the others are compared with; the first otherwise.")
    var reference: String?

    @Option(help: "Threads; as many as there are processors otherwise.")
    var threads: Int?

    @Flag(help: "Show no progress.")
    var noProgress = false

    @Option(help: "A program that decides, as the policy 'external'.", completion: .file())
    var program: String?

    @Option(help: ArgumentHelp("A bug in every run, for tests.", visibility: .private))
    var seededBug: SeededBug?

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(help: "Print a line for each run and figure, separated by commas.")
    var csv = false

    func validate() throws {
        if json, csv { throw ValidationError("choose --json or --csv") }
        guard (1...10_000).contains(seeds) else { throw ValidationError("--seeds takes 1 to 10000") }
        if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads takes 1 to 1024") }
        if let until { _ = try Self.duration(until) }
    }

    func run() throws {
        do {
            var makeLink: (@Sendable () throws -> ExternalPolicyLink)?
            if let path = program {
                makeLink = { ExternalPolicyLink(try ProcessPolicyPeer(path)) }
            }
            let tournament = try Tournament(
                try Self.load(scenarios),
                .init(
                    policies: names, seeds: (1...UInt64(seeds)).map { $0 },
                    until: try until.map(Self.duration), reference: reference, makeLink: makeLink))
            Interrupts.listen()
            let line = StudyLine()
            let result = try tournament.run(
                StudyControl(
                    threadCount: threads ?? SystemClock.processorCount,
                    shouldStop: { Interrupts.isRequested },
                    progress: { [noProgress] in if !noProgress { line.show($0) } },
                    clock: { SystemClock.monotonicNanoseconds }, bug: seededBug))
            line.finish()
            Console.write(json ? result.document.json : csv ? result.csv : result.text)
            try StudyOptions.endIfDistrusted(result)
            if !result.isComplete {
                Console.note("interrupted; \(result.incompleteness)")
                throw ExitCode(1)
            }
        } catch let error as ScenarioError {
            throw CommandError.failures(error.lines)
        } catch let error as SimulationError {
            throw CommandError.failure(error.message)
        } catch let error as ExternalPolicyError {
            throw CommandError.failure(error.description)
        }
    }

    private var names: [String] {
        if let policies {
            return policies.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        return PolicyCatalog.names.filter { program != nil || $0 != ExternalPolicy.name }
    }

    private static func load(_ path: String) throws -> [Scenario] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw CommandError.failure("no scenarios at \(path); name a folder or a file with --scenarios")
        }
        guard isFolder.boolValue else { return [try Scenario.load(path: path, measurements: .withJournals)] }
        let files: [String]
        do { files = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
            throw CommandError.failure("cannot read \(path): \(error.localizedDescription)")
        }
        let sheets = files.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted()
        return try sheets.map { try Scenario.load(path: path + "/" + $0, measurements: .withJournals) }
    }

    private static func duration(_ text: String) throws -> Duration {
        do {
            let value = try Quantity.duration(text)
            guard value >= .seconds(1) else { throw ValidationError("--until is at least one second") }
            return value
        } catch let error as QuantityError {
            throw ValidationError("--until: \(error.message)")
        }
    }
}
