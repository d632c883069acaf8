// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Kernel

/// A key of a scenario and the values that it takes.
package struct SweepAxis: Sendable, Hashable {
    package var path: String
    package var values: [String]

    /// Reads `hosts.p1.count=10,20`; a comma within brackets or braces belongs to the value.
    ///
    /// - Throws: ``StudyError`` with `invalid`.
    package init(_ text: String) throws(StudyError) {
        let setting = try StudySetting(text)
        path = setting.path
        values = []
        var depth = 0
        var value = ""
        for character in setting.value {
            if "[{(".contains(character) { depth += 1 }
            if ")}]".contains(character) { depth -= 1 }
            if character == ",", depth == 0 {
                values.append(value)
                value = ""
            } else {
                value.append(character)
            }
        }
        values.append(value)
        guard values.allSatisfy({ !$0.isEmpty }) else {
            throw StudyError(.invalid, "--vary \(text.prefix(80)): a value is empty; write key=v1,v2")
        }
    }
}

/// A share of a sweep: every `count`-th run from `index` on.
package struct SweepShard: Sendable, Hashable {
    package var index: Int
    package var count: Int

    package static let whole = SweepShard(index: 0, count: 1)
    static let countMax = 100_000

    package init(index: Int, count: Int) {
        self.index = index
        self.count = count
    }

    /// Reads `i/n` with i from 0 to n − 1, as Slurm and Kubernetes count.
    ///
    /// - Throws: ``StudyError`` with `invalid`.
    package init(_ text: String) throws(StudyError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let index = Int(parts[0]), let count = Int(parts[1]),
            (1...Self.countMax).contains(count),
            (0..<count).contains(index)
        else {
            throw StudyError(.invalid, "--shard '\(text.prefix(40))': write i/n with i from 0 to n − 1")
        }
        self.init(index: index, count: count)
    }
}

