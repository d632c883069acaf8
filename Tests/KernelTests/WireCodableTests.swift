// SPDX-License-Identifier: Apache-2.0

import Kernel
import Testing

/// A message with most of the shapes that the compiler's Codable can take.
enum WireSample: Codable, Equatable, Sendable {
    case stop
    case assign(id: UInt64, name: String, sector: Int, ready: Bool, payload: [UInt8])
    case unnamed(Int8, [Float])
    case record(Record)
    indirect case nested(WireSample, then: WireSample?)

    enum Kind: String, Codable, Sendable { case preCommit, commit, windowProof }

    struct Record: Codable, Equatable, Sendable {
        var kind: Kind
        var ratio: Double
        var wide: Int128
        var wider: UInt128
        var note: String?
        var tags: Set<String>
        var counts: [String: Int]
        var byNumber: [Int: UInt16]
        var byKind: [Point: Bool]
        var blobs: [[UInt8]]
        var points: [Point?]
    }

    struct Point: Codable, Hashable, Sendable {
        var x: Int32
        var y: Int32
    }

    static var fullRecord: Record {
        Record(
            kind: .windowProof,
            ratio: -0.25,
            wide: .min,
            wider: .max,
            note: nil,
            tags: ["pear", "fig", "apple", ""],
            counts: ["b": 1, "aa": -2, "a": 3],
            byNumber: [10: 1, 9: 2, -1: 3],
            byKind: [Point(x: 300, y: 0): true, Point(x: -1, y: 2): false],
            blobs: [[], [1], [2, 3]],
            points: [Point(x: .min, y: .max), nil]
        )
    }

    static var all: [WireSample] {
        var noted = fullRecord
        noted.note = "seal it"
        let assign = WireSample.assign(
            id: .max,
            name: "worker 水",
            sector: -7,
            ready: true,
            payload: [0, 255]
        )
        return [
            .stop, assign, .unnamed(-128, [1.5, -0.0, .infinity]), .record(fullRecord), .record(noted),
            .nested(.stop, then: nil), .nested(assign, then: .nested(.record(noted), then: .stop)),
        ]
    }
}

struct WireCodableTests {
    @Test(
        "every sample survives, and is encoded in the one canonical way",
        arguments: WireSample.all
    )
    func roundTrip(sample: WireSample) throws {
        let bytes = try WireEncoder.encode(sample)
        #expect(try WireDecoder.decode(WireSample.self, from: bytes) == sample)
        #expect(try WireTree.read(bytes).encoded == bytes)
    }

