// SPDX-License-Identifier: Apache-2.0

/// A number as the key of a table, mixed by a few multiplications in place of SipHash.
///
/// For numbers that this program counts itself: nobody outside can choose them so that they collide.
public struct NumberKey: Hashable, Sendable {
    /// The number.
    public let number: UInt64

    /// Makes the key of a number.
    @inlinable
    public init(_ number: UInt64) { self.number = number }

    /// Hashes the number.
    @inlinable
    public func hash(into hasher: inout Hasher) { hasher.combine(number) }

    /// Mixes the number.
    @inlinable
    public func _rawHashValue(seed: Int) -> Int {
        Int(truncatingIfNeeded: mixed(number ^ UInt64(truncatingIfNeeded: seed)))
    }
}

/// Values by numbers that this program counts itself: sectors of a miner, calls of a scheduler.
///
/// A dictionary of `UInt64` spends more on the hash of its key than on all else; this one mixes it. As in a
/// dictionary, the order of `values` and of `keys` means nothing.
public struct NumberTable<Value> {
    @usableFromInline var entries: [NumberKey: Value] = [:]

    /// Makes an empty table.
    @inlinable
    public init() {}

    /// How many values there are.
    @inlinable public var count: Int { entries.count }

    /// The values.
    @inlinable public var values: Dictionary<NumberKey, Value>.Values { entries.values }

    /// The numbers.
    @inlinable public var keys: [UInt64] { entries.keys.map(\.number) }

    /// The value of a number; `nil` removes it.
    @inlinable
    public subscript(_ number: UInt64) -> Value? {
        get { entries[NumberKey(number)] }
        _modify { yield &entries[NumberKey(number)] }
    }

    /// Takes a value out.
    @inlinable
    @discardableResult
    public mutating func removeValue(forKey number: UInt64) -> Value? {
        entries.removeValue(forKey: NumberKey(number))
    }

    /// Where the value of a number lies; valid until the table changes.
    @inlinable
    public func index(forKey number: UInt64) -> Dictionary<NumberKey, Value>.Index? {
        entries.index(forKey: NumberKey(number))
    }

    /// The value at an index.
    @inlinable
    public subscript(at index: Dictionary<NumberKey, Value>.Index) -> Value {
        get { entries.values[index] }
        _modify { yield &entries.values[index] }
    }

    /// Takes out the value at an index.
    @inlinable
    public mutating func remove(at index: Dictionary<NumberKey, Value>.Index) { entries.remove(at: index) }
}

extension NumberTable: Sendable where Value: Sendable {}
