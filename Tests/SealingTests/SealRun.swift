// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

/// A sector sealed in a scratch directory.
struct SealRun {
    let scratch: Scratch
    let pipeline: SealPipeline
    let ticket: Commitment
    let pieces: [PieceInfo]

    var paths: SectorPaths { pipeline.paths }

    /// A registered sector, filled but not sealed. `payload` nil is a sector of zeros.
    init(
        _ proof: RegisteredSealProof = RegisteredSealProof.all[5],
        number: UInt64 = 1,
        ticket: Commitment = .zero,
        payload: [UInt8]? = nil,
        options: SealingOptions = SealingOptions(),
        observer: SealObserver = .none
    ) throws {
        let sector = SectorIdentity(minerID: 1000, number: number, proof: proof)
        let scratch = try Scratch()
        try self.init(
            scratch,
            SealPipeline(
                sector,
                paths: SectorPaths(root: scratch.path, sector: sector),
                options: options,
                observer: observer
            ),
            ticket: ticket,
            payload: payload
        )
    }

    init(_ scratch: Scratch, _ pipeline: SealPipeline, ticket: Commitment, payload: [UInt8]?) throws {
        self.scratch = scratch
        self.pipeline = pipeline
        self.ticket = ticket
        if let payload {
            let added = try pipeline.addPiece(
                .bytes(payload),
                paddedSize: pipeline.parameters.sectorSize.bytes
            )
            #expect(added.isSectorFull && added.padding.isEmpty)
            pieces = added.pieces
        } else {
            pieces = try pipeline.fillWithZeros()
        }
    }

    /// The sector of a known seal.
    init(vector: JSONValue) throws {
        let size = try #require(
            SectorSize(
                rawValue: (vector.sector_size.exists
                    ? vector.sector_size : vector["size"]).uint
            )
        )
        let porepID = try vector.porep_id.node
        let family: SealProofFamily =
            switch porepID.words.0 {
            case 0..<5: .v1
            case 10..<15: .synthetic
            case 15..<20: .nonInteractive
            default: .v1_1
            }
        let version = vector.api_version.exists ? vector.api_version : vector.ver
        let parameters = SealParameters(
            sectorSize: size,
            porepID: porepID,
            apiVersion: try version.apiVersion,
            family: family
        )
        let number = (vector.sector_number.exists ? vector.sector_number : vector.sector).uint
        let scratch = try Scratch()
        let name = "s-t01000-\(number)"
        let isPatterned = vector.data.string.hasPrefix("unpadded byte i")
        try self.init(
            scratch,
            SealPipeline(
                parameters: parameters,
                proverID: Commitment(proverOf: 1000),
                sectorNumber: number,
                paths: SectorPaths(
                    unsealed: "\(scratch.path)/unsealed/\(name)",
                    sealed: "\(scratch.path)/sealed/\(name)",
                    cache: "\(scratch.path)/cache/\(name)"
                )
            ),
            ticket: try vector.ticket.node,
            payload: isPatterned ? SealRun.pattern(Int(size.unpaddedBytes)) : nil
        )
    }

    /// Byte i is 7i + 3.
    static func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: 7 * $0 + 3) }
    }

    func preCommit1() throws -> PreCommit1Output {
        try pipeline.preCommit1(ticket: ticket, pieces: pieces)
    }

    func seal() throws -> PreCommit2Output {
        try pipeline.preCommit2(preCommit1())
    }

    /// The same sector with other options, observer, hasher or places.
    func pipeline(
        options: SealingOptions? = nil,
        observer: SealObserver = .none,
        hasher: any PoseidonHasher = ProcessorPoseidon(),
        paths: SectorPaths? = nil
    ) -> SealPipeline {
        SealPipeline(
            parameters: pipeline.parameters,
            proverID: pipeline.proverID,
            sectorNumber: pipeline.sectorNumber,
            paths: paths ?? self.paths,
            options: options ?? pipeline.options,
            observer: observer,
            hasher: hasher
        )
    }

    /// Pre-commit 2 from the start, with another hasher than the pipeline's.
    func preCommit2(
        _ first: PreCommit1Output,
        on hasher: any PoseidonHasher
    ) throws -> PreCommit2Output {
        try forgetReplica()
        return try pipeline(hasher: hasher).preCommit2(first)
    }

    /// Our note of pre-commit 2.
    var replicaNote: String {
        "\(paths.cache)/sealyard-precommit2.json"
    }

    /// Removes it, so that pre-commit 2 starts over.
    func forgetReplica() throws {
        if FileManager.default.fileExists(atPath: replicaNote) {
            try FileManager.default.removeItem(atPath: replicaNote)
        }
    }

    func statement(_ output: PreCommit2Output, seed: Commitment) -> PoRepStatement {
        PoRepStatement(
            parameters: pipeline.parameters,
            replicaID: pipeline.replicaID(ticket: ticket, commD: output.commD),
            commD: output.commD,
            commR: output.commR,
            seed: seed
        )
    }

    func digestOf(_ path: String) throws -> String {
        digest(try Scratch.bytes(path))
    }
}
