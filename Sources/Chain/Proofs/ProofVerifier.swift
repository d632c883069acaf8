// SPDX-License-Identifier: Apache-2.0
package import Sealing

/// What a proof of replication claims, put together by the chain from its own records.
package struct SealClaim: Sendable, Hashable {
    /// The sector.
    package var key: SectorKey
    /// The registered proof of the pre-commitment.
    package var proof: RegisteredSealProof
    /// The commitment to the data.
    package var commD: Commitment
    /// The commitment to the replica.
    package var commR: Commitment
    /// The sealing randomness.
    package var ticket: Commitment
    /// The interactive randomness.
    package var seed: Commitment

    package init(
        key: SectorKey, proof: RegisteredSealProof, commD: Commitment, commR: Commitment, ticket: Commitment,
        seed: Commitment
    ) {
        self.key = key
        self.proof = proof
        self.commD = commD
        self.commR = commR
        self.ticket = ticket
        self.seed = seed
    }
}

/// How a chain checks proofs.
///
/// A chain has one verifier, and each verifier takes one form of proof only.
package protocol ProofVerifier: Sendable {
    /// The one form that it takes.
    var form: ProofForm { get }

    /// Checks a proof of this verifier's form.
    ///
    /// - Returns: `nil` where the proof holds for the claim, else why not.
    func refusal(of proof: [UInt8], for claim: SealClaim) -> ChainRefusal?

    /// Checks a window proof of one partition, of this verifier's form.
    ///
    /// - Parameter sectors: what must be proven; asked for only where it is looked at.
    /// - Returns: `nil` where the proof holds for the claim, else why not.
    func refusal(
        of proof: [UInt8], for claim: WindowPoStClaim, sectors: () -> [WindowPoStClaim.Sector]
    ) -> ChainRefusal?
}

/// What a window proof claims, put together by the chain from its own records.
package struct WindowPoStClaim: Sendable, Hashable {
    /// One of the sectors that must be proven.
    package struct Sector: Sendable, Hashable {
        package var number: UInt64
        package var record: PreCommitRecord

        package init(number: UInt64, record: PreCommitRecord) {
            self.number = number
            self.record = record
        }
    }

    package var miner: UInt64
    /// The partition's name for messages.
    package var partition: String
    /// The challenge.
    package var randomness: Commitment

    package init(miner: UInt64, partition: String, randomness: Commitment) {
        self.miner = miner
        self.partition = partition
        self.randomness = randomness
    }
}

extension ProofVerifier {
    /// Checks a proof of any form; what is not of this verifier's form is refused unread.
    ///
    /// - Returns: `nil` where the proof holds for the claim, else why not.
    package func verifyPoRep(_ proof: [UInt8], form: ProofForm, claim: SealClaim) -> ChainRefusal? {
        guard form == self.form else {
            return .illegalArgument(
                "sector \(claim.key): this chain takes \(self.form.rawValue) proofs only; "
                    + "this one is \(form.rawValue)")
        }
        return refusal(of: proof, for: claim)
    }
}

extension ProofVerifier {
    /// Checks a window proof of any form; what is not of this verifier's form is refused unread.
    package func verifyWindowPoSt(
        _ proof: [UInt8], form: ProofForm, claim: WindowPoStClaim,
        sectors: () -> [WindowPoStClaim.Sector]
    ) -> ChainRefusal? {
        guard form == self.form else {
            return .illegalArgument(
                "\(claim.partition): this chain takes \(self.form.rawValue) proofs only; "
                    + "this one is \(form.rawValue)")
        }
        return refusal(of: proof, for: claim, sectors: sectors)
    }
}

/// Takes modelled proofs: for simulated clusters, in which nothing is sealed.
package struct ModelProofVerifier: ProofVerifier {
    /// What a modelled proof must hold.
    package enum Strictness: Sendable, Hashable {
        /// Any bytes.
        case anyBytes
        /// Exactly ``ModelProofVerifier/proof(of:)``, so that a mixed-up sector, commitment or seed is
        /// found.
        case bound
    }

    /// The most bytes of a modelled proof: those of a real proof of ten partitions.
    package static let byteCountMax = 1920

    package let strictness: Strictness
    package var form: ProofForm { .modelled }

    package init(_ strictness: Strictness = .anyBytes) { self.strictness = strictness }

    /// The bytes that stand for a proof of `claim` in a simulated cluster: a digest of it, and no proof
    /// of anything.
    package static func proof(of claim: SealClaim) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(Array("sealyard modelled proof".utf8) + [0])
        for word in [claim.key.miner, claim.key.number, UInt64(claim.proof.number)] {
            hasher.update(ChainRandomness.bigEndian(word))
        }
        for part in [claim.commD, claim.commR, claim.ticket, claim.seed] { hasher.update(part.bytes) }
        return hasher.finalize().bytes
    }

    package func refusal(of proof: [UInt8], for claim: SealClaim) -> ChainRefusal? {
        guard proof.count <= ModelProofVerifier.byteCountMax else {
            return .illegalArgument(
                "sector \(claim.key): a modelled proof of \(proof.count) bytes; "
                    + "at most \(ModelProofVerifier.byteCountMax)")
        }
        if strictness == .bound, proof != ModelProofVerifier.proof(of: claim) {
            return .illegalArgument(
                "sector \(claim.key): the modelled proof is of another sector, commitment, ticket or seed")
        }
        return nil
    }

    package func refusal(
        of proof: [UInt8], for claim: WindowPoStClaim, sectors: () -> [WindowPoStClaim.Sector]
    ) -> ChainRefusal? {
        guard (1...ModelProofVerifier.byteCountMax).contains(proof.count) else {
            return .illegalArgument(
                "\(claim.partition): a modelled proof of \(proof.count) bytes; "
                    + "1 to \(ModelProofVerifier.byteCountMax)")
        }
        return nil
    }
}
