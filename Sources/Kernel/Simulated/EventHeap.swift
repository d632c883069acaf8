// SPDX-License-Identifier: Apache-2.0

/// One thing that will happen: at `time`, the place with index `place` is given its timer `slot`.
@usableFromInline
struct Event {
    @usableFromInline var time: Int64
    @usableFromInline var tie: UInt64
    @usableFromInline var place: UInt32
    @usableFromInline var slot: UInt32

    @inlinable
    init(time: Int64, tie: UInt64, place: UInt32, slot: UInt32) {
        self.time = time
        self.tie = tie
        self.place = place
        self.slot = slot
    }

    @inlinable
    static func precedes(_ lhs: Event, _ rhs: Event) -> Bool {
        lhs.time != rhs.time ? lhs.time < rhs.time : lhs.tie < rhs.tie
    }
}

/// A four-ary minimum heap of events, ordered by time and then by tie-break.
///
/// Four children per node halve the depth of a binary heap, and the four lie in two cache lines.
@usableFromInline
struct EventHeap {
    @usableFromInline var events: ContiguousArray<Event> = []

    @inlinable
    init() {}

    @inlinable var isEmpty: Bool { events.isEmpty }
    @inlinable var count: Int { events.count }
    @inlinable var first: Event? { events.first }

    @inlinable
    mutating func push(_ event: Event) {
        events.append(event)
        let last = events.count - 1
        // Safety: every index below is under `last + 1`, the count; the buffer is this array's own.
        events.withUnsafeMutableBufferPointer { heap in
            var hole = last
            while hole > 0 {
                let parent = (hole - 1) >> 2
                guard Event.precedes(event, heap[parent]) else { break }
                heap[hole] = heap[parent]
                hole = parent
            }
            heap[hole] = event
        }
    }

    @inlinable
    mutating func popFirst() -> Event? {
        guard let last = events.popLast() else { return nil }
        guard let top = events.first else { return last }
        sink(last, from: 0)
        return top
    }

    /// Keeps the events for which `keep` holds, in O(n).
    mutating func filter(_ keep: (Event) -> Bool) {
        var kept = ContiguousArray<Event>()
        kept.reserveCapacity(events.count)
        for event in events where keep(event) { kept.append(event) }
        events = kept
        guard events.count > 1 else { return }
        for index in stride(from: (events.count - 2) >> 2, through: 0, by: -1) {
            sink(events[index], from: index)
        }
    }

    @inlinable
    mutating func sink(_ event: Event, from start: Int) {
        // Safety: indices are bounded by `count`; the buffer is this array's own.
        events.withUnsafeMutableBufferPointer { heap in
            let count = heap.count
            var hole = start
            while true {
                let firstChild = hole * 4 + 1
                guard firstChild < count else { break }
                var least = firstChild
                var child = firstChild + 1
                let end = min(firstChild + 4, count)
                while child < end {
                    if Event.precedes(heap[child], heap[least]) { least = child }
                    child += 1
                }
                guard Event.precedes(heap[least], event) else { break }
                heap[hole] = heap[least]
                hole = least
            }
            heap[hole] = event
        }
    }
}

/// The future events of a world: those of the next moments in a heap of their own.
///
/// Most events are arrivals within a millisecond, while the timers of tasks and deadlines wait for hours. One
/// heap of both would send every arrival through all of its levels.
@usableFromInline
struct EventSchedule {
    /// What lies less than this ahead when it is set, in nanoseconds, counts as near.
    @usableFromInline static var nearSpan: Int64 { 1_000_000_000 }

    @usableFromInline var near = EventHeap()
    @usableFromInline var far = EventHeap()

    @inlinable
    init() {}

    @inlinable var count: Int { near.count + far.count }

    /// The event that comes first.
    @inlinable var first: Event? {
        guard let soon = near.first else { return far.first }
        guard let late = far.first else { return soon }
        return Event.precedes(late, soon) ? late : soon
    }

    /// All events, in no order that means anything.
    var events: [Event] { Array(near.events) + Array(far.events) }

    @inlinable
    mutating func push(_ event: Event, now: Int64) {
        if event.time &- now < Self.nearSpan { near.push(event) } else { far.push(event) }
    }

    /// Takes the first event, if it lies at `time`.
    @inlinable
    mutating func popFirst(at time: Int64) -> Event? {
        let soon = near.first
        if let late = far.first, late.time == time {
            guard let soon, soon.time == time, Event.precedes(soon, late) else { return far.popFirst() }
            return near.popFirst()
        }
        guard let soon, soon.time == time else { return nil }
        return near.popFirst()
    }

    /// Keeps the events for which `keep` holds, in O(n).
    mutating func filter(_ keep: (Event) -> Bool) {
        near.filter(keep)
        far.filter(keep)
    }
}
