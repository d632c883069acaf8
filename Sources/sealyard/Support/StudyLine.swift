// SPDX-License-Identifier: Apache-2.0
private import Kernel
internal import Sim
private import Synchronization

/// One line about a study on standard error: repainted on a terminal, every ten seconds elsewhere.
final class StudyLine: Sendable {
    private let period: Int64 = Console.isInteractive ? 100_000_000 : 10_000_000_000
    /// When the line is shown next; nil until the first news has started the clock.
    private let due = Mutex<Int64?>(nil)

    func show(_ progress: StudyProgress) {
        let now = SystemClock.monotonicNanoseconds
        let isDue = due.withLock { due in
            guard now >= due ?? .max else {
                due = due ?? now + period
                return false
            }
            due = now + period
            return true
        }
        guard isDue else { return }
        let left = progress.secondsLeft.map { ", \(Int($0.rounded(.up))) s left" } ?? ""
        let text = "\(progress.done) of \(progress.total) runs\(left)"
        if Console.isInteractive { Console.paint("\r\u{1B}[K" + text) } else { Console.note(text) }
    }

    func finish() {
        if Console.isInteractive { Console.paint("\r\u{1B}[K") }
    }
}
