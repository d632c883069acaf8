// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import ObjectStore
internal import Sealing
private import Synchronization

/// Opening a replica that lies in a bucket: only the blocks around its challenges are read.
extension SectorBucket {
    package func look(_ question: ReplicaQuestion) -> ReplicaLook? {
        do throws(EngineError) {
            guard let listing = try listing(of: question.sector, by: probe) else { return nil }
            return opened(question, in: BucketFiles(bucket: self, listing: listing))
        } catch {
            return .away(error.message)
        }
    }
}

/// The files of one sector in a bucket.
private struct BucketFiles: ReplicaFiles {
    let bucket: SectorBucket
    let listing: SectorBucket.Listing

    func open(_ path: String) throws(SealingError) -> any ReplicaFile {
        let name = path.dropFirst(bucket.root.count + 1)
        guard let index = listing.manifest.files.firstIndex(where: { $0.path == name }) else {
            throw SealingError(.missingFile, "\(path) is not in the list of \(listing.manifest.sector)")
        }
        return BucketFile(
            bucket: bucket, path: path, key: String(name), tag: listing.tags[index],
            size: listing.manifest.files[index].bytes)
    }
}

/// One object, read in blocks that are kept: the paths of all challenges share the upper rows of a tree.
private final class BucketFile: ReplicaFile {
    let path: String
    let size: UInt64
    private let bucket: SectorBucket
    private let key: String
    private let tag: String
    private let blocks = Mutex<[UInt64: [UInt8]]>([:])

    /// Twice the piece of a replica of 32 GiB that is read for a challenge.
    private static let blockBytes: UInt64 = 1 << 15

    init(bucket: SectorBucket, path: String, key: String, tag: String, size: UInt64) {
        self.bucket = bucket
        self.path = path
        self.key = key
        self.tag = tag
        self.size = size
    }

    func read(at offset: UInt64, count: Int) throws(SealingError) -> [UInt8] {
        guard offset <= size, UInt64(count) <= size - offset else {
            throw SealingError(
                .wrongFileSize, "\(path) ends at byte \(size) where \(count) bytes from \(offset) are needed")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let place = offset + UInt64(bytes.count)
            let block = try block(place / Self.blockBytes)
            let start = Int(place % Self.blockBytes)
            bytes += block[start..<min(block.count, start + count - bytes.count)]
        }
        return bytes
    }

    private func block(_ index: UInt64) throws(SealingError) -> [UInt8] {
        if let known = blocks.withLock({ $0[index] }) { return known }
        let start = index * Self.blockBytes
        let bytes: [UInt8]
        do throws(ObjectStoreError) {
            bytes = try bucket.probe.get(
                key, tag: tag, at: start, count: Int(min(Self.blockBytes, size - start)))
        } catch {
            switch error.code {
            // The list names an object that is gone, or has another content: that is damage.
            case .missing, .changed: throw SealingError(.missingFile, error.message)
            default: throw SealingError(.unreachable, error.message)
            }
        }
        blocks.withLock { $0[index] = bytes }
        return bytes
    }
}
