// SPDX-License-Identifier: Apache-2.0
private import Scheduler

extension SimulationReport {
    /// What some of those that waited waited for, by looks at the scheduler now and then.
    package struct Obstacle: Sendable, Hashable {
        /// As of ``Refusal/Code``.
        package var code: String
        /// Of all waiting time of the kind, 0…1.
        package var share: Double
        /// What was said of one of them, the latest.
        package var example: String

        /// Nothing stood against them: the policy chose to wait.
        var isPolicy: Bool {
            [Refusal.Code.held, .notChosen].contains { $0.rawValue == code }
        }

        var document: ScenarioDocument {
            .object([
                .init(key: "code", value: .text(code)),
                .init(key: "share", value: .rounded(share, digits: 4)),
                .init(key: "example", value: .text(example)),
            ])
        }
    }

    /// Who holds those back that wait though there is room and there are slots.
    ///
    /// - Parameter obstacles: the most frequent first.
    func holderWords(_ obstacles: [Obstacle]) -> String {
        guard let first = obstacles.first else {
            return
                "the policy (\(policy)), by its own rules or by what it counts of memory, cores and cards, "
                + "holds them back"
        }
        let figure = SimulatedCluster.figure
        func words(_ obstacle: Obstacle) -> String {
            "\(figure(obstacle.share * 100)) % of the time \(obstacle.example)"
        }
        let second = obstacles.dropFirst().first { $0.share >= 0.1 }.map { "; " + words($0) } ?? ""
        let who =
            first.isPolicy
            ? "the policy (\(policy)) holds them back by its own rules"
            : "what the policy (\(policy)) counts of memory, cores, cards and links holds them back"
        return "\(who) (\(words(first))\(second))"
    }
}
