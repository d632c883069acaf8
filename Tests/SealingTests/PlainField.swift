// SPDX-License-Identifier: Apache-2.0
import Sealing

/// The scalar field the slow way: schoolbook product, then one subtraction for each bit. It shares
/// nothing with the kernel and is its oracle.
struct PlainField: Equatable {
    /// 64-bit limbs, least significant first.
    var limbs: [UInt64]

    static let modulus: [UInt64] = [
        0xffff_ffff_0000_0001, 0x53bd_a402_fffe_5bfe, 0x3339_d808_09a1_d805, 0x73ed_a753_299d_7d48,
    ]

    init(_ node: Commitment) {
        limbs = [node.words.0, node.words.1, node.words.2, node.words.3]
    }

    private init(limbs: [UInt64]) {
        self.limbs = limbs
    }

    var node: Commitment {
        Commitment(words: (limbs[0], limbs[1], limbs[2], limbs[3]))
    }

    private static func atLeast(_ a: [UInt64], _ b: [UInt64]) -> Bool {
        for index in (0..<4).reversed() where a[index] != b[index] {
            return a[index] > b[index]
        }
        return true
    }

    private static func subtract(_ a: [UInt64], _ b: [UInt64]) -> [UInt64] {
        var borrow: UInt64 = 0
        return (0..<4).map { index in
            let (first, one) = a[index].subtractingReportingOverflow(b[index])
            let (second, two) = first.subtractingReportingOverflow(borrow)
            borrow = one || two ? 1 : 0
            return second
        }
    }

    static func + (left: PlainField, right: PlainField) -> PlainField {
        var carry: UInt64 = 0
        var sum: [UInt64] = []
        for index in 0..<4 {
            let (first, one) = left.limbs[index].addingReportingOverflow(right.limbs[index])
            let (second, two) = first.addingReportingOverflow(carry)
            carry = one || two ? 1 : 0
            sum.append(second)
        }
        return PlainField(limbs: atLeast(sum, modulus) ? subtract(sum, modulus) : sum)
    }

    static func * (left: PlainField, right: PlainField) -> PlainField {
        /* Double and add, from the highest bit of `right`. */
        var result = PlainField(limbs: [0, 0, 0, 0])
        for bit in (0..<256).reversed() {
            result = result + result
            if right.limbs[bit / 64] >> UInt64(bit % 64) & 1 == 1 {
                result = result + left
            }
        }
        return result
    }

    /// The permutation by its textbook rounds.
    static func poseidon(
        _ input: [PlainField],
        constants: [PlainField],
        matrix: [PlainField],
        partialRoundCount: Int
    ) -> [PlainField] {
        let width = input.count
        var state = input
        for round in 0..<8 + partialRoundCount {
            for index in 0..<width {
                state[index] = state[index] + constants[round * width + index]
            }
            let isFull = round < 4 || round >= 4 + partialRoundCount
            for index in 0..<(isFull ? width : 1) {
                let square = state[index] * state[index]
                state[index] = square * square * state[index]
            }
            state = (0..<width).map { row in
                (0..<width).reduce(PlainField(limbs: [0, 0, 0, 0])) {
                    $0 + matrix[row * width + $1] * state[$1]
                }
            }
        }
        return state
    }
}
