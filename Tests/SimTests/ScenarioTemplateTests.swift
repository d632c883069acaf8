// SPDX-License-Identifier: Apache-2.0
import Sim
import Testing

@Suite("New scenarios")
struct ScenarioTemplateTests {
    @Test(
        "whatever the answers, the file is sound and can be built", arguments: ["32GiB", "64GiB"],
        [1, 14, 40])
    func sound(_ size: String, _ slots: Int) throws {
        var template = ScenarioTemplate()
        template.sectorSize = size
        template.slots = slots
        template.hosts = 3
        let scenario = try Scenario.parse(text: template.yaml, fileName: "new.yaml")
        #expect(scenario.slotCount(of: .preCommit1) == 3 * slots)
        #expect(scenario.tasks.allSatisfy { !$0.source.isEmpty })
        #expect(try SimulatedCluster(scenario).report().limits.first != nil)
    }

    @Test("a senseless answer is refused with its place")
    func senseless() throws {
        var template = ScenarioTemplate()
        template.preCommit1 = "3 moons"
        let error = try #require(throws: ScenarioError.self) {
            try Scenario.parse(text: template.yaml, fileName: "new.yaml")
        }
        #expect(error.diagnostics.first?.path == "tasks.PreCommit1.duration")
    }
}
