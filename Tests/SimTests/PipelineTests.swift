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

    @Test("a hundred thousand sectors give the known mean sojourn and makespan")
    func hundredThousand() throws {
        let result = try PipelineModel.run(sectorCount: 100_000, seed: 1)
        #expect(abs(result.meanSojournSeconds - 15268.344740) < 1e-6)
        #expect(abs(result.makespanSeconds - 6108395.703685) < 1e-6)
    }
}
