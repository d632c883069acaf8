// SPDX-License-Identifier: Apache-2.0
import Sim
import Testing

@Suite("What is set for the scenarios of a comparison")
struct ComparisonSideTests {
    @Test("a setting is for all, or for one by its letter or number; the name tells what is one's own")
    func sides() throws {
        let sides = try ComparisonSide.all(
            files: ["a.yaml", "a.yaml", "c.yaml"],
            settings: ["faults=[]", "b:hosts.p1.count=30", "3:costs={chain: {filPrice: 5}}", "name=x:y"],
            policies: ["b:oldest-local", "sealyard"])
        #expect(sides.map(\.file) == ["a.yaml", "a.yaml", "c.yaml"])
        #expect(sides[0].settings == ["faults=[]", "name=x:y"] && sides[0].name == "a.yaml")
        #expect(sides[1].settings == ["faults=[]", "hosts.p1.count=30", "name=x:y"])
        #expect(sides[1].name == "a.yaml hosts.p1.count=30 policy=oldest-local")
        #expect(sides[2].settings == ["faults=[]", "costs={chain: {filPrice: 5}}", "name=x:y"])
        #expect(sides.map(\.policy) == ["sealyard", "oldest-local", "sealyard"])
    }

    @Test(
        "a side that there is not is refused with those that there are",
        arguments: ["d:faults=[]", "0:faults=[]", "hosts:p1=3", "B:faults=[]", "a:"])
    func refusals(setting: String) throws {
        #expect {
            _ = try ComparisonSide.all(files: ["a", "b", "c"], settings: [setting], policies: [])
        } throws: { error in
            let error = error as? StudyError
            return error?.code == .invalid && error?.message.contains("--set \(setting)") == true
        }
    }
}
