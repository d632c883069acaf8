// SPDX-License-Identifier: Apache-2.0
import Sealing
import Testing

@Suite struct InstructionPathTests {
    @Test("trees have the same root on every path, and that of nodes hashed one by one")
    func trees() throws {
        var random = Seeded(state: 77)
        for exponent in 0...9 {
            let leaves = (0..<1 << exponent).map { _ in random.node() }
            var row = leaves
            while row.count > 1 {
                row = stride(from: 0, to: row.count, by: 2).map {
                    SHA256.hash(row[$0].bytes + row[$0 + 1].bytes, .portable).truncated254
                }
            }
            for path in InstructionPath.allCases {
                #expect(try BinaryTree.root(leaves.flatMap(\.bytes), path) == row[0])
            }
        }
    }

    @Test("a kernel is named after instructions that its path may use")
    func names() {
        for kernel in InstructionPath.Kernel.allCases {
            #expect(InstructionPath.portable.instructions(of: kernel) == "portable")
            #expect(["portable", "avx2"].contains(InstructionPath.avx2.instructions(of: kernel)))
            #expect(
                InstructionPath.automatic.instructions(of: kernel)
                    == InstructionPath.selected.instructions(of: kernel)
            )
        }
        if InstructionPath.shaNI.isAvailable {
            #expect(InstructionPath.shaNI.instructions(of: .sha256) == "sha-ni")
            #expect(InstructionPath.shaNI.instructions(of: .sha256Row) == "sha-ni")
        }
    }

    @Test("a path that the processor lacks is a named error and changes nothing")
    func lacking() throws {
        let before = InstructionPath.selected
        try InstructionPath.use(before)
        #expect(InstructionPath.selected == before && before.isAvailable)
        for path in InstructionPath.allCases where !path.isAvailable {
            let error = sealingError { try InstructionPath.use(path) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains(path.rawValue) == true)
            #expect(InstructionPath.selected == before)
        }
    }
}
