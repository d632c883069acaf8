// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
package import Scheduler
private import Sealing

/// What a worker's server of files hears. Every question is whole in itself, so that it may be asked again
/// after a break, and asked of a server that was started anew.
package enum FileMessage: Message {
    /// Which files a store holds of a sector; answered with `manifest`.
    case list(SectorKey, store: String, replyTo: Ref<FileEvent>)
    /// A part of a file of the list with that digest; answered with `chunk`.
    case read(
        SectorKey, store: String, list: [UInt8], file: Int, offset: UInt64, count: Int,
        replyTo: Ref<FileEvent>)
    /// Whether the digest of a file's chunks is that of the source; answered with `confirmed`.
    case confirm(
        SectorKey, store: String, list: [UInt8], file: Int, chunkBytes: Int, digest: [UInt8],
        replyTo: Ref<FileEvent>)
    /// Open a replica that lies in a store; answered with `opened`.
    case open(ReplicaQuestion, store: String, replyTo: Ref<FileEvent>)
    /// Bring a sector's files from another store into one here, on behalf of the call of that name; answered
    /// with how far it is, so that it is asked until it is over.
    case pull(String, SectorKey, fromStore: String, toStore: String, replyTo: Ref<FileEvent>)

    package static var messageName: String { "engine.files" }
}

/// What a server of files answers.
package enum FileEvent: Message {
    case manifest(FileManifest)
    /// Bytes with their SHA-256, taken where they were read.
    case chunk([UInt8], digest: [UInt8])
    case confirmed
    /// The openings, in the reference's binary form.
    case opened([UInt8])
    /// Bytes that are there so far.
    case pulling(UInt64)
    case pulled(SectorFiles)
    case problem(FetchProblem)

    package static var messageName: String { "engine.files.event" }
}

/// Why a source does not give what it was asked for.
package struct FetchProblem: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable, Codable {
        /// The store holds no files of the sector.
        case missing
        /// The files are not those of the list any more.
        case changed
        /// What was fetched is not what the source has.
        case differs
        /// The source cannot read its own files, or is no such store.
        case unreadable
        /// The files are there, and are no sound replica.
        case damaged
        /// The question makes no sense.
        case refused
    }

    package var code: Code
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}

/// What a proof of spacetime asks of one replica.
package struct ReplicaQuestion: Sendable, Hashable, Codable {
    package var sector: SectorKey
    /// The registered seal proof's number.
    package var proof: Int
    /// CommR as the chain has it, 32 bytes.
    package var sealedCommitment: [UInt8]
    /// The chain's challenge, 32 bytes.
    package var randomness: [UInt8]

    package init(sector: SectorKey, proof: Int, sealedCommitment: [UInt8], randomness: [UInt8]) {
        self.sector = sector
        self.proof = proof
        self.sealedCommitment = sealedCommitment
        self.randomness = randomness
    }
}

/// The digest of a file: of the digests of all its chunks, in order.
enum FileDigest {
    static func of(_ chunks: [[UInt8]]) -> [UInt8] { SHA256.hash(chunks.flatMap(\.self)).bytes }
}
