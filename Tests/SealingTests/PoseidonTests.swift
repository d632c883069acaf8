// SPDX-License-Identifier: Apache-2.0
import Sealing
import Testing

@Suite struct PoseidonTests {
    /// The domain tag of a vector: 2^arity - 1, or a length times 2^64.
    private func tag(_ vector: JSONValue) -> Commitment {
        vector.domain_tag.string == "4*2^64"
            ? Commitment(words: (0, 4, 0, 0))
            : Commitment(words: ((1 << vector.arity.uint) - 1, 0, 0, 0))
    }

    @Test("digests equal the published ones, by textbook rounds and by optimised rounds")
    func digests() throws {
        var checked = 0
        for vector in Vectors.all.poseidon.list where !vector.inputs.list.isEmpty {
            let standard = try Poseidon(arity: vector.arity.int)
            let isStrengthened = vector.strength.string == "strengthened"
            let rounds = standard.partialRoundCount
            let poseidon = try Poseidon(
                arity: vector.arity.int,
                partialRoundCount: isStrengthened ? (rounds * 5 + 3) / 4 : rounds
            )
            var inputs = try vector.inputs.nodeList
            while inputs.count < poseidon.arity { inputs.append(.zero) }
            let state = [tag(vector)] + inputs
            let expected = try vector.expected.node
            #expect(try poseidon.permute(state)[1] == expected, "\(vector.name.string)")
            #expect(try poseidon.permute(state, textbook: true)[1] == expected)
            if !isStrengthened && tag(vector) == poseidon.domainTag {
                #expect(try poseidon.hash(inputs) == expected)
            }
            checked += 1
        }
        #expect(checked == 16)
    }

