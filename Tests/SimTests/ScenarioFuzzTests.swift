// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sim
import Testing

@Suite("Hostile scenario files")
struct ScenarioFuzzTests {
    static let names = ["devnet", "handbook-f0494733"]

    // Goal: whatever is done to a file, reading it ends in a scenario or a named error. Method: random
    // deletions, insertions, swaps and splices of lines, words and bytes.
    @Test("mutated files are read or refused, never a crash", arguments: names)
    func mutations(_ name: String) throws {
        let url = ShippedScenarios.folder.appendingPathComponent(name + ".yaml")
        let original = Array(try String(contentsOf: url, encoding: .utf8).unicodeScalars)
        let seed = SeededGenerator.seed(standard: 6)
        var generator = SeededGenerator(seed: seed)
        var accepted = 0
        var refused = 0
        for _ in 0..<600 {
            var text = original
            for _ in 0..<Int.random(in: 1...6, using: &generator) { mutate(&text, &generator) }
            var mutated = String.UnicodeScalarView()
            mutated.append(contentsOf: text)
            do {
                let scenario = try Scenario.parse(text: String(mutated), fileName: "fuzz.yaml")
                accepted += 1
                // What was accepted can be used.
                for task in scenario.tasks { #expect(task.duration.sample(u: 0.5) >= .zero) }
                #expect(scenario.slotCount(of: .preCommit1) >= 0)
                let again = try Scenario.parse(text: scenario.normalized.json, fileName: "again")
                #expect(again == scenario, "SIM_SEED=\(seed)")
            } catch {
                refused += 1
                #expect(!error.diagnostics.isEmpty && error.diagnostics.count <= 20)
                #expect(error.diagnostics.allSatisfy { $0.line >= 0 && !$0.message.isEmpty })
            }
        }
        #expect(
            accepted > 10 && refused > 100,
            "accepted \(accepted), refused \(refused), SIM_SEED=\(seed)"
        )
    }

    private func mutate(_ text: inout [Unicode.Scalar], _ generator: inout SeededGenerator) {
        let pieces = [
            "-1", "99999999999999999999", "0", ": ", "- ", "[", "]", "{", "}", "&a ", "*a", "? ",
            "|", ">",
            "\"", "'", "\n", "  ", "#", "!!binary ", "%", "~", "null", "1e999", "\u{0}", "é",
            "\u{1F600}",
            "64GiB", "1PB", "5h", "any", "true", "<<: ", "---\n", "...\n", "\t", "p1/99", ".inf",
        ]
        guard !text.isEmpty else { return }
        let start = Int.random(in: text.indices, using: &generator)
        let end = min(text.count, start + Int.random(in: 1...20, using: &generator))
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: text.removeSubrange(start..<end)
        case 1:
            let piece = pieces.randomElement(using: &generator) ?? ""
            text.insert(contentsOf: Array(piece.unicodeScalars), at: start)
        case 2: text[start] = Unicode.Scalar(UInt8.random(in: 1...126, using: &generator))
        case 3:
            let place = Int.random(in: 0...text.count, using: &generator)
            text.insert(contentsOf: Array(text[start..<end]), at: place)
        default:
            // A digit becomes another one: most of these stay valid, and reach the checks of the whole.
            guard let digit = text[start...].firstIndex(where: { ("0"..."9").contains($0) }) else {
                return
            }
            text[digit] = Unicode.Scalar(UInt8.random(in: 48...57, using: &generator))
        }
    }

    @Test("a file that is too large is refused before it is parsed")
    func tooLarge() {
        expect(
            .unreadable,
            "at most 1048576 are read",
            String(repeating: "# comment\n", count: 110_000)
        )
    }

    @Test("an alias bomb is refused quickly")
    func aliasBomb() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...8 {
            let uses = (0..<10).map { _ in "*a\(level - 1)" }.joined(separator: ", ")
            text += "a\(level): &a\(level) [\(uses)]\n"
        }
        expect(.malformed, "more than 16 aliases", text)
        // Few aliases, each for much: the budget of values stops it.
        let many = (0..<2_000).map { "x\($0)" }.joined(separator: ", ")
        var wide = "a: &a [\(many)]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\n"
        wide += "d: [*c, *c, *c, *c]\n"
        expect(.malformed, "more than 20000 values, aliases counted at each use", wide)
    }

    @Test("deep nesting is refused", arguments: [30, 900, 5_000, 200_000])
    func deep(_ depth: Int) {
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        expect(
            .malformed,
            depth < 1000 ? "nested deeper than 24 levels" : "not YAML",
            "name: " + text
        )
        expect(
            .malformed,
            depth < 1000 ? "nested deeper than 24 levels" : "not YAML",
            String(repeating: "- ", count: depth) + "x"
        )
    }

    @Test("an empty file, a second document and broken YAML say so")
    func notYAML() {
        expect(.malformed, "the file is empty", "")
        expect(.malformed, "the file is empty", "# nothing but a comment\n")
        expect(.malformed, "another document", "name: a\n---\nname: b\n")
        expect(.malformed, "fuzz.yaml:1:1: the key \"name\" stands twice", "name: a\nname: b\n")
        expect(.malformed, "undefined alias", "name: *nobody\n")
        expect(.invalid, "fuzz.yaml:1:1: expected a mapping with name", "just a text\n")
        expect(.malformed, "a key must be a word, not a list", "[a, b]: c\n")
    }

    @Test("a file that is not there, a folder and bytes that are no text are refused")
    func unreadable() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("scenario-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(at: folder) } catch { Issue.record(error) }
        }
        let binary = folder.appendingPathComponent("binary.yaml")
        try Data([0xFF, 0xFE, 0x80]).write(to: binary)
        for path in ["/nowhere/at/all.yaml", folder.path, binary.path] {
            let error = #expect(throws: ScenarioError.self) { try Scenario.load(path: path) }
            #expect(error?.code == .unreadable)
            #expect(error?.message.contains(path) == true)
        }
    }

    private func expect(
        _ code: ScenarioError.Code,
        _ fragment: String,
        _ text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        do {
            _ = try Scenario.parse(text: text, fileName: "fuzz.yaml")
            Issue.record("no error, expected \(fragment)", sourceLocation: sourceLocation)
        } catch {
            #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
            #expect(error.message.contains(fragment), "\(error)", sourceLocation: sourceLocation)
        }
    }
}
