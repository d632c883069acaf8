// SPDX-License-Identifier: Apache-2.0
private import Foundation
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
    package func move(_ sector: SectorIdentity, to destination: SectorDirectory) throws(EngineError) {
        for part in ["unsealed", "sealed", "cache", "notes"] {
            let name = part == "notes" ? "\(sector.fileName).json" : sector.fileName
            try Self.moveItem("\(root)/\(part)/\(name)", to: "\(destination.root)/\(part)/\(name)")
        }
    }

    /// Deletes what is left of a sector, unfinished files too.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func remove(_ sector: SectorIdentity) throws(EngineError) {
        let files = ["unsealed", "sealed"].flatMap { part in
            ["", ".staging", ".partial", ".tmp"].map { "\(root)/\(part)/\(sector.fileName)\($0)" }
        }
        for path in files + ["\(root)/cache/\(sector.fileName)", notes(of: sector)]
        where FileManager.default.fileExists(atPath: path) {
            do { try FileManager.default.removeItem(atPath: path) } catch {
                throw EngineError(code: .fileFailed, message: "\(path) cannot be removed: \(error)")
            }
        }
    }

    private static func moveItem(_ source: String, to target: String) throws(EngineError) {
        let files = FileManager.default
        // A move that was interrupted after its rename has nothing left to do.
        guard files.fileExists(atPath: source) else { return }
        let temporary = target + ".moving"
        do {
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
