// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The rules of the house, and the house they apply to.
enum House {
    static let rules: [Rule] = BannedCalls.rules + FormRules.rules + [ImportRules.rule]

    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Every source file below `Sources` and `Tests`, by path.
    static func files() throws -> [SourceFile] {
        try ["Sources", "Tests"].flatMap { folder in
            let base = root.appending(path: folder)
            let names = try FileManager.default.subpathsOfDirectory(atPath: base.path(percentEncoded: false))
            return try names.sorted().filter(isSource).map { name in
                let text = try String(contentsOf: base.appending(path: name), encoding: .utf8)
                return SourceFile(path: "\(folder)/\(name)", text: text)
            }
        }
    }

    private static func isSource(_ name: String) -> Bool {
        guard !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }) else { return false }
        return [".swift", ".c", ".h", ".cl"].contains { name.hasSuffix($0) }
    }
}

@Suite("The house is tidy")
struct TidyTests {
    @Test("no file breaks a rule")
    func house() throws {
        let files = try House.files()
        for file in files {
            for rule in House.rules {
                for violation in rule.violations(in: file) {
                    Issue.record(Comment(rawValue: violation.description))
                }
            }
        }
    }

    @Test("the walk reaches every kind of file and every room")
    func walk() throws {
        let paths = try House.files().map(\.path)
        #expect(paths.contains("Tests/TidyTests/TidyTests.swift"))
        #expect(paths.contains("Sources/Support/CHwloc/shim.h"))
        #expect(paths.contains { $0.hasSuffix(".c") })
        for row in ImportRules.rows {
            #expect(paths.contains { $0.hasPrefix(row.folder + "/") }, "no file in \(row.folder)")
        }
        #expect(Set(paths).count == paths.count)
    }
}

@Suite("Every rule finds what it is for")
struct RuleTests {
    @Test("a planted breach is found, on its line, and named", arguments: House.rules)
    func planted(rule: Rule) {
        #expect(!rule.planted.isEmpty)
        for sample in rule.planted {
            let file = SourceFile(path: sample.path, text: sample.text)
            let found = rule.violations(in: file)
            #expect(found.count == 1, "in \(sample.path):\n\(sample.text)")
            for violation in found {
                #expect((1...file.lines.count).contains(violation.line))
                #expect(violation.description.hasPrefix("\(sample.path):\(violation.line): \(rule.name): "))
            }
        }
    }

    @Test("what only looks like a breach is left alone", arguments: House.rules)
    func innocent(rule: Rule) {
        #expect(!rule.innocent.isEmpty)
        for sample in rule.innocent {
            let found = rule.violations(in: SourceFile(path: sample.path, text: sample.text))
            #expect(found.isEmpty, "in \(sample.path):\n\(sample.text)")
        }
    }

    @Test("a breach is found in the middle of a long file")
    func line() throws {
        let text = String(repeating: "let a = \"x\" // y\n", count: 100) + "let b = Date()\n"
        let rule = try #require(House.rules.first { $0.name == "Date()" })
        let found = rule.violations(in: SourceFile(path: "Sources/Chain/Planted.swift", text: text))
        #expect(found.map(\.line) == [101])
        #expect(found.first?.remedy == "use context.clock.now")
    }

    @Test("no two rules share a name")
    func names() {
        #expect(Set(House.rules.map(\.name)).count == House.rules.count)
    }
}
