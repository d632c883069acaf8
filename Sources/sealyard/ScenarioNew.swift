// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import Glibc
import Sim

extension ScenarioCommand {
    /// `sealyard scenario new`: writes a commented scenario.
    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a commented scenario file; on a terminal, ask for what was not given.")

        @Argument(help: "The file to write; it must not exist yet.", completion: .file(extensions: ["yaml"]))
        var file: String
        @Option(help: "Sector size: 32GiB or 64GiB.") var sectorSize: String?
        @Option(help: "Sealing hosts.") var hosts: Int?
        @Option(help: "PreCommit1 slots of one host.") var slots: Int?
        @Option(help: "How long PreCommit1 takes, with all slots taken.") var preCommit1: String?
        @Option(help: "How long PreCommit2 takes.") var preCommit2: String?
        @Option(help: "How long Commit2 takes.") var commit2: String?
        @Option(help: "Proving hosts.") var provers: Int?

        func run() throws {
            guard !FileManager.default.fileExists(atPath: file) else {
                throw CommandError.failure("\(file) exists; give another name")
            }
            var template = ScenarioTemplate()
            let base = URL(filePath: file).deletingPathExtension().lastPathComponent
            template.name = base
            try fill(&template.sectorSize, sectorSize, "sector size")
            try fill(&template.hosts, hosts, "sealing hosts", in: 1...100_000)
            try fill(&template.slots, slots, "PreCommit1 slots of one host", in: 1...1_024)
            try fill(&template.preCommit1, preCommit1, "duration of PreCommit1")
            try fill(&template.preCommit2, preCommit2, "duration of PreCommit2")
            try fill(&template.commit2, commit2, "duration of Commit2")
            try fill(&template.provers, provers, "proving hosts", in: 1...100_000)
            do {
                let scenario = try Scenario.parse(text: template.yaml, fileName: file)
                _ = try SimulatedCluster(scenario)
            } catch let error as ScenarioError {
                throw CommandError.failures(["these answers make no sound scenario"] + error.lines)
            } catch let error as SimulationError {
                throw CommandError.failure("these answers make no sound scenario: \(error.message)")
            }
            try FileText.write(Array(template.yaml.utf8), to: file)
            Console.write("\(file) written; run 'sealyard simulate \(file)'")
        }

        private func fill(_ value: inout String, _ given: String?, _ what: String) throws {
            if let given { value = given } else if let answer = ask(what, value) { value = answer }
        }

        private func fill(
            _ value: inout Int, _ given: Int?, _ what: String, in range: ClosedRange<Int>
        ) throws {
            if let given {
                value = given
            } else if let answer = ask(what, String(value)) {
                guard let number = Int(answer) else {
                    throw CommandError.usage("\(what): '\(answer)' is not a whole number")
                }
                value = number
            }
            guard range.contains(value) else {
                throw CommandError.usage(
                    "\(what): \(value) is not in \(range.lowerBound) to \(range.upperBound)")
            }
        }

        /// The answer of a person at a terminal; `nil` for the default, or where nobody is there.
        private func ask(_ what: String, _ fallback: String) -> String? {
            guard isatty(STDIN_FILENO) == 1, Console.isInteractive else { return nil }
            Console.paint("\(what) [\(fallback)]: ")
            guard let line = readLine(strippingNewline: true) else { return nil }
            let answer = line.trimmingCharacters(in: .whitespaces)
            return answer.isEmpty ? nil : answer
        }
    }
}
