// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Foundation
package import Scheduler
internal import Sealing

/// Every file of a sector in one directory: what a fetch has to bring.
package struct FileManifest: Sendable, Hashable, Codable {
    /// A file as its source has it.
    package struct File: Sendable, Hashable, Codable {
        /// From the directory's root: `cache/s-t01000-1/p_aux`.
        package var path: String
        package var bytes: UInt64
        /// When it was last changed, in nanoseconds since the Unix epoch.
        package var modified: Int64
    }

    package var sector: SectorKey
    /// In order of their paths.
    package var files: [File]

    package var totalBytes: UInt64 { files.reduce(0) { $0 + $1.bytes } }

    /// The kinds of files, those of our own notes left out.
    package var types: [SectorFileType] {
        let parts = Set(files.compactMap { $0.path.split(separator: "/").first.map(String.init) })
        return SectorFileType.allCases.filter { parts.contains($0.rawValue) }
    }

    /// What the sector takes there.
    package var held: SectorFiles { SectorFiles(sector: sector, types: types, bytes: totalBytes) }

    /// Names these files in this state: another file, length or change gives another digest.
    package var digest: [UInt8] {
        var text = "\(sector)\n"
        for file in files { text += "\(file.path)\n\(file.bytes) \(file.modified)\n" }
        return SHA256.hash(Array(text.utf8)).bytes
    }

    /// The folders and files of a sector, from a directory's root; notes come last.
    static func parts(of sector: SectorKey) -> [String] {
        SectorFileType.allCases.map { "\($0.rawValue)/\(sector.fileName)" }
            + ["notes/\(sector.fileName).json"]
    }

    /// Files that a step makes for itself and nobody else needs.
    private static let passing = [".tmp", ".moving", ".staging"]

    init(sector: SectorKey, files: [File]) {
        self.sector = sector
        self.files = files
    }

    /// Lists what a directory holds of a sector; no files where it holds nothing.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package init(of sector: SectorKey, in root: String) throws(EngineError) {
        self.sector = sector
        files = []
        for part in Self.parts(of: sector) {
            guard let facts = try DiskFile.facts("\(root)/\(part)") else { continue }
            if facts.isDirectory {
                for name in try Self.names(in: "\(root)/\(part)")
                where !Self.passing.contains(where: name.hasSuffix) {
                    // One that went meanwhile is no file any more.
                    guard let facts = try DiskFile.facts("\(root)/\(part)/\(name)") else { continue }
                    guard !facts.isDirectory else {
                        throw EngineError(
                            code: .fileFailed,
                            message: "\(root)/\(part)/\(name) is a directory; a sector has none there")
                    }
                    files.append(
                        File(path: "\(part)/\(name)", bytes: facts.bytes, modified: facts.modified))
                }
            } else {
                files.append(File(path: part, bytes: facts.bytes, modified: facts.modified))
            }
        }
        files.sort { $0.path < $1.path }
    }

    private static func names(in directory: String) throws(EngineError) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: directory).sorted() } catch {
            throw EngineError(code: .fileFailed, message: "\(directory) cannot be listed: \(error)")
        }
    }

    /// A sector's files are few; more than so many are not believed.
    private static let fileCountMax = 10_000

    /// Checks what a peer says: only files of that sector, each in its place.
    ///
    /// - Throws: ``EngineError`` with `checkFailed`.
    package func check(for sector: SectorKey) throws(EngineError) {
        func refuse(_ what: String) -> EngineError {
            EngineError(code: .checkFailed, message: "the list of files of \(sector): \(what)")
        }
        guard self.sector == sector else { throw refuse("it is of \(self.sector)") }
        guard files.count <= Self.fileCountMax else { throw refuse("\(files.count) files are too many") }
        let parts = Self.parts(of: sector)
        for file in files {
            let words = file.path.split(separator: "/", omittingEmptySubsequences: false)
            let isSafe = words.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.contains("\0") }
            guard isSafe, words.count == 2 || words.count == 3,
                parts.contains(words.prefix(2).joined(separator: "/"))
            else { throw refuse("'\(file.path.prefix(256))' is no file of it") }
            guard file.bytes <= 1 << 50 else { throw refuse("\(file.path) has \(file.bytes) bytes") }
        }
        guard zip(files, files.dropFirst()).allSatisfy({ $0.path < $1.path }) else {
            throw refuse("it is not in order")
        }
    }

    /// The number of chunks of a file.
    func chunkCount(_ file: Int, _ chunkBytes: Int) -> Int {
        Int((files[file].bytes + UInt64(chunkBytes) - 1) / UInt64(chunkBytes))
    }

    /// Where a chunk lies in its file.
    func range(_ file: Int, _ chunk: Int, _ chunkBytes: Int) -> (offset: UInt64, count: Int) {
        let offset = UInt64(chunk) * UInt64(chunkBytes)
        return (offset, Int(min(UInt64(chunkBytes), files[file].bytes - offset)))
    }
}

extension SectorKey {
    /// The name of the sector's files.
    package var fileName: String { "s-t0\(miner)-\(number)" }

    /// Reads the name of a sector's file; `nil` where it is none.
    package init?(fileName: some StringProtocol) {
        guard fileName.hasPrefix("s-t0") else { return nil }
        let numbers = fileName.dropFirst(4).split(separator: "-", omittingEmptySubsequences: false)
        guard numbers.count == 2, let miner = UInt64(numbers[0]), let number = UInt64(numbers[1]) else {
            return nil
        }
        self.init(miner: miner, number: number)
    }
}
