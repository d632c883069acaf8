// SPDX-License-Identifier: Apache-2.0

extension ReportPage {
    /// From this share of a kind's waiting time on, a cause has a row.
    private static var notableShare: Double { 0.01 }

    /// What stood before those that waited; empty where no look found any.
    var obstaclesSection: String {
        let room = [("room for a sector", report.room?.waitsFor ?? [])]
        let stages = report.stages + [report.provers].compactMap(\.self)
        let rows = (room + stages.map { ($0.name, $0.waitsFor) }).flatMap { name, obstacles in
            obstacles.filter { $0.share >= Self.notableShare }.map {
                [name, "\(SimulatedCluster.figure($0.share * 100)) %", $0.example]
            }
        }
        guard !rows.isEmpty else { return "" }
        return "<section><h2>What waiting tasks waited for</h2><p>Of the time that the most urgent of each "
            + "kind waited after the warm-up, by looks now and then; the words are of the latest.</p>"
            + Self.table("Causes of waiting", ["waiting for", "of the time", "because, say"], rows)
            + "</section>"
    }
}
