// SPDX-License-Identifier: Apache-2.0
package import Chain
internal import Crypto
internal import Kernel
internal import ObjectStore
internal import Synchronization

/// Bringing a sector's files into a bucket.
///
/// An upload that was cut off leaves parts at the server; the next one lists them, and sends only those whose
/// digest is not that of the file here. Nothing is remembered on this side, so `kill -9` costs no more than
/// what was on its way.
extension SectorBucket {
    /// The most parts of an object.
    private static let partCountLimit: UInt64 = 10_000

    /// Brings all files of a sector from a directory, and makes the sector visible when all are there.
    ///
    /// - Parameter news: told after every part how many bytes are there.
    /// - Throws: ``EngineError``; `interrupted` where `isCancelled` says so.
    package func upload(
        _ sector: SectorKey, from directory: SectorDirectory,
        isCancelled: @escaping @Sendable () -> Bool, news: @escaping @Sendable (UInt64) -> Void = { _ in }
    ) throws(EngineError) {
        let manifest = try FileManifest(of: sector, in: directory.root)
        guard !manifest.types.isEmpty else {
            throw EngineError(
                code: .fileFailed, message: "\(directory.root) holds no files of \(sector) to be stored")
        }
        if let known = try listing(of: sector) {
            if known.manifest == manifest { return }
            // Other files of the same names come: what is there is half of each from now on.
            try withdraw(sector)
        }
        let done = Mutex<UInt64>(0)
        let work = UploadWork(isCancelled: isCancelled) { count in
            news(
                done.withLock { done in
                    done += count
                    return done
                })
        }
        var tags: [String] = []
        for file in manifest.files {
            tags.append(try upload(file, from: "\(directory.root)/\(file.path)", work))
        }
        guard try FileManifest(of: sector, in: directory.root) == manifest else {
            throw EngineError(
                code: .checkFailed,
                message: "the files of \(sector) in \(directory.root) changed while they were stored")
        }
        try publish(Listing(manifest: manifest, tags: tags))
    }

    private struct UploadWork: Sendable {
        let isCancelled: @Sendable () -> Bool
        let news: @Sendable (UInt64) -> Void

        func check() throws(EngineError) {
            guard isCancelled() else { return }
            throw EngineError(code: .interrupted, message: "the upload was aborted")
        }
    }

    /// A file in the parts in which it goes to the server.
    private struct Parts: Sendable {
        let path: String
        let bytes: UInt64
        let partBytes: UInt64

        var count: Int { Int((bytes + partBytes - 1) / partBytes) }

        /// A part, counted from 1.
        func read(_ number: Int) throws(EngineError) -> [UInt8] {
            let offset = UInt64(number - 1) * partBytes
            return try DiskFile(reading: path).read(at: offset, count: Int(min(partBytes, bytes - offset)))
        }
    }

    /// - Returns: the object's tag.
    private func upload(
        _ file: FileManifest.File, from path: String, _ work: UploadWork
    ) throws(EngineError) -> String {
        try work.check()
        let least = (file.bytes + Self.partCountLimit - 1) / Self.partCountLimit
        let partBytes = max(options.partBytes, (least + 0xfffff) & ~0xfffff)
        let parts = Parts(path: path, bytes: file.bytes, partBytes: partBytes)
        if let tag = try whole(file, parts) {
            work.news(file.bytes)
            return tag
        }
        guard parts.count > 1 else {
            let bytes = file.bytes == 0 ? [] : try parts.read(1)
            let facts = try EngineError.mapping { () throws(ObjectStoreError) in
                try store.put(file.path, bytes)
            }
            work.news(file.bytes)
            return facts.tag
        }
        try bring(parts, to: file.path, work)
        let facts = try EngineError.mapping { () throws(ObjectStoreError) in try store.facts(file.path) }
        guard let facts, facts.bytes == file.bytes else {
            throw EngineError(
                code: .checkFailed,
                message: "\(root)/\(file.path) has \(facts?.bytes ?? 0) bytes after \(file.bytes) were stored"
            )
        }
        return facts.tag
    }

    /// The tag of an object that has this file's content already; `nil` where it has not, or cannot be told.
    private func whole(_ file: FileManifest.File, _ parts: Parts) throws(EngineError) -> String? {
        let facts = try EngineError.mapping { () throws(ObjectStoreError) in try store.facts(file.path) }
        guard let facts, facts.bytes == file.bytes, file.bytes > 0 else { return nil }
        let digests = try each(parts) { (number) throws(EngineError) in
            Array(Insecure.MD5.hash(data: try parts.read(number)))
        }
        let tag =
            parts.count == 1
            ? Self.hex(digests[0])
            : "\(Self.hex(Array(Insecure.MD5.hash(data: digests.flatMap(\.self)))))-\(parts.count)"
        return Self.isSame(facts.tag, tag) ? facts.tag : nil
    }

    /// Sends what is missing of a file, and makes the object.
    private func bring(_ parts: Parts, to key: String, _ work: UploadWork) throws(EngineError) {
        let (upload, known): (ObjectStore.Upload, [ObjectStore.Part])
        (upload, known) = try EngineError.mapping { () throws(ObjectStoreError) in
            let begun = try store.uploads(key).filter { $0.key == key }
            for other in begun.dropLast() { try store.abort(other) }
            guard let last = begun.last else { return (try store.beginUpload(key), []) }
            return (last, try store.parts(of: last))
        }
        let there = Dictionary(known.map { ($0.number, $0) }) { _, later in later }
        let sent = try each(parts) { [self] (number) throws(EngineError) in
            try work.check()
            let bytes = try parts.read(number)
            defer { work.news(UInt64(bytes.count)) }
            if let part = there[number], part.bytes == bytes.count,
                Self.isSame(part.tag, Self.hex(Array(Insecure.MD5.hash(data: bytes))))
            {
                return part
            }
            return try EngineError.mapping { () throws(ObjectStoreError) in
                try store.put(part: number, bytes, of: upload)
            }
        }
        do throws(ObjectStoreError) { try store.complete(upload, sent) } catch {
            // An answer that was lost: the upload is gone because the object is there.
            let facts = try EngineError.mapping { () throws(ObjectStoreError) in try store.facts(key) }
            guard error.code == .missing, facts?.bytes == parts.bytes else { throw EngineError(error) }
        }
    }

    /// Does something with every part, some at once; the first error that came up is thrown.
    private func each<Value: Sendable>(
        _ parts: Parts, _ body: @escaping @Sendable (Int) throws(EngineError) -> Value
    ) throws(EngineError) -> [Value] {
        let hasFailed = Atomic(false)
        let results: [Result<Value, EngineError>?]
        do throws(KernelError) {
            results = try WorkPool.each(parts.count, threadCount: options.partCountMax) { index in
                if hasFailed.load(ordering: .relaxed) { return nil }
                let result = Result { () throws(EngineError) in try body(index + 1) }
                if case .failure = result { hasFailed.store(true, ordering: .relaxed) }
                return result
            }
        } catch {
            throw EngineError(code: .processFailed, message: "\(parts.path) cannot be stored: \(error)")
        }
        for case .failure(let error)? in results { throw error }
        return try results.compactMap(\.self).map { (result) throws(EngineError) in try result.get() }
    }

    /// Whether a tag, which comes in quotation marks or without, is that digest.
    private static func isSame(_ tag: String, _ digest: String) -> Bool {
        tag == digest || tag == "\"\(digest)\""
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
