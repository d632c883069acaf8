// SPDX-License-Identifier: Apache-2.0
private import Kernel
internal import Sealing
private import Synchronization

/// Tells on stderr how far long work has come: one line that repaints itself on a terminal, elsewhere a
/// plain line every ten seconds, so that short work stays silent in a script.
final class ProgressLine: Sendable {
    private struct State {
        var nextNanoseconds: Int64
        var isPainted = false
    }

    private static let barWidth = 30
    private let isInteractive: Bool
    private let period: Int64
    private let state: Mutex<State>

    init() {
        isInteractive = Console.isInteractive
        period = isInteractive ? 100_000_000 : 10_000_000_000
        let first = SystemClock.monotonicNanoseconds + (isInteractive ? 0 : period)
        state = Mutex(State(nextNanoseconds: first))
    }

    /// Reports to this line, and stops the work at an interrupt.
    var observer: SealObserver {
        SealObserver(
            progress: { [self] in show($0) }, isCancelled: { Interrupts.isRequested },
            warn: { [self] in
                finish()
                Console.note("warning: \($0)")
            })
    }

    func show(_ progress: SealProgress) {
        let now = SystemClock.monotonicNanoseconds
        state.withLock { state in
            guard now >= state.nextNanoseconds else { return }
            state.nextNanoseconds = now + period
            let percent = progress.total > 0 ? 100 * Double(progress.done) / Double(progress.total) : 0
            let shown = Int(min(max(percent, 0), 100))
            guard isInteractive else {
                Console.note("\(progress.step): \(shown) %")
                return
            }
            let filled = ProgressLine.barWidth * shown / 100
            let bar =
                String(repeating: "█", count: filled)
                + String(repeating: "░", count: ProgressLine.barWidth - filled)
            Console.paint("\r\u{1B}[K\(bar) \(shown) % \(progress.step)")
            state.isPainted = true
        }
    }

    /// Clears the line, so that a result or an error starts on a clean one.
    func finish() {
        state.withLock { state in
            if state.isPainted { Console.paint("\r\u{1B}[K") }
            state.isPainted = false
        }
    }
}
