// SPDX-License-Identifier: Apache-2.0

/// On which long-term store each sector lies.
///
/// Two bytes for each sector that the run seals: what lies on a store that is gone cannot be proven, however
/// long ago it was sealed.
struct SectorPlaces {
    /// Numbers from here on are of sectors that were proving at the start: above all that the run gives.
    private static let firstAtStart: UInt64 = 1 << 40
    /// Numbers of a run are given one after the other; a record of more is not kept.
    private static let sealedMax: UInt64 = 1 << 31
    private static let unknown = UInt16.max

    private let atStart: Range<UInt64>
    private let partitionSize: UInt64
    /// The part of all room that a store and those before it have.
    private var shares: [Double] = []
    /// By number.
    private var sealed: [UInt16] = []

    init(_ scenario: Scenario) {
        atStart = Self.numbersAtStart(scenario)
        partitionSize = UInt64(scenario.network.sectorsPerPartition(of: scenario.sectorSize))
        let total = scenario.stores.reduce(0.0) { $0 + Double($1.capacity.bytes) }
        var sum = 0.0
        for store in scenario.stores where total > 0 {
            sum += Double(store.capacity.bytes)
            shares.append(sum / total)
        }
    }

    static func numbersAtStart(_ scenario: Scenario) -> Range<UInt64> {
        firstAtStart..<firstAtStart + UInt64(scenario.workload.provingAtStart)
    }

    /// A sector was moved to a store.
    mutating func put(_ number: UInt64, at store: Int) {
        guard number < Self.sealedMax, store < Int(Self.unknown) else { return }
        let missing = Int(number) + 1 - sealed.count
        if missing > 0 { sealed.append(contentsOf: repeatElement(Self.unknown, count: missing)) }
        sealed[Int(number)] = UInt16(store)
    }

    /// The place of the store among the scenario's; `nil` where nobody knows.
    ///
    /// Assumed: of those that were proving at the start each partition lies on all stores in proportion to
    /// their capacities, as proofs read.
    func store(of number: UInt64) -> Int? {
        guard atStart.contains(number) else {
            guard number < UInt64(sealed.count), sealed[Int(number)] != Self.unknown else { return nil }
            return Int(sealed[Int(number)])
        }
        let index = number - atStart.lowerBound
        let begin = index / partitionSize * partitionSize
        // The last partition may be a small one.
        let size = min(partitionSize, UInt64(atStart.count) - begin)
        let part = (Double(index - begin) + 0.5) / Double(size)
        return shares.firstIndex { part < $0 }
    }
}
