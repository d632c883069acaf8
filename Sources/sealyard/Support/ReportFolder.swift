// SPDX-License-Identifier: Apache-2.0

/// Where a run's page and tables go.
struct ReportFolder {
    private let path: String

    init(_ path: String) { self.path = path }

    /// Writes files, each complete or not at all, and says where they are and whether they took the place of
    /// others.
    ///
    /// - Parameter files: names and contents; the one to begin with first.
    /// - Throws: ``CommandError`` where one cannot be written.
    func write(_ files: [(name: String, text: String)]) throws(CommandError) {
        try FileText.makeDirectory(path)
        var replacedCount = 0
        for file in files {
            let place = path + "/" + file.name
            if FileText.exists(place) { replacedCount += 1 }
            try FileText.write(Array(file.text.utf8), to: place)
        }
        let first = files.first.map { "; begin with \($0.name)" } ?? ""
        let replaced = replacedCount > 0 ? " (in place of those of an earlier run)" : ""
        Console.note("\(files.count) files are in \(path)\(replaced)\(first)")
    }
}
