// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Scheduler
import Synchronization
import Testing

/// A peer that answers from a table, or with what a closure makes of the question.
final class ScriptedPeer: PolicyPeer {
    private let answer: @Sendable (String) throws -> String
    let questions = Mutex<[String]>([])

    init(_ answer: @escaping @Sendable (String) throws -> String) { self.answer = answer }

    func ask(_ line: String) throws -> String {
        questions.withLock { $0.append(line) }
        if line.contains("\"type\":\"hello\"") { return #"{"version":1,"name":"scripted"}"# }
        return try answer(line)
    }
}

@Suite("A policy that is another program")
struct ExternalPolicyTests {
    private func sketch(_ link: ExternalPolicyLink) -> ClusterSketch {
        var context = PolicyContext(seed: 42)
        context.link = link
        var sketch = ClusterSketch(ExternalPolicy(context))
        sketch.addWorker("w0", on: "h0", [.preCommit1: 1])
        sketch.addStore(on: "h0")
        sketch.submit(.preCommit1, sector: 1, on: "h0")
        return sketch
    }

    private func failure(_ answer: String) -> ExternalPolicyError? {
        let link = ExternalPolicyLink(ScriptedPeer { _ in answer })
        var sketch = sketch(link)
        sketch.decide()
        #expect(sketch.starts.isEmpty)
        return link.failure
    }

    @Test("its decisions are carried out, and a question that it answered with nothing is not asked twice")
    func works() throws {
        let id = ClusterSketch.id(.preCommit1, 1).description
        let peer = ScriptedPeer { line in
            line.contains("\"tasks\":[]")
                ? #"{"version":1,"decisions":[]}"#
                : #"{"version":1,"decisions":[{"assign":"\#(id)","worker":0,"rule":"r","score":2}]}"#
        }
        let link = ExternalPolicyLink(peer)
        var sketch = sketch(link)
        sketch.decide()
        #expect(link.failure == nil)
        #expect(sketch.starts.map(\.worker) == ["w0"])
        sketch.wish(sector: 9, bytes: 1)
        sketch.decide()
        let count = peer.questions.withLock { $0.count }
        sketch.decide()
        #expect(peer.questions.withLock { $0.count } == count)
        #expect(peer.questions.withLock { $0.allSatisfy { !$0.contains("\n") } })
    }

