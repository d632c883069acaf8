// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import Scheduler
private import Sealing

/// What modelled tasks yield: commitments and proofs that follow from the sector's number and ticket.
///
/// What needs no sealing to be known is real: all sectors without data have the commitment of zeros.
struct ModelOutcomes: Sendable {
    /// The commitment of a sector without data, 32 bytes.
    let emptyData: [UInt8]

    /// Computes that commitment; of a size that no sector has, one that stands for it.
    static func emptyData(sectorBytes: Int) -> [UInt8] {
        do {
            return try CommP.zero(paddedSize: UInt64(sectorBytes)).bytes
        } catch {
            return commitment(SectorKey(miner: 0, number: UInt64(sectorBytes)), "zeros")
        }
    }

    /// - Parameters:
    ///   - ticketWord: stands for the ticket by which the sector was sealed.
    ///   - isEmpty: it holds no data of clients.
    func outcome(
        of request: TaskRequest, store: String?, ticketWord: UInt64, isEmpty: Bool
    ) -> TaskOutcome {
        let key = request.id.sector
        var data: [UInt8] { isEmpty ? emptyData : Self.commitment(key, "data") }
        switch request.work {
        case .addPiece, .addPieces: return .addPiece(unsealedCommitment: data, paddedBytes: 0)
        case .preCommit1: return .preCommit1(unsealedCommitment: data)
        case .preCommit2:
            return .preCommit2(
                unsealedCommitment: data, sealedCommitment: Self.commitment(key, "replica", ticketWord))
        case .commit1: return .commit1(form: .modelled, proof: Self.commitment(key, "openings"))
        case .commit2: return .commit2(form: .modelled, proof: Self.commitment(key, "proof"))
        case .finalize, .finalizeReplicaUpdate: return .finalize(store: store ?? "")
        case .replicaUpdate:
            return .replicaUpdate(
                unsealedCommitment: Self.commitment(key, "new data"),
                sealedCommitment: Self.commitment(key, "new replica"))
        case .proveReplicaUpdate:
            return .proveReplicaUpdate(proof: Self.commitment(key, "update proof"))
        case .releaseKey, .remove, .download: return .completed
        case .windowPoSt:
            return .windowPoSt(proof: Self.commitment(key, "window proof"), skipped: [])
        }
    }

    /// 32 bytes that stand for a commitment of a sector: its two top bits are clear, as in the
    /// field of the proofs.
    private static func commitment(
        _ key: SectorKey, _ tag: StaticString, _ ticketWord: UInt64 = 0
    ) -> [UInt8] {
        var word = mixed(UInt64(tag.utf8CodeUnitCount) << 56 ^ key.miner)
        tag.withUTF8Buffer { for byte in $0 { word = mixed(word ^ UInt64(byte)) } }
        word = mixed(word ^ key.number ^ ticketWord)
        return [UInt8](unsafeUninitializedCapacity: 32) { bytes, count in
            for index in 0..<4 {
                word = mixed(word &+ UInt64(index))
                // Safety: 32 bytes are there, and each is written once.
                for byte in 0..<8 {
                    bytes[index * 8 + byte] = UInt8(truncatingIfNeeded: word >> UInt64(8 * byte))
                }
            }
            bytes[31] &= 0x3f
            count = 32
        }
    }
}
