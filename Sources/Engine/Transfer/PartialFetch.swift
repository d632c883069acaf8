// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Foundation
private import Sealing
private import Synchronization

/// A sector's files on their way: what is there, and which parts of it were verified.
///
/// All lies in `fetching/<sector>/` of the store, beside a log whose first line is the list of files; every
/// record after it names a chunk and its digest. A record is written when its bytes are on the disk. Whoever
/// goes on after a break reads the chunks of all records again and keeps those whose digest is right.
package final class PartialFetch: Sendable {
    /// The log's first line.
    private struct Header: Codable {
        var version = 1
        var chunkBytes: Int
        var manifest: FileManifest
    }

    private struct State {
        /// By file and chunk.
        var digests: [[[UInt8]?]]
        var unwritten: [(file: Int, chunk: Int, digest: [UInt8])] = []
        var logBytes: UInt64
    }

    package let manifest: FileManifest
    package let chunkBytes: Int
    private let root: String
    private let folder: String
    private let state: Mutex<State>

    private static let recordBytes = 4 + 4 + 32 + 8
    /// In place of a file's number: all is there and was confirmed, the files get their names.
    private static let installs = UInt32.max

    private static func folder(_ sector: SectorKey, _ root: String) -> String {
        "\(root)/fetching/\(sector.fileName)"
    }

    private static func log(_ folder: String) -> String { "\(folder)/fetch.log" }

    /// Goes on with what an earlier fetch of the same files left, or begins anew.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package init(_ manifest: FileManifest, chunkBytes: Int, in root: String) throws(EngineError) {
        self.manifest = manifest
        self.chunkBytes = chunkBytes
        self.root = root
        folder = Self.folder(manifest.sector, root)
        let counts = manifest.files.indices.map { manifest.chunkCount($0, chunkBytes) }
        var digests = counts.map { [[UInt8]?](repeating: nil, count: $0) }
        if let known = try Self.read(Self.log(folder)), known.header.manifest == manifest,
            known.header.chunkBytes == chunkBytes
        {
            for record in known.records where record.file != Self.installs {
                let (file, chunk) = (Int(record.file), Int(record.chunk))
                guard file < counts.count, chunk < counts[file] else { continue }
                let range = manifest.range(file, chunk, chunkBytes)
                let path = "\(folder)/\(manifest.files[file].path)"
                guard let facts = try DiskFile.facts(path), facts.bytes >= range.offset + UInt64(range.count),
                    SHA256.hash(try DiskFile(reading: path).read(at: range.offset, count: range.count)).bytes
                        == record.digest
                else { continue }
                digests[file][chunk] = record.digest
            }
        } else {
            try Self.remove(folder)
        }
        state = Mutex(State(digests: digests, logBytes: 0))
        try prepare()
    }

    /// Makes the files, and the log with what was found right.
    private func prepare() throws(EngineError) {
        for file in manifest.files {
            let path = "\(folder)/\(file.path)"
            try Self.makeDirectory(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
            try DiskFile(writing: path).setLength(file.bytes)
        }
        let temporary = Self.log(folder) + ".tmp"
        try Self.remove(temporary)
        let header: Data
        do { header = try JSONEncoder().encode(Header(chunkBytes: chunkBytes, manifest: manifest)) } catch {
            throw EngineError(code: .fileFailed, message: "\(temporary) cannot be written: \(error)")
        }
        let line = [UInt8](header) + [UInt8(ascii: "\n")]
        let known = state.withLock { state in
            state.digests.enumerated().flatMap { file, chunks in
                chunks.enumerated().compactMap { chunk, digest in digest.map { (file, chunk, $0) } }
            }
        }
        let bytes = line + known.flatMap { Self.record(UInt32($0.0), UInt32($0.1), $0.2) }
        let log = try DiskFile(writing: temporary)
        try log.write(bytes, at: 0)
        try log.synchronize()
        try DiskFile.rename(temporary, to: Self.log(folder))
        try DiskFile.synchronizeDirectory(folder)
        state.withLock { $0.logBytes = UInt64(bytes.count) }
    }

    // MARK: Chunks

    /// A chunk that is not there yet.
    package struct Chunk: Sendable, Hashable {
        package let file: Int
        package let chunk: Int
        package let offset: UInt64
        package let count: Int
    }

    /// What is still to be fetched, in order.
    package var missing: [Chunk] {
        state.withLock { $0.digests }.enumerated().flatMap { file, chunks in
            chunks.indices.filter { chunks[$0] == nil }.map { chunk in
                let range = manifest.range(file, chunk, chunkBytes)
                return Chunk(file: file, chunk: chunk, offset: range.offset, count: range.count)
            }
        }
    }

    /// Bytes that are there and verified.
    package var verifiedBytes: UInt64 { manifest.totalBytes - missing.reduce(0) { $0 + UInt64($1.count) } }

    /// Writes a chunk that was verified; it is recorded with the next ``synchronize()``.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`, which names the file and the byte.
    package func write(_ bytes: [UInt8], _ digest: [UInt8], at chunk: Chunk) throws(EngineError) {
        let path = "\(folder)/\(manifest.files[chunk.file].path)"
        try DiskFile(writing: path).write(bytes, at: chunk.offset)
        state.withLock { $0.unwritten.append((chunk.file, chunk.chunk, digest)) }
    }

    /// Brings what was written to the disk, then records it.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func synchronize() throws(EngineError) {
        let fresh = state.withLock { state in
            defer { state.unwritten = [] }
            return state.unwritten
        }
        guard !fresh.isEmpty else { return }
        for file in Set(fresh.map(\.file)).sorted() {
            try DiskFile(writing: "\(folder)/\(manifest.files[file].path)").synchronize()
        }
        try append(fresh.flatMap { Self.record(UInt32($0.file), UInt32($0.chunk), $0.digest) })
        state.withLock { state in
            for record in fresh { state.digests[record.file][record.chunk] = record.digest }
        }
    }

    /// The digest of a file whose chunks are all there.
    package func digest(of file: Int) -> [UInt8] {
        FileDigest.of(state.withLock { $0.digests[file] }.compactMap(\.self))
    }

    /// Throws away what is there of a file: it is not what the source has.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func forget(_ file: Int) throws(EngineError) {
        state.withLock { state in
            state.digests[file] = state.digests[file].map { _ in nil }
        }
        try prepare()
    }

    private func append(_ bytes: [UInt8]) throws(EngineError) {
        let offset = state.withLock { state in
            defer { state.logBytes += UInt64(bytes.count) }
            return state.logBytes
        }
        let log = try DiskFile(writing: Self.log(folder))
        try log.write(bytes, at: offset)
        try log.synchronize()
    }

    // MARK: The end

    /// Gives all files their names, in place of older ones.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`; it is ended later by ``finishInstall(of:in:)``.
    package func install() throws(EngineError) {
        precondition(missing.isEmpty, "only what is complete gets its name")
        try synchronize()
        try append(Self.record(Self.installs, 0, [UInt8](repeating: 0, count: 32)))
        try Self.rename(manifest, from: folder, to: root)
    }

    /// Ends an ``install()`` that was interrupted.
    ///
    /// - Returns: whether there was one; the sector's files are complete then.
    /// - Throws: ``EngineError`` with `fileFailed`.
    @discardableResult
    package static func finishInstall(of sector: SectorKey, in root: String) throws(EngineError) -> Bool {
        let folder = folder(sector, root)
        guard let known = try read(log(folder)), known.records.contains(where: { $0.file == installs }) else {
            return false
        }
        try rename(known.header.manifest, from: folder, to: root)
        return true
    }

    private static func rename(
        _ manifest: FileManifest, from folder: String, to root: String
    ) throws(EngineError) {
        let wanted = Set(
            manifest.files.map { $0.path.split(separator: "/").prefix(2).joined(separator: "/") })
        for part in FileManifest.parts(of: manifest.sector) where wanted.contains(part) {
            // One that is not there any more was renamed before a break.
            guard try DiskFile.facts("\(folder)/\(part)") != nil else { continue }
            let target = "\(root)/\(part)"
            let parent = String(target[..<(target.lastIndex(of: "/") ?? target.endIndex)])
            try makeDirectory(parent)
            try remove(target)
            try DiskFile.rename("\(folder)/\(part)", to: target)
            try DiskFile.synchronizeDirectory(parent)
        }
        try remove(folder)
    }

    /// Deletes what is left of a fetch that nobody will go on with.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package static func discard(_ sector: SectorKey, in root: String) throws(EngineError) {
        try remove(folder(sector, root))
    }

    /// Bytes of the disk that a fetch has taken so far.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    static func takenBytes(of sector: SectorKey, in root: String) throws(EngineError) -> UInt64 {
        let folder = folder(sector, root)
        guard let known = try read(log(folder)) else { return 0 }
        var sum: UInt64 = 0
        for file in known.header.manifest.files {
            sum += try DiskFile.takenBytes("\(folder)/\(file.path)")
        }
        return sum
    }

    /// The time since anything was recorded of a fetch; `nil` where there is none.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    static func idle(_ sector: SectorKey, in root: String, wall: Int64) throws(EngineError) -> Duration? {
        let folder = folder(sector, root)
        // A folder without a log was cut off when it began.
        for path in [log(folder), folder] {
            if let facts = try DiskFile.facts(path) { return .nanoseconds(wall - facts.modified) }
        }
        return nil
    }

    // MARK: The log

    private static func record(_ file: UInt32, _ chunk: UInt32, _ digest: [UInt8]) -> [UInt8] {
        let body = bytes(file) + bytes(chunk) + digest
        return body + SHA256.hash(body).bytes.prefix(8)
    }

    private static func bytes(_ word: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - $0 * 8)) }
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Reads a log up to its first damaged record; `nil` where there is none, or its first line is damaged:
    /// then nothing of the fetch can be trusted.
    private static func read(
        _ path: String
    ) throws(EngineError) -> (header: Header, records: [(file: UInt32, chunk: UInt32, digest: [UInt8])])? {
        guard let facts = try DiskFile.facts(path), !facts.isDirectory else { return nil }
        let bytes = try DiskFile(reading: path).read(at: 0, count: Int(facts.bytes))
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let header: Header
        do { header = try JSONDecoder().decode(Header.self, from: Data(bytes[..<end])) } catch { return nil }
        guard header.version == 1 else { return nil }
        var records: [(file: UInt32, chunk: UInt32, digest: [UInt8])] = []
        var at = end + 1
        while at + recordBytes <= bytes.count {
            let body = Array(bytes[at..<(at + 40)])
            guard SHA256.hash(body).bytes.prefix(8).elementsEqual(bytes[(at + 40)..<(at + recordBytes)])
            else {
                break
            }
            records.append((word(body[0..<4]), word(body[4..<8]), Array(body[8...])))
            at += recordBytes
        }
        return (header, records)
    }

    private static func makeDirectory(_ path: String) throws(EngineError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw EngineError(code: .fileFailed, message: "\(path) cannot be made: \(error)")
        }
    }

    private static func remove(_ path: String) throws(EngineError) {
        guard try DiskFile.facts(path) != nil else { return }
        do { try FileManager.default.removeItem(atPath: path) } catch {
            throw EngineError(code: .fileFailed, message: "\(path) cannot be removed: \(error)")
        }
    }
}
