// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Kernel
private import Synchronization

/// How far a study is.
package struct StudyProgress: Sendable, Hashable {
    /// Runs that are done.
    package var done: Int
    package var total: Int
    /// Real seconds that are left at the pace so far, all threads together; `nil` before anything is known.
    package var secondsLeft: Double?
}

/// How a study runs, and whom it tells.
package struct StudyControl: Sendable {
    package var threadCount: Int
    /// Asked from time to time on every thread; what is done by then is the result.
    package var shouldStop: @Sendable () -> Bool
    /// Called from any thread, one at a time.
    package var progress: @Sendable (StudyProgress) -> Void
    /// Monotonic nanoseconds of real time, for the time that is left; never for a result.
    package var clock: @Sendable () -> Int64
    /// Put into every simulated run; for tests of what distrusts one, alone.
    package var bug: SeededBug?

    package init(
        threadCount: Int = 1, shouldStop: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (StudyProgress) -> Void = { _ in },
        clock: @escaping @Sendable () -> Int64 = { 0 }, bug: SeededBug? = nil
    ) {
        self.threadCount = threadCount
        self.shouldStop = shouldStop
        self.progress = progress
        self.clock = clock
        self.bug = bug
    }
}

/// Shares independent runs among threads. What each gives is a function of its number alone, so that the
/// results are the same whatever the number of threads.
package enum StudyRunner {
    private struct Account {
        var done = 0
        /// The share of each run that is over, 0…1.
        var shares: [Double]
        /// Their sum, kept as it grows: a study may have a hundred thousand runs.
        var over = 0.0

        mutating func set(_ index: Int, _ share: Double) {
            over += share - shares[index]
            shares[index] = share
        }
    }

    /// Runs `work` for every number below `count`.
    ///
    /// - Parameter work: gets its number and a function that takes the share of it that is over and tells
    ///   whether to go on; `nil` where it stopped early.
    /// - Returns: the results in order; `nil` for runs that were not finished.
    /// - Throws: the first failure in order of the numbers, or ``KernelError`` where no thread starts.
    package static func each<Value: Sendable>(
        _ count: Int, _ control: StudyControl,
        _ work: @escaping @Sendable (Int, _ goesOn: (Double) -> Bool) throws -> Value?
    ) throws -> [Value?] {
        let began = control.clock()
        let box = Box(Account(shares: Array(repeating: 0, count: count)))
        let results = try WorkPool.each(count, threadCount: max(1, control.threadCount)) {
            index -> Result<Value?, any Error> in
            if control.shouldStop() { return .success(nil) }
            let result = Result {
                try work(index) { share in
                    box.account.withLock { account in
                        account.set(index, share)
                        control.progress(progress(account, count, control.clock() - began))
                    }
                    return !control.shouldStop()
                }
            }
            box.account.withLock { account in
                account.set(index, 1)
                account.done += 1
                control.progress(progress(account, count, control.clock() - began))
            }
            return result
        }
        return try results.map { try $0.get() }
    }

    /// Simulates a cluster for every number below `count`: the way by which all studies run, so that none
    /// hides a run that is not to be trusted.
    ///
    /// - Parameter work: as for ``each(_:_:_:)``.
    /// - Returns: the results in order, and the finished runs against which something speaks, likewise.
    /// - Throws: as ``each(_:_:_:)``.
    package static func simulate<Value: Sendable>(
        _ count: Int, _ control: StudyControl,
        _ work: @escaping @Sendable (Int, _ goesOn: (Double) -> Bool) throws -> SimulatedRun<Value>?
    ) throws -> (values: [Value?], distrusted: [DistrustedRun]) {
        let runs = try each(count, control, work)
        return (runs.map { $0?.value }, runs.compactMap { $0?.distrusted })
    }

    private static func progress(_ account: Account, _ count: Int, _ nanoseconds: Int64) -> StudyProgress {
        let over = account.over
        let seconds = Double(nanoseconds) / 1e9
        // Work that is over in the time so far counts all threads; what is left goes at the same pace.
        return StudyProgress(
            done: account.done, total: count,
            secondsLeft: over > 0 ? seconds * (Double(count) - over) / over : nil)
    }

    private final class Box: Sendable {
        let account: Mutex<Account>
        init(_ account: Account) { self.account = Mutex(account) }
    }
}
