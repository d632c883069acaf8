// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Synchronization
import Testing

@Suite("The choice that is regretted least")
struct RegretTests {
    private static let costs =
        "costs={currency: USD, electricityPerKilowattHour: 0, depreciation: 100d, storePerTebibyteMonth: 0, "
        + "hosts: {worker: {price: 100, power: 1}}}"

    /// A devnet in which each host seals two sectors every PreCommit1 time, and more is pledged than that.
    private static func source(_ more: [String] = []) -> ScenarioSource {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Scenarios/devnet.yaml").path
        let overrides = [
            "faults=[]", "workload.sectorsMax=5000", "workload.pledge={every: 1m, packingMax: 8}",
            "tasks.PreCommit1.duration=10m", "tasks.PreCommit1.failureRate=0", "workload.tickets={}",
        ]
        return .file(path, overrides: (overrides + more).map { ScenarioOverride($0) })
    }

    private static func options(
        _ change: (inout RegretStudy.Options) -> Void = { _ in }
    ) -> RegretStudy.Options {
        var options = RegretStudy.Options()
        options.replications = 2
        options.until = .seconds(4 * 3600)
        change(&options)
        return options
    }

    /// TiB/day of 2 KiB sectors, `count` hosts, two slots each, `minutes` a PreCommit1.
    private static func rate(_ count: Double, _ minutes: Double) -> Double {
        2 * count * 24 * 60 / minutes * 2048 / 0x1p40
    }

    /// A host costs 1 a day, and what is sealed above nine tenths of the rate of four hosts is worth nothing.
    /// Slow, six hosts are just enough, and fast four: regrets are those of costs by capped rates. Two hosts
    /// seal a TiB for less than four do, whose rate is capped, but never reach the target.
    @Test("regrets in two worlds are those of the formula, and weights decide the expected one")
    func byHand() throws {
        let target = 0.9 * Self.rate(4, 10)
        for (weight, expectedBest) in [("@9,15m@1", 1), ("@1,15m@9", 2)] {
            let study = try RegretStudy(
                sources: [(Self.source([Self.costs]), 1)],
                choices: [SweepAxis("hosts.worker.count=2,4,6")],
                uncertain: [UncertainAxis("tasks.PreCommit1.duration=10m" + weight)],
                Self.options {
                    $0.target = target
                    $0.replications = 1
                })
            #expect(study.figure == RunFigures.costPerTebibyte && study.runCount == 3 * 2)
            #expect(study.worlds.map(\.probability) == (expectedBest == 1 ? [0.9, 0.1] : [0.1, 0.9]))
            let result = try study.run(control: .init(threadCount: 2))
            #expect(result.isComplete && result.rows.count == 3)
            func price(_ count: Double, _ minutes: Double) -> Double {
                func own(_ count: Double) -> Double { count / min(Self.rate(count, minutes), target) }
                let rate = Self.rate(count, minutes)
                guard rate < target else { return own(count) }
                let dearest = [2.0, 4, 6].filter { Self.rate($0, minutes) >= target }.map(own).max() ?? 0
                return max(own(count), dearest) * target / rate
            }
            for (row, count) in zip(result.rows, [2.0, 4, 6]) {
                for (world, minutes) in [10.0, 15].enumerated() {
                    let best = [2.0, 4, 6].map { price($0, minutes) }.min() ?? 0
                    let regret = price(count, minutes) - best
                    // Three hours after the warm-up are within some per cent of the formula.
                    let bound = 0.12 * max(best, price(count, minutes))
                    #expect(abs(row.regrets[world] - regret) < bound, "\(count) hosts, \(minutes) min")
                }
            }
            #expect(result.rows.allSatisfy { $0.regrets.allSatisfy { $0 >= 0 } })
            #expect(result.rows.map(\.misses) == [[true, true], [false, true], [false, false]])
            #expect(result.bests == [1, 2] && result.hopelessWorlds.isEmpty)
            // Who always reaches the target comes before who does not.
            #expect(result.minimax?.candidate == 2 && result.leastExpected?.candidate == 2)
            #expect(abs(result.rows[1].missProbability - study.worlds[1].probability) < 1e-12)
            #expect(result.text.contains("reached in") && result.text.contains("1 of 2"))
            #expect(!result.text.contains("misses") && !result.text.contains("none reaches"))
            #expect(result.text.contains("least worst regret") && result.document.json.contains("regrets"))
            #expect(result.csv.split(separator: "\n").count == 7)
        }
    }

