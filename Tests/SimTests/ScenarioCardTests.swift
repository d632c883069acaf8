// SPDX-License-Identifier: Apache-2.0
import Sim
import Testing

@Suite("Cards that workers and faults name")
struct ScenarioCardTests {
    /// Four cards; the two makers of trees have one each.
    private static let sound =
        ScenarioProcessorTests.sound
        .replacing("model: card, count: 2}", with: "model: card, count: 4}")
        .replacing(
            "        cores: 8-15,24-31\n", with: "        cores: 8-15,24-31\n        gpus: [0, 1]\n"
        )
        .replacing("role: [AP, C2], group: host}", with: "role: [AP, C2], group: host, gpus: 2-3}")
        + "\nfaults:\n  - {at: 1h, kind: gpuLost, target: w/0, gpu: 3}"

    @Test("they are read like CPUs, read back from the normalized form, and make tasks contend")
    func reading() throws {
        let scenario = try Scenario.parse(text: Self.sound, fileName: "cards.yaml")
        let host = try #require(scenario.hosts.first)
        #expect(host.workers.map { $0.cardLists.map(\.description) } == [[], ["0", "1"], ["2-3"]])
        #expect(scenario.faults.map(\.gpu) == [3])
        let again = try Scenario.parse(text: scenario.normalized.json, fileName: "again.json")
        #expect(again == scenario)
        let silent = try Scenario.parse(
            text: Self.sound.replacing("[cores, gpus]", with: "[cores]"), fileName: "silent.yaml")
        #expect(silent.hosts[0].contendsForCards)
        // What says nothing of cards is written as before.
        let plain = try Scenario.parse(text: ScenarioProcessorTests.sound, fileName: "plain.yaml")
        #expect(plain.hosts[0].workers.allSatisfy { $0.cardLists.isEmpty })
        #expect(!plain.normalized.json.contains("\"gpus\": \"") && plain.faults.isEmpty)
    }

    static let mistakes: [Mistake] = [
        Mistake("gpus: [0, 1]", "gpus: [0, 4]", "18:19", "no card 4: hosts of w have cards 0 to 3"),
        Mistake("gpus: [0, 1]", "gpus: 7", "18:15", "no card 7: hosts of w have cards 0 to 3"),
        Mistake("gpus: [0, 1]", "gpus: [0, 1, 1]", "18:", "3 lists for 2 processes; write one for each"),
        Mistake("gpus: [0, 1]", "gpus: one", "18:", "\"one\" is no card and no range of cards"),
        Mistake("gpus: [0, 1]", "gpus: 1-0", "18:", "the range 1-0 runs backward; write 0-1"),
        Mistake("gpus: [0, 1]", "gpus: '1,1'", "18:", "card 1 stands twice"),
        Mistake("gpus: [0, 1]", "gpus: {}", "18:", "expected a list of lists of cards"),
        Mistake("gpus: [0, 1]", "gpus: 0-2", "19:", "2-3 has some cards of p2's 0-2 and not all"),
        Mistake("count: 4, group: host, cores", "count: 4, group: host, gpus: 0, cores", "12:", "no task"),
        Mistake("gpu: 3}", "gpu: 4}", "32:", "no card 4: hosts of w have cards 0 to 3"),
        Mistake("gpu: 3}", "gpu: -1}", "32:", "0"),
        Mistake("gpuLost", "hostDown", "32:", "only gpuLost names a card"),
    ]

    @Test("each mistake is named with its place and what is allowed", arguments: mistakes)
    func mistake(_ mistake: Mistake) throws {
        let range = try #require(Self.sound.firstRange(of: mistake.before))
        let text = String(Self.sound[..<range.lowerBound]) + mistake.after + Self.sound[range.upperBound...]
        let error = try #require(throws: ScenarioError.self) {
            try Scenario.parse(text: text, fileName: "cards.yaml")
        }
        let all = error.diagnostics.map(\.description)
        #expect(
            all.contains { $0.contains("cards.yaml:\(mistake.place)") && $0.contains(mistake.fragment) },
            "\(all)")
    }
}
