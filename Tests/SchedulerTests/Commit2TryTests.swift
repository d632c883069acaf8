// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Scheduler
import Testing

/// A Commit2 that fails by its computation costs an hour of a GPU, and mostly fails again.
@Suite("Tries of Commit2")
struct Commit2TryTests {
    private static let key = SectorKey(miner: 1000, number: 7)

    /// A sector whose openings are there and whose proof is to be made.
    private func committing() -> SectorStateMachine {
        var record = SectorRecord(key: Self.key, proof: 5, makesSNARK: true)
        record.state = .committing
        (record.host, record.store) = ("h1", "h1:s")
        (record.ticket, record.ticketEpoch) = ([UInt8](repeating: 1, count: 32), 10)
        (record.seed, record.seedEpoch) = ([UInt8](repeating: 2, count: 32), 200)
        (record.unsealedCommitment, record.sealedCommitment) = ([3], [4])
        record.preCommitEpoch = 50
        var machine = SectorStateMachine(record: record)
        _ = machine.handle(.resume)
        let openings = TaskID(sector: Self.key, type: .commit1, attempt: 1)
        _ = machine.handle(.finished(openings, .done(.commit1(form: .vanilla, proof: [9]))))
        return machine
    }

    /// The miner is started again, and then the latest try ends.
    private func end(_ machine: inout SectorStateMachine, _ result: TaskResult) throws {
        let stored = try JSONEncoder().encode(machine.record)
        machine = SectorStateMachine(record: try JSONDecoder().decode(SectorRecord.self, from: stored))
        _ = machine.handle(.resume)
        if machine.record.state == .computeProofFailed { _ = machine.handle(.retryDue) }
        #expect(machine.record.state == .committing)
        let attempt = machine.record.attempts[TaskType.commit2.stage]
        _ = machine.handle(.finished(TaskID(sector: Self.key, type: .commit2, attempt: attempt), result))
    }

    private func failed(_ cause: TaskFailure.Cause, _ message: String) -> TaskResult {
        .failed(TaskFailure(cause: cause, message: message))
    }

    @Test("it is tried three times, restarts of the miner included; a lost worker is no try")
    func three() throws {
        var machine = committing()
        #expect(machine.record.attempts[TaskType.commit2.stage] == 1)
        for _ in 1...4 { try end(&machine, failed(.infrastructureLost, "its worker was lost")) }
        #expect(machine.record.state == .committing && machine.record.failureCount == 0)
        for _ in 1...2 { try end(&machine, failed(.computeFailed, "bad luck")) }
        #expect(machine.record.state == .computeProofFailed && machine.record.failureCount == 2)
        try end(&machine, failed(.computeFailed, "bad luck"))
        #expect(machine.record.state == .failedUnrecoverable)
        #expect(machine.record.lastError?.contains("C2 failed 3 times") == true)
        #expect(machine.record.lastError?.contains("bad luck") == true)
        #expect(machine.record.failureCount(.commit2) == 0, "who puts it back by hand has three tries again")
    }

    @Test("a proof that was made ends the count")
    func success() throws {
        var machine = committing()
        for _ in 1...2 { try end(&machine, failed(.computeFailed, "bad luck")) }
        try end(&machine, .done(.commit2(form: .modelled, proof: [8])))
        #expect(machine.record.state == .submitCommitAggregate)
        #expect(machine.record.failures.isEmpty)
    }
}
