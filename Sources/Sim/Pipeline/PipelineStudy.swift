// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// The pipeline model against its closed form: a block of replications gives an interval of the mean wait at
/// each station, which should cover Erlang C's. What leaves an M/M/c queue in equilibrium is a Poisson stream
/// (P. J. Burke, "The output of a queuing system", Operations Research 4, 1956), so that the form holds at
/// every station and not at the first alone.
///
/// Neither end of a run is in equilibrium. At first the stations fill. At last no sector arrives any more and
/// those that are still in PreCommit1, 210 in the mean, trickle through stations behind it that are nearly
/// empty: in runs of 5,000 sectors that alone takes 4 to 5 % off the waits there, more than the width of the
/// interval at Commit1. Both ends pass, but are not counted.
package struct PipelineStudy: Sendable {
    /// Ten mean stays in the slowest station: what it lacks at the start has shrunk to e^−10 of it.
    package static let warmUpCount = Int(
        10 * (PipelineModel.meanSeconds.max() ?? 0) / PipelineModel.gapSeconds)
    /// Sectors that go on arriving until nearly all counted ones have left.
    package static let coolDownCount = warmUpCount / 2
    /// What one block may hold, in sectors.
    package static let sectorCountMax = 1_000_000_000

    package let replications: Int
    /// Sectors counted in each replication.
    package let countedSectors: Int
    /// Of each station's interval.
    package let confidence: Double

    /// - Throws: ``StudyError`` with `invalid` or `tooLarge`.
    package init(
        replications: Int = 30, countedSectors: Int = 20_000, confidence: Double = 0.95
    ) throws(StudyError) {
        try Replications.check(replications)
        guard replications >= 2, countedSectors >= 1, confidence > 0, confidence < 1 else {
            throw StudyError(
                .invalid,
                "an interval needs 2 replications or more of 1 sector or more, and a confidence "
                    + "between 0 and 1")
        }
        let all = countedSectors.addingReportingOverflow(Self.warmUpCount + Self.coolDownCount)
        guard !all.overflow, all.partialValue <= Self.sectorCountMax / replications else {
            throw StudyError(
                .tooLarge,
                "a block has at most \(Self.sectorCountMax) sectors; count fewer in each replication")
        }
        self.replications = replications
        self.countedSectors = countedSectors
        self.confidence = confidence
    }

    /// One station's measured wait beside the closed form, seconds.
    package struct Station: Sendable, Hashable {
        package var name: String
        package var wait: Interval
        package var closedForm: Double
        package var isCovered: Bool { wait.covers(closedForm) }
    }

    /// One block: an interval for each station.
    package struct Block: Sendable, Hashable {
        package var firstSeed: UInt64
        package var stations: [Station]
        package var coversAll: Bool { stations.allSatisfy(\.isCovered) }
    }

    /// Runs blocks over consecutive seeds, so that no seed is chosen: block b takes the `replications` seeds
    /// from `firstSeed + b × replications` on.
    ///
    /// - Returns: finished blocks; fewer than asked for where the study was stopped.
    /// - Throws: ``StudyError`` with `tooLarge`; ``KernelError`` where a station or thread cannot start.
    package func run(
        blockCount: Int = 1, firstSeed: UInt64 = 1, control: StudyControl = StudyControl()
    ) throws -> [Block] {
        guard (1...10_000).contains(blockCount), firstSeed <= UInt64.max >> 1 else {
            throw StudyError(.tooLarge, "1 to 10000 blocks, from a seed below 2^63 on")
        }
        let counted = Self.warmUpCount..<Self.warmUpCount + countedSectors
        let sectorCount = counted.upperBound + Self.coolDownCount
        let runs = try StudyRunner.each(blockCount * replications, control) { index, _ in
            try PipelineModel.run(
                sectorCount: sectorCount, seed: firstSeed + UInt64(index), counted: counted
            ).meanWaitSeconds
        }
        return (0..<blockCount).compactMap { index in
            let waits = runs[index * replications..<(index + 1) * replications].compactMap(\.self)
            guard waits.count == replications else { return nil }
            return Block(firstSeed: firstSeed + UInt64(index * replications), stations: stations(waits))
        }
    }

    private func stations(_ waits: [[Double]]) -> [Station] {
        PipelineModel.stationNames.indices.compactMap { index in
            Interval.ofMean(waits.map { $0[index] }, confidence: confidence).map {
                Station(
                    name: PipelineModel.stationNames[index], wait: $0,
                    closedForm: QueueingLaws.meanWait(
                        servers: PipelineModel.serverCounts[index],
                        arrivalRate: 1 / PipelineModel.gapSeconds,
                        service: PipelineModel.meanSeconds[index]))
            }
        }
    }

    /// The first block's intervals, and over all blocks how many of them cover the closed form.
    package func text(_ blocks: [Block]) -> String {
        guard let first = blocks.first else { return "no block was finished" }
        let percent = StudyText.figure(confidence * 100)
        var rows = [["station", "mean wait, s", "± \(percent) %", "Erlang C", "covered", "in all blocks"]]
        for (index, station) in first.stations.enumerated() {
            let count = blocks.filter { $0.stations[index].isCovered }.count
            rows.append([
                station.name, StudyText.figure(station.wait.mean),
                station.wait.halfWidth.map { StudyText.figure($0) } ?? "–",
                StudyText.figure(station.closedForm), station.isCovered ? "yes" : "no",
                "\(count) of \(blocks.count)",
            ])
        }
        let all = blocks.filter(\.coversAll).count
        let head =
            "\(replications) replications of \(countedSectors) counted sectors, seeds from "
            + "\(first.firstSeed)"
        let foot = "all five in \(all) of \(blocks.count) blocks"
        return ([head] + StudyText.table(rows) + [foot]).joined(separator: "\n")
    }

    package func document(_ blocks: [Block]) -> ScenarioDocument {
        .object([
            .init(key: "replications", value: .integer(replications)),
            .init(key: "countedSectors", value: .integer(countedSectors)),
            .init(
                key: "blocks",
                value: .list(
                    blocks.map { block in
                        .object([
                            .init(key: "firstSeed", value: .seed(block.firstSeed)),
                            .init(key: "coversAll", value: .flag(block.coversAll)),
                            .init(key: "stations", value: .list(block.stations.map(\.document))),
                        ])
                    })),
        ])
    }
}

extension PipelineStudy.Station {
    fileprivate var document: ScenarioDocument {
        .object([
            .init(key: "name", value: .text(name)),
            .init(key: "meanWaitSeconds", value: wait.document),
            .init(key: "erlangCSeconds", value: .rounded(closedForm, digits: 9)),
            .init(key: "covered", value: .flag(isCovered)),
        ])
    }
}
