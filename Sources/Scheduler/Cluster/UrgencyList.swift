// SPDX-License-Identifier: Apache-2.0

/// Numbers in order of urgency: a sorted list in chunks, so that a change in a queue of a hundred thousand
/// moves a few hundred entries.
struct UrgencyList: Sendable {
    struct Entry: Sendable {
        let urgency: Urgency
        /// The place in the owner's table.
        let slot: Int
    }

    private static let chunkCountMax = 256
    /// None is empty but the only one, which keeps its room: a host's list is empty every other minute.
    private var chunks: [[Entry]] = []
    private(set) var count = 0

    /// The most urgent; `nil` for an empty list.
    var first: Int? { chunks.first?.first?.slot }
    var firstEntry: Entry? { chunks.first?.first }

    mutating func insert(_ urgency: Urgency, slot: Int) {
        count += 1
        let entry = Entry(urgency: urgency, slot: slot)
        guard !chunks.isEmpty else {
            chunks.append([entry])
            return
        }
        let chunk = min(chunkIndex(of: urgency), chunks.count - 1)
        let place = Self.lowerBound(chunks[chunk], urgency)
        chunks[chunk].insert(entry, at: place)
        guard chunks[chunk].count > Self.chunkCountMax else { return }
        // New entries mostly come last: what stands before stays full.
        let isLast = chunk == chunks.count - 1 && place == chunks[chunk].count - 1
        let keep = isLast ? chunks[chunk].count - 1 : chunks[chunk].count / 2
        let tail = Array(chunks[chunk][keep...])
        chunks[chunk].removeSubrange(keep...)
        chunks.insert(tail, at: chunk + 1)
    }

    /// Takes an entry out; the urgency is unique by its sequence.
    mutating func remove(_ urgency: Urgency) {
        let chunk = chunkIndex(of: urgency)
        guard chunk < chunks.count else { return }
        let place = Self.lowerBound(chunks[chunk], urgency)
        guard place < chunks[chunk].count, chunks[chunk][place].urgency == urgency else { return }
        chunks[chunk].remove(at: place)
        count -= 1
        if chunks[chunk].isEmpty, chunks.count > 1 { chunks.remove(at: chunk) }
    }

    /// The chunk whose last entry is the first not before `urgency`.
    private func chunkIndex(of urgency: Urgency) -> Int {
        var (low, high) = (0, chunks.count)
        while low < high {
            let middle = (low + high) / 2
            if let last = chunks[middle].last, last.urgency < urgency {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private static func lowerBound(_ entries: [Entry], _ urgency: Urgency) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].urgency < urgency { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// A place in the list while it does not change.
    struct Cursor: Sendable {
        fileprivate var chunk = 0
        fileprivate var place = 0
    }

    /// The entry at the cursor, which moves on; `nil` at the end.
    func next(_ cursor: inout Cursor) -> Int? {
        guard cursor.chunk < chunks.count, cursor.place < chunks[cursor.chunk].count else { return nil }
        let slot = chunks[cursor.chunk][cursor.place].slot
        cursor.place += 1
        if cursor.place == chunks[cursor.chunk].count { cursor = Cursor(chunk: cursor.chunk + 1, place: 0) }
        return slot
    }
}

/// Things in order of urgency, found by their names too.
struct UrgencyTable<ID: Hashable & Sendable, Item: Sendable>: Sendable {
    private(set) var items: [Item?] = []
    /// The names of the items, which are large; that of a free slot says nothing.
    private var ids: [ID] = []
    private var freeSlots: [Int] = []
    private var slotOf: [ID: Int] = [:]

    var count: Int { slotOf.count }

    func slot(_ id: ID) -> Int? { slotOf[id] }

    /// The name of what is in a slot.
    func id(_ slot: Int) -> ID { ids[slot] }

    subscript(slot: Int) -> Item {
        guard let item = items[slot] else { preconditionFailure("slot \(slot) of a queue is empty") }
        return item
    }

    mutating func add(_ id: ID, _ item: Item) -> Int {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            items[slot] = item
            ids[slot] = id
        } else {
            slot = items.count
            items.append(item)
            ids.append(id)
        }
        slotOf[id] = slot
        return slot
    }

    mutating func remove(_ id: ID) -> (item: Item, slot: Int)? {
        guard let slot = slotOf.removeValue(forKey: id), let item = items[slot].take() else { return nil }
        freeSlots.append(slot)
        return (item, slot)
    }
}
