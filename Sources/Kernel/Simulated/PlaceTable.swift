// SPDX-License-Identifier: Apache-2.0

/// The code that handles a place's events, as an object of its own.
///
/// The closure is a constant: where the object is known to live, it is called without a retain.
@usableFromInline
final class SimulatedStep {
    @usableFromInline let run: (UInt32) -> Void

    @usableFromInline
    init(_ run: @escaping (UInt32) -> Void) { self.run = run }

    /// Does nothing: of a place that nobody has taken yet, or that is gone.
    static var none: SimulatedStep { SimulatedStep { _ in } }
}

// Safety: `capacity` entries are allocated, the first `count` are initialized, and every index is checked
// against `count`. An entry owns its place; its step is the place's own, which tells the table of each new
// one. Only the thread that runs the world touches the table.
/// The places of a world by index.
///
/// A world looks one up with every event. Out of an array each look would cost a retain and a release of the
/// place, and two more for its code: the half of what an event costs beside its component.
@usableFromInline
struct PlaceTable: ~Copyable {
    private struct Entry {
        var place: Unmanaged<SimulatedPlace>?
        var step: Unmanaged<SimulatedStep>?
    }

    private var entries: UnsafeMutablePointer<Entry>
    private var capacity = 64
    private(set) var count = 0

    init() { entries = .allocate(capacity: capacity) }

    deinit {
        for index in 0..<count { entries[index].place?.release() }
        entries.deallocate()
    }

    /// Makes room for one more place; gives its index.
    mutating func append() -> Int {
        if count == capacity {
            let bigger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity * 2)
            bigger.moveInitialize(from: entries, count: count)
            entries.deallocate()
            entries = bigger
            capacity *= 2
        }
        (entries + count).initialize(to: Entry())
        count += 1
        return count - 1
    }

    /// The place at an index; `nil` where none is.
    subscript(index: Int) -> SimulatedPlace? {
        precondition(index >= 0 && index < count)
        return entries[index].place?.takeUnretainedValue()
    }

    /// Puts a place at its index.
    mutating func put(_ place: SimulatedPlace) {
        let index = Int(place.index)
        precondition(index < count && entries[index].place == nil)
        entries[index] = Entry(
            place: .passRetained(place), step: Unmanaged.passUnretained(place.step))
    }

    /// Takes the place out of an index.
    mutating func take(_ index: Int) -> SimulatedPlace? {
        precondition(index >= 0 && index < count)
        let place = entries[index].place?.takeRetainedValue()
        entries[index] = Entry()
        return place
    }

    /// Notes that the place has other code from now on.
    func noteStep(of place: SimulatedPlace) {
        let index = Int(place.index)
        guard index < count, entries[index].place?.toOpaque() == Unmanaged.passUnretained(place).toOpaque()
        else { return }
        entries[index].step = Unmanaged.passUnretained(place.step)
    }

    /// The code of the place at `index`; `nil` where no place is.
    ///
    /// A place is taken out only after its last event, and code that is replaced meanwhile is kept by the
    /// core until the step has ended: whoever runs an event needs no retain.
    @inline(__always)
    func code(at index: Int) -> Unmanaged<SimulatedStep>? {
        precondition(index >= 0 && index < count)
        return entries[index].step
    }

    /// Counts one event of the place at `index` as done; gives the place back where it is to be retired.
    @inline(__always)
    func settle(_ index: Int) -> SimulatedPlace? {
        // The world may have been shut down by this very event.
        guard index < count, let place = entries[index].place else { return nil }
        let isOver = place._withUnsafeGuaranteedRef { place in
            place.pendingCount -= 1
            return place.isStopped && place.pendingCount == 0
        }
        return isOver ? place.takeUnretainedValue() : nil
    }
}
