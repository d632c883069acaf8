// SPDX-License-Identifier: Apache-2.0
import Kernel
import Synchronization
import Testing

@Suite("Values that are worked on together")
struct GathererTests {
    @Test("a full group is taken at once, what follows opens another, and what does not fit, too")
    func full() throws {
        let gatherer = Gatherer<Int>(countMax: 3, window: .seconds(600))
        let even = try #require(gatherer.add(0) { _ in true })
        let odd = try #require(gatherer.add(1) { $0.allSatisfy { $0 % 2 == 1 } })
        for value in 2..<6 {
            #expect(gatherer.add(value) { $0[0] % 2 == value % 2 } == nil)
        }
        let next = gatherer.add(6) { $0[0] % 2 == 0 }
        #expect(next != nil && next != even && next != odd)
        #expect(gatherer.take(even) == [0, 2, 4])
        #expect(gatherer.take(odd) == [1, 3, 5])
    }

    @Test("a group is taken when its time is over, with what has joined until then")
    func window() throws {
        let gatherer = Gatherer<Int>(countMax: 3, window: .milliseconds(20))
        let start = SystemClock.monotonicNanoseconds
        let number = try #require(gatherer.add(0) { _ in true })
        #expect(gatherer.add(1) { _ in true } == nil)
        #expect(gatherer.take(number) == [0, 1])
        #expect(SystemClock.monotonicNanoseconds - start >= 20_000_000)
        #expect(gatherer.add(2) { _ in true } != nil)
    }

    @Test("whoever waits for a group is woken by the value that fills it")
    func woken() throws {
        let gatherer = Gatherer<Int>(countMax: 64, window: .seconds(600))
        let number = try #require(gatherer.add(0) { _ in true })
        let taken = Mutex<[Int]>([])
        _ = try WorkPool.each(4, threadCount: 4) { index in
            if index == 0 {
                taken.withLock { $0 = gatherer.take(number) }
            } else {
                for value in 0..<21 { _ = gatherer.add(100 * index + value) { _ in true } }
            }
        }
        let all = [0] + (1...3).flatMap { index in (0..<21).map { 100 * index + $0 } }
        #expect(taken.withLock { $0.sorted() } == all)
    }
}
