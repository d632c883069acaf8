// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// Reads a scenario from a file, with what it includes and what is set over it.
    ///
    /// - Parameters:
    ///   - path: the file's path; errors name it as it is given.
    ///   - overrides: values that take the place of the file's, in order.
    ///   - faultsPath: a file with nothing but `faults`, which take the place of the scenario's own.
    ///   - measurements: reads the files of measured durations that the scenario names.
    ///   - limits: what the files may ask for.
    /// - Returns: a scenario that has passed every check.
    /// - Throws: ``ScenarioError``; `.unreadable` when a file cannot be read or is larger than the limit.
    package static func load(
        path: String,
        overrides: [ScenarioOverride] = [],
        faultsPath: String? = nil,
        measurements: MeasurementReader = .texts,
        limits: ScenarioLimits = ScenarioLimits()
    ) throws(ScenarioError) -> Scenario {
        var includes = ScenarioIncludes(limits: limits)
        var root = try includes.root(path: path)
        if let faultsPath {
            try setFaults(of: &root, to: try includes.root(path: faultsPath), faultsPath)
        }
        return try decode(
            root, fileName: path, overrides: overrides, measurements: measurements, limits: limits)
    }

    private static func setFaults(
        of root: inout ConfigNode, to node: ConfigNode, _ path: String
    ) throws(ScenarioError) {
        guard case .mapping(let given) = node.content, given.count == 1, given[0].key == "faults" else {
            throw .one(
                .invalid, file: path, node.mark, path: "faults",
                "a file of faults holds a list under the key faults, and nothing else")
        }
        guard case .mapping(var entries) = root.content else { return }
        entries.removeAll { $0.key == "faults" }
        root.content = .mapping(entries + given)
    }

    /// Reads a scenario from YAML text and checks it. A text has no folder, so it cannot include files.
    ///
    /// - Parameters:
    ///   - text: the YAML text; JSON is YAML, too.
    ///   - fileName: what errors call the text.
    ///   - overrides: values that take the place of the text's, in order.
    ///   - limits: what the text may ask for.
    /// - Returns: a scenario that has passed every check.
    /// - Throws: ``ScenarioError`` with the place of each finding.
    package static func parse(
        text: String,
        fileName: String,
        overrides: [ScenarioOverride] = [],
        limits: ScenarioLimits = ScenarioLimits()
    ) throws(ScenarioError) -> Scenario {
        var reader = ConfigReader(fileName: fileName, limits: limits)
        return try decode(
            try reader.read(text), fileName: fileName, overrides: overrides, measurements: nil,
            limits: limits)
    }

    private static func decode(
        _ base: ConfigNode,
        fileName: String,
        overrides: [ScenarioOverride],
        measurements: MeasurementReader?,
        limits: ScenarioLimits
    ) throws(ScenarioError) -> Scenario {
        var root = base
        try ScenarioOverride.apply(overrides, to: &root, limits: limits)
        let sink = ConfigSink(fileName: fileName, limits: limits, measurements: measurements)
        let decoded = decode(ConfigCursor(node: root, path: "", sink: sink))
        if let decoded { sink.checkMeasured(decoded.sectorSize) }
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
