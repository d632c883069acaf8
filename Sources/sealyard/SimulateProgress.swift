// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Synchronization

/// Shows on standard error how far a simulation is: a bar on a terminal, else at most one line a second.
struct SimulationProgress {
    private let end: Instant
    private let isShown: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var shownAt: Duration = .zero
    private var width = 0

    init(end: Instant, isShown: Bool) {
        self.end = end
        self.isShown = isShown
    }

    /// Shows the state after `elapsed` of real time, unless that was done a moment ago.
    mutating func show(_ cluster: SimulatedCluster, after elapsed: Duration) {
        let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(1)
        guard isShown, elapsed - shownAt >= pause else { return }
        shownAt = elapsed
        let share = cluster.world.now.seconds / max(1e-9, end.seconds)
        let seconds = max(1e-9, elapsed.inSeconds)
        let rate = Double(cluster.world.statistics.delivered) / seconds
        let left = share > 0 ? seconds * (1 - share) / share : 0
        var line = "\(days(cluster.world.now)) of \(days(end)) d  \(cluster.provenCount) proving"
        line += String(format: "  %.2f M messages/s  %.0f s left", rate / 1e6, left)
        guard isTerminal else {
            SimulationConsole.note(line)
            return
        }
        let filled = Int(share * 24)
        line =
            "[" + String(repeating: "#", count: filled) + String(repeating: "·", count: 24 - filled) + "] "
            + line
        let padding = String(repeating: " ", count: max(0, width - line.count))
        width = line.count
        SimulationConsole.write("\r" + line + padding)
    }

    /// Takes the bar away.
    mutating func clear() {
        guard width > 0 else { return }
        SimulationConsole.write("\r" + String(repeating: " ", count: width) + "\r")
        width = 0
    }

    private func days(_ instant: Instant) -> String { String(format: "%.1f", instant.seconds / 86_400) }
}

/// Standard error, for what is not the answer.
enum SimulationConsole {
    static func note(_ line: String) { write(line + "\n") }

    static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// Ctrl-C as a wish: the first one ends the work in good order, the second one ends the process.
enum SimulationInterrupt {
    private static let requested = Atomic<Bool>(false)

    static var isRequested: Bool { requested.load(ordering: .relaxed) }

    static func install() {
        signal(SIGINT) { _ in
            // An atomic store is all that a signal handler may do here.
            SimulationInterrupt.requested.store(true, ordering: .relaxed)
            signal(SIGINT, SIG_DFL)
        }
    }
}
