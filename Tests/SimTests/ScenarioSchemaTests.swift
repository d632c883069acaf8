// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sim
import Testing
import Yams

/// Checks a value against the part of JSON Schema that the scenario's schema uses.
private struct SchemaChecker {
    /// What is wrong, or nil.
    func problem(_ value: Any, _ schema: [String: Any], _ path: String) -> String? {
        if let condition = schema["if"] as? [String: Any] {
            let isMet = (condition["required"] as? [String] ?? []).allSatisfy {
                (value as? [String: Any])?[$0] != nil
            }
            guard let branch = schema[isMet ? "then" : "else"] as? [String: Any] else {
                return "\(path): the schema has no branch"
            }
            return problem(value, branch, path)
        }
        if let choices = schema["anyOf"] as? [[String: Any]] {
            let problems = choices.map { problem(value, $0, path) }
            guard !problems.contains(where: { $0 == nil }) else { return nil }
            return "\(path): no choice fits: \(problems.compactMap { $0 })"
        }
        if let words = schema["enum"] as? [String] {
            guard let word = value as? String, words.contains(word) else {
                return "\(path): not a word"
            }
            return nil
        }
        switch schema["type"] as? String {
        case "object": return object(value, schema, path)
        case "array":
            guard let items = value as? [Any], let rule = schema["items"] as? [String: Any],
                let least = schema["minItems"] as? Int, items.count >= least
            else { return "\(path): not a long enough list" }
            return items.enumerated().lazy.compactMap { problem($1, rule, "\(path)[\($0)]") }.first
        case "string":
            guard let text = value as? String else { return "\(path): not a text" }
            guard let pattern = schema["pattern"] as? String else { return nil }
            let range = text.range(of: pattern, options: .regularExpression)
            return range == nil ? "\(path): \(text) does not match \(pattern)" : nil
        case "null": return value is NSNull ? nil : "\(path): not nothing"
        case "boolean": return value is Bool ? nil : "\(path): not a flag"
        case "integer", "number":
            guard let number = value as? NSNumber, let low = schema["minimum"] as? NSNumber,
                let high = schema["maximum"] as? NSNumber
            else { return "\(path): not a number" }
            let inside = (low.doubleValue...high.doubleValue).contains(number.doubleValue)
            return inside ? nil : "\(path): \(number) is out of range"
        default: return "\(path): the schema has no type"
        }
    }

    private func object(_ value: Any, _ schema: [String: Any], _ path: String) -> String? {
        guard let fields = value as? [String: Any] else { return "\(path): not a mapping" }
        for key in schema["required"] as? [String] ?? [] where fields[key] == nil {
            return "\(path): \(key) is missing"
        }
        if let most = schema["maxProperties"] as? Int, fields.count > most {
            return "\(path): too many"
        }
        if let least = schema["minProperties"] as? Int, fields.count < least {
            return "\(path): too few"
        }
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        let others = schema["additionalProperties"] as? [String: Any]
        for key in fields.keys.sorted() {
            guard let rule = properties[key] ?? others else { return "\(path): unknown key \(key)" }
            if let field = fields[key], let found = problem(field, rule, "\(path).\(key)") {
                return found
            }
        }
        return nil
    }
}

@Suite("The schema of scenario files")
struct ScenarioSchemaTests {
    private func parsed(_ json: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }

    private func problem(in json: String) throws -> String? {
        SchemaChecker().problem(try parsed(json), try parsed(Scenario.schema.json), "")
    }

    @Test("every shipped scenario keeps to the schema", arguments: ScenarioShippedTests.names)
    func shipped(_ name: String) throws {
        let found = try problem(in: try ShippedScenarios.load(name).normalized.json)
        #expect(found == nil)
    }

    /// A file as it stands, what it includes left out.
    private func plain(_ text: String) throws -> Any {
        let value = try #require(try Yams.load(yaml: text))
        let data = try JSONSerialization.data(withJSONObject: value)
        return try JSONSerialization.jsonObject(with: data)
    }

    private func problem(inText text: String) throws -> String? {
        SchemaChecker().problem(try plain(text), try parsed(Scenario.schema.json), "")
    }

    @Test("every shipped file keeps to the schema as it stands, those that are laid over others too")
    func files() throws {
        var overlayCount = 0
        for name in ScenarioShippedTests.names {
            let url = ShippedScenarios.folder.appendingPathComponent(name + ".yaml")
            let text = try String(contentsOf: url, encoding: .utf8)
            if text.contains("\ninclude:") { overlayCount += 1 }
            let found = try problem(inText: text)
            #expect(found == nil, "\(name)")
        }
        #expect(overlayCount >= 4)
    }

