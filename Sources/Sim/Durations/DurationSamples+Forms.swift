// SPDX-License-Identifier: Apache-2.0

extension DurationSamples {
    private static let benchKeys: [(key: String, kind: Scenario.TaskKind)] = [
        ("AddPiece", .addPiece), ("PreCommit1", .preCommit1), ("PreCommit2", .preCommit2),
        ("Commit1", .commit1),
        ("Commit2", .commit2), ("Unseal", .unseal),
    ]

    /// Beside the list of sectors: a proof as a process makes its first, and later ones.
    private static let proofKeys: [(key: String, kind: Scenario.TaskKind)] = [
        ("PostWindowProofCold", .windowPoSt), ("PostWindowProofHot", .windowPoSt),
        ("PostWinningProofCold", .winningPoSt), ("PostWinningProofHot", .winningPoSt),
    ]

    /// The JSON of a bench: `SealingResults` with nanoseconds by step. A step of 0 was not run.
    mutating func readBench(_ text: String, file: String) throws(DurationFileError) {
        var limits = ScenarioLimits()
        limits.fileBytesMax = Self.fileBytesMax
        limits.nodeCountMax = 2_000_000
        var reader = ConfigReader(fileName: file, limits: limits)
        let root: ConfigNode
        do { root = try reader.read(text) } catch {
            let first = error.diagnostics.first
            throw DurationFileError(
                file: file, line: first?.line ?? 1, column: first?.column ?? 1,
                message: first?.message ?? "not JSON")
        }
        guard let results = root.value("SealingResults"), case .sequence(let items) = results.content,
            !items.isEmpty
        else {
            throw DurationFileError(
                file: file, line: root.mark.line, column: root.mark.column,
                message: "\"SealingResults\" is missing or empty: the bench's steps by sector")
        }
        try checkSize(root.value("SectorSize"), file)
        for item in items { try addSteps(item, Self.benchKeys, file) }
        try addSteps(root, Self.proofKeys, file)
        let own = root.value("sealyard") != nil ? "sealyard bench" : "lotus-bench"
        name(source: "\(own) \(file)")
    }

    /// Durations of two sizes would make one distribution that no sector has.
    private mutating func checkSize(_ node: ConfigNode?, _ file: String) throws(DurationFileError) {
        guard let node else { return }
        guard case .scalar(let digits) = node.content, let bytes = Int(digits),
            (1...ByteCount.bytesMax).contains(bytes)
        else {
            throw DurationFileError(
                file: file, line: node.mark.line, column: node.mark.column,
                message: "SectorSize is \(node.kindName), not a number of bytes")
        }
        try note(sectorBytes: bytes, "a bench", file, line: node.mark.line, column: node.mark.column)
    }

    /// Demands sectors of the size that was measured before.
    mutating func note(
        sectorBytes bytes: Int, _ what: String, _ file: String, line: Int, column: Int
    ) throws(DurationFileError) {
        guard let known = sectorSize else {
            sectorSize = (bytes, file)
            return
        }
        guard known.bytes == bytes else {
            throw DurationFileError(
                file: file, line: line, column: column,
                message: "\(what) of \(ByteCount(bytes: bytes)) sectors, where that of \(known.file) is of "
                    + "\(ByteCount(bytes: known.bytes)): durations of two sizes do not mix; fit them one "
                    + "size at a time")
        }
    }

    private mutating func addSteps(
        _ node: ConfigNode, _ keys: [(key: String, kind: Scenario.TaskKind)], _ file: String
    ) throws(DurationFileError) {
        for (key, kind) in keys {
            guard let value = node.value(key) else { continue }
            guard case .scalar(let digits) = value.content, let nanoseconds = Int64(digits), nanoseconds >= 0
            else {
                throw DurationFileError(
                    file: file, line: value.mark.line, column: value.mark.column,
                    message: "\(key) is \(value.kindName), not a number of nanoseconds")
            }
            guard nanoseconds > 0 else { continue }
            try add(Double(nanoseconds) / 1e9, kind, file, line: value.mark.line, column: value.mark.column)
        }
    }

