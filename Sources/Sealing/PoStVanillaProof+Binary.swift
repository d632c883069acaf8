// SPDX-License-Identifier: Apache-2.0

/// The reference's binary form (bincode, fixed-width little-endian integers).
extension PoStVanillaProof {
    /// Proofs, elements and siblings beyond these are not those of any sector.
    private static let proofCountMax: UInt64 = 66
    private static let elementCountMax: UInt64 = 64
    private static let siblingCountMax: UInt64 = 35

    /// The bytes of the proof.
    package var binary: [UInt8] {
        var bytes = sectorNumber.littleEndianBytes + commR.bytes + UInt64(1).littleEndianBytes
        bytes += UInt64(inclusionProofs.count).littleEndianBytes
        for proof in inclusionProofs {
            let variant: UInt32 = proof.top != nil ? 2 : proof.sub != nil ? 1 : 0
            bytes += variant.littleEndianBytes
            if let sub = proof.sub {
                bytes += PoStVanillaProof.encode(proof.base) + PoStVanillaProof.encode(sub)
                if let top = proof.top {
                    bytes += PoStVanillaProof.encode(top)
                }
                bytes += proof.root.bytes + proof.leaf.bytes
            } else {
                bytes += proof.root.bytes + proof.leaf.bytes + PoStVanillaProof.encode(proof.base)
            }
        }
        return bytes + commC.bytes + commRLast.bytes
    }

    private static func encode(_ path: [PathElement]) -> [UInt8] {
        var bytes = UInt64(path.count).littleEndianBytes
        for element in path {
            bytes += UInt64(element.hashes.count).littleEndianBytes
            bytes += element.hashes.flatMap(\.bytes) + UInt64(element.index).littleEndianBytes
        }
        return bytes
    }

    /// Reads the bytes of a proof.
    ///
    /// - Throws: ``SealingError`` `.malformed` for bytes that are not exactly one proof.
    package init(binary bytes: [UInt8]) throws(SealingError) {
        var reader = BinaryReader(bytes)
        let number = try reader.integer()
        let commR = try reader.node()
        guard try reader.integer() == 1 else {
            throw SealingError(.malformed, "the proof is not that of one sector")
        }
        let count = try reader.count(max: PoStVanillaProof.proofCountMax)
        var proofs: [MerkleProof] = []
        for _ in 0..<count {
            proofs.append(try PoStVanillaProof.decodeProof(&reader))
        }
        let commC = try reader.node()
        let commRLast = try reader.node()
        guard reader.isAtEnd else {
            throw SealingError(.malformed, "bytes follow the proof")
        }
        self.init(
            sectorNumber: number,
            commR: commR,
            inclusionProofs: proofs,
            commC: commC,
            commRLast: commRLast
        )
    }

    private static func decodeProof(
        _ reader: inout BinaryReader
    ) throws(SealingError) -> MerkleProof {
        switch try reader.variant() {
        case 0:
            let root = try reader.node()
            let leaf = try reader.node()
            return MerkleProof(base: try decodePath(&reader), root: root, leaf: leaf)
        case 1:
            let base = try decodePath(&reader)
            let sub = try decodePath(&reader)
            return MerkleProof(
                base: base,
                sub: sub,
                root: try reader.node(),
                leaf: try reader.node()
            )
        case 2:
            let base = try decodePath(&reader)
            let sub = try decodePath(&reader)
            let top = try decodePath(&reader)
            return MerkleProof(
                base: base,
                sub: sub,
                top: top,
                root: try reader.node(),
                leaf: try reader.node()
            )
        case let other:
            throw SealingError(.malformed, "Merkle proofs have no variant \(other)")
        }
    }

    private static func decodePath(
        _ reader: inout BinaryReader
    ) throws(SealingError) -> [PathElement] {
        var path: [PathElement] = []
        for _ in 0..<(try reader.count(max: elementCountMax)) {
            var hashes: [Commitment] = []
            for _ in 0..<(try reader.count(max: siblingCountMax)) {
                hashes.append(try reader.node())
            }
            let index = try reader.count(max: siblingCountMax)
            path.append(PathElement(hashes: hashes, index: index))
        }
        return path
    }
}

/// Reads fixed-width fields and never beyond the end.
struct BinaryReader {
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool {
        at == bytes.count
    }

    private mutating func take(_ count: Int) throws(SealingError) -> Int {
        guard count <= bytes.count - at else {
            throw SealingError(
                .malformed,
                "the data ends at byte \(bytes.count), within a field of \(count)"
            )
        }
        defer { at += count }
        return at
    }

    mutating func integer() throws(SealingError) -> UInt64 {
        UInt64(littleEndian: bytes, at: try take(8))
    }

    mutating func variant() throws(SealingError) -> UInt32 {
        UInt32(littleEndian: bytes, at: try take(4))
    }

    mutating func node() throws(SealingError) -> Commitment {
        Commitment(in: bytes, at: try take(32))
    }

    mutating func count(max: UInt64) throws(SealingError) -> Int {
        let value = try integer()
        guard value <= max else {
            throw SealingError(.malformed, "a count is \(value) where at most \(max) can be")
        }
        return Int(value)
    }
}
