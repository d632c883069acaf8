// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim

/// Shows on standard error how far a simulation is: a bar on a terminal, else at most one line a second.
struct SimulationProgress {
    private let end: Instant
    private let isShown: Bool
    private let isTerminal = Console.isInteractive
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
            Console.note(line)
            return
        }
        let filled = Int(share * 24)
        line =
            "[" + String(repeating: "#", count: filled) + String(repeating: "·", count: 24 - filled) + "] "
            + line
        let padding = String(repeating: " ", count: max(0, width - line.count))
        width = line.count
        Console.paint("\r" + line + padding)
    }

    /// Takes the bar away.
    mutating func clear() {
        guard width > 0 else { return }
        Console.paint("\r" + String(repeating: " ", count: width) + "\r")
        width = 0
    }

    private func days(_ instant: Instant) -> String { String(format: "%.1f", instant.seconds / 86_400) }
}
