// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// File operations that name the path in every error.
enum Files {
    static func failure(_ what: String, _ path: String, _ number: Int32) -> SealingError {
        let reason = strerror(number).map { String(cString: $0) } ?? "error \(number)"
        let code: SealingError.Code =
            switch number {
            case ENOENT: .missingFile
            case ENOSPC, EDQUOT: .noSpace
            default: .inputOutput
            }
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
    ///
    /// - Parameter isShared: whether others may make the same file at the same time.
    static func write(_ bytes: [UInt8], to path: String, isShared: Bool = false) throws(SealingError) {
        let file = try OutputFile(path, isShared: isShared)
        try file.append(bytes)
        try file.commit()
    }

    /// Writes what a later run must know, as JSON with its keys in order.
    ///
    /// - Parameter isShared: whether others may make the same file at the same time.
    static func write(
        note: some Encodable,
        to path: String,
        isShared: Bool = false
    ) throws(SealingError) {
        let data: Data
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            data = try encoder.encode(note)
        } catch {
            throw SealingError(.malformed, "encode \(path): \(error)")
        }
        try write(Array(data), to: path, isShared: isShared)
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
            done = fill(UnsafeMutableRawBufferPointer(buffer), descriptor, at: offset, &number)
            filled = done
        }
        try requireWhole(done, count, path: path, at: offset, number)
        return bytes
    }

    static func read(
        _ descriptor: Int32,
        path: String,
        at offset: UInt64,
        into target: inout [UInt8],
        _ range: Range<Int>
    ) throws(SealingError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= target.count)
        var number: Int32 = 0
        // Safety: the range lies inside the array, which is borrowed for the reads.
        let done = target.withUnsafeMutableBytes { whole in
            fill(
                UnsafeMutableRawBufferPointer(rebasing: whole[range]),
                descriptor,
                at: offset,
                &number
            )
        }
        try requireWhole(done, range.count, path: path, at: offset, number)
    }

    /// Reads until the buffer is full, the file ends or a read fails.
    ///
    /// - Returns: bytes read; `number` is set when a read failed.
    // Safety: the buffer is written only within its count.
    private static func fill(
        _ buffer: UnsafeMutableRawBufferPointer,
        _ descriptor: Int32,
        at offset: UInt64,
        _ number: inout Int32
    ) -> Int {
        var done = 0
        while done < buffer.count, let base = buffer.baseAddress {
            let got = pread(descriptor, base + done, buffer.count - done, off_t(offset) + off_t(done))
            if got < 0 && errno == EINTR {
                continue
            }
            if got <= 0 {
                number = got < 0 ? errno : 0
                break
            }
            done += got
        }
        return done
    }

    private static func requireWhole(
        _ done: Int,
        _ count: Int,
        path: String,
        at offset: UInt64,
        _ number: Int32
    ) throws(SealingError) {
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

    /// Bytes from `offset` into a part of `target`, which they must fill.
    func read(
        at offset: UInt64,
        into target: inout [UInt8],
        _ range: Range<Int>
    ) throws(SealingError) {
        try Files.read(descriptor, path: path, at: offset, into: &target, range)
    }

    /// Where data begins at or behind `offset`; nil when nothing but a hole follows.
    ///
    /// File systems without holes say that all is data.
    func nextData(at offset: UInt64) throws(SealingError) -> UInt64? {
        guard offset < size else {
            return nil
        }
        #if canImport(Glibc)
        // SEEK_DATA of the Linux interface, which the module map leaves out.
        let found = lseek(descriptor, off_t(offset), 3)
        #else
        let found = lseek(descriptor, off_t(offset), SEEK_DATA)
        #endif
        if found < 0 && errno == ENXIO {
            return nil
        }
        return found < 0 ? offset : UInt64(found)
    }

    /// Tells the system that these bytes will be read soon, so that it fetches them meanwhile.
    func prefetch(at offset: UInt64, count: UInt64) {
        guard offset < size else { return }
        #if canImport(Glibc)
        // Advice only: where it is not taken the bytes come when they are read.
        _ = posix_fadvise(
            descriptor,
            off_t(offset),
            off_t(min(count, size - offset)),
            POSIX_FADV_WILLNEED
        )
        #endif
    }
}
