// SPDX-License-Identifier: Apache-2.0

/// How long a wrong scenario takes to be refused: every line of a sound one is spoilt in several ways, one
/// at a time.
package struct RefusalBenchmark {
    /// One spoilt file.
    package struct Wrong: Sendable, Hashable {
        /// What was done to it, with the line.
        package var what: String
        package var text: String
    }

    /// One spoilt file that was read.
    package struct Row: Sendable, Hashable {
        package var what: String
        package var nanoseconds: Int64
        /// What was said of it first; `nil` where it is still a sound scenario.
        package var message: String?
    }

    package let wrongs: [Wrong]

    /// Spoils the lines of a text.
    package init(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var wrongs: [Wrong] = []
        for (index, line) in lines.enumerated() {
            let body = line.prefix { $0 != "#" }
            guard let colon = body.firstIndex(of: ":"), body.contains(where: \.isLetter) else { continue }
            func add(_ what: String, _ changed: String?) {
                var all = lines
                if let changed { all[index] = changed } else { all.remove(at: index) }
                wrongs.append(Wrong(what: "line \(index + 1): \(what)", text: all.joined(separator: "\n")))
            }
            add("a key misspelled", line[..<colon] + "x" + line[colon...])
            add("a value of another kind", line[...colon] + " [~]")
            add("a quote that does not end", line + " \"")
            add("a bracket that does not end", line + " {")
            add("left out", nil)
        }
        self.wrongs = wrongs
    }

    /// Reads every file.
    ///
    /// - Parameter clock: monotonic nanoseconds.
    package func run(clock: () -> Int64) -> [Row] {
        wrongs.map { wrong in
            let began = clock()
            var message: String?
            do throws(ScenarioError) {
                _ = try Scenario.parse(text: wrong.text, fileName: "wrong.yaml")
            } catch {
                message = error.diagnostics.first?.description
            }
            return Row(what: wrong.what, nanoseconds: clock() - began, message: message)
        }
    }
}
