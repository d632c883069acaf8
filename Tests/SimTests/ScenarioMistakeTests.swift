// SPDX-License-Identifier: Apache-2.0

import Sim
import Testing

/// A file with one mistake: what is replaced in the sound file, and the error that must come.
struct Mistake: Sendable, CustomTestStringConvertible {
    var before: String
    var after: String
    var place: String
    var fragment: String

    init(_ before: String, _ after: String, _ place: String, _ fragment: String) {
        self.before = before
        self.after = after
        self.place = place
        self.fragment = fragment
    }

    var testDescription: String { "\(after) at \(place)" }

    /// Makes the mistake in a sound text, and expects its place, or the beginning of it, and the fragment in
    /// one of the errors.
    func expectNamed(in sound: String, fileName: String) throws {
        #expect(sound.contains(before))
        let text = sound.replacingFirst(before, by: after)
        let error = try #require(throws: ScenarioError.self) {
            try Scenario.parse(text: text, fileName: fileName)
        }
        let all = error.diagnostics.map(\.description)
        #expect(
            all.contains { $0.contains("\(fileName):\(place)") && $0.contains(fragment) }, "\(all)")
    }
}

@Suite("Mistakes in scenario files")
struct ScenarioMistakeTests {
    static let sound = """
        name: tiny
        sectorSize: 2KiB
        network: devnet
        hosts:
          - name: w
            count: 2
            memory: 8GiB
            hugepages: 1GiB
            disks:
              - {name: ssd, capacity: 100GB, read: 2GB/s, write: 1GB/s}
            workers:
              - {name: all, role: any, count: 3}
        stores:
          - {name: disk, capacity: 1TB, read: 1GB/s, write: 1GB/s}
        tasks:
          AddPiece: 1s
          PreCommit1: {duration: {uniform: {min: 20s, max: 30s}}, failureRate: 1%}
          PreCommit2: 10s
          Commit1: 1s
          Commit2: 20s
          Finalize: 1s
        workload:
          pledge: {every: 4m, packingMax: 4}
        faults:
          - {at: 1h, kind: hostDown, target: w/1, duration: 5m}
        """

    @Test("the sound file is sound")
    func baseline() throws {
        let scenario = try Scenario.parse(text: Self.sound, fileName: "tiny.yaml")
        #expect(scenario.slotCount(of: .preCommit1) == 6)
        #expect(scenario.miner == Scenario.Defaults.miner)
        #expect(scenario.links == Scenario.Defaults.links)
    }

    static let spelling: [Mistake] = [
        Mistake(
            "sectorSize:",
            "sectrSize:",
            "2:1",
            "unknown key \"sectrSize\"; did you mean \"sectorSize\"?"
        ),
        Mistake(
            "    memory:",
            "    memroy:",
            "7:5",
            "hosts[0]: unknown key \"memroy\"; did you mean \"memory\"?"
        ),
        Mistake(
            "capacity: 100GB",
            "size: 100GB",
            "10:21",
            "unknown key \"size\"; the nearest known is"
        ),
        Mistake(
            "role: any",
            "roles: any",
            "12:21",
            "unknown key \"roles\"; did you mean \"role\"?"
        ),
        Mistake("  PreCommit2", "  Precommit2", "18:3", "did you mean \"PreCommit2\"?"),
        Mistake("packingMax", "packing", "23:23", "workload.pledge: unknown key \"packing\""),
        Mistake("failureRate", "failrate", "17:59", "did you mean \"failureRate\"?"),
        Mistake("uniform", "unifrom", "17:27", "did you mean \"uniform\"?"),
        Mistake(
            "role: any",
            "role: P3",
            "12:27",
            "hosts[0].workers[0].role: unknown role \"P3\"; did you mean \"P1\"?"
        ),
        Mistake(
            "network: devnet",
            "network: mainet",
            "3:10",
            "unknown network \"mainet\"; did you mean \"mainnet\"?"
        ),
        Mistake(
            "kind: hostDown",
            "kind: hostdwn",
            "25:20",
            "faults[0].kind: unknown kind \"hostdwn\"; did you mean \"hostDown\"?"
        ),
        Mistake("disk, capacity", "disk, kind: cehp, capacity", "14:24", "did you mean \"ceph\"?"),
        Mistake(
            "name: tiny",
            "name: tiny cluster",
            "1:7",
            "is not a name; use 1 to 64 of the characters"
        ),
        Mistake(
            "name: tiny\n",
            "name:\n",
            "1:1",
            "\"name\" is missing: what reports call the scenario"
        ),
        Mistake(
            "  Commit2: 20s\n",
            "",
            "16:3",
            "tasks: \"Commit2\" is missing: every sector passes through it"
        ),
        Mistake("role: any, ", "", "12:9", "\"role\" is missing"),
        Mistake("at: 1h, ", "", "25:5", "faults[0]: \"at\" is missing: when it happens"),
        Mistake("capacity: 1TB, ", "", "14:5", "stores[0]: \"capacity\" is missing: how much fits"),
    ]

