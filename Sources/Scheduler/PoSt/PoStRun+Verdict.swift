// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// After the close: the chain says what was proven, and what was not is explained.
extension PoStRun {
    mutating func advanceVerdict(_ now: Instant, _ epoch: Int64, _ clock: EpochClock) -> [PoStAction] {
        if let report {
            isFinished = true
            return [.report(report)]
        }
        return ask(now, epoch, clock)
    }

    mutating func verdict(_ status: DeadlineStatus, _ now: Instant, _ epoch: Int64) {
        latest = status
        tells = !status.partitions.isEmpty
        if randomness == nil {
            // Nobody knows any more what was due: whatever is alive there.
            for (index, partition) in status.partitions.enumerated() where !partition.live.isEmpty {
                partitions.append(Partition(index: index, sectors: partition.live))
            }
        }
        guard !partitions.isEmpty else { return isFinished = true }
        let missed = partitions.filter { partition in
            if case .landed = partition.progress { return false }
            guard status.partitions.indices.contains(partition.index) else { return true }
            return status.partitions[partition.index].provenOpen != times.open
        }
        note(now, epoch, "closed: \(partitions.count - missed.count) of \(partitions.count) are proven")
        report = DeadlineReport(
            times: times, dueCount: partitions.count, provenCount: partitions.count - missed.count,
            missed: missed.map(\.index),
            skipped: partitions.reduce(into: SectorNumbers()) { $0 = $0.union($1.skipped) }, steps: steps,
            explanation: missed.isEmpty ? nil : explanation(missed))
    }

    private func explanation(_ missed: [Partition]) -> String {
        var lines = [
            "deadline \(times.index) (open from epoch \(times.open) to \(times.close)) missed "
                + "\(missed.count) of \(partitions.count) partitions"
        ]
        for partition in missed {
            lines.append(
                "partition \(partition.index), \(partition.sectors.count) sectors, "
                    + "\(partition.attempt) tries: " + reason(partition))
        }
        lines += steps.map(\.description)
        return lines.joined(separator: "\n")
    }

    private func reason(_ partition: Partition) -> String {
        guard randomness != nil else {
            guard let first = firstAskEpoch else {
                return "the prover was not running before the deadline closed"
            }
            return "the chain gave no challenge: asked since epoch \(first), not answered before the close"
        }
        switch partition.progress {
        case .waiting:
            let why = partition.lastFailure.map { ": \($0)" } ?? ""
            return "its last try failed, and the close came before the next\(why)"
        case .proving(_, nil, let since):
            return "no worker took it: it waited from \(Int(since.seconds)) s to the close"
        case .proving(_, let worker?, let since):
            return "\(worker) had begun at \(Int(since.seconds)) s and was not done at the close"
        case .proved: return "it was proven, and its message did not leave before the close"
        case .sent(let name): return "the chain did not take '\(name)' before the close"
        case .landed(let epoch): return "the chain said that it landed at epoch \(epoch), and has it no more"
        case .failed(let reason): return reason
        }
    }

    /// Tasks that nobody needs any more.
    mutating func takeUnwanted(_ epoch: Int64) -> [PoStAction] {
        guard epoch >= times.close, !hasCancelled else { return [] }
        hasCancelled = true
        return partitions.compactMap { $0.progress.task.map { .cancel($0) } }
    }
}
