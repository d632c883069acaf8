// SPDX-License-Identifier: Apache-2.0
private import Sealing

/// A miner's sectors by number, ascending: packed rows of ``rowBytes`` bytes, in chunks by number.
///
/// Nothing of a proven sector may be forgotten (it is proven again every day, updated, ended), so this is
/// what a chain grows by. A copy shares all chunks; a change copies the one that it touches.
struct SectorTable: Sendable {
    /// Numbers of one chunk.
    private static let chunkSpan: UInt64 = 256
    /// What a sector takes.
    static let rowBytes = MemoryLayout<Row>.stride

    private struct Chunk: Sendable {
        /// The numbers of its rows by ``chunkSpan``.
        let index: UInt64
        /// Ascending by number; never empty.
        var rows: [Row]
    }

    /// Ascending by index.
    private var chunks: [Chunk] = []
    private(set) var count = 0

    /// What is known of a sector; `nil` where it was never pre-committed.
    subscript(number: UInt64) -> ChainState.Sector? {
        guard let chunk = chunkPlace(number), let row = rowPlace(number, in: chunk) else { return nil }
        return chunks[chunk].rows[row].sector
    }

    /// Adds a sector whose number is not there yet.
    mutating func insert(_ number: UInt64, _ sector: ChainState.Sector) {
        let index = number / Self.chunkSpan
        let place = firstChunk(from: index)
        if place == chunks.count || chunks[place].index != index {
            chunks.insert(Chunk(index: index, rows: []), at: place)
        }
        let position = firstRow(from: number, in: place)
        precondition(
            position == chunks[place].rows.count || chunks[place].rows[position].number != number,
            "sector \(number) is in the table already")
        // Doubling would leave half of each full chunk empty.
        if chunks[place].rows.count == chunks[place].rows.capacity {
            let wanted = min(Int(Self.chunkSpan), max(8, chunks[place].rows.count * 2))
            chunks[place].rows.reserveCapacity(wanted)
        }
        chunks[place].rows.insert(Row(number, sector), at: position)
        count += 1
    }

    /// Changes a sector; nothing where it is not there.
    mutating func change(_ number: UInt64, _ change: (inout ChainState.Sector) -> Void) {
        guard let chunk = chunkPlace(number), let row = rowPlace(number, in: chunk) else { return }
        var sector = chunks[chunk].rows[row].sector
        change(&sector)
        chunks[chunk].rows[row] = Row(number, sector)
    }

    /// Shows all sectors in order of number, until told to stop by `false`.
    func visit(_ body: (UInt64, ChainState.Sector) -> Bool) {
        for chunk in chunks {
            for row in chunk.rows where !body(row.number, row.sector) { return }
        }
    }

    // MARK: Places

    private func chunkPlace(_ number: UInt64) -> Int? {
        let index = number / Self.chunkSpan
        let place = firstChunk(from: index)
        return place < chunks.count && chunks[place].index == index ? place : nil
    }

    private func rowPlace(_ number: UInt64, in chunk: Int) -> Int? {
        let place = firstRow(from: number, in: chunk)
        return place < chunks[chunk].rows.count && chunks[chunk].rows[place].number == number ? place : nil
    }

    /// The place of the first chunk that is not below `index`.
    private func firstChunk(from index: UInt64) -> Int {
        // Numbers are handed out in ascending order, so that nearly every insertion is at the end.
        guard let last = chunks.last, last.index >= index else { return chunks.count }
        var (low, high) = (0, chunks.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle].index < index { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The place of the first row of a chunk that is not below `number`.
    private func firstRow(from number: UInt64, in chunk: Int) -> Int {
        var (low, high) = (0, chunks[chunk].rows.count)
        while low < high {
            let middle = (low + high) / 2
            if chunks[chunk].rows[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Rows

    /// A sector without padding; what did not happen yet has the epoch -1.
    private struct Row: Sendable {
        let number: UInt64
        private let commR: Commitment
        private let commD: Commitment
        private let ticketEpoch: Int64
        private let expiration: Int64
        private let preCommitEpoch: Int64
        private let provenEpoch: Int64
        private let updateEpoch: Int64
        private let terminatedEpoch: Int64
        private let deadline: UInt16
        private let partition: UInt16
        private let proof: UInt8
        private let hasPlace: Bool

        init(_ number: UInt64, _ sector: ChainState.Sector) {
            self.number = number
            commR = sector.preCommit.commR
            commD = sector.preCommit.commD
            ticketEpoch = sector.preCommit.ticketEpoch
            expiration = sector.preCommit.expiration
            preCommitEpoch = sector.preCommit.epoch
            provenEpoch = sector.provenEpoch ?? -1
            updateEpoch = sector.updateEpoch ?? -1
            terminatedEpoch = sector.terminatedEpoch ?? -1
            proof = UInt8(sector.preCommit.proof.number)
            hasPlace = sector.place != nil
            // A period has 1000 deadlines at most, and each of them 4095 partitions.
            deadline = UInt16(sector.place?.deadline ?? 0)
            partition = UInt16(sector.place?.partition ?? 0)
        }

        var sector: ChainState.Sector {
            ChainState.Sector(
                preCommit: PreCommitRecord(
                    proof: RegisteredSealProof.all[Int(proof)], commR: commR, commD: commD,
                    ticketEpoch: ticketEpoch, expiration: expiration, epoch: preCommitEpoch),
                provenEpoch: Self.known(provenEpoch), updateEpoch: Self.known(updateEpoch),
                terminatedEpoch: Self.known(terminatedEpoch),
                place: hasPlace
                    ? SectorPlace(deadline: Int(deadline), partition: Int(partition)) : nil)
        }

        private static func known(_ epoch: Int64) -> Int64? { epoch < 0 ? nil : epoch }
    }
}
