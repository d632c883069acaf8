// SPDX-License-Identifier: Apache-2.0
import Engine
import Foundation
import Kernel
import Scheduler
import Sealing
import Testing

/// Pre-commit 1 of several sectors on one core.
@Suite("PreCommit1 tasks that a worker runs together", .serialized)
struct BatchRunnerTests {
    private let work = TaskWork.preCommit1(ticket: RunnerHouse.ticket)
    /// So long that only a full batch begins within a test.
    private let patient = NativeTaskRunner.Batching(countMax: 3, wait: .seconds(600))

    /// What each sector comes to when it is sealed alone.
    private func alone(_ numbers: [UInt64]) async throws -> [[UInt8]] {
        let house = try RunnerHouse()
        var found: [[UInt8]] = []
        for number in numbers {
            try await house.addPiece(number)
            _ = try await house.outcome(number, work)
            found.append(try await house.commR(number))
        }
        return found
    }

    private func cause(_ result: TaskResult) -> TaskFailure.Cause? {
        if case .failed(let failure) = result { failure.cause } else { nil }
    }

    @Test("a full batch begins at once, each task reports once, and each CommR is that of the sector alone")
    func full() async throws {
        let house = try RunnerHouse(batching: patient)
        for number in 1...3 { try await house.addPiece(UInt64(number)) }
        let calls = (1...3).map { house.start(UInt64($0), work) }
        for call in calls { _ = try house.outcome(await house.result(of: call)) }
        let expected = try await alone([1, 2, 3])
        for number in 1...3 {
            #expect(house.results(of: calls[number - 1]).count == 1)
            #expect(try await house.commR(UInt64(number)) == expected[number - 1])
        }
    }

    @Test("a batch that does not fill begins when its time is over, one task of it as well")
    func window() async throws {
        let house = try RunnerHouse(
            threadCount: 1, batching: .init(countMax: 16, wait: .milliseconds(50)))
        for number in 1...2 { try await house.addPiece(UInt64(number)) }
        let calls = (1...2).map { house.start(UInt64($0), work) }
        for call in calls { _ = try house.outcome(await house.result(of: call)) }
        // The same sector a second time finds its layers.
        _ = try await house.outcome(1, work)
        let expected = try await alone([1, 2])
        for number in 1...2 { #expect(try await house.commR(UInt64(number)) == expected[number - 1]) }
    }

    @Test("a sector whose data is wrong fails alone; the others of its batch are sealed")
    func failing() async throws {
        let house = try RunnerHouse(batching: patient)
        for number in 1...3 { try await house.addPiece(UInt64(number)) }
        let unsealed = house.paths(2).unsealed
        var bytes = try Data(contentsOf: URL(filePath: unsealed))
        bytes[100] ^= 1
        try bytes.write(to: URL(filePath: unsealed))
        let calls = (1...3).map { house.start(UInt64($0), work) }
        #expect(cause(try await house.result(of: calls[1])) == .filesLost)
        let expected = try await alone([1, 3])
        for (index, number) in [UInt64(1), 3].enumerated() {
            _ = try house.outcome(await house.result(of: calls[Int(number) - 1]))
            #expect(try await house.commR(number) == expected[index])
        }
        #expect(calls.allSatisfy { house.results(of: $0).count == 1 })
    }

    @Test("a task without files, or aborted while it waits, does not keep the others")
    func early() async throws {
        let house = try RunnerHouse(batching: patient)
        for number in 1...2 { try await house.addPiece(UInt64(number)) }
        let calls = [house.start(1, work), house.start(9, work)]
        house.abort(calls[0])
        let last = house.start(2, work)
        #expect(cause(try await house.result(of: calls[0])) == .aborted)
        #expect(cause(try await house.result(of: calls[1])) == .filesLost)
        _ = try house.outcome(await house.result(of: last))
        #expect(try await [house.commR(2)] == alone([2]))
    }

    @Test("a task aborted at work ends, the others go on behind their complete layers", arguments: [1, 2])
    func abort(layer: Int) async throws {
        let (house, calls) = try await stopped(layer: layer, aborting: 1)
        for call in calls.dropFirst() { _ = try house.outcome(await house.result(of: call)) }
        // What was aborted may come again, alone or with others.
        let again = try RunnerHouse(proof: 6, after: house)
        _ = try await again.outcome(1, work)
        try await demandLarge(again)
    }

    @Test("a batch that died goes on in another process, with the layers that it had complete")
    func died() async throws {
        let (house, _) = try await stopped(layer: 2, aborting: 3)
        let first = try (1...3).map { try identity(house.paths($0).layer(1)) }
        // A killed process leaves what it was writing.
        for number in 1...3 {
            try Data([1, 2, 3]).write(to: URL(filePath: house.paths(UInt64(number)).layer(2) + ".tmp"))
        }
        let again = try RunnerHouse(proof: 6, after: house, batching: patient)
        for call in (1...3).map({ again.start(UInt64($0), work) }) {
            _ = try again.outcome(await again.result(of: call))
        }
        #expect(try (1...3).map { try identity(again.paths($0).layer(1)) } == first)
        try await demandLarge(again)
    }

    /// A batch of three of which the first tasks were aborted while a layer was written.
    private func stopped(layer: Int, aborting count: Int) async throws -> (RunnerHouse, [CallID]) {
        // On a busy machine the layer may be over before it is seen; then it is tried once more.
        for _ in 0..<5 {
            let house = try RunnerHouse(proof: 6, batching: patient)
            for number in 1...3 { try await house.addPiece(UInt64(number)) }
            let calls = (1...3).map { house.start(UInt64($0), work) }
            let path = house.paths(1).layer(layer)
            try await house.poll("layer \(layer) is begun") {
                [path + ".tmp", path].contains { FileManager.default.fileExists(atPath: $0) }
            }
            for call in calls.prefix(count) { house.abort(call) }
            var causes: [TaskFailure.Cause?] = []
            for call in calls.prefix(count) { causes.append(cause(try await house.result(of: call))) }
            if causes.allSatisfy({ $0 == .aborted }) { return (house, calls) }
        }
        throw TaskFailure(cause: .computeFailed, message: "no abort came while layer \(layer) was written")
    }

    /// What 8 MiB sectors 1 to 3 come to alone: the digests of their layers, and the second one's CommR.
    private static let large = Task {
        let house = try RunnerHouse(proof: 6)
        var notes: [Data] = []
        for number in UInt64(1)...3 {
            try await house.addPiece(number)
            _ = try await house.outcome(number, .preCommit1(ticket: RunnerHouse.ticket))
            notes.append(try Data(contentsOf: URL(filePath: house.layerNotes(number))))
        }
        return (notes: notes, commR: try await house.commR(2))
    }

    /// Compares layers that were made together with those.
    private func demandLarge(_ house: RunnerHouse) async throws {
        let expected = try await Self.large.value
        for number in UInt64(1)...3 {
            let notes = try Data(contentsOf: URL(filePath: house.layerNotes(number)))
            #expect(notes == expected.notes[Int(number) - 1], "layers of sector \(number)")
        }
        #expect(try await house.commR(2) == expected.commR)
    }

    /// The number of a file, which another file of its name does not have.
    private func identity(_ path: String) throws -> UInt64 {
        try #require(
            try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? UInt64)
    }
}
