// SPDX-License-Identifier: Apache-2.0

/// The table as pages for people.
extension SectorTransitions {
    /// Events that a sector's own work causes; the diagram shows these, and an operator's are in the table
    /// only.
    private static let drawn: Set<SectorEventKind> = [
        .taskDone, .taskFailed, .filesLost, .ticket, .messageSent, .preCommitted, .seed, .proven, .refused,
        .standing, .retryDue, .epochReached, .updateLanded, .deadlineImmutable, .terminated,
    ]

    /// A diagram in Mermaid's language: where a sector's own work leads it, an arrow for each pair of states.
    package static var diagram: String {
        var lines = ["stateDiagram-v2"]
        for state in SectorState.allCases {
            var labels: [(SectorState, [String])] = []
            for row in rows where row.state == state && drawn.contains(row.kind) {
                for next in row.next where next != state {
                    if let index = labels.firstIndex(where: { $0.0 == next }) {
                        labels[index].1.append(row.kind.rawValue)
                    } else {
                        labels.append((next, [row.kind.rawValue]))
                    }
                }
            }
            for (next, kinds) in labels {
                lines.append("    \(state.rawValue) --> \(next.rawValue): \(kinds.joined(separator: ", "))")
            }
        }
        return lines.joined(separator: "\n")
    }

    /// A Markdown table: each state with its group, and what each event leads to; a state itself is `=`.
    package static var markdown: String {
        var lines = ["| state | group | event → next |", "|---|---|---|"]
        for state in SectorState.allCases {
            let parts = rows.filter { $0.state == state && !globalKinds.contains($0.kind) }.map { row in
                let next = row.next.map { $0 == state ? "=" : "`\($0.rawValue)`" }
                return "\(row.kind.rawValue) → \(next.joined(separator: " "))"
            }
            lines.append(
                "| `\(state.rawValue)` | \(state.bucket.rawValue) | \(parts.joined(separator: "; ")) |")
        }
        return lines.joined(separator: "\n")
    }
}
