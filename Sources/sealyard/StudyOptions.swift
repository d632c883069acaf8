// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Chain
import Foundation
import Kernel
import Sim

/// The flags that all studies share.
struct StudyOptions: ParsableArguments {
    @Option(help: "The seed of all chance; each replication derives its own from it.")
    var seed: UInt64 = 1

    @Option(help: "Threads; all cores otherwise. Results do not depend on it.")
    var threads: Int?

    @Flag(help: "Show no progress.")
    var noProgress = false

    @Option(help: ArgumentHelp("A bug in every run, for tests.", visibility: .private))
    var seededBug: SeededBug?

    /// Those of a command that has flags of its own: all cores. Properties that no command line decoded have
    /// no value before they get one.
    static func own(noProgress: Bool, seededBug: SeededBug? = nil) -> StudyOptions {
        var options = StudyOptions()
        options.threads = nil
        options.noProgress = noProgress
        options.seededBug = seededBug
        return options
    }

    func validate() throws {
        if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads: 1 to 1024") }
    }

    /// The control of a study whose runs Ctrl-C stops; call `finish` of the line when it is over.
    func control(_ line: StudyLine) -> StudyControl {
        Interrupts.listen()
        return StudyControl(
            threadCount: threads ?? SystemClock.processorCount, shouldStop: { Interrupts.isRequested },
            progress: { [noProgress] in if !noProgress { line.show($0) } },
            clock: { SystemClock.monotonicNanoseconds }, bug: seededBug)
    }

    /// Runs a study; errors of its own kinds become the command's.
    func run<Value>(_ body: (StudyControl) throws -> Value) throws -> Value {
        let line = StudyLine()
        defer { line.finish() }
        do { return try body(control(line)) } catch let error as StudyError {
            throw error.code == .invalid || error.code == .tooLarge
                ? CommandError.usage(error.message) : CommandError.failure(error.message)
        } catch let error as ScenarioError {
            throw CommandError.failures(error.lines)
        } catch let error as SimulationError {
            throw CommandError.failure(error.message)
        }
    }

    /// Says on standard error that a study was cut short, and ends the command.
    static func endIfInterrupted() throws {
        guard Interrupts.isRequested else { return }
        Console.note("interrupted; this is what was done so far")
        throw ExitCode(1)
    }

    /// Prints a study's result, and ends the command where a run of it is not to be trusted or it was cut
    /// short.
    static func show(_ result: some StudyResult, _ text: String) throws {
        Console.write(text)
        try endIfDistrusted(result)
        try endIfInterrupted()
    }

    /// Names on standard error the runs that are not to be trusted, and ends the command.
    static func endIfDistrusted(_ result: some StudyResult) throws {
        guard let words = result.distrustText else { return }
        for run in result.distrusted.dropFirst().prefix(notedMax) { Console.note("\(run.text)") }
        throw CommandError.failure(words)
    }

    /// Runs that are named one by one beside the first.
    private static let notedMax = 20

    static func duration(_ text: String) throws -> Duration { try duration(text, "--until") }

    static func duration(_ text: String, _ flag: String) throws -> Duration {
        do {
            let value = try Quantity.duration(text)
            guard value >= .seconds(1) else { throw ValidationError("\(flag): one second at least") }
            return value
        } catch let error as QuantityError {
            throw ValidationError("\(flag): \(error.message)")
        }
    }

    /// TiB/day from a text such as `5TiB/day`.
    static func throughput(_ text: String, _ flag: String) throws -> Double {
        let suffix = "TiB/day"
        guard text.hasSuffix(suffix), let value = Double(text.dropLast(suffix.count)), value > 0,
            value.isFinite
        else { throw ValidationError("\(flag): a figure above zero and its unit, such as 5TiB/day") }
        return value
    }

    /// The text of a scenario file.
    static func text(of path: String) throws -> String {
        let bytes = try FileText.read(path, bytesMax: ScenarioLimits().fileBytesMax)
        guard let text = String(bytes: bytes, encoding: .utf8) else {
            throw CommandError.failure("\(path) is not UTF-8 text")
        }
        return text
    }
}
