// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

@Suite("Lost packets slow transfers")
struct PacketLossTests {
    private static let host = Scenario.Fault.Target.host(group: "worker", index: 0)
    private static let process = Scenario.Fault.Target.worker(
        group: "worker", index: 0, worker: "worker", instance: 0)

    /// One host that moves 256 MiB of each sector to the store; the link is slow enough to be seen.
    private func devnet(latency: Duration, sectors: Int = 1, processes: Int = 1) throws -> Scenario {
        var scenario = try Clusters.devnet(sectorCount: sectors)
        scenario.hosts[0].count = 1
        scenario.hosts[0].workers[0].count = processes
        scenario.workload.pledge.initialPerHost = sectors
        scenario.links.latency = latency
        for index in scenario.tasks.indices where scenario.tasks[index].kind == .finalize {
            scenario.tasks[index].transfer = ByteCount(bytes: 1 << 28)
            scenario.tasks[index].failureRate = 0
        }
        return scenario
    }

    private func end(_ scenario: Scenario, _ fault: Scenario.Fault? = nil) throws -> Double {
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 2))
        if let fault { cluster.apply(fault) }
        while cluster.provenCount == 0, cluster.world.now < Clusters.days(1) {
            cluster.run(until: cluster.world.now + .seconds(1))
        }
        return cluster.world.now.seconds
    }

    /// Mathis et al. 1997, worked out: 1460 bytes, 100 ms and one packet in 10,000 lost are 14.3 Mbit/s.
    @Test("one connection carries what the formula says")
    func formula() {
        let rate = PathLoss.bytesPerSecond(share: 1e-4, roundTripSeconds: 0.1)
        #expect(abs(rate * 8 / 1e6 - 14.3) < 0.05)
        // A hundred times the loss is a tenth of the rate; twice the round trip is half of it.
        #expect(abs(PathLoss.bytesPerSecond(share: 1e-2, roundTripSeconds: 0.1) / rate - 0.1) < 1e-9)
        #expect(abs(PathLoss.bytesPerSecond(share: 1e-4, roundTripSeconds: 0.2) / rate - 0.5) < 1e-9)
        #expect(PathLoss.bytesPerSecond(share: 0, roundTripSeconds: 0.1) == .infinity)
        #expect(PathLoss.bytesPerSecond(share: 1, roundTripSeconds: 0.1) == 0)
        #expect(abs(PathLoss.joined(0.1, 0.1) - 0.19) < 1e-12)
    }

    @Test("a transfer takes as long as its connection lets it, and each of several carries as much")
    func transfer() throws {
        var scenario = try devnet(latency: .milliseconds(10))
        let loss = Scenario.Fault(
            .packetLoss, at: .seconds(1), target: Self.host, duration: .seconds(7_200), share: 0.01)
        // 2.1 s at 1 Gbps; 1460 ÷ 0.02 × √150 = 894,059 bytes a second are 300.2 s.
        let calm = try end(scenario)
        let one = try end(scenario, loss) - calm
        #expect(one > 290 && one < 320, "\(one)")
        scenario.stores[0].streams = 10
        let ten = try end(scenario, loss) - calm
        #expect(ten > 20 && ten < 50, "\(ten)")
    }

    @Test("a transfer that crawls has its old rate again once nothing is lost any more")
    func recovery() throws {
        // 1460 ÷ 2 × √5 bytes a second would be two days.
        let last = try end(
            devnet(latency: .seconds(1)),
            .init(.packetLoss, at: .seconds(1), target: Self.host, duration: .seconds(3_600), share: 0.3))
        #expect(last > 3_600 && last < 3_800, "\(last)")
    }

    @Test("a process that loses packets takes nothing from the transfers of the others of its host")
    func oneProcess() throws {
        func proven(_ target: Scenario.Fault.Target) throws -> Int {
            let scenario = try devnet(latency: .seconds(1), sectors: 12, processes: 2)
            let cluster = try SimulatedCluster(scenario, options: .init(seed: 2))
            cluster.apply(.init(.packetLoss, at: .seconds(1), target: target, share: 0.3))
            cluster.run(until: Clusters.days(0.1))
            return cluster.provenCount
        }
        #expect(try proven(Self.host) == 0)
        #expect(try proven(Self.process) > 0)
    }

    /// The layers of one sector go from the host that labels to one of the hosts that hash, over 10 Gb/s.
    @Test("files that move between hosts are slowed by the losses of both ends")
    func moves() throws {
        var scenario = try Clusters.shipped("reference-1pib")
        scenario.workload.sectorsMax = 1
        scenario.workload.pledge.initialPerHost = 1
        func end(_ groups: String...) throws -> (seconds: Double, moved: Double) {
            let cluster = try SimulatedCluster(scenario, options: .init(seed: 2))
            for group in groups {
                cluster.apply(
                    .init(
                        .packetLoss, at: .seconds(1), target: .group(group), duration: .seconds(86_400),
                        share: 0.01))
            }
            while cluster.provenCount == 0, cluster.world.now < Clusters.days(1) {
                cluster.run(until: cluster.world.now + .seconds(5))
            }
            return (cluster.world.now.seconds, try #require(cluster.report().movedBytesPerSector))
        }
        let calm = try end()
        #expect(calm.moved > 400 * 0x1p30)
        /// What a connection takes longer at this loss, with a round trip of 200 µs.
        func longer(_ bytes: Double, _ share: Double) -> Double {
            bytes / (1460 / 200e-6 * (1.5 / share).squareRoot()) - bytes / 1.25e9
        }
        let source = try end("sealer").seconds - calm.seconds
        #expect(abs(source - longer(calm.moved, 0.01)) < 120, "\(source)")
        // The sector's last move, to the store, begins on the host that lost packets as well.
        let final = Double(try #require(scenario.task(.finalize)).transfer.bytes)
        let target = try end("trees").seconds - calm.seconds
        #expect(abs(target - longer(calm.moved + final, 0.01)) < 120, "\(target)")
        let both = try end("sealer", "trees").seconds - calm.seconds
        #expect(
            abs(both - longer(calm.moved, 1 - 0.99 * 0.99) - longer(final, 0.01)) < 120, "\(both)")
    }

    @Test("a bucket of S3 takes a transfer as fast as its requests carry it")
    func bucket() throws {
        func end(_ sets: String...) throws -> Double {
            var scenario = try Scenario.load(
                path: Clusters.folder.appendingPathComponent("devnet.yaml").path,
                overrides: ([
                    "stores=[{name: disk, kind: s3, capacity: 1PB}]", "faults=[]", "hosts.worker.nic=100Gbps",
                    "links.bandwidth=100Gbps", "hosts.worker.disks.ssd.read=50GB/s",
                    "tasks.Finalize.transfer=4GiB", "hosts.worker.count=1",
                ] + sets).map { ScenarioOverride($0) })
            scenario.workload.sectorsMax = 1
            return try self.end(scenario)
        }
        // Fifteen requests of 8 MiB in 100 ms each: 3.4 s; one at a time 51.2 s.
        let longer = try end("stores.disk.streams=1") - end()
        #expect(longer > 45 && longer < 50, "\(longer)")
    }
}
