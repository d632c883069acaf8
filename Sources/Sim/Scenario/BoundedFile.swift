// SPDX-License-Identifier: Apache-2.0
internal import Foundation
private import Glibc

/// Reads whole files that somebody named, up to a bound.
enum BoundedFile {
    /// A file that is not read, as the end of a sentence that begins with its name.
    struct Refused: Error {
        let message: String
    }

    /// The bytes of a regular file; of a longer one, one byte more than `bytesMax`.
    ///
    /// A pipe is refused: it could be read only once, and would be waited for without a word.
    ///
    /// - Throws: ``Refused``.
    static func read(_ path: String, bytesMax: Int) throws(Refused) -> Data {
        // Without waiting for who would write into a pipe.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Refused(message: "cannot be read (\(String(cString: strerror(errno))))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw Refused(message: "cannot be read (\(String(cString: strerror(errno))))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            throw Refused(
                message: isFolder
                    ? "is a directory" : "is a pipe or a device, not a file")
        }
        do { return try handle.read(upToCount: bytesMax + 1) ?? Data() } catch {
            throw Refused(message: "cannot be read (\(error.localizedDescription))")
        }
    }
}
