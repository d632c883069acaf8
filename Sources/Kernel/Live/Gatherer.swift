// SPDX-License-Identifier: Apache-2.0
private import Synchronization

/// Collects values for a thread that works on several at once.
///
/// The first value of a group opens it; the group is closed when it is full, or when its time is over and a
/// thread takes it. While no thread does, values go on joining.
public final class Gatherer<Value: Sendable>: Sendable {
    private struct Group {
        let number: UInt64
        /// On the monotonic clock, when the group need not be waited for any longer.
        let deadline: Int64
        var values: [Value]
        var taker: Parker?
    }

    private struct State {
        var groups: [Group] = []
        var count: UInt64 = 0
    }

    private let countMax: Int
    private let window: Int64
    private let state = Mutex(State())

    /// Makes a gatherer.
    ///
    /// - Parameters:
    ///   - countMax: values of a full group, 1 or more.
    ///   - window: how long a group waits for more, from its first value on.
    public init(countMax: Int, window: Duration) {
        precondition(countMax > 0 && window >= .zero, "a group has room for a value, and time")
        self.countMax = countMax
        self.window =
            Int64(clamping: window.components.seconds) * 1_000_000_000
            + window.components.attoseconds / 1_000_000_000
    }

    /// Adds a value to a group that has room and that it fits.
    ///
    /// - Parameter fits: whether the value may join these; called under a lock, it must be quick.
    /// - Returns: nil where it joined a group; else the number of the new group, which the caller must
    ///   have taken.
    public func add(_ value: Value, where fits: ([Value]) -> Bool) -> UInt64? {
        let (number, taker) = state.withLock { state -> (UInt64?, Parker?) in
            for index in state.groups.indices
            where state.groups[index].values.count < countMax && fits(state.groups[index].values) {
                state.groups[index].values.append(value)
                return (nil, state.groups[index].values.count == countMax ? state.groups[index].taker : nil)
            }
            state.count += 1
            let deadline = SystemClock.monotonicNanoseconds.addingReportingOverflow(window)
            state.groups.append(
                Group(
                    number: state.count, deadline: deadline.overflow ? .max : deadline.partialValue,
                    values: [value]))
            return (state.count, nil)
        }
        taker?.unpark()
        return number
    }

    /// Waits until a group is full or its time is over, and takes it.
    ///
    /// - Parameter number: what ``add(_:where:)`` returned; each is taken once.
    public func take(_ number: UInt64) -> [Value] {
        let parker = Parker()
        while true {
            let (values, deadline) = state.withLock { state -> ([Value]?, Int64) in
                guard let index = state.groups.firstIndex(where: { $0.number == number }) else {
                    preconditionFailure("group \(number) is taken twice")
                }
                let group = state.groups[index]
                if group.values.count == countMax || SystemClock.monotonicNanoseconds >= group.deadline {
                    state.groups.remove(at: index)
                    return (group.values, 0)
                }
                state.groups[index].taker = parker
                return (nil, group.deadline)
            }
            if let values { return values }
            parker.park(untilMonotonic: deadline)
        }
    }
}
