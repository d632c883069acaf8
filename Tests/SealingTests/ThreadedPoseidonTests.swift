// SPDX-License-Identifier: Apache-2.0
import Sealing
import Testing

@Suite struct ThreadedPoseidonTests {
    @Test(
        "digests of groups and columns do not depend on the number of threads",
        arguments: [1, 2, 3, 8]
    )
    func agreement(threadCount: Int) throws {
        var random = Seeded(state: UInt64(threadCount))
        let hasher = try ThreadedPoseidon(threadCount: threadCount)
        for arity in [2, 8, 11] {
            let poseidon = try Poseidon(arity: arity)
            for count in [0, 1, 7, 8, 9, 16, 17, 203] {
                let inputs = (0..<count * arity).map { _ in random.node() }.flatMap(\.bytes)
                #expect(
                    try hasher.hash(inputs, with: poseidon)
                        == (try poseidon.hash(inputs, .portable))
                )
                #expect(
                    try hasher.hashColumns(inputs, columnCount: count, with: poseidon)
                        == (try poseidon.hashColumns(inputs, columnCount: count, .portable))
                )
            }
        }
    }

    @Test("a node outside the field is found in every thread's share, and broken inputs are refused")
    func badInput() throws {
        let hasher = try ThreadedPoseidon(threadCount: 4)
        for place in [0, 9, 17, 31] {
            var inputs = [UInt8](repeating: 0, count: 32 * 64)
            inputs[64 * place + 63] = 0x74
            #expect(
                sealingError { _ = try hasher.hash(inputs, with: .arity2) }?.code == .notCanonical
            )
        }
        #expect(
            sealingError { _ = try hasher.hash([1], with: .arity2) }?.code == .invalidArgument
        )
        #expect(
            sealingError {
                _ = try hasher.hashColumns([1], columnCount: -1, with: .arity2)
            }?.code == .invalidArgument
        )
        for count in [-1, 0, 1025] {
            #expect(
                sealingError { _ = try ThreadedPoseidon(threadCount: count) }?.code
                    == .invalidArgument
            )
        }
    }

    @Test("sectors get the known CommR when two threads hash their trees")
    func sectors() throws {
        let hasher = try ThreadedPoseidon(threadCount: 2)
        for vector in Vectors.all.full_seals.list.filter({ $0.comm_r.exists }) {
            let run = try SealRun(vector: vector)
            let output = try run.preCommit2(run.preCommit1(), on: hasher)
            #expect(output.commR == (try vector.comm_r.node))
        }
    }
}