    @Test("a file that includes another requires nothing else; its keys, units and distributions are checked")
    func overlays() throws {
        let over = "include: base.yaml\n"
        for sound in [
            "name: more", "faults:", "hosts: [{name: p1, count: 3}]",
            "tasks: {PreCommit1: {failureRate: 1%}}",
            "tasks: {PreCommit2: {duration: {normal: {mean: 9m, deviation: 1m}}}}",
            "hosts: [{name: p1, disks: [{name: nvme, iops: 5}], nic: }]", "costs: {hosts: {p1: {power: 3}}}",
        ] {
            let found = try problem(inText: over + sound)
            #expect(found == nil, "\(sound)")
            #expect(try problem(inText: sound) != nil, "\(sound)")
        }
        for wrong in [
            "nmae: more", "sectorSize: 3 lots", "hosts: [{name: p1, cuont: 3}]", "tasks: {PreCommit1: soon}",
            "tasks: {PreCommit2: {duration: {normal: {mean: 9m}}}}", "faults: [{at: 1h}]",
        ] {
            #expect(try problem(inText: over + wrong) != nil, "\(wrong)")
        }
    }

    @Test("a custom network, costs and links keep to the schema")
    func rest() throws {
        let url = ShippedScenarios.folder.appendingPathComponent("devnet.yaml")
        let text =
            try String(contentsOf: url, encoding: .utf8)
            .replacingOccurrences(
                of: "\nnetwork: devnet",
                with: "\nnetwork: {base: devnet, epochDuration: 1s}"
            )
            .replacingOccurrences(
                of: "\nlinks:\n",
                with:
                    "\nlinks:\n  exceptions: [{from: worker, to: disk, latency: 2ms, bandwidth: 1Mbps}]\n"
            )
                + """
                costs:
                  currency: EUR
                  electricityPerKilowattHour: 0.1234
                  depreciation: 365d
                  storePerTebibyteMonth: 5
                  rackUnitMonth: 20
                  provenance: published
                  source: a list of prices
                  hosts: {worker: {price: 1000, power: 150, rackUnits: 2, provenance: measured}}
                  chain: {filPrice: 5, baseFee: 0.1nFIL, networkPower: 12.5EiB, verifiedShare: 20%}
                """
        let scenario = try Scenario.parse(text: text, fileName: "devnet.yaml")
        #expect(scenario.network.name == "custom" && scenario.network.preCommitChallengeDelay == 10)
        #expect(scenario.links.exceptions.map(\.latency) == [.milliseconds(2)])
        let costs = try #require(scenario.costs)
        #expect(costs.electricityPerKilowattHour.micros == 123_400 && costs.provenance == .published)
        #expect(costs.hosts.first?.rackUnits == 2 && costs.hosts.first?.provenance == .measured)
        #expect(costs.chain.networkPower.bytes == 25 << 59 && costs.chain.premium == AttoFIL(100_000))
        let json = scenario.normalized.json
        #expect(try problem(in: json) == nil)
        #expect(try Scenario.parse(text: json, fileName: "custom") == scenario)
    }

    @Test("a bucket of S3 need not say what it carries; every other store must")
    func stores() throws {
        func refusal(_ kind: String) throws -> String? {
            var document = try parsed(try ShippedScenarios.load("devnet").normalized.json)
            var store = try #require((document["stores"] as? [[String: Any]])?.first)
            for key in ["read", "write"] { store[key] = nil }
            store["kind"] = kind
            document["stores"] = [store]
            let json = String(
                decoding: try JSONSerialization.data(withJSONObject: document), as: UTF8.self)
            var isRead = true
            do { _ = try Scenario.parse(text: json, fileName: "stores.json") } catch { isRead = false }
            let found = try problem(in: json)
            #expect(isRead == (found == nil), "\(kind)")
            return found
        }
        #expect(try refusal("s3") == nil)
        for kind in ["local", "nfs", "ceph", "cloud"] { #expect(try refusal(kind) != nil) }
    }

    @Test(
        "what the reader refuses by its form, the schema refuses, too",
        arguments: [
            ("\"sectorSize\": \"2KiB\"", "\"sectorsize\": \"2KiB\""), ("\"2KiB\"", "\"2kib\""),
            ("\"count\": 3", "\"count\": 0"), ("\"count\": 3", "\"count\": \"three\""),
            ("\"finalizeEarly\": true", "\"finalizeEarly\": \"yes\""),
            ("\"kind\": \"local\"", "\"kind\": \"tape\""),
            ("\"every\": \"20m\"", "\"every\": \"4\""), ("\"rate\": \"4/1m\"", "\"rate\": \"4\""),
            ("\"failureRate\": 0.005", "\"failureRate\": 7"), ("\"lognormal\"", "\"logNormal\""),
        ]
    )
    func refused(_ before: String, _ after: String) throws {
        let json = try ShippedScenarios.load("devnet").normalized.json
        let place = try #require(json.range(of: before))
        let changed = json.replacingCharacters(in: place, with: after)
        #expect(try problem(in: changed) != nil)
        #expect(throws: ScenarioError.self) {
            try Scenario.parse(text: changed, fileName: "changed.json")
        }
    }
}
