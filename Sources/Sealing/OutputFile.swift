// SPDX-License-Identifier: Apache-2.0
import CSealing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A file that appears under its name only when it is complete and on the disk.
///
/// It is written under a temporary name; `commit` syncs and renames it. Without `commit` the
/// temporary file is removed, unless it is one that a later run goes on with. One thread uses it at a
/// time.
final class OutputFile {
    let path: String
    private let temporary: String
    let descriptor: Int32
    /// Whether the file under the temporary name goes when this object does.
    private var isTemporary = true
    /// Digest of what was appended since ``takeDigest()``, if anyone asks for it.
    private var digest: SHA256?
    /// Bytes in the file so far.
    var count: UInt64 = 0
    /// Bytes that the disk has been asked for.
    var writtenBack: UInt64 = 0

    /// Creates the temporary file.
    ///
    /// - Parameters:
    ///   - path: the final name.
    ///   - isShared: whether others may make the same file at the same time; the temporary name is
    ///     then unique, else it is `path` with `.tmp` and replaces what a killed run left.
    /// - Throws: ``SealingError`` `.inputOutput`.
    init(_ path: String, isShared: Bool = false) throws(SealingError) {
        try Files.makeParent(of: path)
        self.path = path
        if isShared {
            var name = Array("\(path).XXXXXX".utf8CString)
            descriptor = mkstemp(&name)
            temporary = String(
                decoding: name.dropLast().map(UInt8.init(bitPattern:)),
                as: UTF8.self
            )
        } else {
            temporary = path + ".tmp"
            descriptor = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        }
        guard descriptor >= 0, !isShared || fchmod(descriptor, 0o644) == 0 else {
            throw Files.failure("create", temporary, errno)
        }
    }

    /// Opens the partial file of an earlier run, or makes it, and cuts off what lies behind `count`.
    ///
    /// Until `commit` it is kept, whatever happens, and digests are taken of what is appended.
    ///
    /// - Throws: ``SealingError`` `.inputOutput`, `.wrongFileSize` when it holds fewer bytes.
    init(resuming path: String, at count: UInt64) throws(SealingError) {
        try Files.makeParent(of: path)
        self.path = path
        temporary = OutputFile.partial(path)
        let held = try Files.size(temporary) ?? 0
        guard held >= count else {
            throw SealingError(
                .wrongFileSize,
                "\(temporary) has \(held) bytes where a run goes on at \(count)"
            )
        }
        isTemporary = false
        self.count = count
        writtenBack = count
        digest = SHA256()
        descriptor = open(temporary, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Files.failure("open", temporary, errno)
        }
        guard ftruncate(descriptor, off_t(count)) == 0 else {
            throw Files.failure("set the length of", temporary, errno)
        }
    }

    /// Takes over a temporary file that is open and empty.
    init(_ path: String, temporary: String, descriptor: Int32) {
        self.path = path
        self.temporary = temporary
        self.descriptor = descriptor
    }

    /// Where a file lies that a later run goes on with.
    static func partial(_ path: String) -> String {
        path + ".partial"
    }

    deinit {
        /* The name goes first: while the file is open, a lock on it keeps others from taking it up. */
        if isTemporary {
            unlink(temporary)
        }
        close(descriptor)
    }

    /// SHA-256, in hexadecimal, of the bytes appended since the last call or the opening.
    func takeDigest() -> String {
        defer { digest = SHA256() }
        return (digest ?? SHA256()).finalize().hex
    }

    /// Makes what was appended durable under the temporary name.
    func synchronize() throws(SealingError) {
        guard fsync(descriptor) == 0 else {
            throw Files.failure("sync", temporary, errno)
        }
    }

    /// Shares the blocks of another file, where the file system can.
    ///
    /// - Returns: whether the file now has the other's bytes; if not, it is as before.
    func clone(_ source: InputFile) -> Bool {
        guard csealing_host_clone_file(descriptor, source.descriptor) == 0 else { return false }
        count = source.size
        return true
    }

    func append(_ bytes: [UInt8]) throws(SealingError) {
        try append(bytes, in: 0..<bytes.count)
    }

    func append(_ bytes: [UInt8], in range: Range<Int>) throws(SealingError) {
        try Files.write(descriptor, path: temporary, bytes, in: range, at: count)
        count += UInt64(range.count)
        digest?.update(bytes, in: range)
        writeBack(upTo: count)
    }

    /// Reads back what was appended.
    func read(at offset: UInt64, count: Int) throws(SealingError) -> [UInt8] {
        try Files.read(descriptor, path: temporary, at: offset, count: count)
    }

    /// Takes the right to write from everyone, for a file that many names will share.
    func protect() throws(SealingError) {
        guard fchmod(descriptor, 0o444) == 0 else {
            throw Files.failure("protect", temporary, errno)
        }
    }

    /// Syncs, renames to the final name, and syncs the directory.
    func commit() throws(SealingError) {
        try synchronize()
        try Files.rename(temporary, to: path)
        isTemporary = false
    }
}

/// The data of a sector that is still being filled.
final class StagingFile {
    private let path: String
    private let descriptor: Int32

    /// Opens or makes the file, which must hold at least `count` bytes, and cuts off the rest.
    ///
    /// A caller that was stopped after the sector became full, and before it knew, comes again
    /// with fewer pieces: the file then lies under its final name, `complete`, and is taken back.
    init(_ path: String, complete: String, count: UInt64) throws(SealingError) {
        var size = try Files.size(path)
        if size == nil, count > 0, try Files.size(complete) != nil {
            try Files.rename(complete, to: path)
            size = try Files.size(path)
        }
        let found = size ?? 0
        guard found >= count else {
            throw SealingError(
                .wrongFileSize,
                "\(path) has \(found) bytes where the pieces hold \(count)"
            )
        }
        try Files.makeParent(of: path)
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Files.failure("open", path, errno)
        }
        try setCount(count)
    }

    deinit {
        close(descriptor)
    }

    func write(_ bytes: [UInt8], at offset: UInt64) throws(SealingError) {
        try Files.write(descriptor, path: path, bytes, in: 0..<bytes.count, at: offset)
    }

    /// Sets the length (new bytes are zeros) and makes the file durable.
    func finish(count: UInt64) throws(SealingError) {
        try setCount(count)
        guard fsync(descriptor) == 0 else {
            throw Files.failure("sync", path, errno)
        }
    }

    private func setCount(_ count: UInt64) throws(SealingError) {
        guard ftruncate(descriptor, off_t(count)) == 0 else {
            throw Files.failure("set the length of", path, errno)
        }
    }
}
