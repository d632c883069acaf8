// SPDX-License-Identifier: Apache-2.0
private import Sealing

/// A miner's sectors by number, ascending: packed rows of 64 bytes, in chunks by number.
///
/// Nothing of a proven sector may be forgotten (it is proven again every day, updated, ended), so this is
/// what a chain grows by. A copy shares all chunks; a change copies the one that it touches.
struct SectorTable: Sendable {
    /// Numbers of one chunk.
    private static let chunkSpan: UInt64 = 256
    /// Ascending by index.
    private var chunks: [Chunk] = []
    private(set) var count = 0

    /// What is known of a sector; `nil` where it was never pre-committed.
    subscript(number: UInt64) -> ChainState.Sector? {
        guard let chunk = chunkPlace(number), let row = rowPlace(number, in: chunk) else { return nil }
        return chunks[chunk][row]
    }

    /// Adds a sector whose number is not there yet.
    mutating func insert(_ number: UInt64, _ sector: ChainState.Sector) {
        let index = number / Self.chunkSpan
        let place = firstChunk(from: index)
        if place == chunks.count || chunks[place].index != index {
            chunks.insert(Chunk(index: index, base: sector.preCommit.epoch), at: place)
        }
        let position = chunks[place].firstRow(from: number)
        precondition(
            position == chunks[place].rows.count || chunks[place].number(position) != number,
            "sector \(number) is in the table already")
        chunks[place].insert(number, sector, at: position)
        count += 1
    }

    /// Changes a sector; nothing where it is not there.
    mutating func change(_ number: UInt64, _ change: (inout ChainState.Sector) -> Void) {
        guard let chunk = chunkPlace(number), let row = rowPlace(number, in: chunk) else { return }
        chunks[chunk].change(row, change)
    }

    /// Shows all sectors in order of number, until told to stop by `false`.
    func visit(_ body: (UInt64, ChainState.Sector) -> Bool) {
        for chunk in chunks {
            for row in chunk.rows.indices where !body(chunk.number(row), chunk[row]) { return }
        }
    }

    // MARK: Places

    private func chunkPlace(_ number: UInt64) -> Int? {
        let index = number / Self.chunkSpan
        let place = firstChunk(from: index)
        return place < chunks.count && chunks[place].index == index ? place : nil
    }

