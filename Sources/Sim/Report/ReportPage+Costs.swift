// SPDX-License-Identifier: Apache-2.0

extension ReportPage {
    /// What the cluster and its messages cost, each figure with where it is from.
    var costSection: String {
        var note =
            "<p>What the cluster costs needs prices: the scenario has no <code>costs</code> section.</p>"
        if let cost = report.cost {
            note =
                cost.missing.isEmpty
                ? ""
                : "<p>No price was given for \(Picture.escaped(cost.missing.joined(separator: ", "))).</p>"
            note += costTable(cost.lines, "The cluster, in \(cost.currency)")
        }
        let chain = report.chainCost
        let words =
            "The run's messages cost \(CostLine.text(chain.gasCost)); penalties were "
            + "\(CostLine.text(chain.penalties)). Pledge and deposits are locked, not spent. All of the run "
            + "is reckoned at one state of the network; every attoFIL is in report.json and costs.csv."
        return "<section><h2>Costs</h2>\(note)<p>\(Picture.escaped(words))</p>"
            + costTable(chain.lines(report.prices), "The chain") + "</section>"
    }

    private func costTable(_ lines: [CostLine], _ caption: String) -> String {
        let rows = lines.map { line in
            let mark = line.provenance.map { "\($0.rawValue): " } ?? ""
            let source = line.source.isEmpty ? (mark.isEmpty ? "" : "no source given") : line.source
            return "<tr><th scope=\"row\">\(Picture.escaped(line.name))</th>"
                + "<td>\(Picture.escaped(line.shown))</td>"
                + "<td class=\"prose\">\(Picture.escaped(line.basis))</td>"
                + "<td class=\"prose\">\(Picture.escaped(mark + source))</td></tr>"
        }
        return "<div class=\"scroll\"><table><caption>\(Picture.escaped(caption))</caption><thead><tr>"
            + "<th scope=\"col\">what</th><th scope=\"col\">amount</th>"
            + "<th scope=\"col\" class=\"prose\">made of</th>"
            + "<th scope=\"col\" class=\"prose\">where from</th></tr></thead>"
            + "<tbody>\(rows.joined())</tbody></table></div>"
    }
}
