// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The tree-d of sectors without payload: one file for each sector size, which all of them share.
///
/// It lies beside a note of its SHA-256 and is compared with what it must hold, row by row, whenever a
/// sector takes it; what differs is made again. It is never written in place, and a sector that is done
/// with its tree-d only unlinks it. The unsealed file of such a sector needs no template: it is one
/// hole, which takes no room.
package struct DataTemplate: Sendable {
    /// How a sector gets the file, in the order in which the ways are tried.
    package enum Sharing: String, Hashable, Sendable, CaseIterable {
        /// Another file over the same blocks.
        case reflink
        /// Another name of the same file.
        case hardLink
        /// Its bytes again.
        case copy
    }

    private struct Note: Codable {
        let sha256: String
    }

    private static let chunkBytes: UInt64 = 1 << 20
    private static let noteByteCountMax = 1 << 12

    package let size: SectorSize
    /// The file of tree-d.
    package let path: String
    private let notePath: String
    private let observer: SealObserver

    /// The template of a size in a directory, which is made when it is needed.
    package init(directory: String, size: SectorSize, observer: SealObserver = .none) {
        self.size = size
        self.observer = observer
        path = "\(directory)/zero-\(size.name)-tree-d.dat"
        notePath = "\(directory)/zero-\(size.name)-tree-d.json"
    }

    /// Makes the file unless a right one is there. Several may do so at once.
    ///
    /// - Returns: its SHA-256 in hexadecimal.
    /// - Throws: ``SealingError`` `.inputOutput`, `.cancelled`.
    package func ensure() throws(SealingError) -> String {
        if let digest = try recordedDigest(), try isRight() {
            return digest
        }
        let file = try OutputFile(path, isShared: true)
        var hasher = SHA256()
        try forEachChunk { (_, bytes) throws(SealingError) in
            try file.append(bytes)
            hasher.update(bytes)
            return true
        }
        let digest = hasher.finalize().hex
        try file.protect()
        try file.commit()
        try Files.write(note: Note(sha256: digest), to: notePath, isShared: true)
        return digest
    }

    /// Puts the tree under a sector's name for it, in the first way that works.
    ///
    /// - Parameters:
    ///   - target: the sector's file; one that is there is replaced.
    ///   - ways: what to try, in order.
    /// - Returns: the way, and the file's SHA-256 in hexadecimal.
    /// - Throws: ``SealingError`` `.inputOutput` when none works, `.cancelled`.
    package func share(
        as target: String,
        ways: [Sharing] = Sharing.allCases
    ) throws(SealingError) -> (way: Sharing, digest: String) {
        let digest = try ensure()
        let source = try InputFile(path)
        for way in ways where try share(source, as: target, by: way) {
            return (way, digest)
        }
        throw SealingError(
            .inputOutput,
            "\(path) cannot be shared as \(target) by \(ways.map(\.rawValue).joined(separator: ", "))"
        )
    }

    private func share(
        _ source: InputFile,
        as target: String,
        by way: Sharing
    ) throws(SealingError) -> Bool {
        switch way {
        case .reflink:
            let file = try OutputFile(target)
            guard file.clone(source) else {
                return false
            }
            try file.commit()
        case .hardLink:
            let temporary = target + ".tmp"
            try Files.makeParent(of: target)
            try Files.remove(temporary)
            guard link(path, temporary) == 0 else {
                return false
            }
            /* A rename between two names of one file does nothing. */
            try Files.remove(target)
            try Files.rename(temporary, to: target)
        case .copy:
            let file = try OutputFile(target)
            var at: UInt64 = 0
            while at < source.size {
                try observer.step("tree-d copy", at, source.size)
                let count = min(DataTemplate.chunkBytes, source.size - at)
                try file.append(try source.read(at: at, count: Int(count)))
                at += count
            }
            try file.commit()
        }
        return true
    }

    /// The digest in the note, or nil when there is none that can be read.
    private func recordedDigest() throws(SealingError) -> String? {
        guard let count = try Files.size(notePath), count <= DataTemplate.noteByteCountMax else {
            return nil
        }
        let bytes = try Files.readAll(notePath, countMax: DataTemplate.noteByteCountMax)
        do {
            let note = try JSONDecoder().decode(Note.self, from: Data(bytes))
            return try Hex.decode(note.sha256).count == 32 ? note.sha256 : nil
        } catch {
            /* A note that cannot be read says nothing: the file is made again. */
            return nil
        }
    }

    /// Whether the file holds every row of the tree over zeros.
    private func isRight() throws(SealingError) -> Bool {
        guard try Files.size(path) == 32 * (2 * size.nodeCount - 1) else {
            return false
        }
        let file = try InputFile(path)
        return try forEachChunk { (at, bytes) throws(SealingError) in
            try file.read(at: at, count: bytes.count) == bytes
        }
    }

    /// Goes through the tree's bytes in order, until `body` says that it is enough.
    ///
    /// - Returns: whether it came to the end.
    @discardableResult
    private func forEachChunk(
        _ body: (_ offset: UInt64, _ bytes: [UInt8]) throws(SealingError) -> Bool
    ) throws(SealingError) -> Bool {
        let total = 32 * (2 * size.nodeCount - 1)
        var at: UInt64 = 0
        var row = size.bytes
        var level = 0
        while row >= 32 {
            let node = CommP.zeroRoot(level: level).bytes
            let count = min(row, DataTemplate.chunkBytes)
            var chunk: [UInt8] = []
            chunk.reserveCapacity(Int(count))
            for _ in 0..<count / 32 {
                chunk += node
            }
            for _ in 0..<row / count {
                try observer.step("tree-d template", at, total)
                guard try body(at, chunk) else {
                    return false
                }
                at += count
            }
            row /= 2
            level += 1
        }
        return true
    }
}

extension SealPipeline {
    /// Takes tree-d from the template, if there is a directory of them and the sector has no payload.
    ///
    /// - Returns: the file's SHA-256 in hexadecimal, or nil when the tree has to be built.
    func shareTreeD(commD: Commitment) throws(SealingError) -> String? {
        guard let directory = options.templateDirectory,
            commD == (try CommP.zero(paddedSize: size.bytes)),
            try isHole(paths.unsealed)
        else {
            return nil
        }
        return try DataTemplate(directory: directory, size: size, observer: observer)
            .share(as: paths.treeD).digest
    }

    /// Whether the whole file reads as zeros: holes are skipped, the rest is looked at.
    private func isHole(_ path: String) throws(SealingError) -> Bool {
        let file = try InputFile(path)
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        var at: UInt64 = 0
        while let start = try file.nextData(at: at) {
            try observer.step("data", start, file.size)
            let count = Int(min(1 << 20, file.size - start))
            guard
                try file.read(at: start, count: count)
                    == (count == zeros.count ? zeros : Array(zeros.prefix(count)))
            else {
                return false
            }
            at = start + UInt64(count)
        }
        return true
    }
}
