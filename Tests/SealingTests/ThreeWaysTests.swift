// SPDX-License-Identifier: Apache-2.0
import Sealing
import Testing

@Suite("Plain Swift, the kernels and a device seal alike")
struct ThreeWaysTests {
    private func run(_ size: SectorSize, _ version: ProofAPIVersion, seed: UInt64) throws -> SealRun {
        var random = Seeded(state: seed)
        let scratch = try Scratch()
        let name = "s-t01000-77"
        let pipeline = SealPipeline(
            parameters: SealParameters(
                sectorSize: size,
                porepID: random.node(),
                apiVersion: version,
                family: version == .v1_0 ? .v1 : .v1_1
            ),
            proverID: Commitment(proverOf: 1000),
            sectorNumber: 77,
            paths: SectorPaths(
                unsealed: "\(scratch.path)/unsealed/\(name)",
                sealed: "\(scratch.path)/sealed/\(name)",
                cache: "\(scratch.path)/cache/\(name)"
            )
        )
        let payload = random.bytes(Int(size.unpaddedBytes))
        return try SealRun(scratch, pipeline, ticket: random.node(), payload: payload)
    }

    @Test("the plain scalars agree with the slow field, at its edges too")
    func scalars() throws {
        var random = Seeded(state: 31)
        let largest = try Commitment(
            hex: "00000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73"
        )
        let edges = [largest, .zero, Commitment(words: (1, 0, 0, 0))]
        let nodes = edges + (0..<9).map { _ in random.node() }
        for left in nodes {
            for right in nodes {
                let sum = PlainField(left) + PlainField(right)
                #expect((PlainScalar(left) + PlainScalar(right)).node == sum.node)
            }
            let right = random.node()
            let product = PlainField(left) * PlainField(right)
            #expect((PlainScalar(left) * PlainScalar(right)).node == product.node)
        }
        let most = PlainScalar(largest)
        let four = PlainScalar.sumOfProducts([(most, most), (most, most), (most, most), (most, most)])
        #expect(four.node == Commitment(words: (4, 0, 0, 0)))
    }

    @Test(
        "a sector sealed by plain Swift has the pipeline's layers, replica and commitments",
        arguments: [(SectorSize.kib2, ProofAPIVersion.v1_0), (.kib2, .v1_1)]
    )
    func plain(size: SectorSize, version: ProofAPIVersion) throws {
        let run = try run(size, version, seed: size.rawValue + (version == .v1_0 ? 1 : 0))
        let output = try run.seal()
        let plain = PlainSeal(
            parameters: run.pipeline.parameters,
            replicaID: SHA256.hash(
                Commitment(proverOf: 1000).bytes + [0, 0, 0, 0, 0, 0, 0, 77] + run.ticket.bytes
                    + output.commD.bytes + run.pipeline.parameters.porepID.bytes,
                .portable
            ).truncated254
        )
        let layers = try plain.layers()
        for (index, layer) in layers.enumerated() {
            #expect(try Scratch.bytes(run.paths.layer(index + 1)) == layer.flatMap(\.bytes))
        }
        let replica = plain.replica(try Scratch.bytes(run.paths.unsealed), layers: layers)
        #expect(try Scratch.bytes(run.paths.sealed) == replica.flatMap(\.bytes))
        // Poseidon by plain rounds is slow: one column, and the hash of both roots.
        let two = PlainPoseidon(.arity2)
        let column = Commitment(in: try Scratch.bytes(run.paths.trees("tree-c", baseTreeCount: 1)[0]))
        #expect(column == two.hash(layers.map { $0[0] }))
        #expect(output.commR == two.hash([output.commC, output.commRLast]))
    }

    /// Hashes one by one, with no lanes.
    private struct Portable: PoseidonHasher {
        let batchHashCount = 100

        func hash(_ inputs: [UInt8], with poseidon: Poseidon) throws(SealingError) -> [UInt8] {
            try poseidon.hash(inputs, .portable)
        }

        func hashColumns(
            _ rows: [UInt8],
            columnCount: Int,
            with poseidon: Poseidon
        ) throws(SealingError) -> [UInt8] {
            try poseidon.hashColumns(rows, columnCount: columnCount, .portable)
        }
    }

    @Test(
        "portable and fast kernels make one sector for every small size and version",
        arguments: [SectorSize.kib2, .kib4, .kib16, .kib32],
        [ProofAPIVersion.v1_0, .v1_1]
    )
    func kernels(size: SectorSize, version: ProofAPIVersion) throws {
        let run = try run(size, version, seed: 3)
        let first = try run.preCommit1()
        let expected = try run.pipeline.preCommit2(first)
        let sealed = try run.digestOf(run.paths.sealed)
        #expect(try run.preCommit2(first, on: Portable()) == expected)
        #expect(try run.digestOf(run.paths.sealed) == sealed)
        let graph = try StackedGraph(run.pipeline.parameters)
        for implementation in InstructionPath.allCases.filter(\.isAvailable) {
            let layers = try StackedLabels.compute(
                graph: graph,
                replicaID: run.pipeline.replicaID(ticket: run.ticket, commD: first.commD),
                layerCount: 2,
                implementation
            )
            #expect(try layers[1] == Scratch.bytes(run.paths.layer(2)))
        }
    }

    @Test(
        "a device and the processor make one sector for every small size and version",
        .enabled(if: OpenCLHost.hasDevice, "OpenCL offers no device: its sectors are NOT tested"),
        arguments: [SectorSize.kib2, .kib4, .kib16, .kib32],
        [ProofAPIVersion.v1_0, .v1_1]
    )
    func device(size: SectorSize, version: ProofAPIVersion) throws {
        let run = try run(size, version, seed: 4)
        let first = try run.preCommit1()
        let expected = try run.pipeline.preCommit2(first)
        let files = try run.scratch.files().filter { !$0.contains("sealyard-") }
        let digests = try files.map { try run.digestOf("\(run.scratch.path)/\($0)") }
        let device = try OpenCLPoseidon(batchHashCount: 37) { Issue.record("\($0)") }
        #expect(try run.preCommit2(first, on: device) == expected)
        #expect(device.isUsingDevice)
        #expect(try files.map { try run.digestOf("\(run.scratch.path)/\($0)") } == digests)
    }
}