    @Test("synthesized values have these bytes")
    func golden() throws {
        func hex<T: Encodable>(_ value: T) throws -> String {
            wireHex(try WireEncoder.encode(value))
        }
        // {"stop": {}}
        #expect(try hex(WireSample.stop) == "a16473746f70a0")
        // {"unnamed": {"_0": -1, "_1": [0.5]}}
        #expect(
            try hex(WireSample.unnamed(-1, [0.5]))
                == "a167756e6e616d6564a2625f3020625f3181fb3fe0000000000000"
        )
        // Shorter keys first, then by bytes.
        #expect(try hex(["b": 1, "aa": 2, "a": 3]) == "a36161036162016261" + "6102")
        #expect(try hex([10: "x", 9: "y"]) == "a26139617962313" + "06178")
        #expect(try hex(Set([300, 2, -1])) == "830219012c20")
        #expect(try hex([WireSample.Point(x: 1, y: 2): true]) == "82a2617801617902f5")
        #expect(try hex([1, 2] as [UInt8]) == "420102")
        #expect(try hex([[1], nil] as [[UInt8]?]) == "824101f6")
        #expect(try hex(Int128(-1)) == "50" + String(repeating: "ff", count: 16))
        #expect(try hex(UInt128(258)) == "50" + String(repeating: "00", count: 14) + "0102")
        #expect(try hex(String?.none) == "f6")
        #expect(try hex(WireSample.Kind.commit) == "66636f6d6d6974")
        #expect(try hex(Float(0.5)) == "fb3fe0000000000000")
    }

    @Test("all integer widths survive at their limits")
    func widths() throws {
        func check<T: FixedWidthInteger & Codable>(_ type: T.Type) throws {
            for value in [T.min, T.max, 0, 1, T.max / 2] {
                let bytes = try WireEncoder.encode([value])
                #expect(try WireDecoder.decode([T].self, from: bytes) == [value])
                let keyed = try WireEncoder.encode(["k": value])
                #expect(try WireDecoder.decode([String: T].self, from: keyed) == ["k": value])
            }
        }
        try check(Int8.self)
        try check(Int16.self)
        try check(Int32.self)
        try check(Int64.self)
        try check(Int.self)
        try check(Int128.self)
        try check(UInt16.self)
        try check(UInt32.self)
        try check(UInt64.self)
        try check(UInt.self)
        try check(UInt128.self)
        let bytes = try WireEncoder.encode([UInt8.max])
        #expect(try WireDecoder.decode([UInt8].self, from: bytes) == [255])
        #expect(try WireDecoder.decode(UInt8.self, from: WireEncoder.encode(UInt8.max)) == 255)
    }

    @Test("equal sets and dictionaries have equal bytes, however they were built")
    func unorderedCollections() throws {
        // Capacity changes the order in which the standard library walks them.
        var small = Set<Int>()
        var large = Set<Int>(minimumCapacity: 10_000)
        var smallTable: [WireSample.Point: Int] = [:]
        var largeTable: [WireSample.Point: Int] = Dictionary(minimumCapacity: 10_000)
        for index in 0..<300 {
            small.insert(index)
            large.insert(299 - index)
            smallTable[.init(x: Int32(index), y: 0)] = index
            largeTable[.init(x: Int32(299 - index), y: 0)] = 299 - index
        }
        #expect(try WireEncoder.encode(small) == WireEncoder.encode(large))
        #expect(try WireEncoder.encode(smallTable) == WireEncoder.encode(largeTable))
        // Elements in another order, or twice, are another encoding of the same set, and refused.
        for hex in ["820201", "820101"] {
            let error = #expect(throws: WireError.self) {
                try WireDecoder.decode(Set<Int>.self, from: wireBytes(hex: hex))
            }
            #expect(error?.code == .notCanonical)
        }
    }

    @Test("a map of many keys is sorted and found again")
    func manyKeys() throws {
        var table: [String: Int] = [:]
        for index in 0..<5_000 {
            table["key \(index &* 7919)"] = index
        }
        let bytes = try WireEncoder.encode(table)
        #expect(try WireTree.read(bytes).encoded == bytes)
        #expect(try WireDecoder.decode([String: Int].self, from: bytes) == table)
    }

    @Test("what does not fit the type is refused by name and place")
    func mismatches() throws {
        func refusal<T: Decodable>(_ type: T.Type, _ tree: WireTree) -> WireError? {
            #expect(throws: WireError.self) { try WireDecoder.decode(type, from: tree.encoded) }
        }
        typealias Point = WireSample.Point
        #expect(refusal(Point.self, .entries([(.text("x"), .unsigned(1))]))?.code == .missingKey)
        let wrong = refusal([Point].self, .array([.entries([(.text("x"), .text("1"))])]))
        #expect(wrong?.code == .typeMismatch)
        #expect(wrong?.message.hasSuffix("(at '[0].x')") == true)
        let large = refusal(Point.self, .entries([(.text("x"), .unsigned(1 << 31))]))
        #expect(large?.code == .valueOutOfRange)
        #expect(refusal(UInt.self, .negative(0))?.code == .valueOutOfRange)
        #expect(refusal(Float.self, .double((0.1).bitPattern))?.code == .valueOutOfRange)
        #expect(refusal(Int128.self, .bytes([1]))?.code == .valueOutOfRange)
        #expect(refusal(WireSample.Kind.self, .text("unheard"))?.code == .unknownCase)
        let noCase = refusal(WireSample.self, .entries([(.text("start"), .entries([]))]))
        #expect(noCase?.code == .unknownCase)
        #expect(refusal(Point.self, .array([]))?.code == .typeMismatch)
        #expect(refusal(Point.self, .entries([(.unsigned(1), .null)]))?.code == .typeMismatch)
        #expect(refusal([UInt8].self, .array([.unsigned(1)]))?.code == .typeMismatch)
        #expect(refusal([Int].self, .array([.null]))?.code == .typeMismatch)
        #expect(refusal(Pair.self, .array([.unsigned(1)]))?.code == .valueOutOfRange)
    }

    @Test("a failed decoding leaves the reader where it was; a good one moves it on")
    func readerPosition() throws {
        var writer = WireWriter()
        try WireEncoder.encode("one", into: &writer)
        try WireEncoder.encode([2, 3], into: &writer)
        var reader = try WireReader(writer.bytes)
        #expect(throws: WireError.self) { try WireDecoder.decode(Int.self, from: &reader) }
        #expect(try WireDecoder.decode(String.self, from: &reader) == "one")
        #expect(try WireDecoder.decode([Int].self, from: &reader) == [2, 3])
        try reader.finish()
    }

    @Test("unknown keys are passed over, and a null optional counts as absent")
    func tolerance() throws {
        struct Old: Codable, Equatable { var a: Int? }
        let tree = WireTree.entries([(.text("a"), .null), (.text("new"), .array([.null]))])
        #expect(try WireDecoder.decode(Old.self, from: tree.encoded) == Old(a: nil))
    }

    @Test("values over the limits are not encoded, and the writer stays as it was")
    func encodingLimits() throws {
        var writer = WireWriter()
        writer.write(7)
        func refusal<T: Encodable>(_ value: T, _ change: (inout WireLimits) -> Void) -> WireError? {
            var limits = WireLimits()
            change(&limits)
            return #expect(throws: WireError.self) {
                try WireEncoder.encode(value, into: &writer, limits: limits)
            }
        }
        var deep = WireSample.stop
        for _ in 0..<200 {
            deep = .nested(deep, then: nil)
        }
        #expect(refusal(deep) { _ in }?.code == .tooDeep)
        #expect(refusal([[Empty()]]) { $0.depthMax = 2 }?.code == .tooDeep)
        #expect(refusal([1, 2, 3]) { $0.itemCountMax = 2 }?.code == .tooLarge)
        #expect(refusal("abcd") { $0.itemBytesMax = 3 }?.code == .tooLarge)
        #expect(refusal(["abcd": 1]) { $0.itemBytesMax = 3 }?.code == .tooLarge)
        #expect(refusal([0, 0, 0] as [UInt8]) { $0.itemBytesMax = 2 }?.code == .tooLarge)
        #expect(
            refusal(Array(repeating: 1, count: 100)) { $0.totalBytesMax = 50 }?.code == .tooLarge
        )
        #expect(refusal(Stubborn()) { _ in }?.code == .malformed)
        #expect(refusal(Stubborn(twice: true)) { _ in }?.code == .notCanonical)
        #expect(writer.bytes == [7])
    }
}

private struct Empty: Codable {}

private struct Pair: Decodable {
    init(from decoder: any Decoder) throws {
        var elements = try decoder.unkeyedContainer()
        _ = try elements.decode(Int.self)
        _ = try elements.decode(Int.self)
    }
}

/// Encodes one key twice, or one value twice, neither of which has an encoding.
private struct Stubborn: Encodable {
    var twice = false

    func encode(to encoder: any Encoder) throws {
        if twice {
            var container = encoder.container(keyedBy: CodingUserKey.self)
            try container.encode(1, forKey: .same)
            try container.encode(2, forKey: .same)
        } else {
            var container = encoder.singleValueContainer()
            try container.encode(1)
            try container.encode(2)
        }
    }

    enum CodingUserKey: CodingKey { case same }
}
