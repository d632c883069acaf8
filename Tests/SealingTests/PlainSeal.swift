// SPDX-License-Identifier: Apache-2.0
import Sealing

/// The scalar field with one full product and a slow reduction: plain enough to be right, and quick
/// enough to seal a small sector with.
struct PlainScalar: Equatable {
    /// 64-bit limbs, least significant first.
    let limbs: [UInt64]

    /// 2^256, 2^320, … 2^448 modulo the modulus.
    private static let powers: [[UInt64]] = {
        var value = PlainField(Commitment(words: (1, 0, 0, 0)))
        var powers: [[UInt64]] = []
        for bit in 0..<448 {
            value = value + value
            if bit >= 255, (bit + 1).isMultiple(of: 64) { powers.append(value.limbs) }
        }
        return powers
    }()

    init(_ node: Commitment) {
        limbs = [node.words.0, node.words.1, node.words.2, node.words.3]
    }

    private init(limbs: [UInt64]) {
        self.limbs = limbs
    }

    var node: Commitment {
        Commitment(words: (limbs[0], limbs[1], limbs[2], limbs[3]))
    }

    static let zero = PlainScalar(.zero)

    /// Adds `factor * other` to limbs `start…`; the caller leaves room for the carry.
    private static func accumulate(
        _ sum: inout [UInt64],
        at start: Int,
        _ factor: UInt64,
        _ other: [UInt64]
    ) {
        var carry: UInt128 = 0
        var index = 0
        while index < other.count || carry > 0 {
            let product = index < other.count ? UInt128(factor) * UInt128(other[index]) : 0
            let total = UInt128(sum[start + index]) + product + carry
            sum[start + index] = UInt64(truncatingIfNeeded: total)
            carry = total >> 64
            index += 1
        }
    }

    /// Brings any number of limbs up to eight below the modulus: high limbs stand for a power of two
    /// each, whose remainders are added instead.
    private static func reduced(_ wide: [UInt64]) -> PlainScalar {
        var value = wide
        while value[4...].contains(where: { $0 > 0 }) {
            var sum = Array(value[..<4]) + [UInt64](repeating: 0, count: 5)
            for index in 4..<value.count where value[index] > 0 {
                accumulate(&sum, at: 0, value[index], powers[index - 4])
            }
            value = Array(sum[..<6])
        }
        var low = Array(value[..<4])
        while !isBelowModulus(low) {
            var borrow = false
            for index in 0..<4 {
                let (first, one) = low[index].subtractingReportingOverflow(PlainField.modulus[index])
                let (second, two) = first.subtractingReportingOverflow(borrow ? 1 : 0)
                low[index] = second
                borrow = one || two
            }
        }
        return PlainScalar(limbs: low)
    }

    private static func isBelowModulus(_ limbs: [UInt64]) -> Bool {
        for index in (0..<4).reversed() where limbs[index] != PlainField.modulus[index] {
            return limbs[index] < PlainField.modulus[index]
        }
        return false
    }

    static func + (left: PlainScalar, right: PlainScalar) -> PlainScalar {
        var sum = left.limbs + [0, 0]
        accumulate(&sum, at: 0, 1, right.limbs)
        return reduced(sum)
    }

    static func * (left: PlainScalar, right: PlainScalar) -> PlainScalar {
        sumOfProducts([(left, right)])
    }

    /// A sum of products, reduced once.
    static func sumOfProducts(_ terms: [(PlainScalar, PlainScalar)]) -> PlainScalar {
        // Each product is below 2^510, so that four of them, and no more, surely fit in eight limbs.
        precondition(terms.count <= 4)
        var sum = [UInt64](repeating: 0, count: 8)
        for (left, right) in terms {
            for index in 0..<4 {
                accumulate(&sum, at: index, left.limbs[index], right.limbs)
            }
        }
        return reduced(sum)
    }
}

/// Poseidon by its textbook rounds over `PlainScalar`.
struct PlainPoseidon {
    private let constants: [PlainScalar]
    private let matrix: [PlainScalar]
    private let width: Int
    private let partialRoundCount: Int
    private let tag: PlainScalar

    init(_ poseidon: Poseidon) {
        let blob = poseidon.constants
        width = poseidon.arity + 1
        partialRoundCount = poseidon.partialRoundCount
        tag = PlainScalar(poseidon.domainTag)
        constants = (0..<blob.roundConstants.count / 32).map {
            PlainScalar(Commitment(in: blob.roundConstants, at: 32 * $0))
        }
        matrix = (0..<blob.matrix.count / 32).map {
            PlainScalar(Commitment(in: blob.matrix, at: 32 * $0))
        }
    }

