// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// Decides which piece goes into which sector, and when a sector has waited long enough: a pure value.
///
/// Larger pieces go first, each into the sector in which it leaves the least padding; a sector begins to
/// seal when
/// it is full, when it holds as many pieces as it may, a fixed time after its first piece, or before the
/// earliest
/// of all its deals begins, less the time that sealing takes.
package struct PackingQueue: Sendable {
    package struct Options: Sendable, Hashable, Codable {
        /// Bytes of a sector.
        package var sectorBytes: UInt64
        /// Pieces that a sector holds at most.
        package var pieceCountMax: Int
        /// The time after its first piece at which a sector seals, full or not.
        package var waitDealsDelay: Duration
        /// Epochs before the start of a deal by which its sector must begin to seal.
        package var startEpochSealingBuffer: Int64

        package init(
            sectorBytes: UInt64, pieceCountMax: Int? = nil, waitDealsDelay: Duration = .seconds(6 * 3600),
            startEpochSealingBuffer: Int64 = 480
        ) {
            self.sectorBytes = sectorBytes
            self.pieceCountMax = pieceCountMax ?? (sectorBytes >= 64 << 30 ? 512 : 256)
            self.waitDealsDelay = waitDealsDelay
            self.startEpochSealingBuffer = startEpochSealingBuffer
        }
    }

    /// A sector that takes pieces.
    package struct OpenSector: Sendable, Hashable {
        package var key: SectorKey
        package var pieces: [PieceDeal]
        /// When its first piece came; `nil` for an empty one.
        package var openedAt: Instant?
        /// A piece is being written: no other is taken meanwhile.
        package var isBusy: Bool
        /// For an update: the epoch at which the sector ends; its deals must end before.
        package var expiration: Int64?

        package init(
            key: SectorKey, pieces: [PieceDeal] = [], openedAt: Instant? = nil, isBusy: Bool = false,
            expiration: Int64? = nil
        ) {
            self.key = key
            self.pieces = pieces
            self.openedAt = openedAt
            self.isBusy = isBusy
            self.expiration = expiration
        }
    }

    /// A piece for a sector.
    package struct Match: Sendable, Hashable {
        package let piece: PieceDeal
        package let sector: SectorKey
    }

    package let options: Options
    /// Pieces that no sector has taken yet, in order of arrival.
    package private(set) var waiting: [PieceDeal] = []

    package init(_ options: Options) { self.options = options }

    // MARK: Layout

    /// The offset after a piece that follows `used` bytes: each lies at a multiple of its size.
    package static func end(of paddedBytes: UInt64, after used: UInt64) -> UInt64 {
        guard paddedBytes > 0 else { return used }
        let rest = used % paddedBytes
        return used + (rest == 0 ? 0 : paddedBytes - rest) + paddedBytes
    }

    /// The offset after all of these.
    package static func end(of pieces: [UInt64]) -> UInt64 { pieces.reduce(0) { end(of: $1, after: $0) } }

    // MARK: Pieces

    /// Why a piece cannot be taken at all; `nil` where it can.
    package func refusal(of piece: PieceDeal, head: Int64) -> String? {
        guard piece.commitment.count == 32 else { return "a piece's commitment has 32 bytes" }
        let size = piece.paddedBytes
        guard size >= 128, size & (size - 1) == 0 else {
            return "a padded piece has a power of two of bytes, 128 or more; this one has \(size)"
        }
        guard size <= options.sectorBytes else {
            return "a piece of \(size) bytes does not fit into a sector of \(options.sectorBytes)"
        }
        guard piece.startEpoch > head else {
            return "its deal begins at epoch \(piece.startEpoch), and it is \(head)"
        }
        guard piece.endEpoch > piece.startEpoch else { return "its deal ends before it begins" }
        return nil
    }

    package mutating func add(_ piece: PieceDeal) { waiting.append(piece) }

    /// Matches waiting pieces and open sectors; the pieces leave the queue.
    package mutating func match(_ open: [OpenSector]) -> [Match] {
        var free = open.filter { !$0.isBusy }
        var matches: [Match] = []
        let order = waiting.enumerated().sorted {
            ($1.element.paddedBytes, $0.offset) < ($0.element.paddedBytes, $1.offset)
        }
        var taken: Set<Int> = []
        for (offset, piece) in order {
            var best: (index: Int, waste: UInt64)?
            for (index, sector) in free.enumerated() where fits(piece, sector) {
                let used = Self.end(of: sector.pieces.map(\.paddedBytes))
                let end = Self.end(of: piece.paddedBytes, after: used)
                // Padding before the piece, and what is left behind it that no piece of its size fills.
                let waste = end - used - piece.paddedBytes + (options.sectorBytes - end) % piece.paddedBytes
                let isBetter =
                    best.map { known in
                        (waste, sector.pieces.isEmpty ? 1 : 0, sector.key.number)
                            < (
                                known.waste, free[known.index].pieces.isEmpty ? 1 : 0,
                                free[known.index].key.number
                            )
                    } ?? true
                if isBetter { best = (index, waste) }
            }
            guard let best else { continue }
            matches.append(Match(piece: piece, sector: free[best.index].key))
            // A sector takes one piece at a time: the next is matched when this one is written.
            free.remove(at: best.index)
            taken.insert(offset)
        }
        waiting = waiting.enumerated().filter { !taken.contains($0.offset) }.map(\.element)
        return matches
    }

    private func fits(_ piece: PieceDeal, _ sector: OpenSector) -> Bool {
        guard sector.pieces.count < options.pieceCountMax else { return false }
        if let expiration = sector.expiration, piece.endEpoch > expiration { return false }
        let used = Self.end(of: sector.pieces.map(\.paddedBytes))
        return Self.end(of: piece.paddedBytes, after: used) <= options.sectorBytes
    }

    /// Takes out the pieces whose deals begin too soon for any sector.
    package mutating func takeExpired(head: Int64) -> [PieceDeal] {
        let late = waiting.filter { $0.startEpoch <= head }
        waiting.removeAll { $0.startEpoch <= head }
        return late
    }

    // MARK: When a sector seals

    /// Why a sector seals now, or when it will; `nil` while it is empty.
    package func sealing(_ sector: OpenSector, _ clock: EpochClock?) -> (at: Instant, reason: String)? {
        guard !sector.pieces.isEmpty else { return nil }
        if Self.end(of: sector.pieces.map(\.paddedBytes)) >= options.sectorBytes {
            return (.zero, "it is full")
        }
        if sector.pieces.count >= options.pieceCountMax {
            return (.zero, "it holds the \(options.pieceCountMax) pieces that a sector takes")
        }
        var first: (at: Instant, reason: String)?
        if let opened = sector.openedAt {
            first = (
                opened + options.waitDealsDelay, "\(options.waitDealsDelay) have passed since its first piece"
            )
        }
        if let clock, let start = sector.pieces.map(\.startEpoch).min() {
            let at = clock.instant(of: start - options.startEpochSealingBuffer)
            if first.map({ at < $0.at }) ?? true {
                first = (at, "its first deal begins at epoch \(start)")
            }
        }
        return first
    }
}
