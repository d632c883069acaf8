// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Kernel
package import Scheduler
private import Sealing

/// A piece that no sector holds, as `sectors pieces` tells of it.
package struct PieceView: Sendable, Encodable {
    /// Its commitment as a piece CID.
    package var piece: String
    package var paddedBytes: UInt64
    package var startEpoch: Int64
    package var endEpoch: Int64
    package var keepsUnsealed: Bool
    package var path: String?
    /// Why no sector can take it as it is.
    package var refusal: String?

    package init(_ waiting: WaitingPiece) {
        let deal = waiting.piece
        piece = SectorView.commitment(deal.commitment)?.unsealedCID ?? ""
        paddedBytes = deal.paddedBytes
        startEpoch = deal.startEpoch
        endEpoch = deal.endEpoch
        keepsUnsealed = deal.keepsUnsealed
        path = deal.path
        refusal = waiting.refusal
    }

    /// A table with a row for each.
    package static func text(_ pieces: [PieceView]) -> String {
        var table = TextTable("PieceCID", "Size", "Start", "End", "State")
        for piece in pieces {
            table.add(
                [
                    piece.piece, OperatorText.bytes(piece.paddedBytes), "\(piece.startEpoch)",
                    "\(piece.endEpoch)", piece.refusal == nil ? "waits" : "refused",
                ],
                extras: [("reason", piece.refusal), ("path", piece.path)].compactMap { name, value in
                    value.map { (name, $0) }
                })
        }
        return table.text
    }
}

/// What is gathered of a kind of messages, as `sectors batching` tells of it.
package struct BatchView: Sendable, Encodable {
    package var kind: String
    package var sectors: [Item]
    /// Messages that left and have not landed.
    package var messagesUnderWay: Int
    /// Seconds until it leaves at the latest.
    package var leavesWithinSeconds: Double?
    package var reason: String

    package struct Item: Sendable, Encodable {
        package var sector: String
        package var waitedSeconds: Double
        package var cutoffEpoch: Int64?
    }

    package init(_ status: BatchStatus) {
        kind = status.kind.rawValue
        sectors = status.items.map { item in
            Item(
                sector: item.key.description, waitedSeconds: (status.at - item.since).inSeconds,
                cutoffEpoch: item.cutoffEpoch)
        }
        messagesUnderWay = status.flightCount
        leavesWithinSeconds = status.deadline.map { max(0, ($0 - status.at).inSeconds) }
        reason = status.reason
    }

    /// The reason, and a row for each sector.
    package var text: String {
        var lines = ["\(kind): \(reason)"]
        if messagesUnderWay > 0 { lines.append("\(messagesUnderWay) messages have left and not landed") }
        if let leavesWithinSeconds {
            lines.append("leaves within \(OperatorText.duration(Duration.seconds(leavesWithinSeconds)))")
        }
        guard !sectors.isEmpty else { return lines.joined(separator: "\n") }
        var table = TextTable("Sector", "Waited", "Cutoff")
        for item in sectors {
            table.add([
                item.sector, OperatorText.duration(Duration.seconds(item.waitedSeconds)),
                item.cutoffEpoch.map { "epoch \($0)" } ?? "",
            ])
        }
        return (lines + [table.text]).joined(separator: "\n")
    }
}
