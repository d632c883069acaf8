// SPDX-License-Identifier: Apache-2.0

/// One thing that is wrong in a scenario and where it stands.
package struct ScenarioDiagnostic: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file's name as the caller gave it.
    package var file: String
    /// The line, from 1; 0 when the scenario was not read from a text.
    package var line: Int
    /// The column in Unicode scalars, from 1; 0 when the scenario was not read from a text.
    package var column: Int
    /// The section, such as `hosts[0].memory`; empty for the file as a whole.
    package var path: String
    /// What is wrong and what would be right.
    package var message: String
    /// The words or keys of which one would be right, or a range; empty where there is no such list.
    package var allowed: [String] = []

    package var description: String {
        let place = line > 0 ? "\(file):\(line):\(column): " : ""
        return place + (path.isEmpty ? message : "\(path): \(message)")
    }
}

/// A scenario that cannot be used; it lists what is wrong with it, in file order.
package struct ScenarioError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What a caller can react to.
    package struct Code: Sendable, Hashable {
        package let name: String
        /// The file cannot be opened or read, or is too large.
        package static let unreadable = Code(name: "unreadable")
        /// The text is not YAML, or nests or repeats too much.
        package static let malformed = Code(name: "malformed")
        /// Keys, types, units or ranges are wrong.
        package static let invalid = Code(name: "invalid")
        /// All values are well formed but the cluster could never seal a sector.
        package static let impossible = Code(name: "impossible")
    }

    package let code: Code
    /// At least one and at most ``ScenarioLimits/diagnosticCountMax`` findings.
    package let diagnostics: [ScenarioDiagnostic]
    /// How many more were found and left out.
    package let omittedCount: Int

    init(code: Code, diagnostics: [ScenarioDiagnostic]) {
        let inOrder = diagnostics.enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < (
                $1.element.line, $1.element.column, $1.offset
            )
        }.map(\.element)
        self.code = code
        self.diagnostics = Array(inOrder.prefix(ScenarioLimits().diagnosticCountMax))
        omittedCount = inOrder.count - self.diagnostics.count
    }

    /// All findings.
    package var lines: [String] {
        let lines = diagnostics.map(\.description)
        return omittedCount > 0 ? lines + ["and \(omittedCount) more"] : lines
    }

    /// All findings, one a line.
    package var message: String { lines.joined(separator: "\n") }

    package var description: String { message }

    /// All findings for programs: file, line, column, section, message and what is allowed.
    package var document: ScenarioDocument {
        .object([
            .init(key: "sound", value: .flag(false)),
            .init(key: "code", value: .text(code.name)),
            .init(key: "errors", value: .list(diagnostics.map(\.document))),
            .init(key: "omitted", value: .integer(omittedCount)),
        ])
    }

    /// A finding of a cluster that cannot be built, in the same form.
    package static func document(file: String, _ message: String) -> ScenarioDocument {
        let finding = ScenarioDiagnostic(file: file, line: 0, column: 0, path: "", message: message)
        return ScenarioError(code: .impossible, diagnostics: [finding]).document
    }
}

extension ScenarioDiagnostic {
    fileprivate var document: ScenarioDocument {
        .object([
            .init(key: "file", value: .text(file)),
            .init(key: "line", value: line > 0 ? .integer(line) : .null),
            .init(key: "column", value: column > 0 ? .integer(column) : .null),
            .init(key: "path", value: .text(path)), .init(key: "message", value: .text(message)),
            .init(key: "allowed", value: .list(allowed.map { .text($0) })),
        ])
    }
}

/// What a scenario file may ask of its reader.
package struct ScenarioLimits: Sendable {
    /// The largest file.
    package var fileBytesMax = 1 << 20
    /// The most nodes after aliases are replaced by what they stand for.
    package var nodeCountMax = 20_000
    /// The deepest nesting.
    package var depthMax = 24
    /// The most aliases (`*name`) in a file.
    package var aliasCountMax = 16
    /// The most findings that one error lists.
    package var diagnosticCountMax = 20
    /// The longest text value.
    package var textCharactersMax = 4_096
    /// The longest list.
    package var listCountMax = 1_000
    /// The most hosts, workers of a host, or slots of a worker.
    package var hostCountMax = 100_000
    /// The most worker processes of one host.
    package var workersPerHostMax = 1_024
    /// The most slots of one worker for one task type.
    package var slotsPerWorkerMax = 10_000
    /// The most files that one scenario is made of, and how deep they include one another.
    package var includeCountMax = 32
    package var includeDepthMax = 8
    /// The most worker processes of the whole cluster.
    package var workerCountMax = 1_000_000

    /// The shipped limits.
    package init() {}
}
