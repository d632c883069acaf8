// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// Who waits for the chain to reach an epoch: at most one wait for each sector and kind, in order of epoch.
struct WaitList {
    /// What is waited for.
    enum Kind: Sendable, Hashable {
        case preCommit
        case seed
        case prove
        case update
        case epoch(Int64)
        /// A message for many sectors.
        case batch(String, landing: Int64)
    }

    /// A sector and what is waited for; a repeat has the same name and takes the earlier one's place.
    struct Name: Sendable, Hashable {
        let key: SectorKey
        let kind: Kind
    }

    /// A wait that is over.
    struct Due {
        let name: Name
        let replyTo: Ref<ChainEvent>
    }

    private struct Wait {
        var epoch: Int64
        var replyTo: Ref<ChainEvent>
    }

    private struct Bucket {
        let epoch: Int64
        var names: [Name]
    }

    private var waits: [Name: Wait] = [:]
    /// Descending by epoch, so that the earliest is taken off the end.
    ///
    /// A sector waits for one of few
    /// epochs ahead.
    private var buckets: [Bucket] = []

    /// The number of waits.
    var count: Int { waits.count }

    /// The earliest epoch that somebody waits for.
    var earliest: Int64? { buckets.last?.epoch }

    /// Whether somebody waits under that name.
    func contains(_ name: Name) -> Bool { waits[name] != nil }

    /// Adds a wait or replaces the one of the same name.
    mutating func add(_ name: Name, epoch: Int64, replyTo: Ref<ChainEvent>) {
        if let known = waits[name] {
            waits[name] = Wait(epoch: epoch, replyTo: replyTo)
            guard known.epoch != epoch else { return }
            removeFromBucket(name, known.epoch)
        } else {
            waits[name] = Wait(epoch: epoch, replyTo: replyTo)
        }
        let place = position(of: epoch)
        if place < buckets.count, buckets[place].epoch == epoch {
            buckets[place].names.append(name)
        } else {
            buckets.insert(Bucket(epoch: epoch, names: [name]), at: place)
        }
    }

    /// Takes out all waits for epochs up to `head`, by epoch and then in the order in which they were
    /// added.
    mutating func takeDue(head: Int64) -> [Due] {
        var due: [Due] = []
        while let bucket = buckets.last, bucket.epoch <= head {
            buckets.removeLast()
            for name in bucket.names {
                guard let wait = waits.removeValue(forKey: name) else { continue }
                due.append(Due(name: name, replyTo: wait.replyTo))
            }
        }
        return due
    }

    /// Forgets the waits for messages that were undone; who asks again sends them anew.
    mutating func dropBatches(landedAfter floor: Int64) {
        for index in buckets.indices {
            for name in buckets[index].names {
                guard case .batch(_, let landing) = name.kind, landing > floor else { continue }
                waits[name] = nil
            }
            buckets[index].names.removeAll { waits[$0] == nil }
        }
        buckets.removeAll(where: \.names.isEmpty)
    }

    private mutating func removeFromBucket(_ name: Name, _ epoch: Int64) {
        let place = position(of: epoch)
        guard place < buckets.count, buckets[place].epoch == epoch else { return }
        buckets[place].names.removeAll { $0 == name }
        if buckets[place].names.isEmpty { buckets.remove(at: place) }
    }

    /// The index of the first bucket whose epoch is not above `epoch`.
    private func position(of epoch: Int64) -> Int {
        var (low, high) = (0, buckets.count)
        while low < high {
            let middle = (low + high) / 2
            if buckets[middle].epoch > epoch { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
