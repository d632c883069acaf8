// SPDX-License-Identifier: Apache-2.0

/// What a value is encoded to: one node of the tree.
struct WireEncoding: Encoder {
    let state: WireEncodingState
    let node: Int32
    /// The type of the value that is encoded, if it is known.
    let type: (any Any.Type)?

    var codingPath: [any CodingKey] { state.path(of: node) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        state.open(node, as: .map)
        return KeyedEncodingContainer(WireKeyedEncoding(state: state, node: node))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        state.openArray(node, type: type)
        return WireUnkeyedEncoding(state: state, node: node)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        WireSingleEncoding(state: state, node: node)
    }
}

extension WireWriter {
    /// Writes an integer that may be too large for CBOR's own as a byte string of fixed length.
    mutating func write(bigEndian value: UInt128) {
        writeHead(WireMajor.bytes, 16)
        appendBigEndian(value)
    }
}

/// The entries of a map.
struct WireKeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let state: WireEncodingState
    let node: Int32

    var codingPath: [any CodingKey] { state.path(of: node) }

    mutating func encodeNil(forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.writeNull() }
    }

    mutating func encode(_ value: String, forKey key: Key) throws {
        try state.checkString(value.utf8.count)
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(text: value) }
    }

    mutating func encode(_ value: Bool, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(value) }
    }

    mutating func encode(_ value: Double, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(value) }
    }

    mutating func encode(_ value: Float, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(Double(value)) }
    }

    mutating func encode(_ value: Int, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int8, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int16, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int32, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int64, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: UInt, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt8, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt16, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt32, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt64, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: Int128, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) {
            $0.write(bigEndian: UInt128(bitPattern: value))
        }
    }

    mutating func encode(_ value: UInt128, forKey key: Key) throws {
        try state.addScalar(parent: node, key: key.stringValue) { $0.write(bigEndian: value) }
    }

    mutating func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        try state.encode(value, parent: node, key: key.stringValue)
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        child(key.stringValue).container(keyedBy: keyType)
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        child(key.stringValue).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder {
        child(WireCodingKey.superclass.stringValue)
    }

    mutating func superEncoder(forKey key: Key) -> any Encoder {
        child(key.stringValue)
    }

    private func child(_ key: String) -> WireEncoding {
        WireEncoding(state: state, node: state.addNode(parent: node, key: key), type: nil)
    }
}

/// The elements of an array.
struct WireUnkeyedEncoding: UnkeyedEncodingContainer {
    let state: WireEncodingState
    let node: Int32

    var codingPath: [any CodingKey] { state.path(of: node) }

    var count: Int { Int(state.nodes[Int(node)].childCount) }

    mutating func encodeNil() throws {
        try state.addScalar(parent: node, key: nil) { $0.writeNull() }
    }

    mutating func encode(_ value: String) throws {
        try state.checkString(value.utf8.count)
        try state.addScalar(parent: node, key: nil) { $0.write(text: value) }
    }

    mutating func encode(_ value: Bool) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(value) }
    }

    mutating func encode(_ value: Double) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(value) }
    }

    mutating func encode(_ value: Float) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(Double(value)) }
    }

    mutating func encode(_ value: Int) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int8) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int16) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int32) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int64) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: UInt) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt8) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt16) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt32) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt64) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: Int128) throws {
        try state.addScalar(parent: node, key: nil) {
            $0.write(bigEndian: UInt128(bitPattern: value))
        }
    }

    mutating func encode(_ value: UInt128) throws {
        try state.addScalar(parent: node, key: nil) { $0.write(bigEndian: value) }
    }

    mutating func encode<T: Encodable>(_ value: T) throws {
        try state.encode(value, parent: node, key: nil)
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type
    ) -> KeyedEncodingContainer<NestedKey> {
        child().container(keyedBy: keyType)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        child().unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder {
        child()
    }

    private func child() -> WireEncoding {
        WireEncoding(state: state, node: state.addNode(parent: node, key: nil), type: nil)
    }
}

/// A value in the place of its encoder's node.
struct WireSingleEncoding: SingleValueEncodingContainer {
    let state: WireEncodingState
    let node: Int32

    var codingPath: [any CodingKey] { state.path(of: node) }

    mutating func encodeNil() throws {
        try state.fill(node) { $0.writeNull() }
    }

    mutating func encode(_ value: String) throws {
        try state.checkString(value.utf8.count)
        try state.fill(node) { $0.write(text: value) }
    }

    mutating func encode(_ value: Bool) throws {
        try state.fill(node) { $0.write(value) }
    }

    mutating func encode(_ value: Double) throws {
        try state.fill(node) { $0.write(value) }
    }

    mutating func encode(_ value: Float) throws {
        try state.fill(node) { $0.write(Double(value)) }
    }

    mutating func encode(_ value: Int) throws {
        try state.fill(node) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int8) throws {
        try state.fill(node) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int16) throws {
        try state.fill(node) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int32) throws {
        try state.fill(node) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: Int64) throws {
        try state.fill(node) { $0.write(Int64(value)) }
    }

    mutating func encode(_ value: UInt) throws {
        try state.fill(node) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt8) throws {
        try state.fill(node) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt16) throws {
        try state.fill(node) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt32) throws {
        try state.fill(node) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: UInt64) throws {
        try state.fill(node) { $0.write(UInt64(value)) }
    }

    mutating func encode(_ value: Int128) throws {
        try state.fill(node) { $0.write(bigEndian: UInt128(bitPattern: value)) }
    }

    mutating func encode(_ value: UInt128) throws {
        try state.fill(node) { $0.write(bigEndian: value) }
    }

    mutating func encode<T: Encodable>(_ value: T) throws {
        try state.encode(value, node: node)
    }
}
