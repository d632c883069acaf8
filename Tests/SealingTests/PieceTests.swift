// SPDX-License-Identifier: Apache-2.0
import Sealing
import Testing

@Suite struct PieceTests {
    @Test("Fr32 padding equals the published streams and comes off again")
    func fr32() throws {
        for vector in Vectors.all.fr32.list where vector.input.exists {
            let input = try vector.input.byteList
            let padded = try Fr32.pad(input)
            if vector.expected.exists {
                #expect(padded == (try vector.expected.byteList), "\(vector.name.string)")
            } else {
                let prefix = try vector.expected_prefix.byteList
                #expect(padded.count == 96)
                #expect(Array(padded.prefix(prefix.count)) == prefix)
                #expect(padded.dropFirst(prefix.count).allSatisfy { $0 == 0 })
            }
        }
        var random = Seeded(state: 1)
        for groups in [1, 2, 7] {
            let data = random.bytes(127 * groups)
            let padded = try Fr32.pad(data)
            #expect(padded.count == 128 * groups)
            #expect(Field.isCanonical(padded))
            #expect(try Fr32.unpad(padded) == data)
        }
        #expect(sealingError { _ = try Fr32.unpad([1, 2, 3]) }?.code == .invalidArgument)
    }

    @Test("field elements are accepted below the modulus only")
    func acceptance() throws {
        let vector = try #require(Vectors.all.fr32.list.first { $0.cases.exists })
        for one in vector.cases.list {
            var valid = false
            if case .bool(let flag) = one.valid { valid = flag }
            #expect(try one.bytes.node.isCanonical == valid)
        }
        #expect(vector.cases.list.count == 4)
    }

    @Test("commitments of zeros equal the published table")
    func zeros() throws {
        for entry in Vectors.all.zero_piece_commitments.table.list {
            let commitment = try CommP.zero(paddedSize: entry.padded_size.uint)
            #expect(commitment == (try entry.commitment.node))
            if entry.cid.exists {
                #expect(commitment.pieceCID == entry.cid.string)
            }
        }
        #expect(Vectors.all.zero_piece_commitments.table.list.count == 32)
        #expect(sealingError { _ = try CommP.zero(paddedSize: 96) }?.code == .invalidArgument)
    }

    @Test("piece commitments equal the published ones, from memory and from files")
    func commP() throws {
        let scratch = try Scratch()
        let file = "\(scratch.path)/payload"
        for vector in Vectors.all.comm_p.list {
            let size = vector.padded_size.uint
            let info: PieceInfo
            if vector.payload.exists {
                let count = try #require(Int(vector.payload.string.prefix { $0.isNumber }))
                let payload = [UInt8](repeating: 0x61, count: count)
                info = try CommP.compute(.bytes(payload), paddedSize: size)
                try Scratch.write(payload, to: file)
                #expect(try CommP.compute(.wholeFile(file), paddedSize: size) == info)
            } else {
                var padded = [UInt8](repeating: 0, count: Int(size))
                padded[0] = 1
                info = try CommP.compute(padded: padded)
                #expect(try CommP.compute(.bytes([1]), paddedSize: size) == info)
            }
            #expect(info.commP == (try vector.commitment.node), "\(vector.name.string)")
            #expect(info.commP.pieceCID == vector.cid.string)
        }
        #expect(Vectors.all.comm_p.list.count == 5)
    }