    static let values: [Mistake] = [
        Mistake(
            "sectorSize: 2KiB",
            "sectorSize: 3KiB",
            "2:13",
            "3KiB is not a sector size; allowed are 2KiB, 8MiB"
        ),
        Mistake(
            "sectorSize: 2KiB",
            "sectorSize: 2048",
            "2:13",
            "has no unit; write a size such as 64GiB"
        ),
        Mistake(
            "sectorSize: 2KiB",
            "sectorSize: [2KiB]",
            "2:13",
            "expected a size such as 64GiB, found a list"
        ),
        Mistake(
            "count: 2",
            "count: two",
            "6:12",
            "\"two\" is not a whole number; write one from 1 to 100000"
        ),
        Mistake("count: 2", "count: 0", "6:12", "0 is out of range; allowed are 1 to 100000"),
        Mistake("count: 2", "count: 2.5", "6:12", "\"2.5\" is not a whole number"),
        Mistake(
            "memory: 8GiB",
            "memory: 8gib",
            "7:13",
            "unknown unit \"gib\" in \"8gib\"; did you mean GiB?"
        ),
        Mistake("memory: 8GiB", "memory: -8GiB", "7:13", "is negative"),
        Mistake("read: 2GB/s", "read: 2GB", "10:44", "did you mean GB/s?"),
        Mistake("read: 2GB/s", "read: 0bps", "10:44", "is too small; at least 1bps is needed"),
        Mistake(
            "AddPiece: 1s",
            "AddPiece: 1",
            "16:13",
            "has no unit; write a duration such as 5h45m"
        ),
        Mistake(
            "AddPiece: 1s",
            "AddPiece: [1s]",
            "16:13",
            "expected a mapping with duration, transfer"
        ),
        Mistake("min: 20s", "min: 40s", "17:36", "min 40s is longer than max 30s"),
        Mistake(
            "{uniform:",
            "{constant: 3s, uniform:",
            "17:26",
            "name exactly one of constant, uniform"
        ),
        Mistake(
            "uniform: {min: 20s, max: 30s}",
            "empirical: []",
            "17:38",
            "the list has 0 durations; allowed are 1 to 1000"
        ),
        Mistake(
            "uniform: {min: 20s, max: 30s}",
            "lognormal: {median: 1m, sigma: 9}",
            "17:58",
            "out of range; allowed are 0.000001 to 4"
        ),
        Mistake(
            "uniform: {min: 20s, max: 30s}",
            "normal: {mean: 1m, deviation: 1s, min: 2m}",
            "17:35",
            "is not shorter than max"
        ),
        Mistake(
            "uniform: {min: 20s, max: 30s}",
            "normal: {mean: 1m, deviation: 1s, min: 64s500ms}",
            "17:35",
            "more than 4 deviations from the mean 1m"
        ),
        Mistake(
            "uniform: {min: 20s, max: 30s}",
            "triangular: {min: 3s, mode: 2s, max: 4s}",
            "17:39",
            "needs min <= mode <= max"
        ),
        Mistake("failureRate: 1%", "failureRate: 101%", "17:72", "must lie within 0 and 1"),
        Mistake(
            "failureRate: 1%",
            "failureRate: 1",
            "17:72",
            "a task that always fails never ends"
        ),
        Mistake("every: 4m", "every: 4min", "23:19", "unknown unit \"min\""),
        Mistake("every: 4m", "every: 1ms", "23:19", "out of range; allowed are 100ms to 36500d"),
        Mistake(
            "pledge: {every: 4m, packingMax: 4}",
            "tickets: {PreCommit1: 2 per 4m}",
            "23:25",
            "is not a rate"
        ),
        Mistake(
            "network: devnet",
            "network: {base: devnet, epochDuration: 2h}",
            "3:40",
            "allowed are 1ms to 1h"
        ),
        Mistake("target: w/1", "target: w/one", "25:38", "is not a target; write chain, miner"),
        Mistake(
            "duration: 5m}",
            "duration: 5m, factor: 2}",
            "25:65",
            "only hostSlow, diskSlow, storeSlow, networkSlow, baseFeeSpike have a factor"
        ),
        Mistake(
            "duration: 5m}",
            "duration: 5m, share: 5%}",
            "25:64",
            "only taskFailures, packetLoss, messagesDuplicated have a share"
        ),
        Mistake("at: 1h, ", "mtbf: 1h, ", "25:55", "with mtbf, write mttr"),
        Mistake("duration: 5m}", "mttr: 5m}", "25:49", "mttr goes with mtbf"),
        Mistake(
            "hostDown, target: w/1",
            "chainReorg, target: chain",
            "25:57",
            "chainReorg is over at once"
        ),
        Mistake("count: 3", "slots: {AddPiece: x}", "12:50", "\"x\" is not a whole number"),
        Mistake(
            "role: any",
            "role: P1, slots: {Commit2: 1}",
            "12:48",
            "role P1 has no Commit2; allowed are PreCommit1"
        ),
        Mistake("role: any", "role: [P1, P1]", "12:32", "the role P1 stands twice"),
        Mistake(
            "hosts:\n",
            "policy: [a]\nhosts:\n",
            "4:9",
            "policy: expected a name, found a list"
        ),
        Mistake(
            "hosts:\n",
            "policy: oldestlocal\nhosts:\n",
            "4:9",
            "unknown policy \"oldestlocal\"; did you mean \"oldest-local\"?"
        ),
        Mistake(
            "hosts:\n",
            "policy: curio-poll\npolicyOptions: {pollEvry: 3}\nhosts:\n",
            "5:17",
            "unknown key \"pollEvry\""
        ),
        Mistake(
            "hosts:\n",
            "policy: oldest-local\npolicyOptions: {haste: 3}\nhosts:\n",
            "5:16",
            "policy oldest-local has no options"
        ),
        Mistake(
            "workload:",
            "miner: {finalizeEarly: yes}\nworkload:",
            "22:24",
            "\"yes\" is neither true nor false"
        ),
    ]

