// SPDX-License-Identifier: Apache-2.0

import Kernel

/// SplitMix64, seeded, for inputs that are random and yet the same in every run.
struct WireTestGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &self)
    }
}

/// Any value of the wire format, for reading and writing without a type in mind.
indirect enum WireTree: Equatable, Sendable {
    case unsigned(UInt64)
    /// The value -1 - n.
    case negative(UInt64)
    case bytes([UInt8])
    case text(String)
    case array([WireTree])
    case map([Entry])
    case tagged(UInt64, WireTree)
    case bool(Bool)
    case null
    /// A float by its bit pattern, so that NaN equals itself.
    case double(UInt64)

    struct Entry: Equatable, Sendable {
        var key: WireTree
        var value: WireTree
    }

    init(from reader: inout WireReader) throws(WireError) {
        switch try reader.peekType() {
        case .unsigned: self = .unsigned(try reader.readUInt64())
        case .negative:
            // Values below -2^63 are read by no method; they are taken from the bytes.
            let range = try reader.skipValue()
            let head = reader.bytes[range.lowerBound] & 0x1f
            let rest = reader.bytes[range].dropFirst()
            self = .negative(rest.isEmpty ? UInt64(head) : rest.reduce(0) { $0 << 8 | UInt64($1) })
        case .bytes: self = .bytes(try reader.readBytes())
        case .text: self = .text(try reader.readText())
        case .array:
            var items: [WireTree] = []
            for _ in 0..<(try reader.readArrayHead()) {
                items.append(try WireTree(from: &reader))
            }
            self = .array(items)
        case .map:
            var entries: [Entry] = []
            for _ in 0..<(try reader.readMapHead()) {
                let key = try WireTree(from: &reader)
                entries.append(Entry(key: key, value: try WireTree(from: &reader)))
            }
            self = .map(entries)
        case .tag: self = .tagged(try reader.readTag(), try WireTree(from: &reader))
        case .bool: self = .bool(try reader.readBool())
        case .null:
            try reader.readNull()
            self = .null
        case .double: self = .double(try reader.readDouble().bitPattern)
        }
    }

    static func read(
        _ bytes: [UInt8],
        limits: WireLimits = WireLimits()
    ) throws(WireError) -> WireTree {
        var reader = try WireReader(bytes, limits: limits)
        let tree = try WireTree(from: &reader)
        try reader.finish()
        return tree
    }

    func write(into writer: inout WireWriter) {
        switch self {
        case .unsigned(let value): writer.write(value)
        case .negative(let value):
            if value <= UInt64(Int64.max) {
                writer.write(~Int64(value))
            } else {
                let bytes = stride(from: 56, through: 0, by: -8).map {
                    UInt8(truncatingIfNeeded: value >> $0)
                }
                writer.write(encoded: [0x3b] + bytes)
            }
        case .bytes(let bytes): writer.write(bytes: bytes)
        case .text(let text): writer.write(text: text)
        case .array(let items):
            writer.writeArrayHead(count: items.count)
            for item in items {
                item.write(into: &writer)
            }
        case .map(let entries):
            writer.writeMapHead(count: entries.count)
            for entry in entries {
                entry.key.write(into: &writer)
                entry.value.write(into: &writer)
            }
        case .tagged(let tag, let item):
            writer.writeTag(tag)
            item.write(into: &writer)
        case .bool(let value): writer.write(value)
        case .null: writer.writeNull()
        case .double(let pattern): writer.write(Double(bitPattern: pattern))
        }
    }

    var encoded: [UInt8] {
        var writer = WireWriter()
        write(into: &writer)
        return writer.bytes
    }

    /// A random value; maps have their keys in order.
    static func random(_ generator: inout WireTestGenerator, depth: Int = 0) -> WireTree {
        let pattern = generator.next() >> UInt64(generator.below(64))
        switch generator.below(depth > 4 ? 7 : 10) {
        case 0: return .unsigned(pattern)
        case 1: return .negative(pattern)
        case 2:
            let count = generator.below(40)
            return .bytes((0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
        case 3: return .text(randomText(&generator))
        case 4: return .bool(generator.below(2) == 0)
        case 5: return .null
        case 6:
            let value = Double(bitPattern: generator.next())
            return .double(value.isNaN ? 0x7ff8_0000_0000_0000 : value.bitPattern)
        case 7: return .tagged(pattern, random(&generator, depth: depth + 1))
        case 8:
            return .array(
                (0..<generator.below(6)).map { _ in random(&generator, depth: depth + 1) }
            )
        default:
            var keys: [[UInt8]: WireTree] = [:]
            for _ in 0..<generator.below(6) {
                let key = WireTree.text(randomText(&generator))
                keys[key.encoded] = key
            }
            let sorted = keys.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            return .map(
                sorted.map { Entry(key: $0.value, value: random(&generator, depth: depth + 1)) }
            )
        }
    }

    private static func randomText(_ generator: inout WireTestGenerator) -> String {
        let alphabet: [Character] = ["a", "b", "Z", "0", "_", "é", "水", "🦈", "\u{0}"]
        return String(
            (0..<generator.below(12)).map { _ in alphabet[generator.below(alphabet.count)] }
        )
    }
}

/// The bytes that hexadecimal digits stand for.
func wireBytes(hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map {
        UInt8(digits[$0] << 4 | digits[$0 + 1])
    }
}

/// Bytes as lower-case hexadecimal digits.
func wireHex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}
