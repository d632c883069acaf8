// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

extension SectorStateMachineTests {
    @Test(
        "a full disk costs no sector and takes no step back, however long it is full",
        arguments: [
            (SectorState.preCommit1, TaskType.preCommit1), (.preCommit2, .preCommit2),
            (.committing, .commit1), (.finalizeSector, .finalize), (.packing, .addPiece),
        ])
    func fullDisk(state: SectorState, type: TaskType) {
        var machine = machine(at: state)
        if state == .packing { _ = machine.handle(.reserved(store: "s1", host: "h1")) }
        var pauses: [Duration] = []
        for _ in 1...30 {
            let id = TaskID(
                sector: Self.key, type: type, attempt: max(1, machine.record.attempts[type.stage]))
            let failure = TaskFailure(cause: .noSpace, message: "No space left on device")
            guard case .retry(let pause)? = machine.handle(.finished(id, .failed(failure))).first else {
                break
            }
            pauses.append(pause)
            _ = machine.handle(.retryDue)
            #expect(machine.record.state == state)
        }
        // Twice as long each time at first, and then often enough that nobody waits for long.
        #expect(pauses.prefix(4) == [.seconds(60), .seconds(120), .seconds(240), .seconds(480)])
        #expect(pauses.count == 30 && pauses.last == .seconds(480))
        #expect(machine.record.failureCount == 0 && machine.record.failureCount(.noSpace) == 30)
        #expect(machine.record.lastError?.contains("No space left") == true)
        let id = TaskID(sector: Self.key, type: type, attempt: max(1, machine.record.attempts[type.stage]))
        _ = machine.handle(.finished(id, .done(outcome(type))))
        #expect(machine.record.failureCount(.noSpace) == 0)
    }
}
