// SPDX-License-Identifier: Apache-2.0
private import Foundation
package import Sealing

/// Takes the challenged openings themselves and checks every one: real, large, and no SNARK.
package struct VanillaProofVerifier: ProofVerifier {
    package var form: ProofForm { .vanilla }

    package init() {}

    /// The most bytes of JSON that are read for a kind of proof.
    ///
    /// No more than 16 MiB, the longest item of a message; the openings of a 32 GiB sector do not fit.
    package static func byteCountMax(_ parameters: SealParameters) -> Int {
        let challengeCount = parameters.partitionCount * parameters.challengesPerPartition
        return min(16 << 20, (64 << 10) + challengeCount * (512 << 10))
    }

    package func refusal(of proof: [UInt8], for claim: SealClaim) -> ChainRefusal? {
        let parameters = claim.proof.parameters
        let limit = VanillaProofVerifier.byteCountMax(parameters)
        guard proof.count <= limit else {
            return .illegalArgument(
                "sector \(claim.key): \(proof.count) bytes of openings; \(claim.proof) takes \(limit)")
        }
        let openings: VanillaProofs
        do {
            openings = try JSONDecoder().decode(VanillaProofs.self, from: Data(proof))
        } catch {
            return .illegalArgument(
                "sector \(claim.key): the openings are not the JSON that they should be: "
                    + "\(String(describing: error).prefix(300))")
        }
        guard openings.ticket == claim.ticket else {
            return .illegalArgument("sector \(claim.key): the openings name another ticket")
        }
        let identity = SectorIdentity(minerID: claim.key.miner, number: claim.key.number, proof: claim.proof)
        let statement = PoRepStatement(
            parameters: parameters,
            replicaID: identity.replicaID(ticket: claim.ticket, commD: claim.commD),
            commD: claim.commD, commR: claim.commR, seed: claim.seed)
        do {
            try VanillaVerifier.verify(openings, statement)
        } catch {
            return .illegalArgument("sector \(claim.key): \(error)")
        }
        return nil
    }

    /// The most bytes of JSON that are read for one partition: no more than the longest item of a message.
    package static let windowByteCountMax = 16 << 20

    /// The openings of all sectors, as JSON, in order of number.
    package func refusal(
        of proof: [UInt8], for claim: WindowPoStClaim, sectors: () -> [WindowPoStClaim.Sector]
    ) -> ChainRefusal? {
        guard proof.count <= VanillaProofVerifier.windowByteCountMax else {
            return .illegalArgument(
                "\(claim.partition): \(proof.count) bytes of openings; "
                    + "at most \(VanillaProofVerifier.windowByteCountMax) are read")
        }
        let openings: [PoStVanillaProof]
        do {
            openings = try JSONDecoder().decode([PoStVanillaProof].self, from: Data(proof))
        } catch {
            return .illegalArgument(
                "\(claim.partition): the openings are not the JSON that they should be: "
                    + "\(String(describing: error).prefix(300))")
        }
        let sectors = sectors()
        guard let first = sectors.first else {
            return .illegalState("\(claim.partition): the chain has no records of its sectors")
        }
        do {
            let identity = SectorIdentity(
                minerID: claim.miner, number: first.number, proof: first.record.proof)
            let statement = try PoStStatement(
                kind: .windowV1_2, sectorSize: first.record.proof.sectorSize, proverID: identity.proverID,
                randomness: claim.randomness,
                sectors: sectors.map { PoStSector(number: $0.number, commR: $0.record.commR) })
            guard openings.count == sectors.count else {
                return .illegalArgument(
                    "\(claim.partition): openings of \(openings.count) sectors, not \(sectors.count)")
            }
            for (index, opening) in openings.enumerated() {
                try PoStVanilla.verify(opening, statement, sectorAt: index)
            }
        } catch {
            return .illegalArgument("\(claim.partition): \(error)")
        }
        return nil
    }
}
