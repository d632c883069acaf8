// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

/// JSON text with one place changed at a time.
private struct Damage {
    /// A place in the text and what it becomes.
    struct Change {
        let place: String
        let text: String
        /// Whether the changed text is still a value of the right shape.
        let isWellFormed: Bool
    }

    private var changes: [Change] = []
    private var leafCount = 0
    private let whole: JSONValue

    /// All changes of a value: each leaf, each length, each key, once or a few times.
    static func changes(of value: JSONValue) -> [Change] {
        var damage = Damage(whole: value)
        damage.walk(value, "") { $0 }
        return damage.changes
    }

    private init(whole: JSONValue) {
        self.whole = whole
    }

    static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .number(let number): String(number)
        case .text(let text): "\"\(text)\""
        case .list(let list): "[" + list.map(text).joined(separator: ",") + "]"
        case .object:
            "{" + value.keys.map { "\"\($0)\":" + text(value[$0]) }.joined(separator: ",") + "}"
        }
    }

    /// `around` puts the text of this value into the text of the whole.
    private mutating func walk(_ value: JSONValue, _ place: String, _ around: (String) -> String) {
        let original = Damage.text(value)
        func note(_ texts: [String], well: Bool = false) {
            for text in texts where text != original {
                changes.append(Change(place: place, text: around(text), isWellFormed: well))
            }
        }
        leafCount += 1
        switch value {
        case .null: note(["0"])
        case .bool(let flag): note([flag ? "false" : "true"])
        case .text(let text): note(["\"\(text)x\"", "\"\"", "7", "null"])
        case .number(let number):
            note([String(number ^ 1), String(number &+ 8), "9223372036854775807"], well: true)
            note(["-1", "18446744073709551616", "1.5", "\"\(number)\"", "null"])
        case .list(let list) where isNode(list):
            // One bit in one byte, another byte for each node.
            var changed = list
            let index = leafCount % 32
            changed[index] = .number(list[index].uint ^ (1 << UInt64(leafCount / 32 % 8)))
            note([Damage.text(.list(changed))], well: true)
            if leafCount.isMultiple(of: 7) {
                note([Damage.text(.list(list.dropLast()))])
                note([Damage.text(.list(list + [.number(0)])), "[]", "null"])
                note([Damage.text(.list(list.dropLast() + [.number(256)]))])
            }
        case .list(let list):
            note([Damage.text(.list(list.dropLast())), "null", "{}"])
            note([Damage.text(.list(list + list.suffix(1))), "[]"])
            for (index, item) in list.enumerated() {
                walk(item, "\(place)[\(index)]") { text in
                    var texts = list.map(Damage.text)
                    texts[index] = text
                    return around("[" + texts.joined(separator: ",") + "]")
                }
            }
        case .object(let entries):
            note(["{}", "[]", "null"])
            for key in value.keys {
                var others = entries
                others[key] = nil
                // A key that is absent, and one of another name.
                note([Damage.text(.object(others))])
                others[key + "x"] = entries[key]
                note([Damage.text(.object(others))])
                let rest = value.keys.filter { $0 != key }
                walk(value[key], "\(place).\(key)") { text in
                    let fields = ["\"\(key)\":\(text)"] + rest.map { "\"\($0)\":" + Damage.text(value[$0]) }
                    return around("{" + fields.joined(separator: ",") + "}")
                }
            }
        }
    }

    private func isNode(_ list: [JSONValue]) -> Bool {
        list.count == 32
            && list.allSatisfy {
                if case .number(let number) = $0 { number < 256 } else { false }
            }
    }
}

@Suite("Proofs of which one place is changed")
struct ProofCorruptionTests {
    /// What became of a changed text.
    private enum Outcome: Equatable {
        case undecodable
        /// It says the same as before: what was changed is not read.
        case same
        case rejected(VanillaRejection.Reason)
        case accepted
    }

