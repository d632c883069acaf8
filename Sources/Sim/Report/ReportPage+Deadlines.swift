// SPDX-License-Identifier: Apache-2.0
private import Kernel

extension ReportPage {
    /// How the deadlines of window PoSt ended: what missing costs, a bar for each deadline, and why the
    /// latest was missed.
    var deadlineSection: String {
        let found = report.windowPoSt
        let head = "<section><h2>Deadlines</h2>"
        guard found.due > 0 else {
            return head + "<p>No deadline with a sector in it closed within the run.</p></section>"
        }
        let verdict =
            found.missed == 0
            ? "<p class=\"good\">All \(found.due) partitions that were due were proven in time.</p>"
            : "<p class=\"bad\">\(found.missed) of \(found.due) partitions were not proven in time.</p>"
        var body = head + verdict + "<p>\(Picture.escaped(deadlineWords))</p>" + deadlinePicture
        if let miss = found.latestMiss {
            body +=
                "<details open><summary>Why the latest was missed</summary>"
                + "<pre>\(Picture.escaped(miss))</pre></details>"
        }
        return body + "</section>"
    }

    private var deadlineWords: String {
        let network = scenario.network
        let open = Double(network.challengeWindow) * network.epochDuration.inSeconds
        var words =
            "Every sector is proven once in a period of \(network.deadlines) deadlines; each is open for "
            + "\(SimulatedCluster.span(open)). A partition holds up to "
            + "\(network.sectorsPerPartition(of: scenario.sectorSize)) sectors"
        if let task = scenario.task(.windowPoSt) {
            let slots = scenario.slotCount(of: .windowPoSt)
            words += ", and its proof takes \(task.duration.words) on one of \(slots) slots"
        }
        if report.windowPoSt.skippedSectors > 0 {
            words += ". Proofs left out \(report.windowPoSt.skippedSectors) sectors in all"
        }
        let chain = report.chainCost
        if chain.faultySectorDays > 0 {
            words +=
                ". Sectors were faulty on \(chain.faultySectorDays) days in all; a partition that is faulty "
                + "as a whole is not due again until its sectors are declared recovered"
        }
        return words + ". Faults and endings cost \(CostLine.text(chain.faultFees + chain.terminationFees)) "
            + "in this run."
    }

    private var deadlinePicture: String {
        let rows = report.windowPoSt.deadlines
        guard let most = rows.map(\.due).max(), most > 0 else { return "" }
        let count = max(scenario.network.deadlines, (rows.last?.index ?? 0) + 1)
        let box = (x: 56.0, y: 10.0, width: 830.0, height: 110.0)
        let step = box.width / Double(count)
        var body = ""
        for value in Picture.ticks(Double(most)) {
            let y = box.y + box.height * (1 - value / Double(most))
            body += "<path class=\"grid\" d=\"M\(Picture.at(box.x)) \(Picture.at(y))"
            body += "H\(Picture.at(box.x + box.width))\"/>"
            body += Picture.text(box.x - 6, y + 4, SimulatedCluster.figure(value), anchor: "end")
        }
        for row in rows {
            let x = box.x + step * Double(row.index)
            func bar(_ from: Int, _ to: Int, _ style: String) -> String {
                let top = box.y + box.height * (1 - Double(to) / Double(most))
                let low = box.y + box.height * (1 - Double(from) / Double(most))
                return "<path class=\"\(style)\" d=\"M\(Picture.at(x + 1)) \(Picture.at(low))"
                    + "V\(Picture.at(top))h\(Picture.at(max(1, step - 2)))V\(Picture.at(low))z\"/>"
            }
            body += bar(0, row.proven, "f1")
            if row.missed > 0 { body += bar(row.proven, row.proven + row.missed, "f9") }
        }
        for index in stride(from: 0, to: count, by: max(1, count / 12)) {
            body += Picture.text(
                box.x + step * (Double(index) + 0.5), box.y + box.height + 16, String(index), anchor: "middle"
            )
        }
        return "<figure><figcaption>Partitions of each deadline over the whole run, by its index</figcaption>"
            + "<ul class=\"legend\"><li><span class=\"k k1\"></span>proven in time</li>"
            + "<li><span class=\"k k9\"></span>missed</li></ul>"
            + Picture.svg(
                "deadlines", 900, 144, title: "Partitions of each deadline",
                about: "\(rows.count) of \(count) deadlines had partitions; \(report.windowPoSt.missed) "
                    + "partitions were missed.", body) + "</figure>"
    }
}
