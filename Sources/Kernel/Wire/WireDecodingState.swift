// SPDX-License-Identifier: Apache-2.0

/// One entry of a map that is being decoded: where its key's text and its value lie.
struct WireDecodingEntry {
    var key: Range<Int>
    var value: Int { key.upperBound }
}

/// What the containers of one decoding share.
///
/// All input was checked before, so that the items may be walked without asking again whether they are there.
final class WireDecodingState {
    var reader: WireReader
    /// The reader's bytes, here as a constant for the comparison of keys.
    private let bytes: [UInt8]
    /// Where the value that is decoded starts.
    let root: Int
    /// The entries of all maps that were opened, those of one map next to each other.
    private var entries: [WireDecodingEntry] = []
    /// Where a map was asked for its keys and had none that its type knows.
    private var unknownKeys: Int?
    private var userInfoMade: [CodingUserInfoKey: Any]?

    init(reader: WireReader, root: Int) {
        self.reader = reader
        bytes = reader.bytes
        self.root = root
    }

    /// What decoders hand on to the types: the context, if there is one.
    var userInfo: [CodingUserInfoKey: Any] {
        if let userInfoMade {
            return userInfoMade
        }
        let made: [CodingUserInfoKey: Any] =
            if let context = reader.context { [.wireContext: context] } else { [:] }
        userInfoMade = made
        return made
    }

    // MARK: Values

    func decode<T: Decodable>(_ type: T.Type, at offset: Int) throws -> T {
        if T.self == [UInt8].self {
            reader.position = offset
            if let bytes = try reader.readBytes() as? T {
                return bytes
            }
        }
        do {
            return try T(from: WireDecoding(state: self, offset: offset, type: T.self))
        } catch {
            throw wireError(error, type: type, at: offset)
        }
    }

    func isNull(at offset: Int) -> Bool {
        bytes[offset] == WireSimple.null
    }

    func integer<Integer: FixedWidthInteger>(
        _ type: Integer.Type,
        at offset: Int
    ) throws -> Integer {
        reader.position = offset
        return try reader.readInteger(type)
    }

    func bool(at offset: Int) throws -> Bool {
        reader.position = offset
        return try reader.readBool()
    }

    func text(at offset: Int) throws -> String {
        reader.position = offset
        return try reader.readText()
    }

    func double(at offset: Int) throws -> Double {
        reader.position = offset
        return try reader.readDouble()
    }

    func float(at offset: Int) throws -> Float {
        let wide = try double(at: offset)
        let value = Float(wide)
        guard Double(value) == wide || wide.isNaN else {
            throw reader.outOfRange("Float", at: offset)
        }
        return value
    }

    func uint128(at offset: Int) throws -> UInt128 {
        reader.position = offset
        let range = try reader.readBytesRange()
        guard range.count == 16 else {
            throw WireError(
                code: .valueOutOfRange,
                message: "a 128-bit integer has \(range.count) bytes, not 16",
                offset: offset
            )
        }
        var value: UInt128 = 0
        for byte in bytes[range] {
            value = value << 8 | UInt128(byte)
        }
        return value
    }

    func int128(at offset: Int) throws -> Int128 {
        Int128(bitPattern: try uint128(at: offset))
    }

    // MARK: Containers

    /// The number of elements of an array, and where the first one starts.
    func array(at offset: Int) throws -> (count: Int, body: Int) {
        reader.position = offset
        let count = try reader.readArrayHead()
        return (count, reader.position)
    }

    /// Checks that the elements of an array come in ascending order, `stride` of them counted as one.
    func checkOrder(of count: Int, from body: Int, stride: Int) throws {
        var next = body
        var previous = body..<body
        for index in 0..<count {
            let element = next..<reader.skip(from: next)
            next = element.upperBound
            if index % stride != 0 { continue }
            guard index == 0 || reader.precedes(previous, element) else {
                throw WireError(
                    code: .notCanonical,
                    message: "an element of a set repeats or comes out of order",
                    offset: element.lowerBound
                )
            }
            previous = element
        }
    }

