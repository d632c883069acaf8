// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim

/// Clusters for the tests of whole simulations.
enum Clusters {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Scenarios")

    static func shipped(_ name: String) throws -> Scenario {
        try Scenario.load(path: folder.appendingPathComponent(name + ".yaml").path)
    }

    /// The devnet with a set number of sectors, pledged one host after another, and no faults of
    /// its own.
    static func devnet(sectorCount: Int) throws -> Scenario {
        var scenario = try shipped("devnet")
        scenario.faults = []
        scenario.workload.sectorsMax = sectorCount
        return scenario
    }

    /// One P1 host and one C2 host of the handbook: saturated, and small enough for a debug build.
    static func oneHost() throws -> Scenario {
        var scenario = try shipped("handbook-f0494733")
        scenario.hosts[0].count = 1
        scenario.hosts[1].count = 1
        return scenario
    }

    static func days(_ count: Double) -> Instant { Instant(seconds: count * 86_400) }
}
