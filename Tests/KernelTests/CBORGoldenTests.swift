// SPDX-License-Identifier: Apache-2.0

import Kernel
import Testing

/// Goal: the bytes are those of the standard. Method: the examples of RFC 8949, appendix A, that are in the
/// deterministic form used here, and the limits of each head's range.
struct CBORGoldenTests {
    static let examples: [(String, WireTree)] = [
        ("00", .unsigned(0)), ("01", .unsigned(1)), ("0a", .unsigned(10)), ("17", .unsigned(23)),
        ("1818", .unsigned(24)), ("1819", .unsigned(25)), ("1864", .unsigned(100)),
        ("18ff", .unsigned(255)), ("190100", .unsigned(256)), ("1903e8", .unsigned(1000)),
        ("19ffff", .unsigned(65535)), ("1a00010000", .unsigned(65536)),
        ("1a000f4240", .unsigned(1_000_000)), ("1affffffff", .unsigned(0xffff_ffff)),
        ("1b0000000100000000", .unsigned(0x1_0000_0000)),
        ("1b000000e8d4a51000", .unsigned(1_000_000_000_000)),
        ("1bffffffffffffffff", .unsigned(.max)),
        ("20", .negative(0)), ("29", .negative(9)), ("3863", .negative(99)),
        ("3903e7", .negative(999)),
        ("3b7fffffffffffffff", .negative(UInt64(Int64.max))),
        ("3bffffffffffffffff", .negative(.max)),
        ("fb3ff199999999999a", .double((1.1).bitPattern)), ("fb0000000000000000", .double(0)),
        ("fb8000000000000000", .double((-0.0).bitPattern)),
        ("fb7e37e43c8800759c", .double((1.0e+300).bitPattern)),
        ("fbc010666666666666", .double((-4.1).bitPattern)),
        ("fb7ff0000000000000", .double(Double.infinity.bitPattern)),
        ("fbfff0000000000000", .double((-Double.infinity).bitPattern)),
        ("fb7ff8000000000000", .double(0x7ff8_0000_0000_0000)),
        ("f4", .bool(false)), ("f5", .bool(true)), ("f6", .null),
        ("c11a514b67b0", .tagged(1, .unsigned(1_363_896_240))),
        ("d74401020304", .tagged(23, .bytes([1, 2, 3, 4]))),
        ("d818456449455446", .tagged(24, .bytes([0x64, 0x49, 0x45, 0x54, 0x46]))),
        (
            "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
            .tagged(32, .text("http://www.example.com"))
        ),
        ("40", .bytes([])), ("4401020304", .bytes([1, 2, 3, 4])), ("60", .text("")),
        ("6161", .text("a")), ("6449455446", .text("IETF")), ("62225c", .text("\"\\")),
        ("62c3bc", .text("ü")), ("63e6b0b4", .text("水")), ("64f0908591", .text("\u{10151}")),
        ("80", .array([])), ("83010203", .array([.unsigned(1), .unsigned(2), .unsigned(3)])),
        (
            "8301820203820405",
            .array([
                .unsigned(1), .array([.unsigned(2), .unsigned(3)]),
                .array([.unsigned(4), .unsigned(5)]),
            ])
        ),
        (
            "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
            .array((1...25).map { .unsigned($0) })
        ),
        ("a0", .entries([])),
        ("a201020304", .entries([(.unsigned(1), .unsigned(2)), (.unsigned(3), .unsigned(4))])),
        (
            "a26161016162820203",
            .entries([
                (.text("a"), .unsigned(1)), (.text("b"), .array([.unsigned(2), .unsigned(3)])),
            ])
        ),
        ("826161a161626163", .array([.text("a"), .entries([(.text("b"), .text("c"))])])),
        (
            "a56161614161626142616361436164614461656145",
            .entries(["a", "b", "c", "d", "e"].map { (.text($0), .text($0.uppercased())) })
        ),
    ]

    @Test("the standard's examples are written byte for byte, and read back", arguments: examples)
    func example(hex: String, tree: WireTree) throws {
        #expect(wireHex(tree.encoded) == hex)
        #expect(try WireTree.read(wireBytes(hex: hex)) == tree)
    }

    @Test("every NaN is written as one and the same")
    func oneNaN() {
        var writer = WireWriter()
        writer.write(Double(bitPattern: 0xfff8_0000_0000_1234))
        writer.write(Double.nan)
        writer.write(Double.signalingNaN)
        #expect(wireHex(writer.bytes) == String(repeating: "fb7ff8000000000000", count: 3))
    }

    @Test("the least and greatest signed integers survive, and the next ones are refused")
    func signedEdges() throws {
        for value in [Int64.min, Int64.min + 1, -1, 0, 1, Int64.max] {
            var writer = WireWriter()
            writer.write(value)
            var reader = try WireReader(writer.bytes)
            #expect(try reader.readInt64() == value)
            try reader.finish()
        }
        for hex in ["1b8000000000000000", "3b8000000000000000"] {
            var reader = try WireReader(wireBytes(hex: hex))
            #expect(throws: WireError.self) { try reader.readInt64() }
            #expect(reader.offset == 0)
            #expect(try reader.skipValue() == 0..<9)
        }
    }

    @Test("narrow integers refuse what does not fit")
    func narrow() throws {
        var writer = WireWriter()
        for value in [-128, -129, 255, 256, -1] {
            writer.write(value)
        }
        var reader = try WireReader(writer.bytes)
        #expect(try reader.readInteger(Int8.self) == -128)
        #expect(throws: WireError.self) { try reader.readInteger(Int8.self) }
        try reader.skipValue()
        #expect(try reader.readInteger(UInt8.self) == 255)
        #expect(throws: WireError.self) { try reader.readInteger(UInt8.self) }
        try reader.skipValue()
        #expect(throws: WireError.self) { try reader.readInteger(UInt64.self) }
        #expect(try reader.readInt() == -1)
    }

    @Test("a writer can be used again")
    func reuse() {
        var writer = WireWriter(capacity: 8)
        writer.write(text: "first")
        writer.removeAll()
        #expect(writer.count == 0)
        writer.write(bytes: [1, 2, 3, 4][1...2])
        #expect(writer.bytes == [0x42, 2, 3])
    }
}

extension WireTree {
    static func entries(_ entries: [(WireTree, WireTree)]) -> WireTree {
        .map(entries.map { Entry(key: $0.0, value: $0.1) })
    }
}
