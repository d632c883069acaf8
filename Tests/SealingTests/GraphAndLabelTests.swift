// SPDX-License-Identifier: Apache-2.0
import Sealing
import Testing

@Suite struct GraphAndLabelTests {
    private func graph(_ vector: JSONValue) throws -> StackedGraph {
        try StackedGraph(
            porepID: vector.porep_id.node,
            nodeCount: vector.nodes.uint,
            apiVersion: vector.api_version.apiVersion
        )
    }

    @Test("seeds, keys and parents equal the known ones for sizes up to 64 GiB")
    func parents() throws {
        #expect(Vectors.all.graph_parents.list.count == 8)
        for vector in Vectors.all.graph_parents.list {
            let graph = try graph(vector)
            #expect(Hex.encode(graph.drgSeed) == vector.drg_seed28.string)
            #expect(
                graph.feistelKeys.map { "0x" + String($0, radix: 16) }
                    == vector.feistel_keys_u64.list.map(\.string)
            )
            #expect(graph.halfBitCount == vector.half_bits.int)
            for key in vector.parents.keys {
                let expected = vector.parents[key]
                let parents = try graph.parents(first: #require(UInt64(key)), count: 1)
                #expect(parents[..<6].map(UInt64.init) == expected.drg.list.map(\.uint))
                #expect(
                    parents[6...].map(UInt64.init) == expected.exp.list.map(\.uint),
                    "\(vector.name.string), node \(key)"
                )
            }
        }
    }

    @Test("parents come out the same eight at a time and one by one")
    func lanes() throws {
        for vector in Vectors.all.graph_parents.list {
            let graph = try graph(vector)
            for first in [0, graph.nodeCount / 2 - 20, graph.nodeCount - 40] {
                let portable = try graph.parents(first: first, count: 40, .portable)
                for path in InstructionPath.allCases {
                    #expect(try graph.parents(first: first, count: 40, path) == portable)
                }
            }
        }
    }

    @Test("parent cache names equal the published ones for all sizes")
    func cacheNames() throws {
        for vector in Vectors.all.parent_cache.list {
            let version = vector.api_version.exists ? try vector.api_version.apiVersion : .v1_1
            let graph = try StackedGraph(
                porepID: vector.porep_id.node,
                nodeCount: vector.nodes.uint,
                apiVersion: version
            )
            #expect(graph.cacheFileName == vector.file_name.string)
        }
        #expect(Vectors.all.parent_cache.list.count == 17)
    }

    @Test("parent cache files up to 8 MiB sectors have the published digests")
    func cacheFiles() throws {
        let scratch = try Scratch()
        var checked = 0
        for vector in Vectors.all.parent_cache.list
        where vector.sha256.exists && vector.nodes.uint <= 1 << 18 {
            let path = try ParentCache.ensure(graph: graph(vector), directory: scratch.path)
            let bytes = try Scratch.bytes(path)
            #expect(bytes.count == vector.file_bytes.int)
            #expect(digest(bytes) == vector.sha256.string)
            checked += 1
        }
        #expect(checked == 4)
    }

    @Test("ChaCha8 draws equal the known ones")
    func draws() throws {
        let vector = Vectors.all.chacha8[0]
        let stream = try ChaCha.stream8(seed: vector.seed.node, blockCount: 2)
        let draws = (0..<10).map { index in
            (0..<8).reduce(UInt64(0)) { $0 | UInt64(stream[8 * index + $1]) << UInt64(8 * $1) }
        }
        #expect(draws == vector.u64.list.map(\.uint))
    }

    @Test("eleven layers end in the published label", arguments: InstructionPath.allCases)
    func labels(implementation: InstructionPath) throws {
        #expect(Vectors.all.sdr_labels.list.count == 6)
        for vector in Vectors.all.sdr_labels.list {
            let layers = try StackedLabels.compute(
                graph: graph(vector),
                replicaID: vector.replica_id.node,
                layerCount: vector.layers.int,
                implementation
            )
            #expect(
                Commitment(in: layers[10], at: layers[10].count - 32)
                    == (try vector.expected_last_label.node)
            )
            #expect(layers.map(digest) == vector.derived_layer_sha256.list.map(\.string))
        }
    }

    @Test("a label equals the digest of the message written out")
    func plainLabel() throws {
        var random = Seeded(state: 11)
        for (layer, node, count) in [
            (1, 0, 0), (2, 0, 0), (1, 5, 6), (2, 5, 14), (11, 1 << 30, 14),
        ] {
            let replicaID = random.node()
            let parents = (0..<count).map { _ in random.node() }
            var message = replicaID.bytes
            message += [0, 0, 0, UInt8(layer)]
            message += (0..<8).map { UInt8(truncatingIfNeeded: node >> (56 - 8 * $0)) }
            message += [UInt8](repeating: 0, count: 20)
            if count > 0 {
                message += Label.repeated(parents).flatMap(\.bytes)
                #expect(message.count == 1248)
            }
            let expected = SHA256.hash(message, .portable).truncated254
            for implementation in InstructionPath.allCases {
                #expect(
                    try Label.compute(
                        replicaID: replicaID,
                        layer: layer,
                        node: UInt64(node),
                        parents: parents,
                        implementation
                    ) == expected
                )
            }
        }
    }

    @Test("SHA-256 gives the published digests, portable and fast, for every split")
    func sha256() throws {
        let known = [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ]
        for (text, expected) in known {
            for implementation in InstructionPath.allCases {
                #expect(SHA256.hash(Array(text.utf8), implementation).hex == expected)
            }
        }
        var random = Seeded(state: 5)
        for count in 0..<300 {
            let bytes = random.bytes(count)
            let whole = SHA256.hash(bytes, .portable)
            var parts = SHA256(.shaNI)
            let cut = count == 0 ? 0 : Int(random.next() % UInt64(count))
            parts.update(bytes, in: 0..<cut)
            parts.update(bytes, in: cut..<count)
            #expect(parts.finalize() == whole)
        }
    }

    @Test("BLAKE2b gives the published digests, with and without key")
    func blake2b() throws {
        #expect(
            Hex.encode(try BLAKE2b.hash(Array("abc".utf8), digestCount: 64))
                == "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                + "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
        )
        let key = (0..<64).map { UInt8($0) }
        #expect(
            Hex.encode(try BLAKE2b.hash([], key: key, digestCount: 64))
                == "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
                + "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568"
        )
        #expect(
            sealingError { _ = try BLAKE2b.hash([], digestCount: 65) }?.code == .invalidArgument
        )
    }

    @Test("field products agree with the slow field")
    func products() throws {
        var random = Seeded(state: 9)
        for _ in 0..<50 {
            let (left, right) = (random.node(), random.node())
            #expect(
                Commitment(in: try Field.multiply(left.bytes, right.bytes))
                    == (PlainField(left) * PlainField(right)).node
            )
        }
    }

    @Test("graphs and ranges that cannot be are named errors")
    func badInput() throws {
        #expect(
            sealingError {
                _ = try StackedGraph(porepID: .zero, nodeCount: 1, apiVersion: .v1_1)
            }?.code == .invalidArgument
        )
        let graph = try StackedGraph(porepID: .zero, nodeCount: 64, apiVersion: .v1_1)
        #expect(
            sealingError { _ = try graph.parents(first: 60, count: 5) }?.code == .invalidArgument
        )
        #expect(
            sealingError { _ = try graph.parents(first: .max, count: 1) }?.code == .invalidArgument
        )
        #expect(
            sealingError {
                _ = try Label.compute(replicaID: .zero, layer: 1, node: 3, parents: [])
            }?.code == .invalidArgument
        )
    }
}
