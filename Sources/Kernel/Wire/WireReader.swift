// SPDX-License-Identifier: Apache-2.0

/// Reads values from deterministic CBOR and refuses every other encoding of them.
///
/// The first array, map or tag that is read is checked as a whole, with all that it holds: well formed,
/// canonical and within the limits. So a reader that walks the items by recursion cannot be led deeper than
/// `depthMax`, and a count that was returned is truly followed by as many items. Nothing is allocated
/// for a claim of the input that the bytes present do not bear out.
///
/// A read that throws ``WireError/Code/typeMismatch`` or ``WireError/Code/valueOutOfRange`` leaves the
/// reader where it was, so that another type can be tried.
public struct WireReader: Sendable {
    /// The array that is read, of which the reader may see only a range.
    public let bytes: [UInt8]
    /// The bounds on what is read.
    public let limits: WireLimits
    /// What decoded values may need from their surroundings; see ``WireContext``.
    public var context: (any WireContext)?
    /// The offset after the last byte that may be read.
    public let end: Int

    @usableFromInline var position: Int
    /// All items before this offset are known to be well formed and canonical.
    @usableFromInline var checkedEnd: Int

    /// Creates a reader of `bytes`, or of a range of them.
    ///
    /// Throws `tooLarge` if the range is longer than the limits allow, and `truncated` if the array does not
    /// hold the range.
    public init(
        _ bytes: [UInt8],
        range: Range<Int>? = nil,
        limits: WireLimits = WireLimits(),
        context: (any WireContext)? = nil
    ) throws(WireError) {
        let range = range ?? 0..<bytes.count
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
            throw WireError(
                code: .truncated,
                message: "the range \(range) lies outside the \(bytes.count) bytes that there are",
                offset: range.lowerBound
            )
        }
        guard range.count <= limits.totalBytesMax else {
            throw WireError(
                code: .tooLarge,
                message: "\(range.count) bytes are more than the limit of \(limits.totalBytesMax)",
                offset: range.lowerBound
            )
        }
        self.bytes = bytes
        self.limits = limits
        self.context = context
        end = range.upperBound
        position = range.lowerBound
        checkedEnd = range.lowerBound
    }

    /// The offset in `bytes` of the next item.
    @inlinable
    public var offset: Int { position }

    /// Whether everything has been read.
    @inlinable
    public var isAtEnd: Bool { position == end }

    /// How many bytes are left.
    @inlinable
    public var remainingCount: Int { end - position }

    /// Throws `trailingBytes` unless everything has been read.
    @inlinable
    public func finish() throws(WireError) {
        if position != end {
            throw WireError(
                code: .trailingBytes,
                message: "\(end - position) bytes follow the last value",
                offset: position
            )
        }
    }

    /// The type of the next item, which stays unread.
    ///
    /// Throws `truncated` at the end of the input.
    public func peekType() throws(WireError) -> WireType {
        let first = try peekByte()
        switch first >> 5 {
        case WireMajor.unsigned: return .unsigned
        case WireMajor.negative: return .negative
        case WireMajor.bytes: return .bytes
        case WireMajor.text: return .text
        case WireMajor.array: return .array
        case WireMajor.map: return .map
        case WireMajor.tag: return .tag
        default: break
        }
        switch first {
        case WireSimple.no, WireSimple.yes: return .bool
        case WireSimple.null: return .null
        case WireSimple.double: return .double
        default: throw unsupportedSimple(first, at: position)
        }
    }
}

// MARK: - Scalars

extension WireReader {
    /// Reads an integer from 0 to 2^64 - 1.
    @inlinable
    public mutating func readUInt64() throws(WireError) -> UInt64 {
        try readArgument(WireMajor.unsigned)
    }

    /// Reads an integer of either sign.
    ///
    /// Throws `valueOutOfRange` if it does not fit.
    @inlinable
    public mutating func readInt64() throws(WireError) -> Int64 {
        let start = position
        let isNegative = try peekByte() >> 5 == WireMajor.negative
        let argument = try readArgument(isNegative ? WireMajor.negative : WireMajor.unsigned)
        guard argument <= UInt64(Int64.max) else {
            position = start
            throw outOfRange("64-bit signed integer", at: start)
        }
        let magnitude = Int64(bitPattern: argument)
        return isNegative ? ~magnitude : magnitude
    }

    /// Reads an integer of either sign.
    ///
    /// Throws `valueOutOfRange` if it does not fit.
    @inlinable
    public mutating func readInt() throws(WireError) -> Int {
        try readInteger(Int.self)
    }

    /// Reads an integer of the given type, of at most 64 bits.
    ///
    /// Throws `valueOutOfRange` if it does not fit.
    @inlinable
    public mutating func readInteger<Integer: FixedWidthInteger>(
        _ type: Integer.Type
    ) throws(WireError) -> Integer {
        let start = position
        let isNegative = try peekByte() >> 5 == WireMajor.negative
        let argument = try readArgument(isNegative ? WireMajor.negative : WireMajor.unsigned)
        // The complement is taken in the narrow type, so that its lowest value is reached without overflow.
        guard let magnitude = Integer(exactly: argument), !isNegative || Integer.isSigned else {
            position = start
            throw outOfRange("\(type)", at: start)
        }
        return isNegative ? ~magnitude : magnitude
    }

