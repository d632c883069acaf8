// SPDX-License-Identifier: Apache-2.0
import Kernel
import Sim
import Testing

@Suite("The common pipeline model, stations as components")
struct PipelineTests {
    @Test(
        "ten thousand sectors give the known mean sojourn, makespan and waits, whatever the tie-break",
        arguments: [SimulatedWorld.TieBreak.fifo, .seeded])
    func knownValues(tieBreak: SimulatedWorld.TieBreak) throws {
        let result = try PipelineModel.run(sectorCount: 10_000, seed: 1, tieBreak: tieBreak)
        #expect(abs(result.meanSojournSeconds - 15067.618776) < 1e-6)
        #expect(abs(result.makespanSeconds - 715173.417497) < 1e-6)
        let waits = [14.892259, 0.978434, 70.015392, 19.088252, 70.374807]
        for (measured, known) in zip(result.meanWaitSeconds, waits) { #expect(abs(measured - known) < 1e-6) }
        #expect(result.timedEventCount == 60_000)
    }

    @Test("a hundred thousand sectors give the known mean sojourn, makespan and waits")
    func hundredThousand() throws {
        let result = try PipelineModel.run(sectorCount: 100_000, seed: 1)
        #expect(abs(result.meanSojournSeconds - 15268.344740) < 1e-6)
        #expect(abs(result.makespanSeconds - 6108395.703685) < 1e-6)
        let waits = [15.768810, 14.288402, 131.163031, 20.162591, 91.895136]
        for (measured, known) in zip(result.meanWaitSeconds, waits) { #expect(abs(measured - known) < 1e-6) }
    }

    @Test("a burst, all sectors alive at once, gives the known mean sojourn: its sums exceed 64 bits")
    func burst() throws {
        let result = try PipelineModel.run(sectorCount: 100_000, seed: 1, gap: 0.001)
        #expect(abs(result.meanSojournSeconds - 2_613_102.9053) < 1e-4)
        #expect(result.meanWaitSeconds[1] > 5e5)
    }

    /// Seeds 1 to 30: the first block there is, not a chosen one. Over a hundred blocks
    /// (`sealyard bench simulation --replications 30 --sectors 20000 --blocks 100`) each interval covers
    /// about as often as it says, PreCommit1's less often: one sector in forty waits there, but long.
    @Test("intervals of thirty replications cover Erlang C at all five stations, and are narrow")
    func erlangC() throws {
        let study = try PipelineStudy(replications: 30, countedSectors: 20_000)
        let block = try #require(try study.run(control: .init(threadCount: 2)).first)
        let widths = [0.06, 0.6, 0.1, 0.03, 0.11]
        #expect(block.stations.count == 5)
        for (station, width) in zip(block.stations, widths) {
            #expect(station.isCovered, "\(station.name): \(station.wait), closed form \(station.closedForm)")
            #expect(try #require(station.wait.halfWidth) < width * station.closedForm, "\(station.name)")
        }
    }

    /// Common draws: sectors 4,000 to 4,999 take the same times whether others follow them or not, so that
    /// what differs is the end of the arrivals alone. A mean over a run to its last exit has it in it.
    @Test("the end of the arrivals shortens the waits behind PreCommit1, and no others")
    func drain() throws {
        let last = 4_000..<5_000
        let pairs = try (UInt64(1)...10).map { seed in
            try [5_000, 5_000 + PipelineStudy.coolDownCount].map {
                try PipelineModel.run(sectorCount: $0, seed: seed, counted: last).meanWaitSeconds
            }
        }
        for (index, name) in PipelineModel.stationNames.enumerated() {
            let change = try #require(
                Interval.ofDifferences(pairs.map { $0[1][index] }, pairs.map { $0[0][index] }))
            let closedForm = QueueingLaws.meanWait(
                servers: PipelineModel.serverCounts[index], arrivalRate: 1 / PipelineModel.gapSeconds,
                service: PipelineModel.meanSeconds[index])
            if index < 2 {
                #expect(change.mean.magnitude < 0.01 * closedForm, "\(name): \(change)")
            } else {
                #expect(try #require(change.high) < -0.05 * closedForm, "\(name): \(change)")
            }
        }
    }

    @Test("a study is the same on any number of threads, stops between runs, and refuses what makes no sense")
    func study() throws {
        let study = try PipelineStudy(replications: 3, countedSectors: 200)
        let blocks = try study.run(blockCount: 2, control: .init(threadCount: 3))
        #expect(try study.run(blockCount: 2) == blocks && blocks.map(\.firstSeed) == [1, 4])
        #expect(try study.run(firstSeed: 4) == [blocks[1]])
        #expect(try study.run(control: .init(shouldStop: { true })).isEmpty)
        #expect(study.text(blocks).contains("of 2 blocks") && study.document(blocks).json.contains("erlangC"))
        for (replications, sectors) in [(1, 10), (30, 0), (100_000, 20_000), (2, Int.max)] {
            #expect(throws: StudyError.self) {
                _ = try PipelineStudy(replications: replications, countedSectors: sectors)
            }
        }
    }
}
