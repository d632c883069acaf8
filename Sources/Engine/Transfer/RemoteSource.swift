// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
private import Logging

/// A sector's files in another worker's store, asked for over the cluster's own transport.
///
/// A question that is lost is asked again, of wherever the store is served then, until the source has been
/// silent for the whole of its patience.
struct RemoteSource: ChunkSource {
    let sector: SectorKey
    let store: String
    let name: String
    let world: LiveWorld
    /// Where the store is served now.
    let locate: @Sendable () async throws -> Ref<FileMessage>
    /// The longest silence.
    let patience: Duration
    let isCancelled: @Sendable () -> Bool

    private static let answerMax = Duration.seconds(10)

    func manifest() async throws -> FileManifest {
        let answer = try await ask(Self.answerMax) { .list(sector, store: store, replyTo: $0) }
        guard case .manifest(let manifest) = answer else { throw unexpected() }
        try manifest.check(for: sector)
        return manifest
    }

    func chunk(
        _ list: [UInt8], file: Int, offset: UInt64, count: Int
    ) async throws -> (
        bytes: [UInt8], digest: [UInt8]
    ) {
        let answer = try await ask(Self.answerMax) {
            .read(sector, store: store, list: list, file: file, offset: offset, count: count, replyTo: $0)
        }
        guard case .chunk(let bytes, let digest) = answer else { throw unexpected() }
        return (bytes, digest)
    }

    func confirm(
        _ list: [UInt8], file: Int, bytes: UInt64, chunkBytes: Int, digest: [UInt8]
    ) async throws {
        // A source that was started anew reads the file again, at ten megabytes a second at least.
        let time = Self.answerMax + .milliseconds(Int64(bytes / 10_000))
        let answer = try await ask(time) {
            .confirm(
                sector, store: store, list: list, file: file, chunkBytes: chunkBytes, digest: digest,
                replyTo: $0)
        }
        guard case .confirmed = answer else { throw unexpected() }
    }

    private func ask(_ timeout: Duration, _ make: (Ref<FileEvent>) -> FileMessage) async throws -> FileEvent {
        let began = world.now
        while true {
            do {
                let answer: FileEvent = try await locate().ask(timeout: timeout, make)
                if case .problem(let problem) = answer { throw problem }
                return answer
            } catch let error as KernelError {
                if isCancelled() { throw EngineError(code: .interrupted, message: "the fetch was aborted") }
                guard world.now - began < patience else {
                    throw EngineError(
                        code: .unreachable,
                        message: "\(name) does not give the files of \(sector): \(error.message)")
                }
                world.log.debug("\(name) is silent: \(error.message)")
                await world.sleep(for: .milliseconds(500))
            }
        }
    }

    private func unexpected() -> EngineError {
        EngineError(code: .checkFailed, message: "\(name) gave another answer than was asked for")
    }
}
