// SPDX-License-Identifier: Apache-2.0
private import Foundation
internal import Sealing

/// What a directory of one sector holds: the file `sealyard-sector.json` beside the sector's files.
///
/// It is written before the first step, so that an interrupted seal knows whose files it finds, and again at
/// the end with the commitments.
struct SectorDescription: Hashable, Sendable, Codable {
    /// Name of the file in the sector's directory.
    static let fileName = "sealyard-sector.json"
    private static let formatName = "sealyard-sector"
    private static let versionKnown = 1
    private static let fileBytesMax = 1 << 16

    let format: String
    let version: Int
    let miner: UInt64
    let sector: UInt64
    /// Number of the registered seal proof.
    let registeredProof: Int
    /// 64 hexadecimal digits, as are all commitments here.
    let ticket: String
    /// Bytes of the file that was sealed; zeros follow it in the sector.
    let payloadBytes: UInt64
    let commD: String
    /// The commitments of the sealed sector; nil until it is sealed.
    var sealed: SealedCommitments?

    /// The commitments that pre-commit 2 gives.
    struct SealedCommitments: Hashable, Sendable, Codable {
        let commC: String
        let commRLast: String
        let commR: String
        let replicaID: String
    }

    init(
        identity: SectorIdentity, ticket: Commitment, payloadBytes: UInt64, commD: Commitment
    ) {
        format = SectorDescription.formatName
        version = SectorDescription.versionKnown
        miner = identity.minerID
        sector = identity.number
        registeredProof = identity.proof.number
        self.ticket = ticket.hex
        self.payloadBytes = payloadBytes
        self.commD = commD.hex
    }

    /// The path of the description in a directory.
    static func path(in directory: String) -> String { "\(directory)/\(fileName)" }

    /// Reads and checks the description in a directory.
    ///
    /// - Throws: ``CommandError`` that says what is missing or does not fit.
    static func load(from directory: String) throws(CommandError) -> SectorDescription {
        let path = path(in: directory)
        guard FileText.exists(path) else {
            throw .failure(
                "\(directory) holds no sector of this program: there is no \(fileName); name the "
                    + "directory that was given to 'sealyard sector seal --out'")
        }
        let bytes = try FileText.read(path, bytesMax: fileBytesMax)
        let found: SectorDescription
        do {
            found = try JSONDecoder().decode(SectorDescription.self, from: Data(bytes))
        } catch {
            throw .failure("\(path) is not the description of a sector: \(reason(error))")
        }
        guard found.format == formatName, found.version == versionKnown else {
            throw .failure(
                "\(path) is of format \(found.format.prefix(40)), version \(found.version); this "
                    + "program reads \(formatName), version \(versionKnown)")
        }
        do throws(SealingError) {
            try found.check()
        } catch {
            throw .failure("\(path) contradicts itself: \(error.message)")
        }
        return found
    }

    /// Writes the description; it appears complete or not at all.
    ///
    /// - Throws: ``CommandError`` where it cannot be written.
    func save(in directory: String) throws(CommandError) {
        try FileText.write(
            try JSONText.encode(self), to: SectorDescription.path(in: directory))
    }

    /// Which sector it is.
    ///
    /// - Throws: ``SealingError`` for a proof that is not registered.
    func identity() throws(SealingError) -> SectorIdentity {
        SectorIdentity(
            minerID: miner, number: sector,
            proof: try RegisteredSealProof(number: registeredProof))
    }

    /// The commitments as commit 1 takes them; nil for a sector that is not sealed.
    ///
    /// - Throws: ``SealingError`` for text that is no commitment.
    func output() throws(SealingError) -> PreCommit2Output? {
        guard let sealed else { return nil }
        return PreCommit2Output(
            commD: try Commitment(hex: commD), commR: try Commitment(hex: sealed.commR),
            commC: try Commitment(hex: sealed.commC), commRLast: try Commitment(hex: sealed.commRLast))
    }

    /// All that the text claims about itself must be true.
    private func check() throws(SealingError) {
        let identity = try identity()
        let ticket = try Commitment(hex: ticket)
        let commD = try Commitment(hex: commD)
        guard payloadBytes <= identity.proof.sectorSize.unpaddedBytes else {
            throw SealingError(
                .malformed,
                "\(payloadBytes) bytes of payload are more than a "
                    + "\(identity.proof.sectorSize) sector holds")
        }
        guard let sealed else { return }
        let aux = PersistentAux(
            commC: try Commitment(hex: sealed.commC), commRLast: try Commitment(hex: sealed.commRLast))
        guard try aux.commR() == Commitment(hex: sealed.commR) else {
            throw SealingError(.malformed, "commC and commRLast do not hash to commR")
        }
        let replicaID = identity.replicaID(ticket: ticket, commD: commD)
        guard try replicaID == Commitment(hex: sealed.replicaID) else {
            throw SealingError(.malformed, "replicaID is not that of this miner, sector, ticket and commD")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "\(key.stringValue) is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")) has another type"
        default: "it is not JSON of the expected form"
        }
    }
}