    /// Reads false or true.
    @inlinable
    public mutating func readBool() throws(WireError) -> Bool {
        let first = try peekByte()
        guard first == WireSimple.yes || first == WireSimple.no else {
            throw mismatch("a boolean")
        }
        position += 1
        return first == WireSimple.yes
    }

    /// Reads the null value.
    @inlinable
    public mutating func readNull() throws(WireError) {
        guard try peekByte() == WireSimple.null else { throw mismatch("null") }
        position += 1
    }

    /// Reads the null value if it is next, and says whether it was.
    @inlinable
    public mutating func readNullIfPresent() -> Bool {
        guard position < end, bytes[position] == WireSimple.null else { return false }
        position += 1
        return true
    }

    /// Reads a 64-bit floating-point number.
    @inlinable
    public mutating func readDouble() throws(WireError) -> Double {
        let (value, next) = try double(at: position)
        position = next
        return value
    }

    /// Reads a tag; the item that it is about comes next.
    @inlinable
    public mutating func readTag() throws(WireError) -> UInt64 {
        try checkContainer(WireMajor.tag)
        return try readArgument(WireMajor.tag)
    }
}

// MARK: - Strings and containers

extension WireReader {
    /// Reads a text string.
    @inlinable
    public mutating func readText() throws(WireError) -> String {
        let start = position
        let argument = try readArgument(WireMajor.text)
        let count = try stringCount(argument, head: start, body: position)
        let text = try text(position..<(position + count))
        position += count
        return text
    }

    /// Reads a byte string.
    @inlinable
    public mutating func readBytes() throws(WireError) -> [UInt8] {
        Array(bytes[try readBytesRange()])
    }

    /// Reads a byte string and returns where its content lies in ``bytes``, without copying it.
    @inlinable
    public mutating func readBytesRange() throws(WireError) -> Range<Int> {
        let start = position
        let argument = try readArgument(WireMajor.bytes)
        let count = try stringCount(argument, head: start, body: position)
        let range = position..<(position + count)
        position = range.upperBound
        return range
    }

    /// Reads the head of an array and returns the number of elements, which come next.
    @inlinable
    public mutating func readArrayHead() throws(WireError) -> Int {
        try checkContainer(WireMajor.array)
        return try itemCount(readArgument(WireMajor.array), itemBytes: 1, body: position)
    }

    /// Reads the head of an array that must have `expected` elements, as a record of fixed fields does.
    ///
    /// Throws `valueOutOfRange` if it has another number of them.
    @inlinable
    public mutating func readArrayHead(expecting expected: Int) throws(WireError) {
        let start = position
        let count = try readArrayHead()
        guard count == expected else {
            position = start
            throw wrongCount(count, expected: expected, at: start)
        }
    }

    /// Reads the head of a map and returns the number of entries; keys and values come next by turns.
    @inlinable
    public mutating func readMapHead() throws(WireError) -> Int {
        try checkContainer(WireMajor.map)
        return try itemCount(readArgument(WireMajor.map), itemBytes: 2, body: position)
    }

    /// Passes over the next value with all that it holds, and returns where it lies in ``bytes``.
    ///
    /// The value is checked as strictly as if it were read.
    @discardableResult
    public mutating func skipValue() throws(WireError) -> Range<Int> {
        let range = try checkValue()
        position = range.upperBound
        return range
    }
}

// MARK: - Pieces

extension WireReader {
    @inlinable
    func peekByte() throws(WireError) -> UInt8 {
        guard position < end else { throw truncated(at: position) }
        return bytes[position]
    }

    /// Reads a head of the given major type and returns its argument.
    @inlinable
    mutating func readArgument(_ major: UInt8) throws(WireError) -> UInt64 {
        let first = try peekByte()
        guard first >> 5 == major else { throw mismatch(major) }
        if first & 0x1f < 24 {
            position += 1
            return UInt64(first & 0x1f)
        }
        let (value, next) = try longArgument(at: position)
        position = next
        return value
    }

    /// Checks an array, a map or a tag as a whole, unless it lies within one that was checked.
    @inlinable
    mutating func checkContainer(_ major: UInt8) throws(WireError) {
        guard try peekByte() >> 5 == major else { throw mismatch(major) }
        if position >= checkedEnd {
            checkedEnd = try validate(at: position, depth: 0)
        }
    }

    /// The length of a string whose head has been read, within the limits and the input.
    @inlinable
    func stringCount(_ argument: UInt64, head: Int, body: Int) throws(WireError) -> Int {
        guard argument <= UInt64(limits.itemBytesMax) else {
            throw tooLarge("a string of \(argument) bytes", limits.itemBytesMax, at: head)
        }
        guard argument <= UInt64(end - body) else { throw truncated(at: head) }
        return Int(argument)
    }

    /// The number of elements or entries of a container whose head has been read, within the limits and
    /// within what the rest of the input could hold.
    @inlinable
    func itemCount(_ argument: UInt64, itemBytes: Int, body: Int) throws(WireError) -> Int {
        guard argument <= UInt64(limits.itemCountMax) else {
            throw tooLarge("a container of \(argument) items", limits.itemCountMax, at: body)
        }
        guard argument <= UInt64((end - body) / itemBytes) else { throw truncated(at: body) }
        return Int(argument)
    }
}