    private func rowPlace(_ number: UInt64, in chunk: Int) -> Int? {
        let place = chunks[chunk].firstRow(from: number)
        return place < chunks[chunk].rows.count && chunks[chunk].number(place) == number ? place : nil
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

    // MARK: Rows

    /// A sector in 64 bytes: its epochs count from its chunk's first, and what fills it is named by its place
    /// in the chunk's list, since nearly all sectors are filled alike.
    private struct Row: Sendable {
        enum Kind: UInt8 {
            case unplaced, placed
            /// In the chunk's list of what does not fit; all else here but `offset` says nothing.
            case wide
        }

        // In an order that leaves no gaps.
        let commR: Commitment
        /// Below ``chunkSpan``.
        let offset: UInt8
        let filling: UInt8
        let proof: UInt8
        let kind: Kind
        let ticket: Int32
        let expiration: Int32
        let preCommit: Int32
        let proven: Int32
        let update: Int32
        let terminated: Int32
        let deadline: UInt16
        let partition: UInt16

        /// What did not happen yet.
        static let never = Int32.min
    }

    private struct Chunk: Sendable {
        /// The numbers of its rows by ``chunkSpan``.
        let index: UInt64
        /// The epoch from which its rows count.
        let base: Int64
        /// Ascending by number; never empty.
        private(set) var rows: [Row] = []
        /// What fills its sectors, each once: as many as a byte can name, replaced ones too.
        private var fillings: [Commitment] = []
        /// Sectors whose epochs lie too far from `base` for a row, or that are filled by too many things.
        private var wide: [UInt8: ChainState.Sector] = [:]

        init(index: UInt64, base: Int64) {
            self.index = index
            self.base = base
        }

        func number(_ row: Int) -> UInt64 { index * SectorTable.chunkSpan + UInt64(rows[row].offset) }

        /// The place of the first row that is not below a number of this chunk.
        func firstRow(from number: UInt64) -> Int {
            let offset = UInt8(number % SectorTable.chunkSpan)
            var (low, high) = (0, rows.count)
            while low < high {
                let middle = (low + high) / 2
                if rows[middle].offset < offset { low = middle + 1 } else { high = middle }
            }
            return low
        }

        mutating func insert(_ number: UInt64, _ sector: ChainState.Sector, at place: Int) {
            // Doubling would leave half of each full chunk empty.
            if rows.count == rows.capacity {
                rows.reserveCapacity(min(Int(SectorTable.chunkSpan), max(8, rows.count * 2)))
            }
            let offset = UInt8(number % SectorTable.chunkSpan)
            rows.insert(packed(offset, sector, filling(sector.preCommit.commD)), at: place)
        }

        mutating func change(_ row: Int, _ change: (inout ChainState.Sector) -> Void) {
            var sector = self[row]
            change(&sector)
            let known = rows[row]
            let isSame = known.kind != .wide && isFilled(known.filling, by: sector.preCommit.commD)
            rows[row] = packed(known.offset, sector, isSame ? known.filling : filling(sector.preCommit.commD))
        }

        subscript(row: Int) -> ChainState.Sector {
            let row = rows[row]
            if row.kind == .wide, let sector = wide[row.offset] { return sector }
            return ChainState.Sector(
                preCommit: PreCommitRecord(
                    proof: RegisteredSealProof.all[Int(row.proof)], commR: row.commR,
                    commD: fillings[Int(row.filling)], ticketEpoch: base + Int64(row.ticket),
                    expiration: base + Int64(row.expiration), epoch: base + Int64(row.preCommit)),
                provenEpoch: known(row.proven), updateEpoch: known(row.update),
                terminatedEpoch: known(row.terminated),
                place: row.kind == .placed
                    ? SectorPlace(deadline: Int(row.deadline), partition: Int(row.partition)) : nil)
        }

        private func known(_ epoch: Int32) -> Int64? { epoch == Row.never ? nil : base + Int64(epoch) }

        /// The row of a sector; what does not fit into one is kept beside it.
        private mutating func packed(_ offset: UInt8, _ sector: ChainState.Sector, _ filling: UInt8?) -> Row {
            let known = sector.preCommit
            if let filling, let ticket = fitting(known.ticketEpoch),
                let expiration = fitting(known.expiration), let preCommit = fitting(known.epoch),
                let proven = fitting(sector.provenEpoch), let update = fitting(sector.updateEpoch),
                let terminated = fitting(sector.terminatedEpoch)
            {
                if !wide.isEmpty { wide[offset] = nil }
                // A period has 1000 deadlines at most, and each of them 4095 partitions.
                return Row(
                    commR: known.commR, offset: offset, filling: filling, proof: UInt8(known.proof.number),
                    kind: sector.place == nil ? .unplaced : .placed, ticket: ticket,
                    expiration: expiration, preCommit: preCommit, proven: proven, update: update,
                    terminated: terminated,
                    deadline: UInt16(sector.place?.deadline ?? 0),
                    partition: UInt16(sector.place?.partition ?? 0))
            }
            wide[offset] = sector
            return Row(
                commR: known.commR, offset: offset, filling: 0, proof: 0, kind: .wide, ticket: 0,
                expiration: 0, preCommit: 0, proven: 0, update: 0, terminated: 0, deadline: 0, partition: 0)
        }

        private mutating func filling(_ commD: Commitment) -> UInt8? {
            for place in fillings.indices where isFilled(UInt8(place), by: commD) { return UInt8(place) }
            guard fillings.count < SectorTable.chunkSpan else { return nil }
            fillings.append(commD)
            return UInt8(fillings.count - 1)
        }

        private func isFilled(_ filling: UInt8, by commD: Commitment) -> Bool {
            fillings[Int(filling)].words == commD.words
        }

        private func fitting(_ epoch: Int64) -> Int32? {
            let (offset, overflow) = epoch.subtractingReportingOverflow(base)
            guard !overflow, let short = Int32(exactly: offset), short != Row.never else { return nil }
            return short
        }

        /// The same for what may not have happened yet.
        private func fitting(_ epoch: Int64?) -> Int32? {
            guard let epoch else { return Row.never }
            return fitting(epoch)
        }
    }
}
