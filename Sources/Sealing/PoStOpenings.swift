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
    /// CommR. When one turns out unreadable late, the others are opened again if their challenges change.
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
        var left = statement.sectors
        var known: [UInt64: (challenges: [UInt64], proof: PoStVanillaProof)] = [:]
        while !left.isEmpty {
            let wanted = try PoStStatement(
                kind: statement.kind,
                sectorSize: statement.sectorSize,
                proverID: statement.proverID,
                randomness: statement.randomness,
                sectors: left
            )
            var proofs: [PoStVanillaProof] = []
            var lost: PoStOpenings.Skipped?
            for (index, sector) in left.enumerated() {
                try observer.step("openings", UInt64(index), UInt64(left.count))
                let challenges = wanted.challenges(at: index)
                if let done = known[sector.number], done.challenges == challenges {
                    proofs.append(done.proof)
                    continue
                }
                do throws(SealingError) {
                    guard let place = paths(sector.number) else {
                        throw SealingError(.missingFile, "nothing is known of sector \(sector.number)")
                    }
                    let proof = try prove(wanted, sectorAt: index, paths: place)
                    known[sector.number] = (challenges, proof)
                    proofs.append(proof)
                } catch {
                    lost = PoStOpenings.Skipped(number: sector.number, reason: error.message)
                    break
                }
            }
            guard let lost else {
                skipped.sort { $0.number < $1.number }
                return PoStOpenings(statement: wanted, proofs: proofs, skipped: skipped)
            }
            skipped.append(lost)
            left.removeAll { $0.number == lost.number }
        }
        throw SealingError(
            .missingFile,
            "none of \(statement.sectors.count) sectors can be read; the first, \(skipped[0].number): "
                + skipped[0].reason
        )
    }
}
