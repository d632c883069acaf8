// SPDX-License-Identifier: Apache-2.0

/// A file of a replica, read at any place.
package protocol ReplicaFile: Sendable {
    /// Names it in errors.
    var path: String { get }
    var size: UInt64 { get }
    /// Exactly `count` bytes from `offset`.
    func read(at offset: UInt64, count: Int) throws(SealingError) -> [UInt8]
}

/// Where the files of replicas are: a file system, or what stands for one.
package protocol ReplicaFiles: Sendable {
    /// Opens one to be read.
    ///
    /// - Throws: ``SealingError`` `.missingFile` where there is none, `.inputOutput`.
    func open(_ path: String) throws(SealingError) -> any ReplicaFile
}

/// The file systems of this host.
package struct LocalFiles: ReplicaFiles {
    package init() {}

    package func open(_ path: String) throws(SealingError) -> any ReplicaFile { try InputFile(path) }
}

extension InputFile: ReplicaFile {}

extension ReplicaFiles {
    /// Opens a file of exactly `size` bytes.
    func open(_ path: String, size: UInt64, _ what: String) throws(SealingError) -> any ReplicaFile {
        let file = try open(path)
        guard file.size == size else {
            throw SealingError(
                .wrongFileSize, "\(what) \(path) has \(file.size) bytes where \(size) are needed")
        }
        return file
    }
}

extension ReplicaFile {
    /// A node of a file of nodes.
    func node(_ index: UInt64) throws(SealingError) -> Commitment {
        Commitment(in: try read(at: 32 * index, count: 32))
    }
}