    static let clusters: [Mistake] = [
        Mistake(
            "network: devnet",
            "network: mainnet",
            "2:13",
            "the network mainnet takes no sectors of 2KiB, only 32GiB, 64GiB"
        ),
        Mistake(
            "network: devnet",
            "network: {base: devnet, deadlines: 47}",
            "3:10",
            "47 deadlines of 60 epochs do not fill a proving period of 2880"
        ),
        Mistake(
            "hugepages: 1GiB",
            "hugepages: 9GiB",
            "8:16",
            "9GiB of huge pages do not fit in 8GiB of memory"
        ),
        Mistake(
            "hugepages: 1GiB",
            "hugepages: 8KiB",
            "8:16",
            "3 PreCommit1 slots need 4KiB each for two layers, more than 8KiB"
        ),
        Mistake("role: any", "role: [AP, P1, P2]", "5:3", "no worker has a slot for Commit2"),
        Mistake("role: any", "role: [AP, P2, C2]", "5:3", "no worker has a slot for PreCommit1"),
        Mistake("capacity: 100GB", "capacity: 4KB", "10:7", "one 2KiB sector needs"),
        Mistake(
            "write: 1GB/s}\n    workers",
            "write: 1GB/s, sealing: false}\n    workers",
            "5:5",
            "no disk is for sealing"
        ),
        Mistake("capacity: 1TB", "capacity: 1KiB", "14:28", "not one sector of 2KiB fits in 1KiB"),
        Mistake("name: disk", "name: w", "14:12", "the name \"w\" is taken"),
        Mistake("target: w/1", "target: w/2", "25:38", "w has no host 2, only 0 to 1"),
        Mistake("target: w/1", "target: x/1", "25:38", "no host group or store is called \"x\""),
        Mistake(
            "hostDown, target: w/1",
            "workerKilled, target: w/1/all/3",
            "25:42",
            "all has no process 3, only 0 to 2"
        ),
        Mistake(
            "hostDown, target: w/1",
            "workerKilled, target: w/1/al/0",
            "25:42",
            "did you mean \"all\"?"
        ),
        Mistake(
            "hostDown, target: w/1",
            "storeDown, target: w/1",
            "25:39",
            "storeDown needs a store as its target"
        ),
        Mistake("packingMax: 4", "packingMax: 0", "23:35", "nothing would ever be pledged"),
        Mistake(
            "stores:\n",
            "links: {exceptions: [{from: w, to: dsk}]}\nstores:\n",
            "13:36",
            "did you mean \"disk\"?"
        ),
        Mistake(
            "stores:\n",
            "report: {warmUp: 30d}\nstores:\n",
            "13:18",
            "the warm-up of 30d leaves nothing of 30d"
        ),
        Mistake(
            "stores:\n",
            "costs: {hosts: {ww: {price: 1, power: 1}}}\nstores:\n",
            "13:21",
            "no host group is called \"ww\"; did you mean \"w\"?"
        ),
        Mistake(
            "role: any",
            "role: PoSt",
            "12:7",
            "slots for WindowPoSt but tasks.WindowPoSt gives no duration"
        ),
    ]

