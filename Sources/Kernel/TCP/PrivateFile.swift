// SPDX-License-Identifier: Apache-2.0
private import Glibc
private import Synchronization

/// Files that only their owner may read.
enum PrivateFile {
    /// Creates a file of `bytes` with `mode` in one step: it is never seen with fewer bytes or a
    /// wider mode.
    ///
    /// - Throws: ``TransportError`` with `fileExists` or `fileFailed`.
    static func create(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o600) throws(TransportError) {
        let draft = "\(path).\(getpid()).\(SystemName.next)"
        let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw failure("create", draft) }
        defer { unlink(draft) }
        do {
            defer { close(file) }
            var written = 0
            while written < bytes.count {
                // Safety: the pointer covers `bytes` for the length of the call.
                let count = bytes.withUnsafeBytes { raw in
                    write(file, raw.baseAddress.map { $0 + written }, bytes.count - written)
                }
                guard count > 0 else { throw failure("write", draft) }
                written += count
            }
            guard fsync(file) == 0 else { throw failure("sync", draft) }
        }
        // A link fails where the name is taken, which a rename would not.
        guard link(draft, path) == 0 else {
            if errno == EEXIST {
                throw TransportError(
                    code: .fileExists, message: "\(path) exists and is not overwritten; remove it first")
            }
            throw failure("link", path)
        }
    }

    /// Reads a file that nobody but its owner may read.
    ///
    /// - Throws: ``TransportError`` with `badSecret` where others may read it or it is longer than
    ///   `byteCountMax`, or
    ///   with `fileFailed`.
    static func read(_ path: String, byteCountMax: Int) throws(TransportError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("open", path) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("examine", path) }
        guard status.st_mode & 0o077 == 0 else {
            throw TransportError(
                code: .badSecret,
                message: "others may read \(path); run chmod 600 on it, and renew the secret")
        }
        guard status.st_size <= byteCountMax else {
            throw TransportError(
                code: .badSecret, message: "\(path) has \(status.st_size) bytes, more than \(byteCountMax)")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            // Safety: the pointer covers `bytes` for the length of the call.
            let count = bytes.withUnsafeMutableBytes { raw in
                Glibc.read(file, raw.baseAddress.map { $0 + filled }, raw.count - filled)
            }
            guard count > 0 else { throw failure("read", path) }
            filled += count
        }
        return bytes
    }

    private static func failure(_ what: String, _ path: String) -> TransportError {
        TransportError(
            code: .fileFailed, message: "could not \(what) \(path): \(String(cString: strerror(errno)))")
    }
}

/// Names for drafts that no two threads share.
private enum SystemName {
    private static let count = Atomic(0)
    static var next: Int { count.add(1, ordering: .relaxed).newValue }
}