/// A grid of scenarios, each run several times; a run is one line of JSON.
package struct Sweep: Sendable {
    package static let runCountMax = 1_000_000
    /// Scenarios that a sweep holds at once.
    package static let pointCountMax = 10_000

    package struct Point: Sendable {
        package var settings: [StudySetting]
        package var study: StudyCase
    }

    package let points: [Point]
    package let replications: Int
    package let seed: UInt64
    /// The scenario as read, the axes and all that decides the results, as one number.
    package let digest: String
    private let given: SweepHeader.Given

    /// Reads every point of the grid before the first run: a sweep does not fail half way.
    ///
    /// - Parameter version: the program's, which the files name, so that only those of one are merged.
    /// - Throws: ``StudyError``, ``ScenarioError``.
    package init(
        _ source: ScenarioSource, axes: [SweepAxis], replications: Int = 1, seed: UInt64 = 1,
        policy: String? = nil, until: Duration? = nil, version: String = ""
    ) throws {
        try Replications.check(replications)
        var count = replications
        for axis in axes {
            let (product, overflow) = count.multipliedReportingOverflow(by: axis.values.count)
            guard !overflow, product <= Self.runCountMax else {
                throw StudyError(.tooLarge, "a sweep has at most \(Self.runCountMax) runs; vary less")
            }
            count = product
        }
        guard count / replications <= Self.pointCountMax else {
            throw StudyError(
                .tooLarge, "a sweep has at most \(Self.pointCountMax) combinations; vary less at a time")
        }
        var points: [Point] = []
        for place in 0..<count / replications {
            var rest = place
            var settings: [StudySetting] = []
            // The last axis changes fastest.
            for axis in axes.reversed() {
                settings.append(
                    StudySetting(path: axis.path, value: axis.values[rest % axis.values.count]))
                rest /= axis.values.count
            }
            settings.reverse()
            let scenario = try source.scenario(settings: settings)
            let name = settings.isEmpty ? scenario.name : settings.map(\.text).joined(separator: " ")
            points.append(
                Point(
                    settings: settings,
                    study: StudyCase(name: name, scenario, policy: policy, until: until)))
        }
        self.points = points
        self.replications = replications
        self.seed = seed
        // What is included counts, and what a file says in other words does not.
        var hash = stableHash(points.first?.study.scenario.normalized.json ?? "")
        let parts = axes.map { "\($0.path)=\($0.values)" }
        let rest = "\(parts) \(replications) \(seed) \(policy ?? "") \(until?.description ?? "")"
        hash = mixed(hash ^ stableHash(rest))
        digest = String(hash, radix: 16)
        given = SweepHeader.Given(
            version: version, scenario: points.first?.study.scenario.name ?? "",
            vary: axes.map { "\($0.path)=\($0.values.joined(separator: ","))" },
            replications: replications, seed: String(seed), until: until?.scenarioText)
    }

    package var runCount: Int { points.count * replications }

    /// What was done of a shard.
    package struct Part: StudyResult, Sendable, Hashable {
        /// A header and one line for each run that is done, in order.
        package var text: String
        package var doneCount: Int
        /// Of the whole shard.
        package var runCount: Int

        package var isWhole: Bool { doneCount == runCount }
        package var distrusted: [DistrustedRun] { Sweep.distrusted(in: text) }
    }

    /// Runs a shard, or what is left of it.
    ///
    /// - Parameter known: lines of runs that were done before, by ``lines(of:_:_:)``.
    /// - Returns: all that is done; a part of the shard where it was stopped.
    /// - Throws: ``StudyError``, or ``KernelError`` where no thread starts.
    package func run(
        _ shard: SweepShard = .whole, keeping known: [Int: String] = [:],
        control: StudyControl = StudyControl()
    ) throws -> Part {
        let all = Array(stride(from: shard.index, to: runCount, by: shard.count))
        let jobs = all.filter { known[$0] == nil }
        let (points, replications, seed) = (points, replications, seed)
        let (lines, _) = try StudyRunner.simulate(jobs.count, control) {
            index, goesOn -> SimulatedRun<String>? in
            let job = jobs[index]
            let point = points[job / replications]
            let seed = StudyCase.seed(seed, replication: job % replications)
            let run = try point.study.run(seed: seed, bug: control.bug, goesOn: goesOn)
            return run?.map {
                Self.line(job, job / replications, job % replications, point, $0, run?.distrusted)
            }
        }
        var done = known
        for (job, line) in zip(jobs, lines) { done[job] = line }
        let ordered = all.compactMap { done[$0] }
        return Part(
            text: ([header(shard).line] + ordered).map { $0 + "\n" }.joined(), doneCount: ordered.count,
            runCount: all.count)
    }

    /// The runs that a file has of a shard of this sweep.
    ///
    /// - Throws: ``StudyError`` with `invalid` where the file is of another sweep or shard.
    package func lines(
        of text: String, _ name: String, _ shard: SweepShard
    ) throws(StudyError) -> [Int: String] {
        let rows = text.split(separator: "\n")
        guard let row = rows.first, let its = Self.decoded(SweepHeader.self, row) else {
            throw StudyError(.invalid, "\(name): the first line is no header of a sweep; name another file")
        }
        let own = header(shard)
        let shards = its.shard == own.shard ? nil : "its shard is \(its.shard), not \(own.shard)"
        if let difference = its.difference(from: own) ?? shards {
            throw StudyError(
                .invalid,
                "\(name) is of another sweep: \(difference); give the same as before, or another file")
        }
        var known: [Int: String] = [:]
        for row in rows.dropFirst() {
            guard let run = Self.decoded(Numbered.self, row)?.run, (0..<runCount).contains(run),
                run % shard.count == shard.index, known.updateValue(String(row), forKey: run) == nil
            else { throw StudyError(.invalid, "\(name): not a run of its shard: \(row.prefix(80))") }
        }
        return known
    }

    private func header(_ shard: SweepShard) -> SweepHeader {
        SweepHeader(sweep: digest, given: given, runs: runCount, shard: shard.index, of: shard.count)
    }

    private static func line(
        _ job: Int, _ point: Int, _ replication: Int, _ settings: Point, _ run: RunFigures,
        _ distrusted: DistrustedRun?
    ) -> String {
        var entries: [ScenarioDocument.Entry] = [
            .init(key: "run", value: .integer(job)),
            .init(key: "point", value: .integer(point)),
            .init(key: "replication", value: .integer(replication)),
            .init(
                key: "settings",
                value: .object(settings.settings.map { .init(key: $0.path, value: .text($0.value)) })),
            .init(key: "result", value: run.document),
        ]
        // It stays with the line, so that neither --resume nor a merge loses it.
        if let distrusted { entries.append(.init(key: distrustedKey, value: distrusted.document)) }
        return ScenarioDocument.object(entries).jsonLine
    }
}

