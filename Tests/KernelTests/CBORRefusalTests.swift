// SPDX-License-Identifier: Apache-2.0

import Kernel
import Testing

/// Goal: whatever is not the one encoding of a value is refused by name, at little cost.
struct CBORRefusalTests {
    static let refusals: [(String, WireError.Code)] = [
        // The input ends too early.
        ("", .truncated), ("18", .truncated), ("1901", .truncated), ("1a000100", .truncated),
        ("1b00000001000000", .truncated), ("44010203", .truncated), ("6261", .truncated),
        ("8201", .truncated), ("a1", .truncated), ("a16161", .truncated), ("c1", .truncated),
        ("fb3ff1999999", .truncated),
        // Heads that are longer than they need be.
        ("1817", .notCanonical), ("1900ff", .notCanonical), ("1a0000ffff", .notCanonical),
        ("1b00000000ffffffff", .notCanonical), ("3800", .notCanonical), ("5801ff", .notCanonical),
        ("780161", .notCanonical), ("9800", .notCanonical), ("b800", .notCanonical),
        ("d80101", .notCanonical),
        // Indefinite lengths, and a break outside of one.
        ("5f42010243030405ff", .notCanonical), ("7f657374726561646d696e67ff", .notCanonical),
        ("9fff", .notCanonical), ("bfff", .notCanonical), ("ff", .malformed), ("81ff", .malformed),
        // Floats of other widths, and other NaNs.
        ("f93c00", .notCanonical), ("fa47c35000", .notCanonical),
        ("fb7ff8000000000001", .notCanonical),
        ("fbfff8000000000000", .notCanonical),
        // Reserved heads and simple values without meaning.
        ("1c", .malformed), ("5d", .malformed), ("fe", .malformed), ("f7", .malformed),
        ("f0", .malformed), ("f8ff", .malformed), ("e0", .malformed),
        // Text that is not UTF-8.
        ("61ff", .malformed), ("62c328", .malformed), ("63eda080", .malformed),
        ("8161ff", .malformed),
        // Keys out of order, repeated, or of a type that no key may have.
        ("a2616201616102", .notCanonical), ("a2616101616102", .notCanonical),
        ("a262616101616202", .notCanonical), ("a203040102", .notCanonical), ("a18001", .malformed),
        ("a1f601", .malformed), ("a1c10101", .malformed), ("a1a001", .malformed),
        // More than one value.
        ("0000", .trailingBytes), ("80f6", .trailingBytes),
        // Claims beyond the limits, or beyond the input.
        ("5b0000000100000000", .tooLarge), ("7bffffffffffffffff", .tooLarge),
        ("9bffffffffffffffff", .tooLarge), ("bbffffffffffffffff", .tooLarge),
        ("9a000f424000", .truncated), ("b9ffff00", .truncated), ("5a00ffffff00", .truncated),
        ("819bffffffffffffffff", .tooLarge),
    ]

    @Test("what is not canonical is refused by name", arguments: refusals)
    func refusal(hex: String, code: WireError.Code) throws {
        let bytes = wireBytes(hex: hex)
        let error = #expect(throws: WireError.self) { try WireTree.read(bytes) }
        #expect(error?.code == code)
        #expect((error?.offset ?? -1) <= bytes.count)
        // Passing over a value checks no less than reading it.
        if code != .trailingBytes {
            var reader = try WireReader(bytes)
            let skipError = #expect(throws: WireError.self) { try reader.skipValue() }
            #expect(skipError?.code == code)
        }
    }

    @Test("ten thousand nested containers are refused", arguments: [[0x81], [0xc1], [0xa1, 0x00]])
    func depthBomb(head: [UInt8]) throws {
        var bytes: [UInt8] = []
        for _ in 0..<10_000 {
            bytes += head
        }
        bytes.append(0)
        var error = #expect(throws: WireError.self) { try WireTree.read(bytes) }
        #expect(error?.code == .tooDeep)
        error = #expect(throws: WireError.self) {
            try WireDecoder.decode([String].self, from: bytes)
        }
        #expect(error?.code == .tooDeep)
    }

    @Test("exactly as much depth as the limit is allowed")
    func depthEdge() throws {
        var limits = WireLimits()
        limits.depthMax = 3
        #expect(
            try WireTree.read([0x81, 0x81, 0x81, 0], limits: limits).encoded == [
                0x81, 0x81, 0x81, 0,
            ]
        )
        let error = #expect(throws: WireError.self) {
            try WireTree.read([0x81, 0x81, 0x81, 0x80], limits: limits)
        }
        #expect(error?.code == .tooDeep)
    }

    @Test("strings, containers and inputs over their limits are refused")
    func sizes() throws {
        var limits = WireLimits()
        limits.itemBytesMax = 3
        limits.itemCountMax = 2
        limits.totalBytesMax = 9
        for hex in ["43010203", "63616263", "820102", "a201020304"] {
            #expect(wireHex(try WireTree.read(wireBytes(hex: hex), limits: limits).encoded) == hex)
        }
        for hex in [
            "4401020304", "6461626364", "83010203", "a3010203040506", "81820102030405060708",
        ] {
            let error = #expect(throws: WireError.self) {
                try WireTree.read(wireBytes(hex: hex), limits: limits)
            }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test("a reader of a range sees nothing outside of it")
    func range() throws {
        let bytes = wireBytes(hex: "ff8201020000")
        var reader = try WireReader(bytes, range: 1..<4)
        try reader.readArrayHead(expecting: 2)
        #expect(try reader.readInt() == 1)
        #expect(reader.remainingCount == 1)
        #expect(try reader.readInt() == 2)
        #expect(reader.isAtEnd)
        try reader.finish()
        #expect(throws: WireError.self) { try reader.readInt() }
        var short = try WireReader(bytes, range: 1..<3)
        let error = #expect(throws: WireError.self) { try short.readArrayHead() }
        #expect(error?.code == .truncated)
        #expect(throws: WireError.self) { try WireReader(bytes, range: 4..<7) }
    }

    @Test("a mismatch says what was expected and found, and moves nothing")
    func mismatch() throws {
        var reader = try WireReader(wireBytes(hex: "820163616263"))
        #expect(try reader.readArrayHead() == 2)
        let error = #expect(throws: WireError.self) { try reader.readText() }
        #expect(error?.code == .typeMismatch)
        #expect(error?.message == "expected a text string, found an unsigned integer")
        #expect(error?.offset == 1)
        #expect(throws: WireError.self) { try reader.readBool() }
        #expect(throws: WireError.self) { try reader.readNull() }
        #expect(throws: WireError.self) { try reader.readDouble() }
        #expect(throws: WireError.self) { try reader.readBytes() }
        #expect(throws: WireError.self) { try reader.readMapHead() }
        #expect(throws: WireError.self) { try reader.readTag() }
        let wasNull = reader.readNullIfPresent()
        #expect(!wasNull)
        #expect(try reader.readUInt64() == 1)
        #expect(try reader.readText() == "abc")
        var pair = try WireReader([0x82, 1, 2])
        #expect(throws: WireError.self) { try pair.readArrayHead(expecting: 3) }
        #expect(pair.offset == 0)
    }
}
