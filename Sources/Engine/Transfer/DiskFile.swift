// SPDX-License-Identifier: Apache-2.0

// A build of the whole module finds the members of `stat` in CoreFoundation, one of a single file in Glibc.
private import CoreFoundation
private import Glibc

/// A file that is read and written at places of the caller's choice; every error names it and the byte.
struct DiskFile: ~Copyable {
    let path: String
    private let descriptor: Int32

    /// Opens a file to be read.
    init(reading path: String) throws(EngineError) { try self.init(path, O_RDONLY | O_CLOEXEC) }

    /// Opens a file to be read and written, and makes it where it is missing.
    init(writing path: String) throws(EngineError) { try self.init(path, O_RDWR | O_CREAT | O_CLOEXEC) }

    private init(_ path: String, _ flags: Int32) throws(EngineError) {
        self.path = path
        descriptor = open(path, flags, 0o644)
        if descriptor < 0 { throw Self.failure("\(path) cannot be opened") }
    }

    deinit { close(descriptor) }

    /// The file's length, and when it was last changed in nanoseconds since the Unix epoch.
    func facts() throws(EngineError) -> (bytes: UInt64, modified: Int64) {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw Self.failure("\(path) cannot be looked at") }
        guard info.st_mode & S_IFMT == S_IFREG else {
            throw EngineError(code: .fileFailed, message: "\(path) is not a regular file")
        }
        return (UInt64(info.st_size), Self.modified(info))
    }

    /// Exactly `count` bytes.
    func read(at offset: UInt64, count: Int) throws(EngineError) -> [UInt8] {
        var failed: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count, let base = buffer.baseAddress {
                // Safety: the rest of the buffer, from `filled`, has room for what is asked for.
                let got = pread(descriptor, base + filled, count - filled, off_t(offset) + off_t(filled))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failed = errno }
                guard got > 0 else { break }
                filled += got
            }
        }
        let place = offset + UInt64(bytes.count)
        if failed != 0 { throw Self.failure("\(path) cannot be read at byte \(place)", failed) }
        guard bytes.count == count else {
            throw EngineError(code: .fileFailed, message: "\(path) ends at byte \(place)")
        }
        return bytes
    }

    func write(_ bytes: [UInt8], at offset: UInt64) throws(EngineError) {
        var done = 0
        while done < bytes.count {
            // Safety: the pointer is used within the closure and inside the array's bounds.
            let put = bytes.withUnsafeBytes { buffer in
                buffer.baseAddress.map {
                    pwrite(descriptor, $0 + done, bytes.count - done, off_t(offset) + off_t(done))
                } ?? 0
            }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else {
                throw Self.failure("\(path) cannot be written at byte \(offset + UInt64(done))")
            }
            done += put
        }
    }

    func setLength(_ bytes: UInt64) throws(EngineError) {
        guard ftruncate(descriptor, off_t(bytes)) == 0 else {
            throw Self.failure("\(path) cannot be made \(bytes) bytes long")
        }
    }

    /// Returns when all that was written is on the disk.
    func synchronize() throws(EngineError) {
        guard fsync(descriptor) == 0 else { throw Self.failure("\(path) cannot be brought to the disk") }
    }

    // MARK: By path

    /// Like ``facts()`` for what may be missing; `nil` where nothing is there.
    static func facts(
        _ path: String
    ) throws(EngineError) -> (bytes: UInt64, modified: Int64, isDirectory: Bool)? {
        var info = stat()
        guard stat(path, &info) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure("\(path) cannot be looked at")
        }
        return (UInt64(info.st_size), modified(info), info.st_mode & S_IFMT == S_IFDIR)
    }

    /// Bytes of the disk that a file takes, which may have holes; 0 where it is missing.
    static func takenBytes(_ path: String) throws(EngineError) -> UInt64 {
        var info = stat()
        guard stat(path, &info) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return 0 }
            throw failure("\(path) cannot be looked at")
        }
        return UInt64(info.st_blocks) * 512
    }

    /// The kernel's number for the file system that holds a path.
    static func device(of path: String) throws(EngineError) -> UInt64 {
        var info = stat()
        guard stat(path, &info) == 0 else { throw failure("\(path) cannot be looked at") }
        return UInt64(info.st_dev)
    }

    private static func modified(_ info: stat) -> Int64 {
        Int64(info.st_mtim.tv_sec) * 1_000_000_000 + Int64(info.st_mtim.tv_nsec)
    }

    /// The most bytes of a file of settings.
    private static let settingsBytesMax: UInt64 = 1 << 20

    /// A file of settings, which is small; `nil` where it is missing.
    static func settings(_ path: String) throws(EngineError) -> [UInt8]? {
        guard try facts(path) != nil else { return nil }
        let file = try DiskFile(reading: path)
        let bytes = try file.facts().bytes
        guard bytes <= settingsBytesMax else {
            throw EngineError(
                code: .fileFailed,
                message: "\(path) has \(bytes) bytes; a file of settings has at most \(settingsBytesMax)")
        }
        return try file.read(at: 0, count: Int(bytes))
    }

    /// Writes a whole file; when it returns the bytes are on the disk.
    static func make(_ path: String, _ bytes: [UInt8]) throws(EngineError) {
        let file = try DiskFile(writing: path)
        try file.setLength(0)
        try file.write(bytes, at: 0)
        try file.synchronize()
    }

    /// Brings a directory's entries to the disk.
    static func synchronizeDirectory(_ path: String) throws(EngineError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("\(path) cannot be opened") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("\(path) cannot be brought to the disk") }
    }

    static func rename(_ source: String, to target: String) throws(EngineError) {
        guard Glibc.rename(source, target) == 0 else {
            throw failure("\(source) cannot be renamed to \(target)")
        }
    }

    static func failure(_ what: String, _ number: Int32 = errno) -> EngineError {
        let reason = strerror(number).map { String(cString: $0) } ?? "error \(number)"
        return EngineError(code: .fileFailed, message: "\(what): \(reason)")
    }
}
