// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Sealing

/// Seals one file into one sector: AddPiece, pre-commit 1 and pre-commit 2.
struct SectorSealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal",
        abstract: "Seal a file into a sector.",
        discussion: """
            The payload is padded to the sector's size with zeros. The directory gets the sector's \
            files (unsealed, sealed, cache) and a description of the sector. Running the same command \
            again goes on where an interrupted one stopped. Of synthetic proofs (10 to 14) all openings \
            are made as well and the layers removed, unless --finalize says that none are wanted.
            """)

    @Argument(help: "The payload.", completion: .file())
    var file: String

    @Option(help: "Sector size: 2KiB, 8MiB, 512MiB, 32GiB or 64GiB.")
    var size: String?

    @Option(help: "Directory of the sector; one sector each.", completion: .directory)
    var out: String

    @Option(help: "Number of the registered seal proof, 0 to 19; it implies the size.")
    var registeredProof: Int?

    @Option(help: "Number of the miner actor.")
    var miner: UInt64 = 1000

    @Option(help: "Number of the sector.")
    var sector: UInt64 = 1

    @Option(help: "Sealing randomness, 64 hexadecimal digits; zeros unless given.")
    var ticket: String?

    @Flag(help: "Remove the layers and trees that only sealing needs when the sector is sealed.")
    var finalize = false

    @OptionGroup
    var sealing: SealingArguments

    @Flag(help: "Print one JSON document.")
    var json = false

    func validate() throws {
        _ = try proof()
        _ = try ticketValue()
    }

    func run() async throws {
        let identity = SectorIdentity(minerID: miner, number: sector, proof: try proof())
        let progress = ProgressLine()
        Interrupts.listen()
        defer { progress.finish() }
        let seal = SectorSeal(
            file: file, directory: out, identity: identity, ticket: try ticketValue(),
            options: try sealing.options(), hasher: try sealing.hasher(),
            observer: progress.observer, finalizes: finalize)
        let report = try SealReport(seal.run(), identity: identity, directory: out)
        progress.finish()
        if json { return try Console.write(json: report) }
        Console.write(report.text)
    }

    private func proof() throws -> RegisteredSealProof {
        do throws(SealingError) {
            let wanted = try size.map { (text) throws(SealingError) in try SectorSize(parsing: text) }
            guard let number = registeredProof else {
                guard let wanted else {
                    throw SealingError(.invalidArgument, "Give --size or --registered-proof")
                }
                return try RegisteredSealProof.forSize(wanted)
            }
            let proof = try RegisteredSealProof(number: number)
            guard wanted == nil || wanted == proof.sectorSize else {
                throw SealingError(
                    .invalidArgument,
                    "--registered-proof \(number) is for \(proof.sectorSize) sectors, --size says "
                        + "\(size ?? ""); leave one out")
            }
            return proof
        } catch {
            throw ValidationError(error.message)
        }
    }

    private func ticketValue() throws -> Commitment {
        guard let ticket else { return .zero }
        do throws(SealingError) { return try Commitment(hex: ticket) } catch {
            throw ValidationError(
                "--ticket takes 64 hexadecimal digits (32 bytes): \(error.message)")
        }
    }
}

/// The steps of the command, without the command line.
struct SectorSeal {
    let file: String
    let directory: String
    let identity: SectorIdentity
    let ticket: Commitment
    let options: SealingOptions
    let hasher: any PoseidonHasher
    let observer: SealObserver
    let finalizes: Bool

