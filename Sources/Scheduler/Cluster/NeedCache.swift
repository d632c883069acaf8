// SPDX-License-Identifier: Apache-2.0

/// Resource needs by worker, proof and kind; rows of a table that is searched once.
struct NeedCache: Sendable {
    private var proofs: [UInt64] = []
    /// By the place of the proof in ``proofs``, by ``TaskType/stage``.
    private var common: [[ResourceNeed]] = []
    /// By worker, where it has cells of its own: the same two levels.
    private var own: [Int: [[ResourceNeed]]] = [:]
    private var overrides: [Int: [ResourceTable.Override]] = [:]
    /// By stage: somewhere it takes something of the disk of its own files.
    private var takesDisk: [Bool] = []

    func need(_ type: TaskType, proof: UInt64, worker: Int, _ table: ResourceTable) -> ResourceNeed {
        guard let place = proofs.firstIndex(of: proof) else {
            // Only for a question about a proof of which no task was ever submitted.
            let cells = table.applying(overrides[worker] ?? [])
            return cells.need(type, sectorBytes: ResourceTable.sectorBytes(ofProof: proof))
        }
        if !own.isEmpty, let rows = own[worker] { return rows[place][type.stage] }
        return common[place][type.stage]
    }

    /// Every task of a kind needs the same on a worker, whichever worker that is, and nothing of the disk of
    /// its own files.
    func isSameForAll(_ type: TaskType) -> Bool { common.count == 1 && !takesDisk[type.stage] }

    /// Learns a proof; called before its first task is queued.
    mutating func learn(proof: UInt64, _ table: ResourceTable) {
        guard !proofs.contains(proof) else { return }
        proofs.append(proof)
        common.append(Self.row(proof, table))
        for (worker, cells) in overrides {
            own[worker, default: []].append(Self.row(proof, table.applying(cells)))
        }
        noteDisks()
    }

    mutating func setOverrides(_ cells: [ResourceTable.Override], of worker: Int, _ table: ResourceTable) {
        overrides[worker] = cells.isEmpty ? nil : cells
        own[worker] = cells.isEmpty ? nil : proofs.map { Self.row($0, table.applying(cells)) }
        noteDisks()
    }

    private mutating func noteDisks() {
        takesDisk = Array(repeating: false, count: TaskType.count)
        func note(_ row: [ResourceNeed]) {
            for (stage, need) in row.enumerated() where need.diskBytesPerSecond > 0 {
                takesDisk[stage] = true
            }
        }
        for row in common { note(row) }
        for rows in own.values { for row in rows { note(row) } }
    }

    private static func row(_ proof: UInt64, _ table: ResourceTable) -> [ResourceNeed] {
        let bytes = ResourceTable.sectorBytes(ofProof: proof)
        return TaskType.allCases.sorted { $0.stage < $1.stage }.map { table.need($0, sectorBytes: bytes) }
    }
}
