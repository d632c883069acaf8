// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Glibc

/// A file that gets its name only when it is complete and on the disk.
///
/// Without `commit` the temporary file is removed and whatever had the name before stays as it was.
final class AtomicFile {
    private let path: String
    private let temporary: String
    private let handle: FileHandle
    private var isCommitted = false

    /// - Throws: ``CommandError`` where the temporary file cannot be made beside `path`.
    init(_ path: String) throws(CommandError) {
        self.path = path
        temporary = path + ".part"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileText.failure("create", path + ".part", errno) }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    deinit {
        if !isCommitted { unlink(temporary) }
    }

    /// - Throws: ``CommandError`` where the disk does not take the bytes.
    func append(_ bytes: [UInt8]) throws(CommandError) {
        do { try handle.write(contentsOf: bytes) } catch {
            throw .failure("cannot write \(temporary): \(error.localizedDescription)")
        }
    }

    /// Makes the bytes durable and gives the file its name.
    ///
    /// - Throws: ``CommandError`` where a step of this fails.
    func commit() throws(CommandError) {
        do { try handle.synchronize() } catch {
            throw .failure("cannot write \(temporary) to the disk: \(error.localizedDescription)")
        }
        guard rename(temporary, path) == 0 else { throw FileText.failure("name", path, errno) }
        isCommitted = true
    }
}

/// Reads and writes whole small files, and looks at others, with errors that name the file.
enum FileText {
    /// Bytes of a regular file.
    ///
    /// - Throws: ``CommandError`` where it does not exist or is something else.
    static func size(_ path: String) throws(CommandError) -> UInt64 {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("read", path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .failure("\(path) is not a regular file; name one")
        }
        return UInt64(max(0, status.st_size))
    }

    /// Whether it is a file and no directory, pipe or device: those are not opened to find out what they are.
    static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0
    }

    /// All bytes of a file of at most `bytesMax`.
    ///
    /// - Throws: ``CommandError`` where it cannot be read or is larger.
    static func read(_ path: String, bytesMax: Int) throws(CommandError) -> [UInt8] {
        let bytes = try size(path)
        guard bytes <= UInt64(bytesMax) else {
            throw .failure("\(path) has \(bytes) bytes, more than the \(bytesMax) such a file may have")
        }
        do {
            return Array(try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw .failure("cannot read \(path): \(error.localizedDescription)")
        }
    }

    /// Writes a whole file; it appears complete or not at all.
    ///
    /// - Throws: ``CommandError`` where it cannot be written.
    static func write(_ bytes: [UInt8], to path: String) throws(CommandError) {
        let file = try AtomicFile(path)
        try file.append(bytes)
        try file.commit()
    }

    /// Makes a directory and those above it.
    ///
    /// - Throws: ``CommandError`` where it cannot be made.
    static func makeDirectory(_ path: String) throws(CommandError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw .failure("cannot make the directory \(path): \(error.localizedDescription)")
        }
    }

    /// Removes a file that may not be there.
    static func removeIfPresent(_ path: String) { unlink(path) }

    static func failure(_ what: String, _ path: String, _ number: Int32) -> CommandError {
        .failure("cannot \(what) \(path): \(String(cString: strerror(number)))")
    }
}
