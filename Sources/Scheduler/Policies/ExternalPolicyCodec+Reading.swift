// SPDX-License-Identifier: Apache-2.0
private import Foundation
internal import Kernel

extension ExternalPolicyCodec {
    /// Reads the answer to the greeting and returns the name that the program gives itself.
    static func readHello(_ text: String, line: Int) throws -> String {
        let reader = try Reader(text, line: line)
        try reader.checkVersion()
        return try reader.text("name", in: reader.root, at: "", countMax: 64)
    }

    /// Reads decisions.
    ///
    /// - Throws: ``ExternalPolicyError`` with `tooLong`, `nonsense` or `version`, that says line and field. A
    /// task that
    ///   was not in the question is nonsense; one that the cluster refuses in the end is not.
    static func read(
        _ text: String, line: Int, _ question: Question, _ view: ClusterView
    ) throws -> Answer {
        let reader = try Reader(text, line: line)
        try reader.checkVersion()
        var answer = Answer()
        if let seconds = try reader.optionalNumber("wakeAfter", in: reader.root, at: "") {
            guard seconds > 0, seconds <= 1e9 else {
                throw reader.nonsense(
                    "wakeAfter", "is \(seconds) and must be above 0 and at most 1e9 seconds")
            }
            answer.wakeAfter = .nanoseconds(Int64(seconds * 1e9))
        }
        let list = try reader.list("decisions", in: reader.root, at: "")
        guard list.count <= limits.decisionCountMax else {
            throw reader.nonsense(
                "decisions", "has \(list.count) entries and may have \(limits.decisionCountMax)")
        }
        for (place, item) in list.enumerated() {
            answer.decisions.append(
                try decision(item, at: "decisions[\(place)]", reader, question, view))
        }
        return answer
    }

    private static func decision(
        _ item: Any, at path: String, _ reader: Reader, _ question: Question, _ view: ClusterView
    ) throws -> Decision {
        guard let table = item as? [String: Any] else { throw reader.nonsense(path, "is not an object") }
        let verbs = ["assign", "admit", "prefetch", "hold"].filter { table[$0] != nil }
        guard verbs.count == 1, let verb = verbs.first else {
            throw reader.nonsense(path, "must have exactly one of assign, admit, prefetch and hold")
        }
        let allowed: Set<String> =
            [
                "assign": ["assign", "worker", "rule", "score"],
                "admit": ["admit", "store", "rule", "score"],
                "prefetch": ["prefetch", "worker"], "hold": ["hold", "reason"],
            ][verb] ?? []
        if let unknown = table.keys.sorted().first(where: { !allowed.contains($0) }) {
            throw reader.nonsense("\(path).\(unknown)", "is not known for \(verb)")
        }
        let name = try reader.text(verb, in: table, at: path, countMax: 200)
        let reason = PlacementReason(
            try reader.optionalText("rule", in: table, at: path, countMax: 64) ?? "external",
            score: try reader.optionalNumber("score", in: table, at: path) ?? 0)
        if verb == "admit" {
            guard let sector = question.sectors[name] else {
                throw reader.nonsense("\(path).admit", "names '\(name)', which waits for no room")
            }
            let store = try reader.text("store", in: table, at: path, countMax: 200)
            guard view.store(store) != nil else {
                throw reader.nonsense("\(path).store", "names '\(store)', and there is no such store")
            }
            return .admit(sector, store: store, because: reason)
        }
        guard let task = question.tasks[name] else {
            throw reader.nonsense("\(path).\(verb)", "names '\(name)', which was not among the tasks")
        }
        if verb == "hold" {
            return .hold(
                task,
                reason: try reader.text("reason", in: table, at: path, countMax: limits.reasonCountMax))
        }
        let number = try reader.number("worker", in: table, at: path)
        guard let worker = Int(exactly: number), view.workers.indices.contains(worker) else {
            throw reader.nonsense("\(path).worker", "is \(number), and no worker has that index")
        }
        return verb == "assign"
            ? .assign(task, worker: worker, because: reason) : .prefetch(task, worker: worker)
    }

    /// One line of JSON, with errors that say where.
    private struct Reader {
        let root: [String: Any]
        let line: Int

        init(_ text: String, line: Int) throws {
            self.line = line
            guard text.utf8.count <= limits.answerBytesMax else {
                throw ExternalPolicyError(
                    .tooLong, "has \(text.utf8.count) bytes and may have \(limits.answerBytesMax)", line: line
                )
            }
            let value: Any
            do {
                value = try JSONSerialization.jsonObject(with: Data(text.utf8))
            } catch {
                throw ExternalPolicyError(
                    .nonsense, "is no JSON: '\(text.prefix(80))'; write one object in one line", line: line)
            }
            guard let table = value as? [String: Any] else {
                throw ExternalPolicyError(.nonsense, "is JSON but no object", line: line)
            }
            root = table
        }

        func nonsense(_ field: String, _ message: String) -> ExternalPolicyError {
            ExternalPolicyError(.nonsense, message, line: line, field: field)
        }

        func checkVersion() throws {
            let number = try number("version", in: root, at: "")
            guard number == Double(version) else {
                throw ExternalPolicyError(
                    .version, "is \(number), and this is version \(version) of the protocol", line: line,
                    field: "version")
            }
        }

        private func path(_ key: String, _ parent: String) -> String {
            parent.isEmpty ? key : "\(parent).\(key)"
        }

        func optionalNumber(_ key: String, in table: [String: Any], at parent: String) throws -> Double? {
            guard let value = table[key], !(value is NSNull) else { return nil }
            // A boolean of JSON is a number of characters to Foundation.
            guard let number = value as? NSNumber, !["c", "B"].contains(String(cString: number.objCType)),
                number.doubleValue.isFinite
            else {
                throw nonsense(path(key, parent), "is not a number")
            }
            return number.doubleValue
        }

        func number(_ key: String, in table: [String: Any], at parent: String) throws -> Double {
            guard let number = try optionalNumber(key, in: table, at: parent) else {
                throw nonsense(path(key, parent), "is missing; it is a number")
            }
            return number
        }

        func optionalText(
            _ key: String, in table: [String: Any], at parent: String, countMax: Int
        ) throws -> String? {
            guard let value = table[key], !(value is NSNull) else { return nil }
            guard let text = value as? String else { throw nonsense(path(key, parent), "is not a text") }
            guard text.count <= countMax else {
                throw nonsense(
                    path(key, parent), "has \(text.count) characters and may have \(countMax)")
            }
            return text
        }

        func text(_ key: String, in table: [String: Any], at parent: String, countMax: Int) throws -> String {
            guard let text = try optionalText(key, in: table, at: parent, countMax: countMax) else {
                throw nonsense(path(key, parent), "is missing; it is a text")
            }
            return text
        }

        func list(_ key: String, in table: [String: Any], at parent: String) throws -> [Any] {
            guard let list = table[key] as? [Any] else {
                throw nonsense(path(key, parent), "is missing, or no list")
            }
            return list
        }
    }
}
