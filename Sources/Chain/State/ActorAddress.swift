// SPDX-License-Identifier: Apache-2.0

/// The address of an actor by its number, such as `f01000`.
///
/// Addresses by key or by creation (protocols 1 to 4) are recognized and refused by name.
package struct ActorAddress: Sendable, Hashable, Codable, Comparable {
    /// The letter of the network that an address is shown for; either is read.
    package enum Prefix: String, Sendable, Hashable, Codable {
        /// The main network.
        case f
        /// All others.
        case t
    }

    /// The actor's number, below 2^63.
    package let id: UInt64

    /// Makes the address of actor `id`.
    ///
    /// - Throws: ``ChainError`` with `malformedAddress` for 2^63 and above.
    package init(id: UInt64) throws(ChainError) {
        guard id < 1 << 63 else {
            throw ChainError(.malformedAddress, "actor numbers are below 2^63; \(id) is not")
        }
        self.id = id
    }

    /// Reads `f0` or `t0` and a decimal number without leading zeros.
    ///
    /// - Throws: ``ChainError`` with `malformedAddress`, or `unsupportedAddress` for another protocol.
    package init(parsing text: String) throws(ChainError) {
        let letters = Array(text.utf8.prefix(128))
        let shown = String(decoding: letters.prefix(64), as: UTF8.self)
        guard letters.count >= 3, [UInt8(ascii: "f"), UInt8(ascii: "t")].contains(letters[0]) else {
            throw ChainError(.malformedAddress, "“\(shown)” is no address; one looks like f01000")
        }
        switch letters[1] {
        case UInt8(ascii: "0"): break
        case UInt8(ascii: "1")...UInt8(ascii: "4"):
            throw ChainError(
                .unsupportedAddress,
                "“\(shown)” is an address by key or creation; give the actor's number, such as f01000")
        default:
            throw ChainError(.malformedAddress, "“\(shown)” has no known protocol digit after its letter")
        }
        let digits = letters.dropFirst(2)
        var value: UInt64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else {
                throw ChainError(.malformedAddress, "“\(shown)” has something else than digits in its number")
            }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            guard !overflow, !carry else {
                throw ChainError(.malformedAddress, "“\(shown)” has a number of 2^63 or more")
            }
            value = sum
        }
        guard digits.count == 1 || digits.first != UInt8(ascii: "0") else {
            throw ChainError(.malformedAddress, "“\(shown)” has leading zeros; write f0\(value)")
        }
        try self.init(id: value)
    }

    /// The address as shown on a network.
    package func text(_ prefix: Prefix) -> String { "\(prefix.rawValue)0\(id)" }

    /// The address as it goes into hashes: a zero for the protocol, then the number as a varint.
    package var bytes: [UInt8] {
        var result: [UInt8] = [0]
        var rest = id
        while rest >= 0x80 {
            result.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        result.append(UInt8(rest))
        return result
    }

    package static func < (lhs: ActorAddress, rhs: ActorAddress) -> Bool { lhs.id < rhs.id }

    /// Reads the number.
    package init(from decoder: any Decoder) throws {
        try self.init(id: UInt64(from: decoder))
    }

    /// Writes the number.
    package func encode(to encoder: any Encoder) throws { try id.encode(to: encoder) }
}

extension ActorAddress: CustomStringConvertible {
    /// As on the main network.
    package var description: String { text(.f) }
}