    /// Seals, or goes on sealing, or finds that all is done.
    ///
    /// - Throws: ``CommandError`` or ``SealingError``; the payload is only ever read.
    func run() throws -> SectorDescription {
        let size = identity.proof.sectorSize
        let payloadBytes = try FileText.size(file)
        guard payloadBytes <= size.unpaddedBytes else {
            throw CommandError.failure(
                "\(file) has \(payloadBytes) bytes; a \(size) sector holds at most "
                    + "\(size.unpaddedBytes): take a larger --size or a smaller file")
        }
        let source = PieceSource.file(path: file, offset: 0, count: payloadBytes)
        let piece = try CommP.compute(source, paddedSize: size.bytes, observer: observer)
        var description = SectorDescription(
            identity: identity, ticket: ticket, payloadBytes: payloadBytes, commD: piece.commP)
        let pipeline = SealPipeline(
            identity, paths: SectorPaths(root: directory, sector: identity), options: options,
            observer: observer, hasher: hasher)
        if let found = try takeUp(description) {
            if let output = try found.output() {
                try pipeline.verifySector(commR: output.commR)
                try settle(pipeline, output)
                return found
            }
        } else {
            try FileText.makeDirectory(directory)
            try description.save(in: directory)
        }
        let added = try pipeline.addPiece(source, paddedSize: size.bytes)
        guard added.piece == piece else {
            throw CommandError.failure("\(file) changed while it was read; run the command again")
        }
        let first = try pipeline.preCommit1(ticket: ticket, pieces: added.pieces)
        let output = try pipeline.preCommit2(first)
        description.sealed = SectorDescription.SealedCommitments(
            commC: output.commC.hex, commRLast: output.commRLast.hex, commR: output.commR.hex,
            replicaID: pipeline.replicaID(ticket: ticket, commD: output.commD).hex)
        try description.save(in: directory)
        try settle(pipeline, output)
        return description
    }

    /// Removes what is not needed any more; safe to repeat.
    private func settle(_ pipeline: SealPipeline, _ output: PreCommit2Output) throws(SealingError) {
        if finalizes { return try pipeline.finalize() }
        // Layer 1 goes first: where it is gone and no openings are there, the sector was finalized before.
        guard try pipeline.hasSyntheticProofs(output) || FileText.exists(pipeline.paths.layer(1)) else {
            return
        }
        try pipeline.prepareForSeed(ticket: ticket, commitments: output)
    }

    /// The description that the directory has already, which must be that of the same sector and data.
    private func takeUp(_ wanted: SectorDescription) throws(CommandError) -> SectorDescription? {
        guard FileText.exists(SectorDescription.path(in: directory)) else { return nil }
        let found = try SectorDescription.load(from: directory)
        var unsealed = found
        unsealed.sealed = nil
        guard unsealed == wanted else {
            throw .failure(
                "\(directory) holds sector \(found.sector) of miner \(found.miner) with "
                    + "\(difference(found, wanted)); choose another --out")
        }
        return found
    }

    private func difference(_ found: SectorDescription, _ wanted: SectorDescription) -> String {
        if found.registeredProof != wanted.registeredProof { return "another proof" }
        if found.ticket != wanted.ticket { return "another ticket" }
        if found.commD != wanted.commD || found.payloadBytes != wanted.payloadBytes {
            return "other data than \(file)"
        }
        return "another number than \(wanted.sector) of miner \(wanted.miner)"
    }
}

/// What `sector seal` prints.
struct SealReport: Encodable {
    let miner: UInt64
    let sector: UInt64
    let registeredProof: Int
    let proofName: String
    let sectorSize: UInt64
    let payloadBytes: UInt64
    let ticket: String
    let commD: String
    let commC: String
    let commRLast: String
    let commR: String
    let replicaID: String
    let sealedCID: String
    let unsealedCID: String
    let sealedFile: String
    let cacheDirectory: String

    /// - Throws: ``CommandError`` or ``SealingError`` for a description of a sector that is not sealed.
    init(_ description: SectorDescription, identity: SectorIdentity, directory: String) throws {
        guard let sealed = description.sealed else {
            throw CommandError.failure("\(directory) is not sealed; run the command again")
        }
        let paths = SectorPaths(root: directory, sector: identity)
        miner = description.miner
        sector = description.sector
        registeredProof = description.registeredProof
        proofName = identity.proof.name
        sectorSize = identity.proof.sectorSize.bytes
        payloadBytes = description.payloadBytes
        ticket = description.ticket
        commD = description.commD
        commC = sealed.commC
        commRLast = sealed.commRLast
        commR = sealed.commR
        replicaID = sealed.replicaID
        sealedCID = try Commitment(hex: sealed.commR).sealedCID
        unsealedCID = try Commitment(hex: description.commD).unsealedCID
        sealedFile = paths.sealed
        cacheDirectory = paths.cache
    }

    var text: String {
        """
        sector:      \(sector) of miner \(miner), \(proofName)
        commD:       \(commD)
        commC:       \(commC)
        commRLast:   \(commRLast)
        commR:       \(commR)
        replicaID:   \(replicaID)
        sealedCID:   \(sealedCID)
        unsealedCID: \(unsealedCID)
        sealed file: \(sealedFile)
        """
    }
}
