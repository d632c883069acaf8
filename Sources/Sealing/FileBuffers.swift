// SPDX-License-Identifier: Apache-2.0
import CSealing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension Files {
    /// The error number of an argument that the system does not know.
    static var invalid: Int32 { EINVAL }

    /// What an error number means.
    static func reason(_ number: Int32) -> String {
        strerror(number).map { String(cString: $0) } ?? "error \(number)"
    }

    /// The number that a small file of the kernel holds; nil where there is none.
    static func number(in path: String) -> UInt64? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 32)
        // Safety: at most the array's count is written.
        let got = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard got > 0 else { return nil }
        return UInt64(String(decoding: bytes.prefix(got).prefix { $0 > 32 }, as: UTF8.self))
    }

    /// Which file a name means, and which state of it: a copy or a change gives another stamp.
    struct Stamp: Hashable, Codable {
        let inode: UInt64
        let size: UInt64
        let modifiedSeconds: Int64
        let modifiedNanoseconds: Int64

        init(_ info: stat) {
            inode = UInt64(info.st_ino)
            size = UInt64(info.st_size)
            #if canImport(Glibc)
            modifiedSeconds = Int64(info.st_mtim.tv_sec)
            modifiedNanoseconds = Int64(info.st_mtim.tv_nsec)
            #else
            modifiedSeconds = Int64(info.st_mtimespec.tv_sec)
            modifiedNanoseconds = Int64(info.st_mtimespec.tv_nsec)
            #endif
        }
    }

    /// The stamp of a file, or nil when nothing is there.
    static func stamp(_ path: String) throws(SealingError) -> Stamp? {
        guard try size(path) != nil else { return nil }
        var info = stat()
        guard stat(path, &info) == 0 else {
            throw failure("look at", path, errno)
        }
        return Stamp(info)
    }

    /// Leaves a copy of a file under another name, complete and on the disk: sharing its blocks where
    /// the file system can, else copied inside the kernel.
    ///
    /// - Throws: ``SealingError`` `.missingFile`, `.inputOutput`, `.cancelled`.
    static func copy(
        _ from: InputFile,
        to path: String,
        observer: SealObserver,
        _ step: String
    ) throws(SealingError) {
        let target = try OutputFile(path)
        try observer.step(step, 0, from.size)
        if csealing_host_clone_file(target.descriptor, from.descriptor) != 0 {
            var at: UInt64 = 0
            while at < from.size {
                try observer.step(step, at, from.size)
                let count = Int(min(1 << 24, from.size - at))
                var done = 0
                if csealing_host_copy_range(target.descriptor, from.descriptor, at, count, &done) != 0
                    || done == 0
                {
                    /* Some pairs of file systems cannot; reading tells a file that is too short. */
                    let bytes = try from.read(at: at, count: min(count, 1 << 20))
                    try write(target.descriptor, path: path, bytes, in: 0..<bytes.count, at: at)
                    done = bytes.count
                }
                target.writeBack(upTo: at + UInt64(done))
                at += UInt64(done)
            }
        }
        try target.commit()
    }
}

extension InputFile {
    /// Fills `buffer` from `offset` on.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(SealingError) {
        var done = 0
        while done < buffer.count, let base = buffer.baseAddress {
            // Safety: what is read ends inside the buffer.
            let got = pread(descriptor, base + done, buffer.count - done, off_t(offset) + off_t(done))
            if got < 0 && errno == EINTR {
                continue
            }
            guard got >= 0 else {
                throw Files.failure("read", path, errno)
            }
            guard got > 0 else {
                throw SealingError(
                    .wrongFileSize,
                    "\(path) ends at byte \(offset + UInt64(done)) where \(buffer.count) bytes from "
                        + "\(offset) are needed"
                )
            }
            done += got
        }
    }

    /// Asks the system to read a range soon.
    func readAhead(at offset: UInt64, count: UInt64) {
        csealing_host_read_ahead(descriptor, offset, count)
    }
}

extension OutputFile {
    /// Bytes that may wait in memory: what a final sync must wait for.
    private static let writeBackBytes: UInt64 = 32 << 20

    func append(_ bytes: UnsafeRawBufferPointer) throws(SealingError) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            // Safety: what is written ends inside the buffer.
            let put = pwrite(descriptor, base + done, bytes.count - done, off_t(count) + off_t(done))
            if put < 0 && errno == EINTR {
                continue
            }
            guard put > 0 else {
                throw Files.failure("write", path, put < 0 ? errno : ENOSPC)
            }
            done += put
        }
        count += UInt64(bytes.count)
        writeBack(upTo: count)
    }

    /// Takes the room on the disk that the file will need, so that a full disk shows before the work.
    ///
    /// - Throws: ``SealingError`` `.noSpace`, naming the bytes, when there is not enough; `.inputOutput`
    ///   where no file may be so large.
    func reserve(_ bytes: UInt64, _ what: String) throws(SealingError) {
        let number = csealing_host_reserve(descriptor, bytes)
        guard number == ENOSPC || number == EDQUOT || number == EFBIG else {
            /* Other failures are those of file systems that cannot reserve; writing will tell. */
            return
        }
        throw SealingError(
            number == EFBIG ? .inputOutput : .noSpace,
            "\(path) (\(what)) needs \(bytes) bytes on the disk: \(Files.reason(number)); "
                + "free some room or name another directory"
        )
    }

    /// Keeps the disk busy while the file grows, so that the sync at the end is short and a wish to
    /// stop is not kept waiting by it.
    func writeBack(upTo end: UInt64) {
        let step = OutputFile.writeBackBytes
        while writtenBack + step <= end {
            /* Failures show at the sync: this only starts early what it would do. */
            csealing_host_write_back(descriptor, writtenBack, step, 0)
            if writtenBack >= step {
                csealing_host_write_back(descriptor, writtenBack - step, step, 1)
            }
            writtenBack += step
        }
    }
}

/// A file that several processes want to make: one does, the others wait for it.
///
/// It is written as `<name>.tmp`, which its maker holds locked; the system unlocks it when the process
/// ends, however it ends, and the next one starts it over.
enum SharedFile {
    /// Milliseconds between two tries for the lock.
    private static let retryMilliseconds: UInt32 = 50

    /// Opens and locks `<path>.tmp`, empty.
    static func make(_ path: String, observer: SealObserver) throws(SealingError) -> OutputFile {
        try Files.makeParent(of: path)
        let temporary = path + ".tmp"
        while true {
            let descriptor = open(temporary, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw Files.failure("create", temporary, errno)
            }
            do throws(SealingError) {
                try lock(descriptor, temporary, observer)
                /* Whoever had the lock may have renamed or removed it meanwhile. */
                var held = stat()
                guard fstat(descriptor, &held) == 0 else {
                    throw Files.failure("look at", temporary, errno)
                }
                if try Files.stamp(temporary)?.inode == UInt64(held.st_ino) {
                    guard ftruncate(descriptor, 0) == 0 else {
                        throw Files.failure("empty", temporary, errno)
                    }
                    return OutputFile(path, temporary: temporary, descriptor: descriptor)
                }
                close(descriptor)
            } catch {
                close(descriptor)
                throw error
            }
        }
    }

    /// Waits for the lock on an open file; it ends when the file is closed.
    static func lock(
        _ descriptor: Int32,
        _ path: String,
        _ observer: SealObserver
    ) throws(SealingError) {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw Files.failure("lock", path, errno)
            }
            try observer.step("waiting for \(path)", 0, 1)
            csealing_host_pause(1000 * retryMilliseconds)
        }
    }
}
