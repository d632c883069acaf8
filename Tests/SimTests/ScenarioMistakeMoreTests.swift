// SPDX-License-Identifier: Apache-2.0
import Sim
import Testing

@Suite("More mistakes in scenario files")
struct ScenarioMistakeMoreTests {
    static let mistakes: [(before: String, after: String, line: Int, fragment: String)] = [
        ("count: 2", "count: -2", 6, "out of range"),
        ("count: 2", "count: 2.5", 6, "not a whole number"),
        ("count: 2", "count: [2]", 6, "found a list"),
        ("memory: 8GiB", "memory: eight", 7, "eight"),
        ("memory: 8GiB", "memory: 0GiB", 7, "too small"),
        ("hugepages: 1GiB", "hugepages: 9GiB", 8, "do not fit"),
        ("capacity: 100GB", "capacity: 100", 10, "capacity"),
        ("read: 2GB/s", "read: 2GB", 10, "read"),
        ("role: any", "role: [P1, P1]", 12, "stands twice"),
        ("role: any", "role: P2", 4, "no worker has a slot for PreCommit1"),
        ("role: any", "role: C2, slots: {PreCommit1: 1}", 12, "has no PreCommit1"),
        ("count: 3", "count: 3, group: rack", 12, "unknown group"),
        ("AddPiece: 1s", "AddPiece: 1", 16, "AddPiece"),
        ("AddPiece: 1s", "AddPiece: {constant: 1s}", 16, "unknown key"),
        ("min: 20s", "min: 40s", 17, "PreCommit1"),
        ("failureRate: 1%", "failureRate: 100%", 17, "never ends"),
        ("every: 4m", "every: 4 minutes of fame", 23, "every"),
        ("packingMax: 4", "packingMax: 0", 23, "nothing would ever be pledged"),
        ("target: w/1", "target: w/2", 25, "has no host 2"),
        ("target: w/1", "target: v/1", 25, "no host group or store is called \"v\""),
        ("kind: hostDown", "kind: minerKilled", 25, "needs the target miner"),
        ("duration: 5m", "duration: 5m, factor: 3", 25, "have a factor"),
        ("sectorSize: 2KiB", "sectorSize: 32GiB", 2, "takes no sectors of 32GiB"),
        ("capacity: 1TB", "capacity: 1KB", 14, "not one sector"),
        ("name: w\n", "name: w\n    name: v\n", 5, "stands twice"),
        ("network: devnet", "network: {base: devnet, deadlines: 7}", 3, "do not fill a proving period"),
        (
            "stores:", "links: {exceptions: [{from: w, to: disc}]}\nstores:", 13,
            "no host group or store is called"
        ),
    ]

    @Test("each is named with its line", arguments: mistakes)
    func mistake(_ before: String, _ after: String, _ line: Int, _ fragment: String) throws {
        let sound = ScenarioMistakeTests.sound
        let range = try #require(sound.firstRange(of: before))
        let text = sound.replacingCharacters(in: range, with: after)
        let error = try #require(throws: ScenarioError.self) {
            try Scenario.parse(text: text, fileName: "tiny.yaml")
        }
        let all = error.diagnostics.map { "\($0.line): \($0)" }
        #expect(error.diagnostics.contains { $0.description.contains(fragment) }, "\(all)")
        #expect(error.diagnostics.contains { abs($0.line - line) <= 1 }, "\(all)")
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>, with other: String) -> String {
        String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}
