// SPDX-License-Identifier: Apache-2.0
private import Foundation
internal import Sealing

/// What a worker must remember of a sector between two tasks: kept beside the sector's files.
struct SectorNotes: Codable, Sendable {
    var version = 1
    var pieces: [PieceInfo] = []
    var ticket: Commitment?
    var preCommit1: PreCommit1Output?
    var preCommit2: PreCommit2Output?

    /// Reads the notes of a sector; empty notes where there are none.
    ///
    /// - Throws: ``EngineError`` with `fileFailed` where the file is damaged.
    static func load(_ path: String) throws(EngineError) -> SectorNotes {
        guard FileManager.default.fileExists(atPath: path) else { return SectorNotes() }
        do {
            let notes = try JSONDecoder().decode(
                SectorNotes.self, from: try Data(contentsOf: URL(fileURLWithPath: path)))
            guard notes.version == 1 else {
                throw EngineError(
                    code: .fileFailed,
                    message: "\(path) has version \(notes.version); this program reads version 1")
            }
            return notes
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError(code: .fileFailed, message: "\(path) is damaged: \(error)")
        }
    }

    /// Writes the notes under a temporary name and renames them.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    func save(_ path: String) throws(EngineError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do {
            try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw EngineError(code: .fileFailed, message: "\(path) cannot be written: \(error)")
        }
    }
}