    /// The event log of `sectors status --log`: the time between two states, waits for a slot included.
    mutating func readSectorLog(_ text: String, file: String) throws(DurationFileError) {
        let ends: [(event: String, begin: String, kind: Scenario.TaskKind)] = [
            ("SectorPacked", "SectorStartCC", .addPiece), ("SectorPreCommit1", "SectorTicket", .preCommit1),
            ("SectorPreCommit2", "SectorPreCommit1", .preCommit2),
            ("SectorCommitted", "SectorSeedReady", .commit2),
            ("SectorProofReady", "SectorSeedReady", .commit2),
            ("SectorFinalized", "SectorProving", .finalize),
        ]
        var latest: [String: Double] = [:]
        var number = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            if line.hasPrefix("SectorID:") { latest = [:] }
            guard let mark = line.firstRange(of: "[event;sealing.") else { continue }
            let name = line[mark.upperBound...].prefix { $0 != "]" && $0 != "(" }
            let stamp = line[..<mark.lowerBound].drop { $0 != "\t" && $0 != " " }
                .drop { $0 == "\t" || $0 == " " }.prefix { $0 != "\t" }
            guard let time = Self.time(stamp) else {
                throw DurationFileError(
                    file: file, line: number, column: 1,
                    message: "no time such as 2024-01-02 03:04:05 +0000 UTC before the event")
            }
            // What was begun anew is not the time of one try.
            if name.contains("Failed") || name.contains("Restart") || name.contains("Retry") { latest = [:] }
            for rule in ends where rule.event == name {
                if let begun = latest[rule.begin] { try add(time - begun, rule.kind, file, line: number) }
            }
            latest[String(name)] = time
        }
        name(source: "sector log \(file), waits for a slot included")
    }

    /// A task history as CSV (RFC 4180) with the columns `name`, `work_start`, `work_end`, `result`.
    ///
    /// Rows of tasks that a scenario does not know are counted, so that nobody takes them for read.
    mutating func readTaskHistory(_ text: String, file: String) throws(DurationFileError) {
        let kinds: [String: Scenario.TaskKind] = [
            "SDR": .preCommit1, "TreeRC": .preCommit2, "SDRTrees": .preCommit2, "PoRep": .commit2,
            "Finalize": .finalize, "WdPost": .windowPoSt, "WinPost": .winningPoSt, "UnsealSDR": .unseal,
        ]
        var columns: [String: Int] = [:]
        var records = DelimitedRecords(text)
        while let record = records.next() {
            let (cells, number) = (record.cells, record.line)
            guard record.isWhole else {
                throw DurationFileError(
                    file: file, line: number, column: 1,
                    message: "a quoted cell that begins in this row never ends")
            }
            if cells.count == 1, cells[0].allSatisfy(\.isWhitespace) { continue }
            if columns.isEmpty {
                for (index, cell) in cells.enumerated() { columns[cell] = index }
                for wanted in ["name", "work_start", "work_end"] where columns[wanted] == nil {
                    throw DurationFileError(
                        file: file, line: number, column: 1, message: "the column \(wanted) is missing")
                }
                continue
            }
            func cell(_ name: String) -> String? {
                columns[name].flatMap { cells.indices.contains($0) ? cells[$0] : nil }
            }
            guard let task = cell("name"), let begin = cell("work_start"), let end = cell("work_end") else {
                throw DurationFileError(
                    file: file, line: number, column: 1,
                    message: "the row has \(cells.count) cells, fewer than the header")
            }
            guard let kind = kinds[task] else {
                skip(task)
                continue
            }
            guard !["f", "false"].contains(cell("result") ?? "t") else { continue }
            guard let from = Self.time(begin[...]), let to = Self.time(end[...]) else {
                throw DurationFileError(
                    file: file, line: number, column: 1,
                    message: "work_start or work_end is no time such as 2024-01-02 03:04:05+00")
            }
            try add(to - from, kind, file, line: number)
        }
        name(source: "task history \(file)")
    }

    /// Seconds since 1970 of `2024-01-02 03:04:05.5 +0100 …` or `2024-01-02T03:04:05Z`; `nil` for
    /// anything else.
    static func time(_ text: Substring) -> Double? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 19, bytes.count <= 64 else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            range.reduce(into: Int?(0)) { sum, index in
                guard let so = sum, bytes.indices.contains(index), (48...57).contains(bytes[index]) else {
                    sum = nil
                    return
                }
                sum = so * 10 + Int(bytes[index] - 48)
            }
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1970...2200).contains(year), (1...12).contains(month), (1...31).contains(day), hour < 24,
            minute < 60,
            second < 61
        else { return nil }
        var index = 19
        var fraction = 0.0
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            var scale = 0.1
            index += 1
            while index < bytes.count, (48...57).contains(bytes[index]) {
                fraction += Double(bytes[index] - 48) * scale
                scale /= 10
                index += 1
            }
        }
        while index < bytes.count, bytes[index] == 32 { index += 1 }
        var offset = 0
        if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") {
            guard let hours = number(index + 1..<index + 3) else { return nil }
            let colon = index + 3 < bytes.count && bytes[index + 3] == UInt8(ascii: ":") ? 1 : 0
            let minutes = number(index + 3 + colon..<index + 5 + colon) ?? 0
            offset = (hours * 60 + minutes) * 60 * (bytes[index] == UInt8(ascii: "-") ? -1 : 1)
        }
        // Days from the civil calendar, with March as the first month so that leap days come last.
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        return Double(days * 86_400 + hour * 3600 + minute * 60 + second - offset) + fraction
    }
}

extension ConfigNode {
    /// The value of a mapping's key.
    fileprivate func value(_ key: String) -> ConfigNode? {
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { $0.key == key }?.value
    }
}
