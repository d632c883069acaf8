// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Synchronization
import Testing

@Suite("Which inputs move the result")
struct TornadoTests {
    /// A devnet that pledges more than PreCommit1 can take, without faults: its one bottleneck is known.
    private static func source(_ more: [String] = []) throws -> ScenarioSource {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Scenarios/devnet.yaml").path
        let overrides = [
            "faults=[]", "workload.sectorsMax=5000", "workload.pledge={every: 1m, packingMax: 8}",
            "tasks.PreCommit1.duration={uniform: {min: 9m, max: 11m}}", "workload.tickets={}",
            "costs={currency: USD, electricityPerKilowattHour: 0.1, depreciation: 1000d, "
                + "storePerTebibyteMonth: 2, hosts: {worker: {price: 1000, power: 500}}}",
        ]
        return .file(path, overrides: (overrides + more).map { ScenarioOverride($0) })
    }

    private static func options(_ inputs: [String]) throws -> Tornado.Options {
        var options = Tornado.Options()
        options.ranges = try inputs.map { try ScenarioRange($0, usual: 0.1) }
        options.replications = 2
        options.until = .seconds(4 * 3600)
        return options
    }

    @Test(
        "hosts and PreCommit1 move a cluster that PreCommit1 holds back, in known directions; prices the cost"
    )
    func bottleneck() throws {
        let tornado = try Tornado(
            Self.source(),
            Self.options([
                "links.bandwidth", "costs.hosts.worker.price", "tasks.PreCommit1.duration=20%",
                "hosts.worker.count=2..4", "tasks.Commit1.duration",
            ]))
        #expect(tornado.runCount == 2 * (1 + 5 * 2))
        let result = try tornado.run()
        #expect(result.isComplete && result.unfinished.isEmpty)
        // A third less or more hosts beats a fifth more or less time.
        #expect(
            result.rows.prefix(2).map(\.path) == ["hosts.worker.count", "tasks.PreCommit1.duration"])
        let base = try #require(result.throughput).mean
        for (row, change) in [(result.rows[0], 1 / 3.0), (result.rows[1], 1 / 1.2 - 1)] {
            let high = try #require(row.high.throughput).mean
            #expect(abs(high / base - change) < 0.06, "\(row.path): \(high / base)")
            #expect(try #require(row.low.throughput).mean * high < 0)
        }
        let slower = result.rows[1]
        #expect(slower.text == "10 min" && slower.low.text == "8 min" && slower.high.text == "12 min")
        #expect(slower.provenance == .assumed)
        // More hosts cost more and seal more: the cost of a TiB hardly moves. Prices move it alone.
        let price = try #require(result.rows.first { $0.path == "costs.hosts.worker.price" })
        #expect(price.swing?.mean == 0 && price.low.text == "900")
        let cost = try #require(result.costPerTebibyte).mean
        // 3 hosts at 1,000 over 1,000 days are 3 a day, and their power 3.6.
        #expect(abs(try #require(price.costSwing).mean / cost - 0.2 * 3 / 6.6) < 1e-6)
        #expect(result.rows.last?.swing?.mean == 0)
        #expect(result.text.contains("USD/TiB") && result.document.json.contains("\"swing\""))
        #expect(result.csv.split(separator: "\n").count == 6)
    }

    @Test("space and the years over which hosts are paid move the cost of a TiB, by the formula")
    func space() throws {
        let costs =
            "costs={currency: USD, electricityPerKilowattHour: 0.1, depreciation: 1000d, rackUnitMonth: 15, "
            + "hosts: {worker: {price: 1000, power: 500, rackUnits: 2}}}"
        let result = try Tornado(
            Self.source([costs]), Self.options(["costs.rackUnitMonth", "costs.depreciation"])
        ).run()
        let cost = try #require(result.costPerTebibyte).mean
        // Three hosts, a day: 3 for themselves, 3.6 for power, 3 for six rack units.
        let space = try #require(result.rows.first { $0.path == "costs.rackUnitMonth" })
        #expect(abs(try #require(space.costSwing).mean / cost - 0.2 * 3 / 9.6) < 1e-6)
        #expect(space.low.text == "13.5" && space.provenance == .assumed)
        let years = try #require(result.rows.first { $0.path == "costs.depreciation" })
        #expect(abs(try #require(years.costSwing).mean / cost - (3 / 1.1 - 3 / 0.9) / 9.6) < 1e-6)
    }

    @Test("the result is the same on any number of threads")
    func threads() throws {
        var options = try Self.options(["tasks.PreCommit1.duration", "hosts.worker.count"])
        options.until = .seconds(2 * 3600)
        let tornado = try Tornado(Self.source(), options)
        let one = try tornado.run()
        let three = try tornado.run(control: .init(threadCount: 3))
        #expect(one.document == three.document && one.csv == three.csv)
    }

    @Test("a stop leaves the inputs of which both ends were run")
    func stopped() throws {
        let stops = Atomic(false)
        let control = StudyControl(
            shouldStop: { stops.load(ordering: .relaxed) },
            progress: { if $0.done == 3 { stops.store(true, ordering: .relaxed) } })
        let result = try Tornado(
            Self.source(), Self.options(["tasks.PreCommit1.duration", "hosts.worker.count"])
        ).run(control: control)
        #expect(!result.isComplete && result.wholeCount == 0)
        #expect(result.rows.map(\.path) == ["tasks.PreCommit1.duration"])
        #expect(result.unfinished == ["hosts.worker.count"])
        #expect(result.text.contains("not finished: 1 inputs, from hosts.worker.count on"))
    }

    @Test(
        "without a list all inputs of the scenario are varied; an end that is no scenario is named, not run")
    func all() throws {
        var options = Tornado.Options()
        options.replications = 1
        options.until = .seconds(3660)
        let source = try Self.source([
            "faults=[{at: 1h, kind: hostDown, target: worker/2, duration: 1m}]"
        ])
        let result = try Tornado(source, options).run(control: .init(threadCount: 2))
        let paths = ScenarioInput.all(of: try source.scenario()).map(\.path)
        #expect(Set(result.rows.map(\.path)) == Set(paths) && paths.count > 15)
        let hosts = try #require(result.rows.first { $0.path == "hosts.worker.count" })
        #expect(hosts.high.text == "4" && hosts.high.omission == nil)
        // A fault names the third host, so that there cannot be two.
        #expect(hosts.low.omission?.contains("no host 2") == true)
        #expect(result.text.contains("hosts.worker.count: the low end"))
    }

    @Test("what makes no sense is refused before the first run, by name")
    func refusals() throws {
        for (input, word) in [
            ("hosts.wroker.count", "hosts.worker.count"),
            ("tasks.PreCommit1.duration=5m..", "end is missing"),
            ("tasks.PreCommit1.duration=100%", "less than 100 %"),
            ("links.bandwidth=1Gbps", "path=low..high"),
            ("tasks.PreCommit1.duration=5m..6parsec", "parsec"), ("=3", "no setting"),
            ("hosts.worker.count=0..2", "count"),
        ] {
            #expect("\(input)") {
                _ = try Tornado(Self.source(), Self.options([input]))
            } throws: { "\($0)".contains(word) }
        }
        #expect {
            try Tornado(Self.source(), Self.options(["links.bandwidth", "links.bandwidth=5%"]))
        } throws: {
            "\($0)".contains("twice")
        }
        var short = try Self.options(["links.bandwidth"])
        short.until = .seconds(60)
        let tornado = try Tornado(Self.source(), short)
        #expect { try tornado.run() } throws: { ($0 as? StudyError)?.code == .unreachable }
    }

    @Test(
        "a duration model times a factor gives each draw that much more",
        arguments: [
            DurationModel(.constant(.seconds(10))), DurationModel(.uniform(low: .zero, high: .seconds(9))),
            DurationModel(
                .normal(mean: .seconds(9), deviation: .seconds(3), low: .seconds(1), high: .seconds(20))),
            DurationModel(.lognormal(median: .seconds(30), sigma: 0.4)),
            DurationModel(.exponential(mean: .seconds(7))),
            DurationModel(.triangular(low: .seconds(1), mode: .seconds(2), high: .seconds(5))),
            DurationModel(.empirical([.seconds(1), .seconds(4)])),
        ])
    func scaling(model: DurationModel) {
        let scaled = model * 1.5
        #expect(abs(scaled.meanSeconds / model.meanSeconds - 1.5) < 1e-9)
        for u in [0.001, 0.3, 0.5, 0.97] {
            let ratio = scaled.sample(u: u).secondsValue / model.sample(u: u).secondsValue
            #expect(abs(ratio - 1.5) < 1e-6)
        }
    }
}
