// SPDX-License-Identifier: Apache-2.0

/// Remembers what short runs of bytes mean, so that the names in a stream of messages are made once.
///
/// The table has a fixed size; a name that falls on the place of another takes it.
struct InternTable<Value> {
    private static var slotCount: Int { 256 }

    private var slots: [(bytes: [UInt8], value: Value)?] = Array(repeating: nil, count: slotCount)

    /// The value of the bytes in `range`, remembered or made of their text.
    mutating func value(
        of bytes: [UInt8], in range: Range<Int>, _ make: (String) -> Value?
    ) -> Value? {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in range { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        let slot = Int((hash ^ (hash >> 32)) & UInt64(Self.slotCount - 1))
        if let found = slots[slot], found.bytes.count == range.count,
            found.bytes.elementsEqual(bytes[range])
        {
            return found.value
        }
        guard let value = make(String(decoding: bytes[range], as: UTF8.self)) else { return nil }
        slots[slot] = (Array(bytes[range]), value)
        return value
    }
}
