// SPDX-License-Identifier: Apache-2.0

/// The entries of a map.
struct WireKeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let state: WireDecodingState
    /// Where the map starts.
    let offset: Int
    /// Which of the state's entries belong to the map.
    let entries: Range<Int>

    var codingPath: [any CodingKey] { state.path(to: offset) }

    var allKeys: [Key] {
        var keys: [Key] = []
        for text in state.keyTexts(of: entries) {
            if let key = Key(stringValue: text) {
                keys.append(key)
            }
        }
        if keys.isEmpty, !entries.isEmpty {
            state.noteUnknownKeys(at: offset)
        }
        return keys
    }

    func contains(_ key: Key) -> Bool {
        state.find(key.stringValue, in: entries) != nil
    }

    private func value(_ key: Key) throws -> Int {
        guard let value = state.find(key.stringValue, in: entries) else {
            throw state.missing(key.stringValue, at: offset)
        }
        return value
    }

    /// Where the value of a key lies; nil if the key is missing or the value is null.
    private func valueIfPresent(_ key: Key) -> Int? {
        guard let value = state.find(key.stringValue, in: entries), !state.isNull(at: value) else {
            return nil
        }
        return value
    }

    func decodeNil(forKey key: Key) throws -> Bool {
        state.isNull(at: try value(key))
    }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
        try state.bool(at: value(key))
    }

    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        try state.text(at: value(key))
    }

    func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
        try state.double(at: value(key))
    }

    func decode(_ type: Float.Type, forKey key: Key) throws -> Float {
        try state.float(at: value(key))
    }

    func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
        try state.integer(type, at: value(key))
    }

    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 {
        try state.integer(type, at: value(key))
    }

    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 {
        try state.integer(type, at: value(key))
    }

    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 {
        try state.integer(type, at: value(key))
    }

    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 {
        try state.integer(type, at: value(key))
    }

    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt {
        try state.integer(type, at: value(key))
    }

    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 {
        try state.integer(type, at: value(key))
    }

    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 {
        try state.integer(type, at: value(key))
    }

    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 {
        try state.integer(type, at: value(key))
    }

    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 {
        try state.integer(type, at: value(key))
    }

    func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 {
        try state.int128(at: value(key))
    }

    func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 {
        try state.uint128(at: value(key))
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        try state.decode(type, at: value(key))
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? {
        guard let value = valueIfPresent(key) else { return nil }
        return try state.bool(at: value)
    }

    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
        guard let value = valueIfPresent(key) else { return nil }
        return try state.text(at: value)
    }

    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
        guard let value = valueIfPresent(key) else { return nil }
        return try state.double(at: value)
    }

    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
        guard let value = valueIfPresent(key) else { return nil }
        return try state.integer(type, at: value)
    }

    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
        guard let value = valueIfPresent(key) else { return nil }
        return try state.integer(type, at: value)
    }

    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? {
        guard let value = valueIfPresent(key) else { return nil }
        return try state.integer(type, at: value)
    }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        guard let value = valueIfPresent(key) else { return nil }
        return try state.decode(type, at: value)
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try child(value(key)).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try child(value(key)).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder {
        let key = WireCodingKey.superclass.stringValue
        guard let value = state.find(key, in: entries) else {
            throw state.missing(key, at: offset)
        }
        return child(value)
    }

    func superDecoder(forKey key: Key) throws -> any Decoder {
        child(try value(key))
    }

    private func child(_ offset: Int) -> WireDecoding {
        WireDecoding(state: state, offset: offset, type: nil)
    }
}
