// SPDX-License-Identifier: Apache-2.0
private import Foundation

/// The directories that operators attached to a worker, kept in its `storage.json`.
package struct StoreList: Sendable {
    private struct Document: Codable {
        struct Entry: Codable {
            var path: String

            enum CodingKeys: String, CodingKey { case path = "Path" }
        }

        var paths: [Entry]

        enum CodingKeys: String, CodingKey { case paths = "StoragePaths" }
    }

    private let path: String

    /// Names the file; it need not be there.
    package init(path: String) { self.path = path }

    /// The directories, in the order in which they were attached.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func read() throws(EngineError) -> [String] {
        guard let bytes = try DiskFile.settings(path) else { return [] }
        do {
            return try JSONDecoder().decode(Document.self, from: Data(bytes)).paths.map(\.path)
        } catch {
            throw EngineError(
                code: .fileFailed,
                message: "\(path) is damaged: \(error); it holds {\"StoragePaths\": [{\"Path\": …}]}")
        }
    }

    /// Replaces the list.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func write(_ paths: [String]) throws(EngineError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            let bytes = [UInt8](try encoder.encode(Document(paths: paths.map { .init(path: $0) })))
            try DiskFile.make("\(path).new", bytes)
            try DiskFile.rename("\(path).new", to: path)
            try DiskFile.synchronizeDirectory((path as NSString).deletingLastPathComponent)
        } catch {
            throw EngineError(code: .fileFailed, message: "\(path) cannot be written: \(error)")
        }
    }
}
