// SPDX-License-Identifier: Apache-2.0

/// Which conditions hold of what, and how strongly: faults may overlap, and one that ends takes nothing from
/// another that lasts.
struct FaultBook {
    enum Condition: Hashable {
        // Nodes.
        case down, paused, cutOff, deaf, mute, skewed
        // What a process moves itself, and no other of its host.
        case stuckTransfers, slowTransfers, lossyTransfers
        // Links of nodes.
        case slowLink, lossy, duplicating, late
        // Hosts.
        case slowHost, failing, slowDisk, fullDisk, lostDisk, slowCard, deadCard, lossyCard
        // Long-term stores.
        case storeDown, storeUnmounted, storeSlow, storeFull
        // The chain.
        case outOfSync, mempoolFull, dearGas
    }

    private struct Key: Hashable {
        let condition: Condition
        let name: String
    }

    private var held: [Key: [(holder: Int, value: Double)]] = [:]
    private var holderCount = 0

    /// A number for who is going to hold conditions.
    mutating func newHolder() -> Int {
        holderCount += 1
        return holderCount
    }

    mutating func hold(_ condition: Condition, of name: String, _ value: Double, by holder: Int) {
        held[Key(condition: condition, name: name), default: []].append((holder, value))
    }

    mutating func release(_ condition: Condition, of name: String, by holder: Int) {
        let key = Key(condition: condition, name: name)
        held[key]?.removeAll { $0.holder == holder }
        if held[key]?.isEmpty == true { held[key] = nil }
    }

    /// The strongest value that is held; `nil` where nothing is the matter.
    func value(_ condition: Condition, of name: String) -> Double? {
        held[Key(condition: condition, name: name)]?.map(\.value).max()
    }

    func holds(_ condition: Condition, of name: String) -> Bool {
        held[Key(condition: condition, name: name)] != nil
    }
}