    @Test("a binary tree of four leaves has the published root")
    func binaryTree() throws {
        let vector = try #require(
            Vectors.all.poseidon.list.first { $0.leaves.exists }
        )
        let leaves = try vector.leaves.nodeList
        let left = try Poseidon.arity2.hash([leaves[0], leaves[1]])
        let right = try Poseidon.arity2.hash([leaves[2], leaves[3]])
        #expect(try Poseidon.arity2.hash([left, right]) == (try vector.expected.node))
    }

    @Test("a chained hash of 71 ones with arity 36 equals the published one")
    func chained() throws {
        let vector = try #require(
            Vectors.all.poseidon.list.first { $0.inputs.string.hasPrefix("71") }
        )
        let poseidon = try Poseidon(arity: 36)
        let one = Commitment(words: (1, 0, 0, 0))
        var state = one
        for _ in 0..<2 {
            state = try poseidon.hash([state] + [Commitment](repeating: one, count: 35))
        }
        #expect(try vector.expected.node == state)
    }

    @Test("generated constants equal the published ones", arguments: [2, 4, 8, 11])
    func constants(arity: Int) throws {
        let vector = try #require(
            Vectors.all.poseidon_constants.list.first { $0.arity.int == arity }
        )
        let poseidon = try Poseidon(arity: arity)
        let constants = poseidon.constants
        let width = arity + 1
        func node(_ bytes: [UInt8], _ index: Int) -> String {
            Commitment(in: bytes, at: 32 * index).hex
        }
        #expect(poseidon.partialRoundCount == vector.partial_rounds.int)
        #expect(constants.roundConstants.count == 32 * vector.round_constants_count.int)
        #expect(digest(constants.roundConstants) == vector.round_constants_sha256_le32.string)
        #expect(node(constants.roundConstants, 0) == vector.round_constants_first4[0].string)
        #expect(node(constants.matrix, 0) == vector.mds_row0[0].string)
        #expect(node(constants.matrix, width * width - 1) == vector.mds_last.string)
        #expect(constants.compressed.count == 32 * vector.compressed_count.int)
        #expect(digest(constants.compressed) == vector.compressed_sha256_le32.string)
        #expect(node(constants.compressed, width) == vector.compressed_at_width.string)
        #expect(node(constants.preSparse, 1) == vector.pre_sparse_01.string)
        #expect(digest(constants.preSparse) == vector.pre_sparse_sha256_rowmajor_le32.string)
        #expect(node(constants.sparse, 1) == vector.sparse0_w_hat[1].string)
        #expect(node(constants.sparse, width) == vector.sparse0_v_rest[0].string)
        #expect(digest(constants.sparse) == vector.sparse_all_sha256.string)
        #expect(constants.montgomeryBlob.count == vector.public_blob.bytes.int)
        #expect(digest(constants.montgomeryBlob) == vector.public_blob.sha256.string)
    }

    @Test(
        "textbook and optimised rounds agree on random states, edges included",
        arguments: [2, 4, 8, 11]
    )
    func agreement(arity: Int) throws {
        var random = Seeded(state: UInt64(arity))
        let poseidon = try Poseidon(arity: arity)
        let largest = try Commitment(
            hex: "00000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73"
        )
        for round in 0..<40 {
            let state = (0...arity).map { _ in round == 0 ? largest : random.node() }
            #expect(
                try poseidon.permute(state) == (try poseidon.permute(state, textbook: true))
            )
        }
    }

    @Test("the kernel agrees with a plain Swift permutation over big integers")
    func plainSwift() throws {
        var random = Seeded(state: 7)
        let poseidon = Poseidon.arity2
        let constants = poseidon.constants
        let state = (0..<3).map { _ in random.node() }
        let plain = PlainField.poseidon(
            state.map { PlainField($0) },
            constants: (0..<63 * 3).map {
                PlainField(Commitment(in: constants.roundConstants, at: 32 * $0))
            },
            matrix: (0..<9).map { PlainField(Commitment(in: constants.matrix, at: 32 * $0)) },
            partialRoundCount: 55
        )
        #expect(try poseidon.permute(state) == plain.map(\.node))
    }

    @Test("columns hash as groups do")
    func columns() throws {
        var random = Seeded(state: 3)
        let rows = (0..<11).map { _ in (0..<5).map { _ in random.node() } }
        let digests = try Poseidon.arity11.hashColumns(
            rows.flatMap { $0.flatMap(\.bytes) },
            columnCount: 5
        )
        for column in 0..<5 {
            #expect(
                Commitment(in: digests, at: 32 * column)
                    == (try Poseidon.arity11.hash(rows.map { $0[column] }))
            )
        }
    }

    @Test(
        "several at a time and one by one agree, at the edges of the field and for remainders",
        arguments: [2, 4, 8, 11]
    )
    func lanes(arity: Int) throws {
        var random = Seeded(state: 100 + UInt64(arity))
        let poseidon = try Poseidon(arity: arity)
        let largest = try Commitment(
            hex: "00000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73"
        )
        for count in [1, 7, 8, 9, 64, 203] {
            let inputs = (0..<count * arity).map { index in
                switch index % 5 {
                case 0: largest
                case 1: Commitment(words: (random.next() & 1, 0, 0, 0))
                default: random.node()
                }
            }.flatMap(\.bytes)
            let portable = try poseidon.hash(inputs, .portable)
            let rows = try poseidon.hashColumns(inputs, columnCount: count, .portable)
            for path in InstructionPath.allCases {
                #expect(try poseidon.hash(inputs, path) == portable)
                #expect(try poseidon.hashColumns(inputs, columnCount: count, path) == rows)
            }
        }
        for place in 0..<8 {
            var inputs = [UInt8](repeating: 0, count: 8 * 32 * arity)
            inputs[32 * arity * place + 31] = 0x74
            for path in InstructionPath.allCases {
                #expect(sealingError { _ = try poseidon.hash(inputs, path) }?.code == .notCanonical)
            }
        }
    }

    @Test("inputs outside the field, broken groups and unknown arities are named errors")
    func badInput() throws {
        let all = Commitment(repeating: 0xff)
        #expect(sealingError { _ = try Poseidon.arity2.hash([all, .zero]) }?.code == .notCanonical)
        #expect(sealingError { _ = try Poseidon.arity2.hash([.zero]) }?.code == .invalidArgument)
        #expect(
            sealingError { _ = try Poseidon.arity8.hash([UInt8](repeating: 0, count: 33)) }?.code
                == .invalidArgument
        )
        for arity in [-1, 0, 1, 3, 37, 1000] {
            #expect(sealingError { _ = try Poseidon(arity: arity) }?.code == .invalidArgument)
        }
    }
}
