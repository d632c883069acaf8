// SPDX-License-Identifier: Apache-2.0

extension ReportPage {
    /// What broke; empty where nothing did.
    var faultsSection: String {
        guard !report.faults.isEmpty else { return "" }
        let rows = report.faults.map { fault in
            [
                fault.kind.rawValue, fault.targetText, String(fault.count),
                SimulationReport.days(fault.firstSeconds),
                fault.kind.isMomentary ? "–" : SimulatedCluster.span(fault.seconds),
                fault.slotHours.map { "\($0.stage) \(SimulatedCluster.figure($0.hours))" }
                    .joined(separator: ", "),
            ]
        }
        return "<section><h2>Faults</h2><p>What broke over the whole run, and the slots that could not work "
            + "meanwhile. In the pictures below a red ground marks the time of a fault.</p>"
            + Self.table(
                "Faults by kind", ["fault", "of", "times", "first at", "in all", "slot hours lost"], rows)
            + "</section>"
    }

    /// A ground for the time of each fault in a picture from one time to another, in seconds.
    func shades(
        _ box: (x: Double, y: Double, width: Double, height: Double), from: Double, to: Double
    ) -> String {
        guard to > from else { return "" }
        return report.faultMarks.filter { $0.beginSeconds < to && $0.endSeconds >= from }.map { mark in
            let left = max(0, (mark.beginSeconds - from) / (to - from))
            let right = min(1, (mark.endSeconds - from) / (to - from))
            return "<rect class=\"fault\" x=\"\(Picture.at(box.x + box.width * left))\" "
                + "y=\"\(Picture.at(box.y))\" width=\"\(Picture.at(max(1, box.width * (right - left))))\" "
                + "height=\"\(Picture.at(box.height))\"><title>"
                + Picture.escaped("\(mark.kind.rawValue) of \(mark.target)") + "</title></rect>"
        }.joined()
    }
}