extension Sweep {
    struct Numbered: Decodable { var run: Int }

    private static let distrustedKey = "distrusted"
    private struct Marked: Decodable { var distrusted: DistrustedRun? }

    /// The runs of a sweep's file that are not to be trusted, in its order.
    package static func distrusted(in text: String) -> [DistrustedRun] {
        text.split(separator: "\n").filter { $0.contains("\"\(distrustedKey)\"") }
            .compactMap { decoded(Marked.self, $0)?.distrusted }
    }

    /// Puts shards together again; the result is the file of the whole sweep, byte for byte.
    ///
    /// - Parameter files: names and contents, in any order.
    /// - Throws: ``StudyError`` with `invalid`, which names the file that does not fit or what is missing.
    package static func merge(_ files: [(name: String, text: String)]) throws(StudyError) -> Part {
        var first: SweepHeader?
        var shards: [Int: String] = [:]
        var lines: [Int: Substring] = [:]
        for file in files {
            let rows = file.text.split(separator: "\n")
            guard let row = rows.first, let header = decoded(SweepHeader.self, row) else {
                throw StudyError(.invalid, "\(file.name): the first line is no header of a sweep")
            }
            let known = first ?? header
            first = known
            if let difference = header.difference(from: known) {
                throw StudyError(
                    .invalid,
                    "\(file.name) is of another sweep than \(files[0].name), or cut otherwise: \(difference)"
                        + "; name the files of one sweep, or run one of these shards again as the other was")
            }
            guard (1...SweepShard.countMax).contains(header.of), (0...runCountMax).contains(header.runs),
                (0..<header.of).contains(header.shard)
            else {
                throw StudyError(.invalid, "\(file.name): the header makes no sense")
            }
            if let other = shards.updateValue(file.name, forKey: header.shard) {
                throw StudyError(.invalid, "\(file.name) and \(other) are both shard \(header.shard)")
            }
            for row in rows.dropFirst() {
                guard let run = decoded(Numbered.self, row)?.run, (0..<header.runs).contains(run),
                    run % header.of == header.shard, lines.updateValue(row, forKey: run) == nil
                else { throw StudyError(.invalid, "\(file.name): not a run of its shard: \(row.prefix(80))") }
            }
        }
        guard let first else { throw StudyError(.invalid, "name the files of the shards to merge") }
        let missing = (0..<first.of).filter { shards[$0] == nil }
        guard missing.isEmpty else {
            let named = missing.prefix(20).map(String.init).joined(separator: ", ")
            throw StudyError(.invalid, "of \(first.of) shards these are missing: \(named)")
        }
        let ordered = (0..<first.runs).compactMap { lines[$0] }
        guard ordered.count == first.runs else {
            let gone = (0..<first.runs).filter { lines[$0] == nil }
            let named = gone.prefix(20).map { "\($0) of \(shards[$0 % first.of] ?? "")" }
            throw StudyError(
                .invalid,
                "\(gone.count) of \(first.runs) runs are missing, such as \(named.joined(separator: ", ")); "
                    + "run these shards again with --resume")
        }
        let header = SweepHeader(sweep: first.sweep, given: first.given, runs: first.runs, shard: 0, of: 1)
        return Part(
            text: ([header.line] + ordered.map(String.init)).map { $0 + "\n" }.joined(),
            doneCount: ordered.count, runCount: first.runs)
    }

    static func decoded<Value: Decodable>(_ type: Value.Type, _ line: Substring) -> Value? {
        // What does not decode is told by the caller with the name of the file.
        do { return try JSONDecoder().decode(type, from: Data(line.utf8)) } catch { return nil }
    }
}

extension ScenarioDocument {
    /// The value as JSON without line breaks.
    var jsonLine: String {
        switch self {
        case .null, .flag, .integer, .number, .text: json
        case .list(let items): "[" + items.map(\.jsonLine).joined(separator: ",") + "]"
        case .object(let entries):
            "{"
                + entries.map { Self.text($0.key).json + ":" + $0.value.jsonLine }.joined(separator: ",")
                + "}"
        }
    }
}