    /// Lists the entries of the map at an offset.
    func entries(at offset: Int) throws -> Range<Int> {
        reader.position = offset
        let count = try reader.readMapHead()
        let first = entries.count
        for _ in 0..<count {
            entries.append(WireDecodingEntry(key: try readTextRange()))
            reader.position = reader.skip(from: reader.position)
        }
        return first..<entries.count
    }

    private func readTextRange() throws -> Range<Int> {
        let count = Int(try reader.readArgument(WireMajor.text))
        let range = reader.position..<(reader.position + count)
        reader.position = range.upperBound
        return range
    }

    /// Where the value of a key lies, among the entries of one map; nil if there is none.
    func find(_ key: String, in range: Range<Int>) -> Int? {
        let text = key.utf8.span
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            let order = compare(text, with: entries[middle].key)
            if order == 0 {
                return entries[middle].value
            }
            if order < 0 {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return nil
    }

    /// Below zero, zero or above as a text comes before, equals or comes after the one in the input.
    private func compare(_ text: Span<UInt8>, with other: Range<Int>) -> Int {
        if text.count != other.count {
            return text.count - other.count
        }
        for index in 0..<other.count {
            let difference = Int(text[index]) - Int(bytes[other.lowerBound + index])
            if difference != 0 {
                return difference
            }
        }
        return 0
    }

    func keyTexts(of range: Range<Int>) -> [String] {
        entries[range].map { String(decoding: bytes[$0.key], as: UTF8.self) }
    }

    // MARK: Failures

    func noteUnknownKeys(at offset: Int) {
        unknownKeys = offset
    }

    func missing(_ key: String, at offset: Int) -> WireError {
        WireError(code: .missingKey, message: "the key '\(key)' is missing", offset: offset)
    }

    /// What to throw for an error that decoding `type` at an offset met with.
    func wireError(_ error: any Error, type: (any Any.Type), at offset: Int) -> WireError {
        switch error {
        case let error as WireError:
            return error
        case DecodingError.keyNotFound(let key, _):
            return missing(key.stringValue, at: offset)
        case DecodingError.valueNotFound(let expected, _):
            return WireError(
                code: .typeMismatch,
                message: "expected \(expected), found nothing",
                offset: offset
            )
        case DecodingError.typeMismatch(let expected, let context):
            // An enumeration that the compiler made decodable complains so of a case that it lacks.
            if let unknownKeys {
                return WireError(
                    code: .unknownCase,
                    message: "\(expected) has no case of that name",
                    offset: unknownKeys
                )
            }
            return WireError(
                code: .typeMismatch,
                message: "expected \(expected): \(context.debugDescription)",
                offset: offset
            )
        case DecodingError.dataCorrupted(let context):
            let isCase = type is any RawRepresentable.Type
            return WireError(
                code: isCase ? .unknownCase : .malformed,
                message: "no \(type): \(context.debugDescription)",
                offset: offset
            )
        default:
            return WireError(
                code: .malformed,
                message: "\(type) would not be decoded: \(error)",
                offset: offset
            )
        }
    }

    /// The keys and indices that lead from the root to the item at an offset.
    func path(to target: Int) -> [any CodingKey] {
        var path: [any CodingKey] = []
        var start = root
        while start < target {
            guard let (key, child) = child(of: start, holding: target) else { break }
            if let key {
                path.append(key)
            }
            start = child
        }
        return path
    }

    /// The child of the item at `start` that holds an offset, and its key; a tag's item has none.
    private func child(of start: Int, holding target: Int) -> (WireCodingKey?, Int)? {
        let major = bytes[start] >> 5
        let body = reader.bodyOffset(at: start)
        if major == WireMajor.tag {
            return (nil, body)
        }
        guard major == WireMajor.array || major == WireMajor.map else { return nil }
        var child = body
        var index = 0
        while child <= target {
            var key = WireCodingKey(intValue: index)
            if major == WireMajor.map {
                let text = reader.bodyOffset(at: child)
                let value = reader.skip(from: child)
                if target < value {
                    return nil
                }
                key = WireCodingKey(
                    stringValue: String(decoding: bytes[text..<value], as: UTF8.self)
                )
                child = value
            }
            let next = reader.skip(from: child)
            if target < next {
                return (key, child)
            }
            child = next
            index += 1
        }
        return nil
    }
}
