// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Foundation
package import Scheduler
package import Sealing

/// A directory that holds sectors as the reference lays them out: `unsealed/`, `sealed/` and `cache/`.
package struct SectorDirectory: Sendable {
    package let root: String

    /// Makes the directory with its three parts, and one for notes.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package init(root: String) throws(EngineError) {
        self.root = root
        for part in ["unsealed", "sealed", "cache", "notes"] {
            do {
                try FileManager.default.createDirectory(
                    atPath: "\(root)/\(part)", withIntermediateDirectories: true)
            } catch {
                throw EngineError(code: .fileFailed, message: "\(root)/\(part) cannot be made: \(error)")
            }
        }
    }

    /// Takes a directory as it is, and makes nothing there: one that is only read.
    package init(readingAt root: String) { self.root = root }

    /// What lies here of a sector.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func held(_ sector: SectorKey) throws(EngineError) -> SectorFiles {
        try FileManifest(of: sector, in: root).held
    }

    /// All sectors that have files here, in order.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func sectors() throws(EngineError) -> [SectorKey] {
        var keys: Set<SectorKey> = []
        for type in SectorFileType.allCases {
            let folder = "\(root)/\(type.rawValue)"
            guard try DiskFile.facts(folder) != nil else { continue }
            do {
                for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                    if let key = SectorKey(fileName: name) { keys.insert(key) }
                }
            } catch {
                throw EngineError(code: .fileFailed, message: "\(folder) cannot be listed: \(error)")
            }
        }
        return keys.sorted()
    }

    /// Sectors whose fetch into this directory has not ended, in order.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func fetching() throws(EngineError) -> [SectorKey] {
        let folder = "\(root)/fetching"
        guard try DiskFile.facts(folder) != nil else { return [] }
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder)
                .compactMap { SectorKey(fileName: $0) }.sorted()
        } catch {
            throw EngineError(code: .fileFailed, message: "\(folder) cannot be listed: \(error)")
        }
    }

    /// Bytes that the file system has free here, as the worker's store offers them.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func freeBytes() throws(EngineError) -> UInt64 {
        do {
            let facts = try FileManager.default.attributesOfFileSystem(forPath: root)
            if let free = facts[.systemFreeSize] as? NSNumber { return free.uint64Value }
        } catch {
            throw EngineError(
                code: .fileFailed, message: "the free space of \(root) cannot be read: \(error)")
        }
        throw EngineError(code: .fileFailed, message: "the file system of \(root) does not say what is free")
    }

    package func paths(of sector: SectorIdentity) -> SectorPaths { SectorPaths(root: root, sector: sector) }

    func notes(of sector: SectorIdentity) -> String { "\(root)/notes/\(sector.fileName).json" }

    /// Moves a sector's files into `destination`, each under a temporary name first; safe to repeat.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func move(_ sector: SectorKey, to destination: SectorDirectory) throws(EngineError) {
        for part in FileManifest.parts(of: sector) {
            try Self.moveItem("\(root)/\(part)", to: "\(destination.root)/\(part)")
        }
    }

    /// Deletes what is left of a sector, unfinished files and fetches too.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func remove(_ sector: SectorKey) throws(EngineError) {
        try remove(parts: FileManifest.parts(of: sector))
        try PartialFetch.discard(sector, in: root)
    }

    /// Deletes what a replica update has made beside the sector's own files.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    func removeUpdate(_ sector: SectorKey) throws(EngineError) {
        let folders = [SectorFileType.update, .updateCache].map { "\($0.rawValue)/" }
        try remove(
            parts: FileManifest.parts(of: sector).filter { part in folders.contains { part.hasPrefix($0) } })
    }

    private func remove(parts: [String]) throws(EngineError) {
        let files = parts.flatMap { part in
            ["", ".staging", ".partial", ".tmp", ".moving"].map { "\(root)/\(part)\($0)" }
        }
        for path in files where FileManager.default.fileExists(atPath: path) {
            do { try FileManager.default.removeItem(atPath: path) } catch {
                throw EngineError(code: .fileFailed, message: "\(path) cannot be removed: \(error)")
            }
        }
    }

    package func remove(_ sector: SectorIdentity) throws(EngineError) { try remove(sector.key) }

    private static func moveItem(_ source: String, to target: String) throws(EngineError) {
        let files = FileManager.default
        // A move that was interrupted after its rename has nothing left to do.
        guard files.fileExists(atPath: source) else { return }
        let temporary = target + ".moving"
        do {
            let parent = (target as NSString).deletingLastPathComponent
            if !files.fileExists(atPath: parent) {
                try files.createDirectory(atPath: parent, withIntermediateDirectories: true)
            }
            if files.fileExists(atPath: temporary) { try files.removeItem(atPath: temporary) }
            if files.fileExists(atPath: target) { try files.removeItem(atPath: target) }
            if rename(source, target) == 0 { return }
            guard errno == EXDEV else {
                throw EngineError(
                    code: .fileFailed,
                    message: "\(source) cannot be moved to \(target): \(String(cString: strerror(errno)))")
            }
            try files.copyItem(atPath: source, toPath: temporary)
            try files.moveItem(atPath: temporary, toPath: target)
            try files.removeItem(atPath: source)
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError(code: .fileFailed, message: "\(source) cannot be moved to \(target): \(error)")
        }
    }
}

extension SectorIdentity {
    /// The sector, whatever its kind of proof.
    package var key: SectorKey { SectorKey(miner: minerID, number: number) }
}