    @Test("CIDs equal the published ones and read back")
    func cids() throws {
        let list = Vectors.all.cids.list
        #expect(list.count == 4)
        let zero = try Commitment(unsealedCID: list[2].v1.string)
        #expect(zero == (try CommP.zero(paddedSize: 1 << 36)))
        #expect(
            try zero.pieceCIDv2(paddedSize: 1 << 36, payloadSize: SectorSize.gib64.unpaddedBytes)
                == list[2].v2.string
        )
        let sealed = try list[3].commitment.node
        #expect(sealed.sealedCID == list[3].cid.string)
        #expect(try Commitment(sealedCID: list[3].cid.string) == sealed)
        #expect(
            sealingError { _ = try Commitment(unsealedCID: list[3].cid.string) }?.code
                == .malformed
        )
        for text in ["", "b", "zabc", "b1", list[3].cid.string + "a", "bagboea4b5abc"] {
            #expect(sealingError { _ = try Commitment(sealedCID: text) }?.code == .malformed)
        }
    }

    @Test("alignment of pieces equals the published table")
    func alignment() throws {
        for entry in Vectors.all.piece_alignment.cases.list {
            let (left, right) = try PieceSize.alignment(
                written: entry[0].uint,
                piece: entry[1].uint
            )
            #expect(left == entry[2].uint && right == entry[3].uint)
        }
        #expect(Vectors.all.piece_alignment.cases.list.count == 11)
    }

    @Test("CommD of a piece list equals the published one")
    func commD() throws {
        let vector = Vectors.all.comm_d_from_pieces[0]
        let pieces = try vector.pieces.list.map {
            PieceInfo(size: $0.padded_size.uint, commP: try $0.commitment.node)
        }
        #expect(
            try CommD.compute(pieces: pieces, sectorSize: .kib4)
                == (try vector.expected_comm_d.node)
        )
        #expect(
            try CommD.compute(pieces: [], sectorSize: .kib2)
                == (try CommP.zero(paddedSize: 2048))
        )
        #expect(
            sealingError { _ = try CommD.compute(pieces: pieces, sectorSize: .kib2) } == nil
        )
        #expect(
            sealingError {
                _ = try CommD.compute(pieces: pieces + pieces, sectorSize: .kib2)
            }?.code == .piecesDoNotFit
        )
        #expect(
            sealingError {
                _ = try CommD.compute(
                    pieces: [PieceInfo(size: 100, commP: .zero)],
                    sectorSize: .kib2
                )
            }?.code == .invalidArgument
        )
    }

    @Test("the replica identifier equals the published one")
    func replicaID() throws {
        let vector = Vectors.all.replica_id[0]
        let sector = SectorIdentity(
            minerID: 123,
            number: 1,
            proof: try .forSize(.kib2, family: .v1)
        )
        #expect(sector.proverID == (try vector.prover_id.node))
        #expect(
            sector.replicaID(ticket: try vector.ticket.node, commD: try vector.comm_d.node)
                == (try vector.expected.node)
        )
        #expect(Commitment(proverOf: 3751).bytes.prefix(3) == [0xa7, 0x1d, 0])
        #expect(
            Commitment(proverOf: .max).bytes.prefix(11) == [
                0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                0xff, 0xff, 0xff, 1, 0,
            ]
        )
    }

    @Test("encoding a real sector's data gives its replica, and decoding gives it back")
    func encode() throws {
        let vector = Vectors.all.encode[0]
        let data = try vector.data.byteList
        let key = try vector.key_last_layer.byteList
        let replica = try vector.replica.byteList
        #expect(try Field.encode(key: key, data: data) == replica)
        #expect(try Field.decode(replica: replica, key: key) == data)
    }

    @Test("sector sizes and registered proofs read back from their names")
    func names() throws {
        for size in SectorSize.allCases {
            #expect(try SectorSize(parsing: size.name) == size)
            #expect(try SectorSize(parsing: "\(size.bytes)") == size)
        }
        #expect(try SectorSize(parsing: " 32 gib ") == .gib32)
        for text in ["", "3KiB", "-1", "2KB"] {
            #expect(sealingError { _ = try SectorSize(parsing: text) }?.code == .invalidArgument)
        }
        for proof in RegisteredSealProof.all {
            #expect(try RegisteredSealProof(name: proof.name) == proof)
            #expect(
                try RegisteredSealProof.forSize(proof.sectorSize, family: proof.family) == proof
            )
        }
        let names = [0, 6, 12, 18].map { RegisteredSealProof.all[$0].name }
        #expect(
            names == [
                "StackedDrg2KiBV1", "StackedDrg8MiBV1_1",
                "StackedDrg512MiBV1_1_Feat_SyntheticPoRep",
                "StackedDrg32GiBV1_2_Feat_NonInteractivePoRep",
            ]
        )
        #expect(sealingError { _ = try RegisteredSealProof(number: 20) }?.code == .invalidArgument)
        #expect(
            sealingError { _ = try RegisteredSealProof.forSize(.gib1) }?.code == .invalidArgument
        )
    }
}
