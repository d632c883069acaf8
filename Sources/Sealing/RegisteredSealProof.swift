// SPDX-License-Identifier: Apache-2.0

/// The version of the proofs' interface, which fixes the graph and the PoSt challenges.
package enum ProofAPIVersion: String, Hashable, Sendable, Codable, CaseIterable {
    case v1_0 = "1.0.0"
    case v1_1 = "1.1.0"
    case v1_2 = "1.2.0"
}

/// How the challenges of a proof of replication are drawn.
package enum SealProofFamily: Int, Hashable, Sendable, Codable, CaseIterable {
    /// The first graph, kept for old sectors.
    case v1 = 0
    /// The corrected graph.
    case v1_1 = 1
    /// Challenges chosen from a set that is fixed by CommR.
    case synthetic = 2
    /// Challenges fixed by CommR alone, with no wait and no seed.
    case nonInteractive = 3
}

/// A proof of replication as registered on the network, numbers 0 to 19.
package struct RegisteredSealProof: Hashable, Sendable {
    /// 0 to 19: five sizes for each of four families.
    package let number: Int

    private static let sizes: [SectorSize] = [.kib2, .mib8, .mib512, .gib32, .gib64]

    /// All twenty, in order.
    package static let all = (0..<20).map { RegisteredSealProof(unchecked: $0) }

    private init(unchecked number: Int) {
        self.number = number
    }

    /// - Throws: ``SealingError`` `.invalidArgument` outside 0 to 19.
    package init(number: Int) throws(SealingError) {
        guard (0..<20).contains(number) else {
            throw SealingError(
                .invalidArgument,
                "seal proof \(number) is not registered; they are 0 to 19"
            )
        }
        self.init(unchecked: number)
    }

    /// Reads a name such as `StackedDrg2KiBV1_1`.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` for an unknown name.
    package init(name: String) throws(SealingError) {
        for proof in RegisteredSealProof.all where proof.name == name {
            self = proof
            return
        }
        throw SealingError(.invalidArgument, "“\(name.prefix(80))” is not a registered seal proof")
    }

    /// The proof for a size.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` when no proof of that size is registered.
    package static func forSize(
        _ size: SectorSize,
        family: SealProofFamily = .v1_1
    ) throws(SealingError) -> RegisteredSealProof {
        guard let index = sizes.firstIndex(of: size) else {
            let names = sizes.map(\.name).joined(separator: ", ")
            throw SealingError(
                .invalidArgument,
                "no seal proof is registered for \(size); use one of \(names)"
            )
        }
        return RegisteredSealProof(unchecked: 5 * family.rawValue + index)
    }

    /// Whether sectors of this size have registered proofs.
    package static func isRegistered(_ size: SectorSize) -> Bool {
        sizes.contains(size)
    }

    package var sectorSize: SectorSize {
        RegisteredSealProof.sizes[number % 5]
    }

    package var family: SealProofFamily {
        switch number / 5 {
        case 0: .v1
        case 1: .v1_1
        case 2: .synthetic
        default: .nonInteractive
        }
    }

    package var apiVersion: ProofAPIVersion {
        switch family {
        case .v1: .v1_0
        case .v1_1: .v1_1
        case .synthetic, .nonInteractive: .v1_2
        }
    }

    /// 32 bytes: the number as a little-endian 64-bit integer, then zeros (the nonce is 0).
    package var porepID: Commitment {
        Commitment(words: (UInt64(number), 0, 0, 0))
    }

    /// `StackedDrg2KiBV1_1` and the like.
    package var name: String {
        parameters.proofName
    }

    /// What the kernels need to know of this proof.
    package var parameters: SealParameters {
        SealParameters(
            sectorSize: sectorSize,
            porepID: porepID,
            apiVersion: apiVersion,
            family: family
        )
    }
}

extension RegisteredSealProof: CustomStringConvertible {
    package var description: String {
        name
    }
}

extension RegisteredSealProof: Codable {
    package init(from decoder: any Decoder) throws {
        try self.init(number: Int(from: decoder))
    }

    package func encode(to encoder: any Encoder) throws {
        try number.encode(to: encoder)
    }
}

/// Size, graph and challenge rule of one kind of proof of replication.
///
/// Registered proofs give theirs; tests also use sizes and identifiers that are not registered.
package struct SealParameters: Hashable, Sendable {
    package let sectorSize: SectorSize
    package let porepID: Commitment
    package let apiVersion: ProofAPIVersion
    package let family: SealProofFamily

    package init(
        sectorSize: SectorSize,
        porepID: Commitment,
        apiVersion: ProofAPIVersion,
        family: SealProofFamily
    ) {
        self.sectorSize = sectorSize
        self.porepID = porepID
        self.apiVersion = apiVersion
        self.family = family
    }

    package var shape: SectorShape {
        sectorSize.shape
    }

    /// Name of the proof; tests of unregistered sizes get one of the same pattern.
    package var proofName: String {
        let base = "StackedDrg\(sectorSize.name)"
        return switch family {
        case .v1: base + "V1"
        case .v1_1: base + "V1_1"
        case .synthetic: base + "V1_1_Feat_SyntheticPoRep"
        case .nonInteractive: base + "V1_2_Feat_NonInteractivePoRep"
        }
    }

    /// The key under which the reference's JSON keeps data of this size, whatever the family.
    package var shapeName: String {
        "StackedDrg\(sectorSize.name)V1"
    }

    /// Groth16 proofs per sector; each proves `challengesPerPartition` challenges.
    package var partitionCount: Int {
        switch (sectorSize >= .gib32, family) {
        case (true, .nonInteractive): 126
        case (true, _): 10
        case (false, .nonInteractive): 13
        case (false, _): 1
        }
    }

    /// Challenges in each partition.
    package var challengesPerPartition: Int {
        sectorSize >= .gib32 ? 18 : 2
    }
}