    func hash(_ inputs: [Commitment]) -> Commitment {
        var state = [tag] + inputs.map { PlainScalar($0) }
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
                stride(from: 0, to: width, by: 4).reduce(PlainScalar.zero) { sum, first in
                    let terms = (first..<min(first + 4, width)).map {
                        (matrix[row * width + $0], state[$0])
                    }
                    return sum + PlainScalar.sumOfProducts(terms)
                }
            }
        }
        return state[1].node
    }
}

/// Sealing as it is defined, one node after the other, in memory. Of the module it takes the hash
/// functions SHA-256, BLAKE2b and ChaCha and the constants of Poseidon, which have their own known
/// answers.
struct PlainSeal {
    let parameters: SealParameters
    let replicaID: Commitment

    private var nodeCount: UInt64 { parameters.sectorSize.nodeCount }

    private func tagged(_ tag: String) -> [UInt8] {
        SHA256.hash(Array(tag.utf8) + parameters.porepID.bytes, .portable).bytes
    }

    private static func word(_ bytes: some RandomAccessCollection<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func bigEndian(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
    }

    /// Six parents in the same layer; both first nodes have only node 0.
    private func base(_ node: UInt64) throws -> [UInt64] {
        guard node > 1 else { return [UInt64](repeating: 0, count: 6) }
        let number = (0..<4).map { UInt8(truncatingIfNeeded: node >> UInt64(8 * $0)) }
        let seed = try Commitment(bytes: tagged("Filecoin_DRSample").prefix(28) + number)
        let stream = try ChaCha.stream8(seed: seed, blockCount: 2)
        let draws = (0..<10).map { PlainSeal.word(stream[8 * $0..<8 * $0 + 8]) }
        let fine = 5 * node
        let buckets = UInt64(64 - (fine - 1).leadingZeroBitCount)
        var drawn: [UInt64] = []
        for index in 0..<5 {
            let most = min(fine, 1 << (draws[2 * index] % buckets + 1))
            let least = max(most / 2, 2)
            let distance = least + draws[2 * index + 1] % (most - least + 1)
            let parent = (fine - distance) / 5
            drawn.append(parent == node ? node - 1 : parent)
        }
        return parameters.apiVersion == .v1_0 ? drawn + [node - 1] : [node - 1] + drawn
    }

    /// Eight parents in the layer before: a permutation of all edges by three Feistel rounds.
    private func expander(_ node: UInt64) throws -> [UInt64] {
        let keys = tagged("Filecoin_Feistel")
        let edgeCount = 8 * nodeCount
        var half: UInt64 = 1
        while 1 << (2 * half) < edgeCount { half += 1 }
        let mask = (UInt64(1) << half) - 1
        return try (0..<UInt64(8)).map { slot in
            var edge = 8 * node + slot
            repeat {
                var (left, right) = (edge >> half, edge & mask)
                for round in 0..<3 {
                    let key = PlainSeal.word(keys[8 * round..<8 * round + 8])
                    let digest = try BLAKE2b.hash(
                        PlainSeal.bigEndian(right) + PlainSeal.bigEndian(key),
                        digestCount: 64
                    )
                    let drawn = PlainSeal.word(digest[..<8].reversed())
                    (left, right) = (right, left ^ (drawn & mask))
                }
                edge = left << half | right
            } while edge >= edgeCount
            return edge / 8
        }
    }

    /// All layers of labels.
    func layers() throws -> [[Commitment]] {
        var layers: [[Commitment]] = []
        for layer in 1...parameters.shape.layerCount {
            var labels: [Commitment] = []
            for node in 0..<nodeCount {
                var message = replicaID.bytes + [0, 0, 0, UInt8(layer)]
                message += PlainSeal.bigEndian(node) + [UInt8](repeating: 0, count: 20)
                if node > 0 {
                    var parents = try base(node).map { labels[Int($0)] }
                    if let below = layers.last {
                        parents += try expander(node).map { below[Int($0)] }
                    }
                    for slot in 0..<37 {
                        message += parents[slot % parents.count].bytes
                    }
                }
                var label = SHA256.hash(message, .portable).bytes
                label[31] &= 0x3f
                labels.append(try Commitment(bytes: label))
            }
            layers.append(labels)
        }
        return layers
    }

    /// The replica: the last layer's labels plus the data, node by node.
    func replica(_ data: [UInt8], layers: [[Commitment]]) -> [Commitment] {
        (0..<Int(nodeCount)).map { node in
            (PlainScalar(layers[layers.count - 1][node])
                + PlainScalar(Commitment(in: data, at: 32 * node))).node
        }
    }
}
