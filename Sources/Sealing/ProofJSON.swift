// SPDX-License-Identifier: Apache-2.0

/// The reference's JSON shapes of pre-commit 1 output and of vanilla proofs.
///
/// Keys that the reference keeps for itself (`_h`, always null) are written and not read.
struct TextKey: CodingKey, ExpressibleByStringLiteral {
    let stringValue: String

    init(_ text: String) {
        stringValue = text
    }

    init(stringLiteral text: String) {
        stringValue = text
    }

    init?(stringValue: String) {
        self.stringValue = stringValue
    }

    var intValue: Int? {
        nil
    }

    init?(intValue: Int) {
        nil
    }
}

/// The one entry of an object whose key names a size.
private func onlyKey(
    _ container: KeyedDecodingContainer<TextKey>,
    _ what: String
) throws -> TextKey {
    let keys = container.allKeys
    guard keys.count == 1 else {
        throw DecodingError.dataCorrupted(
            DecodingError.Context(
                codingPath: container.codingPath,
                debugDescription: "\(what) has one key, the kind of sector; here are \(keys.count)"
            )
        )
    }
    return keys[0]
}

extension PreCommit1Output: Codable {
    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: TextKey.self)
        proofName = try object.decode(String.self, forKey: "registered_proof")
        let kinds = try object.nestedContainer(keyedBy: TextKey.self, forKey: "labels")
        let kind = try onlyKey(kinds, "labels")
        shapeName = kind.stringValue
        let labels = try kinds.nestedContainer(keyedBy: TextKey.self, forKey: kind)
        self.labels = try labels.decode([StoreConfig].self, forKey: "labels")
        treeD = try object.decode(StoreConfig.self, forKey: "config")
        commD = try object.decode(Commitment.self, forKey: "comm_d")
        let text = try object.decode(String.self, forKey: "_lotus_SealRandomness")
        guard let bytes = Base64.decode(text), bytes.count == 32 else {
            throw DecodingError.dataCorruptedError(
                forKey: "_lotus_SealRandomness",
                in: object,
                debugDescription: "the ticket is 32 bytes in base64"
            )
        }
        ticket = Commitment(in: bytes)
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: TextKey.self)
        try object.encode(proofName, forKey: "registered_proof")
        var kinds = object.nestedContainer(keyedBy: TextKey.self, forKey: "labels")
        var labels = kinds.nestedContainer(keyedBy: TextKey.self, forKey: TextKey(shapeName))
        try labels.encode(self.labels, forKey: "labels")
        try labels.encodeNil(forKey: "_h")
        try object.encode(treeD, forKey: "config")
        try object.encode(commD, forKey: "comm_d")
        try object.encode(Base64.encode(ticket.bytes), forKey: "_lotus_SealRandomness")
    }
}

extension MerkleProof: Codable {
    private struct Path: Codable {
        let path: [PathElement]
    }

    package init(from decoder: any Decoder) throws {
        let outer = try decoder.container(keyedBy: TextKey.self)
        let data = try outer.nestedContainer(keyedBy: TextKey.self, forKey: "data")
        let kind = try onlyKey(data, "a Merkle proof")
        let object = try data.nestedContainer(keyedBy: TextKey.self, forKey: kind)
        root = try object.decode(Commitment.self, forKey: "root")
        leaf = try object.decode(Commitment.self, forKey: "leaf")
        switch kind.stringValue {
        case "Single":
            base = try object.decode(Path.self, forKey: "path").path
            sub = nil
            top = nil
        case "Sub":
            base = try object.decode(Path.self, forKey: "base_proof").path
            sub = try object.decode(Path.self, forKey: "sub_proof").path
            top = nil
        case "Top":
            base = try object.decode(Path.self, forKey: "base_proof").path
            sub = try object.decode(Path.self, forKey: "sub_proof").path
            top = try object.decode(Path.self, forKey: "top_proof").path
        default:
            throw DecodingError.dataCorruptedError(
                forKey: kind,
                in: data,
                debugDescription: "a Merkle proof is Single, Sub or Top"
            )
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var outer = encoder.container(keyedBy: TextKey.self)
        var data = outer.nestedContainer(keyedBy: TextKey.self, forKey: "data")
        let kind: TextKey = top != nil ? "Top" : sub != nil ? "Sub" : "Single"
        var object = data.nestedContainer(keyedBy: TextKey.self, forKey: kind)
        if let sub {
            try object.encode(Path(path: base), forKey: "base_proof")
            try object.encode(Path(path: sub), forKey: "sub_proof")
            if let top {
                try object.encode(Path(path: top), forKey: "top_proof")
            }
            try object.encode(root, forKey: "root")
            try object.encode(leaf, forKey: "leaf")
        } else {
            try object.encode(root, forKey: "root")
            try object.encode(leaf, forKey: "leaf")
            try object.encode(Path(path: base), forKey: "path")
        }
    }
}

extension Column: Codable {
    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: TextKey.self)
        index = try object.decode(UInt64.self, forKey: "index")
        rows = try object.decode([Commitment].self, forKey: "rows")
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: TextKey.self)
        try object.encode(index, forKey: "index")
        try object.encode(rows, forKey: "rows")
        try object.encodeNil(forKey: "_h")
    }
}

extension VanillaProofs: Codable {
    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: TextKey.self)
        proofName = try object.decode(String.self, forKey: "registered_proof")
        let kinds = try object.nestedContainer(keyedBy: TextKey.self, forKey: "vanilla_proofs")
        let kind = try onlyKey(kinds, "vanilla_proofs")
        shapeName = kind.stringValue
        partitions = try kinds.decode([[ChallengeProof]].self, forKey: kind)
        commR = try object.decode(Commitment.self, forKey: "comm_r")
        commD = try object.decode(Commitment.self, forKey: "comm_d")
        replicaID = try object.decode(Commitment.self, forKey: "replica_id")
        seed = try object.decode(Commitment.self, forKey: "seed")
        ticket = try object.decode(Commitment.self, forKey: "ticket")
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: TextKey.self)
        try object.encode(proofName, forKey: "registered_proof")
        var kinds = object.nestedContainer(keyedBy: TextKey.self, forKey: "vanilla_proofs")
        try kinds.encode(partitions, forKey: TextKey(shapeName))
        try object.encode(commR, forKey: "comm_r")
        try object.encode(commD, forKey: "comm_d")
        try object.encode(replicaID, forKey: "replica_id")
        try object.encode(seed, forKey: "seed")
        try object.encode(ticket, forKey: "ticket")
    }
}

/// Standard base64 with padding.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    static func encode(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var value: UInt32 = 0
            for byte in group {
                value = value << 8 | UInt32(byte)
            }
            value <<= UInt32(8 * (3 - group.count))
            for digit in 0..<4 {
                out.append(
                    digit <= group.count
                        ? alphabet[Int(value >> UInt32(18 - 6 * digit)) & 63] : UInt8(ascii: "=")
                )
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Nil for anything that is not padded base64 of less than 64 KiB.
    static func decode(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 4), digits.count < 1 << 16 else {
            return nil
        }
        let padding = digits.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding <= 2 else {
            return nil
        }
        var out: [UInt8] = []
        var held: UInt32 = 0
        var bits = 0
        for digit in digits.dropLast(padding) {
            guard let value = alphabet.firstIndex(of: digit) else {
                return nil
            }
            held = held << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: held >> UInt32(bits)))
                held &= (1 << UInt32(bits)) - 1
            }
        }
        return held == 0 ? out : nil
    }
}
