// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Scenario {
    /// Reads a scenario from a file.
    ///
    /// - Parameters:
    ///   - path: the file's path; errors name it as it is given.
    ///   - limits: what the file may ask for.
    /// - Returns: a scenario that has passed every check.
    /// - Throws: ``ScenarioError``; `.unreadable` when the file cannot be read or is larger than the limit.
    package static func load(
        path: String,
        limits: ScenarioLimits = ScenarioLimits()
    ) throws(ScenarioError) -> Scenario {
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { handle.closeFile() }
            // One byte more than allowed tells "too large" from "just fits" without reading the rest.
            data = try handle.read(upToCount: limits.fileBytesMax + 1) ?? Data()
        } catch {
            throw ScenarioError.unreadable(
                path,
                "cannot be read (\(error.localizedDescription)); give the path of a scenario file"
            )
        }
        guard data.count <= limits.fileBytesMax else {
            throw ScenarioError.unreadable(path, "is larger than \(limits.fileBytesMax) bytes")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ScenarioError.unreadable(path, "is not UTF-8 text")
        }
        return try parse(text: text, fileName: path, limits: limits)
    }

    /// Reads a scenario from YAML text and checks it.
    ///
    /// - Parameters:
    ///   - text: the YAML text; JSON is YAML, too.
    ///   - fileName: what errors call the text.
    ///   - limits: what the text may ask for.
    /// - Returns: a scenario that has passed every check.
    /// - Throws: ``ScenarioError`` with the place of each finding.
    package static func parse(
        text: String,
        fileName: String,
        limits: ScenarioLimits = ScenarioLimits()
    ) throws(ScenarioError) -> Scenario {
        var reader = ConfigReader(fileName: fileName, limits: limits)
        let root = try reader.read(text)
        let sink = ConfigSink(fileName: fileName, limits: limits)
        let decoded = decode(ConfigCursor(node: root, path: "", sink: sink))
        guard var scenario = decoded, sink.diagnostics.isEmpty else {
            throw ScenarioError(code: .invalid, diagnostics: sink.diagnostics)
        }
        scenario.resolveTargets()
        let findings = scenario.findings(limits: limits)
        guard findings.isEmpty else {
            for finding in findings {
                sink.report(at: sink.mark(of: finding.path), path: finding.path, finding.message)
            }
            throw ScenarioError(code: .impossible, diagnostics: sink.diagnostics)
        }
        return scenario
    }

    /// Checks that the cluster can seal a sector at all; for scenarios that were changed after reading.
    ///
    /// - Throws: ``ScenarioError`` with code `.impossible`; its findings have paths but no lines.
    package func validate() throws(ScenarioError) {
        let findings = findings(limits: ScenarioLimits())
        guard findings.isEmpty else {
            throw ScenarioError(
                code: .impossible,
                diagnostics: findings.map {
                    ScenarioDiagnostic(
                        file: name,
                        line: 0,
                        column: 0,
                        path: $0.path,
                        message: $0.message
                    )
                }
            )
        }
    }

    /// A lone name as a fault's target is a store's when a store has it.
    private mutating func resolveTargets() {
        for index in faults.indices {
            guard case .group(let name) = faults[index].target,
                stores.contains(where: { $0.name == name })
            else { continue }
            faults[index].target = .store(name)
        }
    }
}

extension ScenarioError {
    fileprivate static func unreadable(_ path: String, _ message: String) -> ScenarioError {
        ScenarioError(
            code: .unreadable,
            diagnostics: [
                ScenarioDiagnostic(file: path, line: 1, column: 1, path: "", message: message)
            ]
        )
    }
}