    static let syntax: [Mistake] = [
        Mistake("name: tiny", "name: 'tiny", "25:56", "not YAML"),
        Mistake("count: 2", "count: 2\n\tx: 1", "7:1", "not YAML"),
        Mistake(
            "hosts:\n",
            "name: again\nhosts:\n",
            "1:1",
            "the key \"name\" stands twice in one mapping"
        ),
    ]

    @Test(
        "each mistake is found where it is",
        arguments: spelling + values + clusters + syntax
    )
    func mistakes(_ mistake: Mistake) throws {
        #expect(Self.sound.contains(mistake.before))
        let text = Self.sound.replacingFirst(mistake.before, by: mistake.after)
        do {
            _ = try Scenario.parse(text: text, fileName: "tiny.yaml")
            Issue.record("no error")
        } catch {
            let found = error.diagnostics.contains { diagnostic in
                "\(diagnostic.line):\(diagnostic.column)" == mistake.place
                    && diagnostic.description.hasPrefix("tiny.yaml:\(mistake.place): ")
                    && diagnostic.description.contains(mistake.fragment)
            }
            #expect(found, "\(error)")
        }
    }

    @Test("products of counts are bounded, too")
    func products() {
        let text = Self.sound.replacingFirst("count: 2", by: "count: 100000")
            .replacingFirst("count: 3", by: "count: 1000")
        let error = #expect(throws: ScenarioError.self) {
            try Scenario.parse(text: text, fileName: "tiny.yaml")
        }
        #expect(
            error?.message.contains("100000000 worker processes in all; at most 1000000") == true
        )
    }

    @Test("several mistakes are listed in file order, twenty at most")
    func several() {
        var text = Self.sound.replacingFirst("sectorSize: 2KiB", by: "sectorSize: 2KB")
            .replacingFirst("count: 2", by: "count: two")
            .replacingFirst("AddPiece: 1s", by: "AddPiece: 1")
        var error = #expect(throws: ScenarioError.self) {
            try Scenario.parse(text: text, fileName: "tiny.yaml")
        }
        #expect(error?.diagnostics.map(\.line) == [2, 6, 16])
        #expect(error?.code == .invalid)
        text += "\n" + (0..<30).map { "unknown\($0): 1" }.joined(separator: "\n")
        error = #expect(throws: ScenarioError.self) {
            try Scenario.parse(text: text, fileName: "tiny.yaml")
        }
        #expect(error?.diagnostics.count == 20)
        #expect(error?.omittedCount == 13)
        #expect(error?.message.hasSuffix("and 13 more") == true)
    }

    @Test("a scenario that is changed after reading can be checked again")
    func validate() throws {
        var scenario = try Scenario.parse(text: Self.sound, fileName: "tiny.yaml")
        try scenario.validate()
        scenario.hosts[0].workers = []
        let error = #expect(throws: ScenarioError.self) { try scenario.validate() }
        #expect(error?.code == .impossible)
        #expect(error?.message.contains("hosts: no worker has a slot for AddPiece") == true)
    }

    @Test("a cluster that only proves needs no sealing hosts")
    func provesOnly() throws {
        let text = Self.sound.replacingFirst("role: any", by: "role: PoSt")
            .replacingFirst("packingMax: 4}", by: "packingMax: 0}\n  provingAtStart: 5000")
            .replacingFirst("AddPiece", by: "WindowPoSt: 10s\n  WinningPoSt: 1s\n  AddPiece")
        let scenario = try Scenario.parse(text: text, fileName: "tiny.yaml")
        #expect(scenario.workload.provesOnly && scenario.workload.provingAtStart == 5000)
    }
}

extension String {
    /// The text with the first occurrence of `part` replaced.
    fileprivate func replacingFirst(_ part: String, by other: String) -> String {
        split(separator: part, maxSplits: 1, omittingEmptySubsequences: false).joined(
            separator: other
        )
    }
}
