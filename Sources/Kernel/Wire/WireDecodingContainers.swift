// SPDX-License-Identifier: Apache-2.0

/// What a value is decoded from: the item at one offset.
struct WireDecoding: Decoder {
    let state: WireDecodingState
    let offset: Int
    /// The type of the value that is decoded, if it is known.
    let type: (any Any.Type)?

    var codingPath: [any CodingKey] { state.path(to: offset) }
    var userInfo: [CodingUserInfoKey: Any] { state.userInfo }

    func container<Key: CodingKey>(
        keyedBy type: Key.Type
    ) throws -> KeyedDecodingContainer<Key> {
        let entries = try state.entries(at: offset)
        return KeyedDecodingContainer(
            WireKeyedDecoding(state: state, offset: offset, entries: entries)
        )
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let (count, body) = try state.array(at: offset)
        if let unordered = type as? any WireUnorderedCollection.Type {
            try state.checkOrder(of: count, from: body, stride: unordered.wireStride)
        }
        return WireUnkeyedDecoding(state: state, offset: offset, elementCount: count, next: body)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer {
        WireSingleDecoding(state: state, offset: offset)
    }
}

/// The elements of an array.
struct WireUnkeyedDecoding: UnkeyedDecodingContainer {
    let state: WireDecodingState
    /// Where the array starts.
    let offset: Int
    let elementCount: Int
    /// Where the next element starts.
    var next: Int
    var currentIndex = 0

    init(state: WireDecodingState, offset: Int, elementCount: Int, next: Int) {
        self.state = state
        self.offset = offset
        self.elementCount = elementCount
        self.next = next
    }

    var codingPath: [any CodingKey] { state.path(to: offset) }
    var count: Int? { elementCount }
    var isAtEnd: Bool { currentIndex == elementCount }

    /// Where the current element lies; throws if there is none.
    private func element() throws -> Int {
        guard currentIndex < elementCount else {
            throw WireError(
                code: .valueOutOfRange,
                message: "an array of \(elementCount) elements has no more of them",
                offset: offset
            )
        }
        return next
    }

    private mutating func advance() {
        next = state.reader.skip(from: next)
        currentIndex += 1
    }

    mutating func decodeNil() throws -> Bool {
        guard state.isNull(at: try element()) else { return false }
        advance()
        return true
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool {
        let value = try state.bool(at: element())
        advance()
        return value
    }

    mutating func decode(_ type: String.Type) throws -> String {
        let value = try state.text(at: element())
        advance()
        return value
    }

    mutating func decode(_ type: Double.Type) throws -> Double {
        let value = try state.double(at: element())
        advance()
        return value
    }

    mutating func decode(_ type: Float.Type) throws -> Float {
        let value = try state.float(at: element())
        advance()
        return value
    }

    mutating func decode(_ type: Int.Type) throws -> Int {
        let value = try state.integer(type, at: element())
        advance()
        return value
    }

    mutating func decode(_ type: Int8.Type) throws -> Int8 {
        let value = try state.integer(type, at: element())
        advance()
        return value
    }

    mutating func decode(_ type: Int16.Type) throws -> Int16 {
        let value = try state.integer(type, at: element())
        advance()
        return value
    }

    mutating func decode(_ type: Int32.Type) throws -> Int32 {
        let value = try state.integer(type, at: element())
        advance()
        return value
    }

    mutating func decode(_ type: Int64.Type) throws -> Int64 {
        let value = try state.integer(type, at: element())
        advance()
        return value
    }

    mutating func decode(_ type: UInt.Type) throws -> UInt {
        let value = try state.integer(type, at: element())
        advance()
        return value
    }

    mutating func decode(_ type: UInt8.Type) throws -> UInt8 {
        let value = try state.integer(type, at: element())
        advance()
        return value
    }

    mutating func decode(_ type: UInt16.Type) throws -> UInt16 {
        let value = try state.integer(type, at: element())
        advance()
        return value
    }

    mutating func decode(_ type: UInt32.Type) throws -> UInt32 {
        let value = try state.integer(type, at: element())
        advance()
        return value
    }

    mutating func decode(_ type: UInt64.Type) throws -> UInt64 {
        let value = try state.integer(type, at: element())
        advance()
        return value
    }

    mutating func decode(_ type: Int128.Type) throws -> Int128 {
        let value = try state.int128(at: element())
        advance()
        return value
    }

    mutating func decode(_ type: UInt128.Type) throws -> UInt128 {
        let value = try state.uint128(at: element())
        advance()
        return value
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let value = try state.decode(type, at: element())
        advance()
        return value
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        let container = try child().container(keyedBy: type)
        advance()
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try child().unkeyedContainer()
        advance()
        return container
    }

    mutating func superDecoder() throws -> any Decoder {
        let decoder = try child()
        advance()
        return decoder
    }

    private func child() throws -> WireDecoding {
        WireDecoding(state: state, offset: try element(), type: nil)
    }
}

/// A value in the place of its decoder's item.
struct WireSingleDecoding: SingleValueDecodingContainer {
    let state: WireDecodingState
    let offset: Int

    var codingPath: [any CodingKey] { state.path(to: offset) }

    func decodeNil() -> Bool {
        state.isNull(at: offset)
    }

    func decode(_ type: Bool.Type) throws -> Bool {
        try state.bool(at: offset)
    }

    func decode(_ type: String.Type) throws -> String {
        try state.text(at: offset)
    }

    func decode(_ type: Double.Type) throws -> Double {
        try state.double(at: offset)
    }

    func decode(_ type: Float.Type) throws -> Float {
        try state.float(at: offset)
    }

    func decode(_ type: Int.Type) throws -> Int {
        try state.integer(type, at: offset)
    }

    func decode(_ type: Int8.Type) throws -> Int8 {
        try state.integer(type, at: offset)
    }

    func decode(_ type: Int16.Type) throws -> Int16 {
        try state.integer(type, at: offset)
    }

    func decode(_ type: Int32.Type) throws -> Int32 {
        try state.integer(type, at: offset)
    }

    func decode(_ type: Int64.Type) throws -> Int64 {
        try state.integer(type, at: offset)
    }

    func decode(_ type: UInt.Type) throws -> UInt {
        try state.integer(type, at: offset)
    }

    func decode(_ type: UInt8.Type) throws -> UInt8 {
        try state.integer(type, at: offset)
    }

    func decode(_ type: UInt16.Type) throws -> UInt16 {
        try state.integer(type, at: offset)
    }

    func decode(_ type: UInt32.Type) throws -> UInt32 {
        try state.integer(type, at: offset)
    }

    func decode(_ type: UInt64.Type) throws -> UInt64 {
        try state.integer(type, at: offset)
    }

    func decode(_ type: Int128.Type) throws -> Int128 {
        try state.int128(at: offset)
    }

    func decode(_ type: UInt128.Type) throws -> UInt128 {
        try state.uint128(at: offset)
    }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try state.decode(type, at: offset)
    }
}
