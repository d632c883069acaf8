// SPDX-License-Identifier: Apache-2.0
import Sim
import Testing

@Suite("Where the figures of hardware are from")
struct ScenarioMarkTests {
    private static let text = ScenarioHardwareTests.sound

    private func scenario(_ sets: [String]) throws -> Scenario {
        try Scenario.parse(
            text: Self.text, fileName: "marked.yaml", overrides: sets.map { ScenarioOverride($0) })
    }

    @Test("what is said is in the report and reads back; what is not said is assumed")
    func marks() throws {
        let plain = try scenario([])
        #expect(
            plain.origins.filter { !$0.what.hasPrefix("tasks.") }.allSatisfy { $0.provenance == .assumed })
        let host = try #require(plain.hosts.first)
        let disk = try #require(host.disks.first { $0.sealing })
        let marked = try scenario([
            "hosts.\(host.name).provenance=measured", "hosts.\(host.name).source=counted",
            "links.provenance=published", "links.source=a data sheet",
        ])
        func origin(_ what: String, _ scenario: Scenario) throws -> SimulationReport.Origin {
            try #require(scenario.origins.first { $0.what == what })
        }
        #expect(try origin("hosts.\(host.name)", marked).provenance == .measured)
        #expect(try origin("hosts.\(host.name)", marked).source == "counted")
        // A disk has what its host says, unless it says something itself.
        let path = "hosts.\(host.name).disks.\(disk.name)"
        #expect(try origin(path, marked).source == "counted")
        let own = try scenario(["\(path).provenance=published", "hosts.\(host.name).provenance=measured"])
        #expect(try origin(path, own).provenance == .published)
        #expect(try origin("links", marked).source == "a data sheet")
        let again = try Scenario.parse(text: marked.normalized.json, fileName: "again")
        #expect(again == marked && again.hosts[0].mark?.provenance == .measured)
        #expect(!plain.normalized.json.contains("counted"))
    }

    @Test("what can be varied says where it is from, and a store's read can be where proofs read")
    func inputs() throws {
        let plain = try scenario([])
        let host = try #require(plain.hosts.first)
        let store = try #require(plain.stores.first)
        #expect(try ScenarioInput.named("links.bandwidth", of: plain).provenance == nil)
        #expect(throws: StudyError.self) { try ScenarioInput.named("stores.\(store.name).read", of: plain) }
        let marked = try scenario([
            "links.provenance=published", "hosts.\(host.name).provenance=measured",
            "hosts.\(host.name).workers.rest.role=[AP, P2, C2, PoSt]", "tasks.WinningPoSt=5s",
            "tasks.WindowPoSt={duration: 10m, reads: 1GiB}",
        ])
        #expect(try ScenarioInput.named("links.bandwidth", of: marked).provenance == .published)
        #expect(try ScenarioInput.named("hosts.\(host.name).nic", of: marked).provenance == .measured)
        let read = try ScenarioInput.named("stores.\(store.name).read", of: marked)
        let half = read.scaled(marked, by: 0.5)
        #expect(half.stores[0].read.bytesPerSecond == store.read.bytesPerSecond / 2)
    }

    @Test("a kind that there is not is refused by name")
    func refusal() throws {
        #expect("hearsay") { try scenario(["links.provenance=hearsay"]) } throws: {
            "\($0)".contains("provenance") && "\($0)".contains("measured")
        }
    }
}
