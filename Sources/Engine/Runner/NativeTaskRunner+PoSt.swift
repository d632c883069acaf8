// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Foundation
private import Logging
internal import Scheduler
internal import Sealing

/// Proving a partition of a deadline: its replicas are opened where they lie, at the chain's challenge.
///
/// The proof is the openings themselves, as JSON, in order of the sectors' numbers: what a chain takes that
/// checks vanilla proofs. Each opening is checked here against the sector's CommR as the chain has it, so
/// that a damaged file costs its own sector and not the partition.
extension NativeTaskRunner {
    /// Opens what can be read; a check does the same and gives no proof.
    ///
    /// - Throws: ``TaskFailure`` where the request is wrong, a store is away as a whole, or the openings are
    ///   larger than a message; `SealingError` where the call was aborted.
    func provePartition(
        _ challenge: PartitionChallenge, _ call: CallID, _ request: TaskRequest
    ) throws -> TaskOutcome {
        let proof = try sector(of: request).proof
        let statement = try statement(challenge, miner: request.id.sector.miner, proof)
        try requireStores()
        let openings: PoStOpenings
        do throws(SealingError) {
            openings = try PoStVanilla.proveReadable(statement, observer: observer(call, stoppedBy: [call])) {
                replica(of: SectorIdentity(minerID: request.id.sector.miner, number: $0, proof: proof))
            }
        } catch {
            guard error.code == .missingFile else { throw error }
            // Not one can be read: that is an answer, and the chain must hear of it.
            log.error("\(call): \(error.message)")
            return .windowPoSt(
                proof: [], skipped: statement.sectors.map(\.number),
                reasons: [String(error.message.prefix(Self.reasonLengthMax))])
        }
        for skipped in openings.skipped {
            log.error("\(call): sector \(skipped.number) cannot be read: \(skipped.reason)")
        }
        return .windowPoSt(
            proof: challenge.isCheck ? [] : try encoded(openings, call),
            skipped: openings.skipped.map(\.number), reasons: Self.reasons(openings.skipped))
    }

    private func statement(
        _ challenge: PartitionChallenge, miner: UInt64, _ proof: RegisteredSealProof
    ) throws -> PoStStatement {
        let name = "deadline \(challenge.deadline), partition \(challenge.partition)"
        let limit = proof.sectorSize.shape.windowSectorCount
        guard (1...limit).contains(challenge.sectors.count),
            challenge.commitments.count == challenge.sectors.count
        else {
            throw TaskFailure(
                cause: .invalidRequest,
                message: "\(name): \(challenge.sectors.count) sectors with \(challenge.commitments.count) "
                    + "commitments; a partition of \(proof.sectorSize.name) sectors has 1 to \(limit) of each"
            )
        }
        let sectors = try zip(challenge.sectors, challenge.commitments).map { number, bytes in
            do { return PoStSector(number: number, commR: try Commitment(bytes: bytes)) } catch {
                throw TaskFailure(
                    cause: .invalidRequest, message: "\(name): the chain has no CommR of sector \(number)")
            }
        }
        let proverID = SectorIdentity(minerID: miner, number: sectors[0].number, proof: proof).proverID
        do throws(SealingError) {
            return try PoStStatement(
                kind: .windowV1_2, sectorSize: proof.sectorSize, proverID: proverID,
                randomness: try Commitment(bytes: challenge.randomness), sectors: sectors)
        } catch {
            throw TaskFailure(cause: .invalidRequest, message: "\(name): \(error.message)")
        }
    }

    /// A store that is not mounted would make every sector on it look lost: that says nothing about them.
    private func requireStores() throws {
        for store in [longTerm, sealing] {
            var isDirectory: ObjCBool = false
            let path = "\(store.root)/sealed"
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
                isDirectory.boolValue
            else {
                throw TaskFailure(
                    cause: .computeFailed,
                    message: "\(path) is not there; mount the store, no sector of it is called faulty")
            }
        }
    }

    /// Where a sector lies: in long-term storage once it is finalized, and where it was sealed before.
    private func replica(of sector: SectorIdentity) -> SectorPaths {
        let long = longTerm.paths(of: sector)
        let short = sealing.paths(of: sector)
        let isShort =
            !FileManager.default.fileExists(atPath: long.sealed)
            && FileManager.default.fileExists(atPath: short.sealed)
        return isShort ? short : long
    }

    private func encoded(_ openings: PoStOpenings, _ call: CallID) throws -> [UInt8] {
        let bytes = try JSONEncoder().encode(openings.proofs)
        let limit = VanillaProofVerifier.windowByteCountMax
        guard bytes.count <= limit else {
            throw TaskFailure(
                cause: .invalidRequest,
                message:
                    "\(call): openings of \(openings.proofs.count) sectors take \(bytes.count) bytes, "
                    + "and a message takes \(limit); this size needs a SNARK, which this build lacks"
            )
        }
        return [UInt8](bytes)
    }

    private static let reasonCountMax = 64
    private static let reasonLengthMax = 512

    private static func reasons(_ skipped: [PoStOpenings.Skipped]) -> [String] {
        skipped.prefix(reasonCountMax).map { "sector \($0.number): \($0.reason)".prefix(reasonLengthMax) }
            .map(String.init)
    }
}