    @Test("where no choice reaches the target, the words say so, and the nearest is named")
    func hopeless() throws {
        let target = Self.rate(8, 10)
        let study = try RegretStudy(
            sources: [(Self.source([Self.costs]), 1)], choices: [SweepAxis("hosts.worker.count=2,3")],
            uncertain: [UncertainAxis("tasks.PreCommit1.duration=10m,15m")],
            Self.options {
                $0.target = target
                $0.replications = 1
            })
        let result = try study.run(control: .init(threadCount: 2))
        #expect(result.hopelessWorlds == [0, 1] && result.leastExpected?.candidate == 1)
        let lines = result.text.split(separator: "\n")
        #expect(
            lines.filter { $0.hasPrefix("none reaches ") && $0.hasSuffix("by hosts.worker.count=3") }.count
                == 2)
        let best = try #require(lines.first { $0.hasPrefix("least worst regret") })
        #expect(best.contains(", which misses ") && best.hasSuffix("in 2 of 2 worlds"), "\(best)")
        #expect(result.document.json.contains("\"isReached\": false"))
    }

    @Test("by throughput the most hosts are never regretted; the best of each world has no regret")
    func throughput() throws {
        let study = try RegretStudy(
            sources: [(Self.source(), 1), (Self.source(["tasks.Commit2.duration=4m"]), 3)],
            choices: [SweepAxis("hosts.worker.count=2,4")],
            uncertain: [UncertainAxis("tasks.PreCommit1.duration=-20%,+20%@2")],
            Self.options { $0.until = .seconds(2 * 3600) })
        #expect(study.worlds.count == 4 && study.figure == RunFigures.throughput)
        for (world, known) in zip(study.worlds, [1.0, 2, 3, 6]) {
            #expect(abs(world.probability - known / 12) < 1e-12)
        }
        let result = try study.run()
        #expect(result.bests == [1, 1, 1, 1])
        #expect(result.minimax?.candidate == 1 && result.minimax?.worst == 0)
        #expect(result.leastExpected?.candidate == 1)
        let fewer = result.rows[0]
        let expected = zip(fewer.regrets, study.worlds).reduce(0) { $0 + $1.0 * $1.1.probability }
        #expect(abs(try #require(fewer.expected).mean / expected - 1) < 1e-9)
        // Half of the hosts seal half: the regret is largest where there is most to seal.
        #expect(fewer.worst == fewer.regrets.max() && study.worlds[fewer.worstWorld].name.contains("-20%"))
        #expect(try study.run(control: .init(threadCount: 3)).document == result.document)
    }

    @Test("a stop in the first replication judges the candidates that were run in all worlds")
    func stopped() throws {
        let stops = Atomic(false)
        let control = StudyControl(
            shouldStop: { stops.load(ordering: .relaxed) },
            progress: { if $0.done == 5 { stops.store(true, ordering: .relaxed) } })
        let study = try RegretStudy(
            sources: [(Self.source(), 1)], choices: [SweepAxis("hosts.worker.count=2,3,4")],
            uncertain: [UncertainAxis("tasks.PreCommit1.duration=10m,12m")],
            Self.options { $0.until = .seconds(2 * 3600) })
        let result = try study.run(control: control)
        #expect(!result.isComplete && result.rows.map(\.candidate) == [0, 1] && result.replications == 1)
        #expect(result.text.contains("2 of 3 candidates"))
        let nothing = try study.run(control: .init(shouldStop: { true }))
        #expect(nothing.rows.isEmpty && nothing.minimax == nil && nothing.text.contains("0 of 3"))
        #expect(nothing.document.json.contains("\"leastWorstRegret\": null"))
    }

    @Test("what makes no sense is refused before the first run, by name")
    func refusals() throws {
        func make(
            _ choices: [String], _ uncertain: [String] = [],
            _ change: (inout RegretStudy.Options) -> Void = { _ in }
        ) throws {
            _ = try RegretStudy(
                sources: [(Self.source(), 1)], choices: choices.map { try SweepAxis($0) },
                uncertain: uncertain.map { try UncertainAxis($0) }, Self.options(change))
        }
        let two = "hosts.worker.count=2,3"
        #expect { try make([]) } throws: { "\($0)".contains("--choose") }
        #expect { try make(["policy=oldest-local"]) } throws: { "\($0)".contains("no choice") }
        #expect { try make([two], ["hosts.worker.count=4,5"]) } throws: { "\($0)".contains("not both") }
        #expect { try make([two], ["links.bandwidth=1Gbps@0"]) } throws: { "\($0)".contains("weight") }
        #expect { try make([two], ["links.bandwidth=-100%"]) } throws: { "\($0)".contains("-100%") }
        #expect { try make([two], ["links.bandwith=-10%"]) } throws: { "\($0)".contains("links.bandwidth") }
        #expect { try make([two]) { $0.figure = "speed" } } throws: { "\($0)".contains("--by") }
        #expect { try make([two]) { $0.figure = RunFigures.costPerTebibyte } } throws: {
            "\($0)".contains("costs")
        }
        #expect { try make([two]) { $0.target = 3 } } throws: { "\($0)".contains("--target") }
        #expect { try make([two]) { $0.replications = 100_000 } } throws: {
            ($0 as? StudyError)?.code == .tooLarge
        }
        let many = (1...101).map(String.init).joined(separator: ",")
        #expect { try make(["hosts.worker.count=" + many], ["tasks.Commit1.duration=" + many]) } throws: {
            ($0 as? StudyError)?.code == .tooLarge
        }
    }
}
