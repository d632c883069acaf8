// SPDX-License-Identifier: Apache-2.0
private import Synchronization

extension WorkPool {
    /// Runs `work` for every number from 0 up to `count` on `threadCount` threads, the caller's included,
    /// and waits for all: for edges of a program such as benchmarks and replications, never for a component.
    ///
    /// - Returns: the results in order of their numbers, whatever the number of threads.
    /// - Throws: ``KernelError`` with `threadFailed`; nothing has run then.
    public static func each<Value: Sendable>(
        _ count: Int, threadCount: Int, _ work: @escaping @Sendable (Int) -> Value
    ) throws(KernelError) -> [Value] {
        precondition(count >= 0 && threadCount > 0, "nothing to share, or nobody to share it")
        let share = Share(count: count, work: work)
        let others = min(threadCount, count) - 1
        guard others > 0 else {
            share.run()
            return share.results()
        }
        let pool = try WorkPool(name: "each", threadCount: others)
        let parker = Parker()
        for _ in 0..<others {
            pool.submit {
                share.run()
                if share.leave() == others { parker.unpark() }
            }
        }
        share.run()
        parker.park()
        pool.shutDown()
        return share.results()
    }
}

/// Numbers that are taken one by one, and what became of them.
private final class Share<Value: Sendable>: Sendable {
    private let count: Int
    private let work: @Sendable (Int) -> Value
    private let next = Atomic(0)
    private let leftCount = Atomic(0)
    private let values: Mutex<[Value?]>

    init(count: Int, work: @escaping @Sendable (Int) -> Value) {
        self.count = count
        self.work = work
        values = Mutex(Array(repeating: nil, count: count))
    }

    func run() {
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < count else { return }
            let value = work(index)
            values.withLock { $0[index] = value }
        }
    }

    /// A thread has found nothing more to do; returns how many have.
    func leave() -> Int { leftCount.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue }

    func results() -> [Value] { values.withLock { $0.compactMap(\.self) } }
}