    @Test("the question says what is free, what waits and where it may start")
    func question() throws {
        let peer = ScriptedPeer { _ in #"{"version":1,"decisions":[]}"# }
        var sketch = sketch(ExternalPolicyLink(peer))
        sketch.wish(sector: 9, bytes: 77, isDeal: true, deadline: Instant(seconds: 60))
        sketch.decide()
        let text = try #require(peer.questions.withLock { $0.last })
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        let root = try #require(object as? [String: Any])
        let task = try #require((root["tasks"] as? [[String: Any]])?.first)
        #expect(task["kind"] as? String == "seal/v0/precommit/1" && task["host"] as? String == "h0")
        #expect(task["workers"] as? [Int] == [0])
        let worker = try #require((root["workers"] as? [[String: Any]])?.first)
        #expect(worker["free"] as? [String: Int] == ["seal/v0/precommit/1": 1])
        let wish = try #require((root["admissions"] as? [[String: Any]])?.first)
        #expect(wish["deadline"] as? Double == 60 && wish["stores"] as? [String] == ["h0"])
    }

    @Test(
        "nonsense is named by line and field",
        arguments: [
            ("hello", "nonsense", ""), ("[]", "nonsense", ""), (#"{"decisions":[]}"#, "nonsense", "version"),
            (#"{"version":2,"decisions":[]}"#, "version", "version"),
            (#"{"version":true,"decisions":[]}"#, "nonsense", "version"),
            (#"{"version":1}"#, "nonsense", "decisions"),
            (#"{"version":1,"decisions":[7]}"#, "nonsense", "decisions[0]"),
            (#"{"version":1,"decisions":[{}]}"#, "nonsense", "decisions[0]"),
            (#"{"version":1,"decisions":[{"assign":"x","worker":0}]}"#, "nonsense", "decisions[0].assign"),
            (
                #"{"version":1,"decisions":[{"hold":"f01000-1 PC1 try 1","reason":"a"},"#
                    + #"{"assign":"f01000-1 PC1 try 1","worker":9}]}"#,
                "nonsense", "decisions[1].worker"
            ),
            (
                #"{"version":1,"decisions":[{"assign":"f01000-1 PC1 try 1","worker":0.5}]}"#, "nonsense",
                "decisions[0].worker"
            ),
            (
                #"{"version":1,"decisions":[{"assign":"f01000-1 PC1 try 1"}]}"#, "nonsense",
                "decisions[0].worker"
            ),
            (
                #"{"version":1,"decisions":[{"admit":"f01000-7","store":"h0"}]}"#, "nonsense",
                "decisions[0].admit"
            ),
            (
                #"{"version":1,"decisions":[{"hold":"f01000-1 PC1 try 1","reason":"a","why":1}]}"#,
                "nonsense",
                "decisions[0].why"
            ),
            (#"{"version":1,"decisions":[],"wakeAfter":-1}"#, "nonsense", "wakeAfter"),
        ])
    func nonsense(answer: String, code: String, field: String) throws {
        let error = try #require(failure(answer))
        #expect(error.code.rawValue == code && error.field == field, "\(error)")
        // The first line is the greeting's.
        #expect(error.line == 2)
        #expect(error.description.contains("line 2"))
    }

    @Test("an answer beyond its bounds is refused before it is parsed")
    func bounds() throws {
        let long = #"{"version":1,"decisions":["# + String(repeating: " ", count: 17 << 20) + "]}"
        #expect(failure(long)?.code == .tooLong)
        let many =
            #"{"version":1,"decisions":["# + Array(repeating: "0", count: 10_001).joined(separator: ",")
            + "]}"
        #expect(failure(many)?.field == "decisions")
    }

    @Test("a miner's program that dies is started anew, later each time; what waits says so meanwhile")
    func startedAnew() throws {
        let log = Mutex<(starts: Int, pauses: [Duration])>((0, []))
        let id = ClusterSketch.id(.preCommit1, 1).description
        // It dies three times, cannot be started once, and then works.
        let link = try ExternalPolicyLink(
            remaking: {
                let start = log.withLock { log in
                    log.starts += 1
                    return log.starts
                }
                if start == 4 { throw ExternalPolicyError(.notStarted, "no such program") }
                return ScriptedPeer { line in
                    if start < 4 { throw ExternalPolicyError(.died, "it ended with status 3") }
                    return line.contains("\"tasks\":[]")
                        ? #"{"version":1,"decisions":[]}"#
                        : #"{"version":1,"decisions":[{"assign":"\#(id)","worker":0}]}"#
                }
            }, told: { _, pause in log.withLock { $0.pauses.append(pause) } })
        var sketch = sketch(link)
        sketch.decide()
        #expect(sketch.starts.isEmpty && link.failure?.code == .died)
        let said = sketch.holds[ClusterSketch.id(.preCommit1, 1)] ?? ""
        #expect(said.contains("status 3") && said.contains("started again 1 s later"))
        sketch.run(until: Instant(seconds: 6))
        #expect(log.withLock { $0.starts } == 3 && sketch.starts.isEmpty)
        sketch.run(until: Instant(seconds: 20))
        #expect(log.withLock { $0.starts } == 5 && link.failure == nil)
        #expect(sketch.starts.map(\.at.seconds) == [15])
        #expect(log.withLock { $0.pauses } == [.seconds(1), .seconds(2), .seconds(4), .seconds(8)])
    }

    @Test("after a failure nothing is asked and nothing is decided; the first failure is kept")
    func dies() {
        let peer = ScriptedPeer { _ in throw ExternalPolicyError(.died, "it ended with status 3") }
        let link = ExternalPolicyLink(peer)
        var sketch = sketch(link)
        sketch.decide()
        sketch.submit(.preCommit1, sector: 2, on: "h0")
        sketch.decide()
        #expect(link.failure?.code == .died)
        #expect(peer.questions.withLock { $0.count } == 2)
        #expect(sketch.starts.isEmpty)
    }

    @Test("it is asked again when it said so")
    func wakes() {
        let peer = ScriptedPeer { line in
            line.contains("\"now\":5")
                ? #"{"version":1,"decisions":[{"assign":"f01000-1 PC1 try 1","worker":0}]}"#
                : #"{"version":1,"decisions":[],"wakeAfter":5}"#
        }
        var sketch = sketch(ExternalPolicyLink(peer))
        sketch.run(until: Instant(seconds: 60))
        #expect(sketch.starts.map(\.at.seconds) == [5])
    }

    @Test("the schema is JSON and names every field of a question")
    func schema() throws {
        let object = try JSONSerialization.jsonObject(with: Data(ExternalPolicySchema.json.utf8))
        let parts = try #require((object as? [String: Any])?["$defs"] as? [String: [String: Any]])
        let peer = ScriptedPeer { _ in #"{"version":1,"decisions":[]}"# }
        var sketch = sketch(ExternalPolicyLink(peer))
        sketch.wish(sector: 9, bytes: 77, deadline: .zero)
        sketch.submit(.preCommit1, sector: 2, on: "h0", deadline: Instant(seconds: 1))
        sketch.decide()
        for text in peer.questions.withLock({ $0 }) {
            let line = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            let name = line["type"] as? String == "hello" ? "hello" : "question"
            func check(_ table: [String: Any], _ part: String) throws {
                let known = try #require(parts[part]?["properties"] as? [String: Any])
                for key in table.keys { #expect(known[key] != nil, "\(part).\(key)") }
            }
            try check(line, name)
            for (key, part) in [
                ("workers", "worker"), ("stores", "store"), ("tasks", "task"), ("admissions", "admission"),
            ] {
                for item in line[key] as? [[String: Any]] ?? [] { try check(item, part) }
            }
        }
    }
}
