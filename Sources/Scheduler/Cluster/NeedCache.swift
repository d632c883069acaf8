// SPDX-License-Identifier: Apache-2.0

/// Resource needs by worker, proof and kind; rows of a table that is searched once.
struct NeedCache: Sendable {
    private var proofs: [UInt64] = []
    /// By the place of the proof in ``proofs``, by ``TaskType/stage``.
    private var common: [[ResourceNeed]] = []
    /// By worker, where it has cells of its own: the same two levels.
    private var own: [Int: [[ResourceNeed]]] = [:]
    private var overrides: [Int: [ResourceTable.Override]] = [:]

    func need(_ type: TaskType, proof: UInt64, worker: Int, _ table: ResourceTable) -> ResourceNeed {
        guard let place = proofs.firstIndex(of: proof) else {
            // Only for a question about a proof of which no task was ever submitted.
            let cells = table.applying(overrides[worker] ?? [])
            return cells.need(type, sectorBytes: ResourceTable.sectorBytes(ofProof: proof))
        }
        if !own.isEmpty, let rows = own[worker] { return rows[place][type.stage] }
        return common[place][type.stage]
    }

    /// Every task of a kind needs the same on a worker, and nothing of the disk of its own files.
    func isSameForAll(_ type: TaskType) -> Bool {
        common.count == 1 && common[0][type.stage].diskBytesPerSecond == 0 && own.isEmpty
    }

    /// Learns a proof; called before its first task is queued.
    mutating func learn(proof: UInt64, _ table: ResourceTable) {
        guard !proofs.contains(proof) else { return }
        proofs.append(proof)
        common.append(Self.row(proof, table))
        for (worker, cells) in overrides {
            own[worker, default: []].append(Self.row(proof, table.applying(cells)))
        }
    }

    mutating func setOverrides(_ cells: [ResourceTable.Override], of worker: Int, _ table: ResourceTable) {
        overrides[worker] = cells.isEmpty ? nil : cells
        own[worker] = cells.isEmpty ? nil : proofs.map { Self.row($0, table.applying(cells)) }
    }

    private static func row(_ proof: UInt64, _ table: ResourceTable) -> [ResourceNeed] {
        let bytes = ResourceTable.sectorBytes(ofProof: proof)
        return TaskType.allCases.sorted { $0.stage < $1.stage }.map { table.need($0, sectorBytes: bytes) }
    }
}
