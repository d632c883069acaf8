// SPDX-License-Identifier: Apache-2.0

/// Which sector it is: its miner, its number and its kind of proof.
package struct SectorIdentity: Hashable, Sendable, Codable {
    /// Number of the miner actor.
    package let minerID: UInt64
    /// Number of the sector within its miner.
    package let number: UInt64
    package let proof: RegisteredSealProof

    package init(minerID: UInt64, number: UInt64, proof: RegisteredSealProof) {
        self.minerID = minerID
        self.number = number
        self.proof = proof
    }

    /// Name of the sector's files, `s-t01000-1`.
    package var fileName: String {
        SectorIdentity.fileName(minerID: minerID, number: number)
    }

    fileprivate static func fileName(minerID: UInt64, number: UInt64) -> String {
        "s-t0\(minerID)-\(number)"
    }

    /// The 32-byte prover identifier: the miner's number as a varint, then zeros.
    package var proverID: Commitment {
        Commitment(proverOf: minerID)
    }

    /// The replica identifier, which every label of the sector hashes.
    package func replicaID(ticket: Commitment, commD: Commitment) -> Commitment {
        ReplicaID.compute(
            proverID: proverID,
            sectorNumber: number,
            ticket: ticket,
            commD: commD,
            porepID: proof.porepID
        )
    }
}

extension SectorIdentity: CustomStringConvertible {
    package var description: String {
        "\(fileName) (\(proof))"
    }
}

extension Commitment {
    /// The prover identifier of a miner: the payload of its address, a varint, then zeros.
    package init(proverOf minerID: UInt64) {
        let varint = ContentIdentifier.varint(minerID)
        self.init(in: varint + [UInt8](repeating: 0, count: 32 - varint.count))
    }
}

/// Derives replica identifiers.
package enum ReplicaID {
    /// The digest that binds a replica to prover, sector, ticket, data and kind of proof.
    package static func compute(
        proverID: Commitment,
        sectorNumber: UInt64,
        ticket: Commitment,
        commD: Commitment,
        porepID: Commitment
    ) -> Commitment {
        var hasher = SHA256()
        hasher.update(proverID.bytes)
        hasher.update(sectorNumber.bigEndianBytes)
        hasher.update(ticket.bytes)
        hasher.update(commD.bytes)
        hasher.update(porepID.bytes)
        return hasher.finalize().truncated254
    }
}

/// Where one sector's files are, in the reference's layout.
package struct SectorPaths: Hashable, Sendable, Codable {
    /// The unsealed file: Fr32-padded data, sector size.
    package let unsealed: String
    /// The sealed file: the replica, sector size.
    package let sealed: String
    /// The directory of layers, trees and auxiliary files.
    package let cache: String

    package init(unsealed: String, sealed: String, cache: String) {
        self.unsealed = unsealed
        self.sealed = sealed
        self.cache = cache
    }

    /// `unsealed/`, `sealed/` and `cache/` under one store's root directory.
    package init(root: String, sector: SectorIdentity) {
        self.init(root: root, name: sector.fileName)
    }

    /// The same for a sector whose kind of proof does not matter or is not registered.
    package init(root: String, minerID: UInt64, number: UInt64) {
        self.init(root: root, name: SectorIdentity.fileName(minerID: minerID, number: number))
    }

    init(root: String, name: String) {
        self.init(
            unsealed: "\(root)/unsealed/\(name)",
            sealed: "\(root)/sealed/\(name)",
            cache: "\(root)/cache/\(name)"
        )
    }

    /// The data file of a store in the cache directory, such as `sc-02-data-tree-d.dat`.
    package func cacheFile(_ id: String) -> String {
        "\(cache)/sc-02-data-\(id).dat"
    }

    /// Labels of a layer, counted from 1.
    package func layer(_ layer: Int) -> String {
        cacheFile("layer-\(layer)")
    }

    package var treeD: String {
        cacheFile("tree-d")
    }

    /// CommC and CommRLast, 64 bytes.
    package var persistentAux: String {
        "\(cache)/p_aux"
    }

    /// The description of the stores.
    package var temporaryAux: String {
        "\(cache)/t_aux"
    }

    /// Files of a tree; a suffix counts base trees when there are several.
    package func trees(_ id: String, baseTreeCount: Int) -> [String] {
        baseTreeCount == 1
            ? [cacheFile(id)] : (0..<baseTreeCount).map { cacheFile("\(id)-\($0)") }
    }

    /// Our own note of finished layers and their digests; other software ignores it.
    var checkpoint: String {
        "\(cache)/sealyard-precommit1.json"
    }

    /// Our own note of how far pre-commit 2 is, with digests; other software ignores it.
    var replicaCheckpoint: String {
        "\(cache)/sealyard-precommit2.json"
    }

    /// The openings of all synthetic challenges.
    package var syntheticProofs: String {
        "\(cache)/syn-porep-vanilla-proofs.dat"
    }

    /// The data file while pieces are still added.
    var staging: String {
        unsealed + ".staging"
    }
}
