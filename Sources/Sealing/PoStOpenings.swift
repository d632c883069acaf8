// SPDX-License-Identifier: Apache-2.0

/// The openings of many sectors for one proof of space-time, without those that could not be read.
package struct PoStOpenings: Hashable, Sendable {
    /// A sector that is left out, and why.
    package struct Skipped: Hashable, Sendable, Codable {
        package let number: UInt64
        /// What could not be read, where.
        package let reason: String

        package init(number: UInt64, reason: String) {
            self.number = number
            self.reason = reason
        }
    }

    /// What the openings are about: the readable sectors alone. Where challenges are numbered over all
    /// sectors, they follow from this statement, not from the one that was asked for.
    package let statement: PoStStatement
    /// One for each sector of `statement`, in its order.
    package let proofs: [PoStVanillaProof]
    /// Ascending by number; to be declared faulty on the chain.
    package let skipped: [Skipped]
}

extension PoStVanilla {
    /// Opens all sectors that can be read, and says which cannot.
    ///
    /// A sector is skipped when its files are missing, of a wrong size, unreadable, or not those of its
    /// CommR. Each is opened once, at the challenges of its place among those that could be read.
    ///
    /// - Parameters:
    ///   - statement: what is to be proven, with all sectors.
    ///   - observer: hears of every sector and may stop the work.
    ///   - paths: where a sector's files are; nil for a sector of which nothing is known.
    /// - Throws: ``SealingError`` `.missingFile` when no sector is readable, with the first reason;
    ///   `.cancelled`.
    package static func proveReadable(
        _ statement: PoStStatement,
        observer: SealObserver = .none,
        paths: (UInt64) -> SectorPaths?
    ) throws(SealingError) -> PoStOpenings {
        var skipped: [PoStOpenings.Skipped] = []
        var kept: [PoStSector] = []
        var proofs: [PoStVanillaProof] = []
        for (index, sector) in statement.sectors.enumerated() {
            try observer.step("openings", UInt64(index), UInt64(statement.sectors.count))
            do throws(SealingError) {
                guard let place = paths(sector.number) else {
                    throw SealingError(.missingFile, "nothing is known of sector \(sector.number)")
                }
                /* Only those before it count, and they are known by now. */
                let challenges = statement.challenges(of: sector, at: kept.count)
                proofs.append(try open(sector, at: challenges, statement.sectorSize, place))
                kept.append(sector)
            } catch {
                skipped.append(PoStOpenings.Skipped(number: sector.number, reason: error.message))
            }
        }
        guard !kept.isEmpty else {
            throw SealingError(
                .missingFile,
                "none of \(statement.sectors.count) sectors can be read; the first, \(skipped[0].number): "
                    + skipped[0].reason
            )
        }
        let readable = try PoStStatement(
            kind: statement.kind,
            sectorSize: statement.sectorSize,
            proverID: statement.proverID,
            randomness: statement.randomness,
            sectors: kept
        )
        return PoStOpenings(statement: readable, proofs: proofs, skipped: skipped)
    }
}
