// SPDX-License-Identifier: Apache-2.0
#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// File operations that name the path in every error.
enum Files {
    static func failure(_ what: String, _ path: String, _ number: Int32) -> SealingError {
        let reason = strerror(number).map { String(cString: $0) } ?? "error \(number)"
        let code: SealingError.Code = number == ENOENT ? .missingFile : .inputOutput
        return SealingError(code, "\(what) \(path): \(reason)")
    }

    /// Size of a regular file, or nil when nothing is there.
    static func size(_ path: String) throws(SealingError) -> UInt64? {
        var info = stat()
        guard stat(path, &info) == 0 else {
            let number = errno
            if number == ENOENT || number == ENOTDIR {
                return nil
            }
            throw failure("look at", path, number)
        }
        guard info.st_mode & S_IFMT == S_IFREG else {
            throw SealingError(.inputOutput, "\(path) is not a regular file")
        }
        return UInt64(info.st_size)
    }

    /// Demands a file of exactly `size` bytes.
    static func require(_ path: String, size: UInt64, _ what: String) throws(SealingError) {
        guard let found = try Files.size(path) else {
            throw SealingError(.missingFile, "\(what) \(path) does not exist")
        }
        guard found == size else {
            throw SealingError(
                .wrongFileSize,
                "\(what) \(path) has \(found) bytes where \(size) are needed"
            )
        }
    }

    /// Makes a directory and those above it.
    static func makeDirectory(_ path: String) throws(SealingError) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST {
            return
        }
        let number = errno
        guard number == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw failure("make directory", path, number)
        }
        try makeDirectory(String(path[..<slash]))
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw failure("make directory", path, errno)
        }
    }

    /// Makes the directory that holds `path`.
    static func makeParent(of path: String) throws(SealingError) {
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try makeDirectory(String(path[..<slash]))
        }
    }

    /// Removes a file; no error when it is not there.
    static func remove(_ path: String) throws(SealingError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw failure("remove", path, errno)
        }
    }

    static func rename(_ from: String, to path: String) throws(SealingError) {
        #if canImport(Glibc)
        let result = Glibc.rename(from, path)
        #else
        let result = Darwin.rename(from, path)
        #endif
        guard result == 0 else {
            throw failure("rename to", path, errno)
        }
        try synchronizeParent(of: path)
    }

    /// Makes a rename in the directory of `path` durable.
    static func synchronizeParent(of path: String) throws(SealingError) {
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(directory.isEmpty ? "/" : directory, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw failure("open directory", directory, errno)
        }
        defer { close(descriptor) }
        /* Some file systems cannot sync a directory; they say EINVAL and order renames anyway. */
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw failure("sync directory", directory, errno)
        }
    }

    /// A whole small file.
    ///
    /// - Throws: ``SealingError`` `.wrongFileSize` above `countMax` bytes.
    static func readAll(_ path: String, countMax: Int) throws(SealingError) -> [UInt8] {
        let file = try InputFile(path)
        guard file.size <= UInt64(countMax) else {
            throw SealingError(
                .wrongFileSize,
                "\(path) has \(file.size) bytes where at most \(countMax) are read"
            )
        }
        return try file.read(at: 0, count: Int(file.size))
    }

    /// Writes a small file under a temporary name, syncs it and renames it.
    static func write(_ bytes: [UInt8], to path: String) throws(SealingError) {
        let file = try OutputFile(path)
        try file.append(bytes)
        try file.commit()
    }

    static func read(
        _ descriptor: Int32,
        path: String,
        at offset: UInt64,
        count: Int
    ) throws(SealingError) -> [UInt8] {
        var number: Int32 = 0
        var done = 0
        // Safety: the buffer is written only within its capacity and counts what pread filled.
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while done < count, let base = buffer.baseAddress {
                let got = pread(
                    descriptor,
                    base + done,
                    count - done,
                    off_t(offset) + off_t(done)
                )
                if got < 0 && errno == EINTR {
                    continue
                }
                if got <= 0 {
                    number = got < 0 ? errno : 0
                    break
                }
                done += got
            }
            filled = done
        }
        guard done == count else {
            if number != 0 {
                throw failure("read", path, number)
            }
            throw SealingError(
                .wrongFileSize,
                "\(path) ends at byte \(offset + UInt64(done)) where \(count) bytes from "
                    + "\(offset) are needed"
            )
        }
        return bytes
    }

    static func write(
        _ descriptor: Int32,
        path: String,
        _ bytes: [UInt8],
        in range: Range<Int>,
        at offset: UInt64
    ) throws(SealingError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        var number: Int32 = 0
        // Safety: the buffer is borrowed for the writes and read only within its count.
        bytes.withUnsafeBytes { whole in
            let buffer = whole[range]
            var done = 0
            while done < buffer.count, let base = whole.baseAddress {
                let put = pwrite(
                    descriptor,
                    base + range.lowerBound + done,
                    buffer.count - done,
                    off_t(offset) + off_t(done)
                )
                if put < 0 && errno == EINTR {
                    continue
                }
                if put <= 0 {
                    number = put < 0 ? errno : ENOSPC
                    break
                }
                done += put
            }
        }
        guard number == 0 else {
            throw failure("write", path, number)
        }
    }
}

/// A file open for reading at any offset.
final class InputFile: Sendable {
    let path: String
    let size: UInt64
    let descriptor: Int32

    init(_ path: String) throws(SealingError) {
        guard let size = try Files.size(path) else {
            throw SealingError(.missingFile, "\(path) does not exist")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Files.failure("open", path, errno)
        }
        self.path = path
        self.size = size
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Exactly `count` bytes from `offset`.
    func read(at offset: UInt64, count: Int) throws(SealingError) -> [UInt8] {
        try Files.read(descriptor, path: path, at: offset, count: count)
    }

    /// One node.
    func node(_ index: UInt64) throws(SealingError) -> Commitment {
        Commitment(in: try read(at: 32 * index, count: 32))
    }
}

/// A file that appears under its name only when it is complete and on the disk.
///
/// It is written under a temporary name; `commit` syncs and renames it. Without `commit` the
/// temporary file is removed. One thread uses it at a time.
final class OutputFile {
    let path: String
    private let temporary: String
    let descriptor: Int32
    private var isCommitted = false
    /// Bytes appended so far.
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

    /// Takes over a temporary file that is open and empty.
    init(_ path: String, temporary: String, descriptor: Int32) {
        self.path = path
        self.temporary = temporary
        self.descriptor = descriptor
    }

    deinit {
        /* The name goes first: while the file is open, a lock on it keeps others from taking it up. */
        if !isCommitted {
            unlink(temporary)
        }
        close(descriptor)
    }

    func append(_ bytes: [UInt8]) throws(SealingError) {
        try append(bytes, in: 0..<bytes.count)
    }

    func append(_ bytes: [UInt8], in range: Range<Int>) throws(SealingError) {
        try Files.write(descriptor, path: temporary, bytes, in: range, at: count)
        count += UInt64(range.count)
        writeBack(upTo: count)
    }

    /// Reads back what was appended.
    func read(at offset: UInt64, count: Int) throws(SealingError) -> [UInt8] {
        try Files.read(descriptor, path: temporary, at: offset, count: count)
    }

    /// Syncs, renames to the final name, and syncs the directory.
    func commit() throws(SealingError) {
        guard fsync(descriptor) == 0 else {
            throw Files.failure("sync", temporary, errno)
        }
        try Files.rename(temporary, to: path)
        isCommitted = true
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
