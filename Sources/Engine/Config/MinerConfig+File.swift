// SPDX-License-Identifier: Apache-2.0
private import Foundation
internal import Kernel
internal import Scheduler
private import TOMLKit

extension MinerConfig {
    /// A file as it was read.
    package struct Reading: Sendable, Hashable {
        package var config: MinerConfig
        /// Keys that have no effect here, in order.
        package var unused: [String]
    }

    /// The longest file that is read, in bytes.
    static let bytesMax = 1 << 20

    /// Reads a file, then lays the environment over it.
    ///
    /// - Parameter path: the file; `nil` takes ``withoutFile``.
    /// - Throws: ``EngineError`` with `badOption`, which names the file, the line and what is allowed.
    package static func load(
        _ path: String?, environment: [String: String]
    ) throws(EngineError) -> Reading {
        var reading = Reading(config: .withoutFile, unused: [])
        if let path { reading = try read(try text(path), named: path) }
        for key in keys {
            guard let text = environment[key.variable], !text.isEmpty else { continue }
            do throws(ConfigValueError) {
                try key.set(.text(text), in: &reading.config)
            } catch {
                throw EngineError(code: .badOption, message: "\(key.variable): \(error.message)")
            }
        }
        try reading.config.check()
        return reading
    }

    private static func text(_ path: String) throws(EngineError) -> String {
        do {
            // Closed with its last use.
            let handle = try FileHandle(forReadingFrom: URL(filePath: path))
            let data = try handle.read(upToCount: bytesMax + 1) ?? Data()
            guard data.count <= bytesMax else {
                throw EngineError(code: .badOption, message: "\(path) is longer than \(bytesMax) bytes")
            }
            guard let text = String(data: data, encoding: .utf8) else {
                throw EngineError(code: .badOption, message: "\(path) is no text in UTF-8")
            }
            return text
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError(
                code: .fileFailed, message: "\(path) cannot be read: \(error.localizedDescription)")
        }
    }

    /// Reads a text; values that it does not name have their usual ones.
    ///
    /// - Throws: ``EngineError`` with `badOption`.
    package static func read(_ text: String, named file: String) throws(EngineError) -> Reading {
        let root: TOMLTable
        do {
            root = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            let at = error.source.begin
            throw EngineError(
                code: .badOption, message: "\(file):\(at.line):\(at.column): \(error.description)")
        } catch {
            throw EngineError(code: .badOption, message: "\(file): \(error)")
        }
        var reader = ConfigReader(
            file: file, lines: text.split(separator: "\n", omittingEmptySubsequences: false))
        try reader.take(root, section: "")
        try reader.config.check()
        return Reading(config: reader.config, unused: reader.unused)
    }

    // MARK: Writing

    /// The file with every key, its usual value and what it does: commented out, as Lotus writes it.
    package static var commentedDefault: String {
        let config = MinerConfig()
        var text = ""
        var section = ""
        for key in keys {
            if key.section != section {
                section = key.section
                text += "\(text.isEmpty ? "" : "\n")[\(section)]\n"
            }
            text +=
                "  # \(key.comment)\n  # env var: \(key.variable)\n  #\(key.name) = \(key.text(in: config))\n"
        }
        return text
    }

    /// The file with every key and the value that holds.
    package var text: String {
        var text = ""
        var section = ""
        for key in Self.keys {
            if key.section != section {
                section = key.section
                text += "\(text.isEmpty ? "" : "\n")[\(section)]\n"
            }
            text += "  \(key.name) = \(key.text(in: self))\n"
        }
        return text
    }
}

/// Goes through the tables of a file.
private struct ConfigReader {
    let file: String
    let lines: [Substring]
    var config = MinerConfig()
    var unused: [String] = []

    init(file: String, lines: [Substring]) {
        self.file = file
        self.lines = lines
    }

    mutating func take(_ table: TOMLTable, section: String) throws(EngineError) {
        for name in table.keys.sorted() {
            guard let value = table[name] else { continue }
            let path = section.isEmpty ? name : "\(section).\(name)"
            if let inner = value.table, isSection(path) {
                try take(inner, section: path)
            } else if section.isEmpty, MinerConfig.unusedSections.contains(name) {
                unused.append(name)
            } else if MinerConfig.unused[section]?.contains(name) == true {
                unused.append(path)
            } else if let key = MinerConfig.keys.first(where: { $0.path == path }) {
                do throws(ConfigValueError) {
                    try key.set(ConfigValue(value), in: &config)
                } catch {
                    throw problem(path, section, name, error.message)
                }
            } else {
                throw problem(path, section, name, "there is no such key\(hint(path, section))")
            }
        }
    }

    private func isSection(_ path: String) -> Bool {
        MinerConfig.keys.contains { $0.section == path || $0.section.hasPrefix(path + ".") }
    }

    private func hint(_ path: String, _ section: String) -> String {
        let known = MinerConfig.keys.map(\.path) + MinerConfig.unusedSections.sorted()
        let near = known.filter { section.isEmpty || $0.hasPrefix(section + ".") }
        return Suggestion.hint(for: path, among: near)
    }

    private func problem(_ path: String, _ section: String, _ name: String, _ what: String) -> EngineError {
        let place = line(section, name).map { "\(file):\($0)" } ?? file
        return EngineError(code: .badOption, message: "\(place): \(path): \(what)")
    }

    /// The line on which a key stands, found by its name under its section's head.
    private func line(_ section: String, _ name: String) -> Int? {
        var current = ""
        for (index, line) in lines.enumerated() {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
                current = String(text[text.index(after: text.startIndex)..<end])
                if section.isEmpty, current == name { return index + 1 }
            } else if current == section, text.hasPrefix(name),
                text.dropFirst(name.count).trimmingCharacters(in: .whitespaces).hasPrefix("=")
            {
                return index + 1
            }
        }
        return nil
    }
}

extension ConfigValue {
    fileprivate init(_ value: any TOMLValueConvertible) {
        if let text = value.string {
            self = .text(text)
        } else if let flag = value.bool {
            self = .flag(flag)
        } else if let number = value.int {
            self = .number(number)
        } else {
            self = .other("\(value.type)")
        }
    }
}
