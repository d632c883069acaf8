// SPDX-License-Identifier: Apache-2.0
private import OrderedCollections
private import Synchronization

/// Named counters and gauges of one world, in the order of their first use.
public final class Metrics: Sendable {
    private let values = Mutex<OrderedDictionary<String, Int>>([:])

    init() {}

    /// Adds to a counter.
    public func add(_ name: String, _ amount: Int = 1) {
        values.withLock { $0[name, default: 0] += amount }
    }

    /// Sets a gauge.
    public func set(_ name: String, _ value: Int) {
        values.withLock { $0[name] = value }
    }

    /// The value of a counter or gauge; zero where it was never used.
    public func value(_ name: String) -> Int { values.withLock { $0[name] ?? 0 } }

    /// All counters and gauges, sorted by name.
    public var snapshot: [(name: String, value: Int)] {
        values.withLock { table in table.map { (name: $0.key, value: $0.value) } }
            .sorted { $0.name < $1.name }
    }
}