    private func json<Value: Encodable>(_ value: Value) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
    }

    /// Decodes each changed text of `part` and gives it to `verify`; returns the outcomes by place.
    private func outcomes<Part: Codable & Equatable>(
        _ part: Part,
        every stride: Int = 1,
        _ verify: (Part) throws(VanillaRejection) -> Void
    ) throws -> [(change: Damage.Change, outcome: Outcome)] {
        try Damage.changes(of: json(part)).enumerated().filter {
            $0.offset.isMultiple(of: stride)
        }.map { (_, change) in
            let changed: Part
            do {
                changed = try JSONDecoder().decode(Part.self, from: Data(change.text.utf8))
            } catch is DecodingError {
                return (change, .undecodable)
            }
            if changed == part {
                return (change, .same)
            }
            do throws(VanillaRejection) {
                try verify(changed)
                return (change, .accepted)
            } catch {
                return (change, .rejected(error.reason))
            }
        }
    }

    /// Demands that all are refused, but for the reference's empty `_h`, which is not read.
    private func demandRefused(
        _ name: String,
        _ found: [(change: Damage.Change, outcome: Outcome)]
    ) -> Int {
        for (change, outcome) in found {
            switch outcome {
            case .accepted:
                Issue.record("\(name)\(change.place) is accepted: \(change.text.prefix(300))")
            case .same:
                let isMark = change.place.hasSuffix("._h")
                // Without `_h`, or with it renamed, the object around it says the same, too.
                #expect(isMark || change.place.hasSuffix("column"), "\(name)\(change.place)")
            case .undecodable, .rejected: break
            }
        }
        return found.count
    }

    @Test("every field of a proof of replication counts")
    func replication() throws {
        let run = try SealRun(vector: Vectors.all.full_seals[5])
        let seed = Commitment(repeating: 1)
        let output = try run.seal()
        let proofs = try run.pipeline.commit1(ticket: run.ticket, seed: seed, commitments: output)
        let statement = run.statement(output, seed: seed)
        try VanillaVerifier.verify(proofs, statement)
        var count = 0
        for index in 0..<2 {
            func part<Part: Codable & Equatable>(
                _ name: String,
                _ path: WritableKeyPath<ChallengeProof, Part>,
                every stride: Int
            ) throws {
                let found = try outcomes(
                    proofs.partitions[0][index][keyPath: path],
                    every: index == 0 ? stride : 29
                ) {
                    (changed) throws(VanillaRejection) in
                    var all = proofs
                    all.partitions[0][index][keyPath: path] = changed
                    try VanillaVerifier.verify(all, statement)
                }
                count += demandRefused(name, found)
            }
            try part("data path", \.commDProof, every: 1)
            try part("replica path", \.commRLastProof, every: 1)
            try part("column", \.replicaColumnProofs.challenged, every: 1)
            // All fifteen columns are checked by the same code: one is changed everywhere.
            for slot in 0..<6 {
                try part("DRG parent \(slot)", \.replicaColumnProofs.drgParents[slot], every: 1)
            }
            for slot in 0..<8 {
                try part("expander parent \(slot)", \.replicaColumnProofs.expanderParents[slot], every: 1)
            }
            for layer in 0..<2 {
                try part("labels \(layer)", \.labelingProofs[layer], every: 1)
            }
            try part("encoding", \.encodingProof, every: 1)
        }
        #expect(count > 400)
    }

    @Test("so does what is around the openings, but for the ticket")
    func envelope() throws {
        let run = try SealRun(vector: Vectors.all.full_seals[5])
        let seed = Commitment(repeating: 1)
        let output = try run.seal()
        var proofs = try run.pipeline.commit1(ticket: run.ticket, seed: seed, commitments: output)
        let statement = run.statement(output, seed: seed)
        let openings = proofs.partitions
        // The openings themselves are the other test's; here they are emptied to be quick.
        proofs.partitions = []
        let found = try outcomes(proofs) { (changed) throws(VanillaRejection) in
            var whole = changed
            whole.partitions = openings
            try VanillaVerifier.verify(whole, statement)
        }
        for (change, outcome) in found where outcome == .accepted {
            // A verifier does not know prover and sector: for it the replica identifier stands for
            // the ticket, which only the caller can compare.
            #expect(change.place == ".ticket", "\(change.place)")
        }
        #expect(found.contains { $0.change.place == ".ticket" && $0.outcome == .accepted })
        #expect(!found.contains { $0.outcome == .same })

        for wrong in [
            [], [[]], openings + openings, [openings[0] + openings[0]], [[openings[0][0]]],
            [openings[0].reversed()],
        ] as [[[ChallengeProof]]] {
            var changed = proofs
            changed.partitions = wrong
            #expect(throws: VanillaRejection.self) {
                try VanillaVerifier.verify(changed, statement)
            }
        }
    }

    /// A proof of space-time of one 2 KiB sector.
    private func spaceTime() throws -> (proof: PoStVanillaProof, statement: PoStStatement) {
        let run = try SealRun(payload: SealRun.pattern(2032))
        let statement = try PoStStatement(
            kind: .windowV1_2,
            sectorSize: .kib2,
            proverID: Commitment(proverOf: 1000),
            randomness: SHA256.hash([8]),
            sectors: [PoStSector(number: 1, commR: try run.seal().commR)]
        )
        return (try PoStVanilla.prove(statement, sectorAt: 0, paths: run.paths), statement)
    }

    @Test("every field of a proof of space-time counts")
    func spaceTimeFields() throws {
        let (proof, statement) = try spaceTime()
        try PoStVanilla.verify(proof, statement, sectorAt: 0)
        var count = 0
        for index in proof.inclusionProofs.indices {
            let found = try outcomes(proof.inclusionProofs[index], every: index == 0 ? 1 : 7) {
                (changed) throws(VanillaRejection) in
                var whole = proof
                whole.inclusionProofs[index] = changed
                try PoStVanilla.verify(whole, statement, sectorAt: 0)
            }
            count += demandRefused("opening \(index)", found)
        }
        var bare = proof
        bare.inclusionProofs = []
        let found = try outcomes(bare) { (changed) throws(VanillaRejection) in
            var whole = changed
            whole.inclusionProofs = proof.inclusionProofs
            try PoStVanilla.verify(whole, statement, sectorAt: 0)
        }
        count += demandRefused("proof", found)
        #expect(count > 100)
    }

    @Test("one bit of the binary form is refused, and so is every shorter or longer text")
    func spaceTimeBinary() throws {
        let (proof, statement) = try spaceTime()
        let binary = proof.binary
        #expect(try PoStVanillaProof(binary: binary) == proof)
        // Eleven is prime to the widths of all fields, so every field is hit, at every byte of some.
        for at in stride(from: 0, to: binary.count, by: 11) {
            var changed = binary
            changed[at] ^= 1 << UInt8(at / 11 % 8)
            do {
                let read = try PoStVanillaProof(binary: changed)
                #expect(throws: VanillaRejection.self, "byte \(at)") {
                    try PoStVanilla.verify(read, statement, sectorAt: 0)
                }
            } catch {
                #expect(error.code == .malformed)
            }
        }
        for count in stride(from: 0, to: binary.count, by: 13) {
            let short = Array(binary.prefix(count))
            #expect(sealingError { _ = try PoStVanillaProof(binary: short) }?.code == .malformed)
        }
        #expect(sealingError { _ = try PoStVanillaProof(binary: binary + [0]) }?.code == .malformed)
    }
}
