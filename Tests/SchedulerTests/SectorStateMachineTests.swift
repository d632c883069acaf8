// SPDX-License-Identifier: Apache-2.0
import Chain
import Scheduler
import Testing

/// The life of one sector, event by event.
@Suite("Sector state machine")
struct SectorStateMachineTests {
    private static let ticket = [UInt8](repeating: 1, count: 32)
    private static let seed = [UInt8](repeating: 2, count: 32)
    private static let commD = [UInt8](repeating: 3, count: 32)
    private static let commR = [UInt8](repeating: 4, count: 32)
    private static let key = SectorKey(miner: 1000, number: 7)

    private func machine(makesSNARK: Bool = false) -> SectorStateMachine {
        SectorStateMachine(record: SectorRecord(key: Self.key, proof: 5, makesSNARK: makesSNARK))
    }

    private func outcome(_ type: TaskType) -> TaskOutcome {
        switch type {
        case .addPiece: .addPiece(unsealedCommitment: Self.commD, paddedBytes: 2048)
        case .preCommit1: .preCommit1(unsealedCommitment: Self.commD)
        case .preCommit2: .preCommit2(unsealedCommitment: Self.commD, sealedCommitment: Self.commR)
        case .commit1: .commit1(form: .vanilla, proof: [9])
        case .commit2: .commit2(form: .modelled, proof: [8])
        case .finalize: .finalize(store: "/store")
        }
    }

    /// Answers whatever the machine asks until it asks for nothing more or `stop` holds.
    @discardableResult
    private func drive(
        _ machine: inout SectorStateMachine, from first: [SectorAction],
        until stop: (SectorState) -> Bool = { _ in false }
    ) -> [SectorState] {
        var states: [SectorState] = [machine.record.state]
        var waiting = first
        while !waiting.isEmpty, !stop(machine.record.state) {
            let action = waiting.removeFirst()
            let event: SectorEvent? =
                switch action {
                case .reserve: .reserved(store: "s1", host: "h1")
                case .submit(let request): .finished(request.id, .done(outcome(request.id.type)))
                case .askTicket: .ticket(Self.ticket, epoch: 10)
                case .sendPreCommit: .preCommitted(epoch: 20)
                case .askSeed: .seed(Self.seed, epoch: 30)
                case .sendProof: .proven(epoch: 40)
                case .retry: .retryDue
                case .releaseStore, .cancel, .claim: nil
                }
            guard let event else { continue }
            waiting += machine.handle(event)
            if states.last != machine.record.state { states.append(machine.record.state) }
        }
        return states
    }

    private func machine(at state: SectorState) -> SectorStateMachine {
        var machine = machine()
        let actions = machine.handle(.resume)
        drive(&machine, from: actions) { $0 == state }
        return machine
    }

    @Test("a sector passes all states in order and keeps what it learnt")
    func wholeLife() {
        var machine = machine()
        let states = drive(&machine, from: machine.handle(.resume))
        #expect(
            states == [
                .packing, .getTicket, .preCommit1, .preCommit2, .preCommitWait, .waitSeed, .committing,
                .commitWait, .finalizeSector, .proving,
            ])
        #expect(machine.record.sealedCommitment == Self.commR)
        #expect(machine.record.ticketEpoch == 10)
        #expect(machine.record.provenEpoch == 40)
        #expect(machine.record.store == "/store")
        #expect(machine.record.proofBytes == nil, "the proof is dropped once the chain has it")
    }

    @Test("a cluster that makes SNARKs runs Commit2 after Commit1")
    func withSNARK() {
        var machine = machine(makesSNARK: true)
        drive(&machine, from: machine.handle(.resume)) { $0 == .commitWait }
        #expect(machine.record.attempts[TaskType.commit2.stage] == 1)
        #expect(machine.record.proofForm == .modelled)
    }

    @Test(
        "an event that the state does not expect changes nothing",
        arguments: [
            SectorState.packing, .getTicket, .preCommit1, .preCommit2, .preCommitWait, .waitSeed, .committing,
            .commitWait, .finalizeSector, .proving,
        ])
    func unexpected(state: SectorState) {
        let expected: [SectorState: Set<String>] = [
            .getTicket: ["ticket", "refused"], .preCommitWait: ["preCommitted", "refused"],
            .waitSeed: ["seed", "refused"], .commitWait: ["proven", "refused"],
        ]
        let events: [(String, SectorEvent)] = [
            ("ticket", .ticket(Self.ticket, epoch: 11)), ("preCommitted", .preCommitted(epoch: 21)),
            ("seed", .seed(Self.seed, epoch: 31)), ("proven", .proven(epoch: 41)),
            ("refused", .refused(ChainRefusal(exitCode: 16, reason: "no"))),
            ("storeLost", .storeLost(store: "another")),
            (
                "stale",
                .finished(
                    TaskID(sector: Self.key, type: .preCommit1, attempt: 99), .done(outcome(.preCommit1)))
            ),
        ]
        for (name, event) in events where !(expected[state]?.contains(name) ?? false) {
            var machine = machine(at: state)
            let before = machine.record
            #expect(machine.handle(event).isEmpty, "\(name) in \(state.rawValue)")
            #expect(machine.record == before, "\(name) in \(state.rawValue)")
        }
    }

    @Test(
        "resuming asks again for what the state waits for, under the same try",
        arguments: SectorState.allCases)
    func resume(state: SectorState) {
        var record = machine(at: .commitWait).record
        record.state = state
        if state == .packing { record.store = nil }
        var machine = SectorStateMachine(record: record)
        let actions = machine.handle(.resume)
        #expect(actions.isEmpty == (state == .failedUnrecoverable))
        var again = SectorStateMachine(record: machine.record)
        let second = again.handle(.resume)
        #expect(actions.count == second.count)
        let failed: Set<SectorState> = [
            .sealPreCommit1Failed, .sealPreCommit2Failed, .computeProofFailed, .finalizeFailed,
        ]
        if !failed.contains(state) { #expect(actions == second, "the same try is asked for again") }
    }

    @Test(
        "losing a worker repeats the same task under a new number",
        arguments: [SectorState.preCommit1, .preCommit2, .committing])
    func workerLost(state: SectorState) throws {
        var machine = machine(at: state)
        let type: TaskType =
            state == .preCommit1 ? .preCommit1 : state == .preCommit2 ? .preCommit2 : .commit1
        let id = TaskID(sector: Self.key, type: type, attempt: 1)
        let failure = TaskFailure(cause: .infrastructureLost, message: "gone")
        let actions = machine.handle(.finished(id, .failed(failure)))
        guard case .submit(let request)? = actions.first else {
            Issue.record("expected the task to be submitted again, got \(actions)")
            return
        }
        #expect(request.id == TaskID(sector: Self.key, type: type, attempt: 2))
        #expect(machine.record.state == state)
        #expect(machine.record.failureCount == 0, "a lost worker says nothing about the data")
    }

    @Test("a store that is lost before the chain knows the sector leads to a new ticket")
    func storeLostEarly() {
        var machine = machine(at: .preCommit2)
        let actions = machine.handle(.storeLost(store: "s1"))
        #expect(
            actions.contains(.cancel(TaskID(sector: Self.key, type: .preCommit2, attempt: 1)))
                || actions.contains(.reserve))
        #expect(machine.record.ticket == nil)
        let states = drive(&machine, from: actions)
        #expect(states.contains(.getTicket))
        #expect(states.last == .proving)
    }

    @Test(
        "a store lost after the pre-commitment is sealed anew with the old ticket, straight to the proof"
    )
    func storeLostLate() {
        var machine = machine(at: .committing)
        let actions = machine.handle(.storeLost(store: "s1"))
        #expect(machine.record.ticket == Self.ticket)
        let states = drive(&machine, from: actions)
        #expect(!states.contains(.getTicket))
        #expect(!states.contains(.preCommitWait))
        #expect(states.last == .proving)
    }

    @Test("sealing anew to another CommR than the chain knows ends the sector with the reason")
    func anotherCommR() {
        var machine = machine(at: .committing)
        var actions = machine.handle(.storeLost(store: "s1"))
        while machine.record.state != .preCommit2, !actions.isEmpty {
            switch actions.removeFirst() {
            case .reserve: actions += machine.handle(.reserved(store: "s2", host: "h2"))
            case .submit(let request):
                actions += machine.handle(.finished(request.id, .done(outcome(request.id.type))))
            default: break
            }
        }
        let id = TaskID(sector: Self.key, type: .preCommit2, attempt: 2)
        _ = machine.handle(
            .finished(id, .done(.preCommit2(unsealedCommitment: Self.commD, sealedCommitment: Self.commD))))
        #expect(machine.record.state == .failedUnrecoverable)
        #expect(machine.record.lastError?.contains("another CommR") == true)
    }

    @Test("failures of computation pause, and end after the limit with the last reason")
    func computeFailures() {
        var machine = machine(at: .preCommit1)
        var attempt = 1
        for _ in 0..<5 {
            let id = TaskID(sector: Self.key, type: .preCommit1, attempt: attempt)
            let actions = machine.handle(
                .finished(id, .failed(TaskFailure(cause: .computeFailed, message: "bit flip"))))
            #expect(machine.record.state == .sealPreCommit1Failed)
            #expect(actions == [.retry(after: .seconds(60))])
            _ = machine.handle(.retryDue)
            attempt += 1
        }
        let id = TaskID(sector: Self.key, type: .preCommit1, attempt: attempt)
        _ = machine.handle(.finished(id, .failed(TaskFailure(cause: .computeFailed, message: "bit flip"))))
        #expect(machine.record.state == .failedUnrecoverable)
        #expect(machine.record.lastError?.contains("bit flip") == true)
    }

    @Test("a refused pre-commitment draws another ticket and labels again")
    func refusedTicket() {
        var machine = machine(at: .preCommitWait)
        let actions = machine.handle(.refused(ChainRefusal(exitCode: 16, reason: "ticket too old")))
        #expect(actions == [.askTicket])
        #expect(drive(&machine, from: actions).last == .proving)
        #expect(machine.record.attempts[TaskType.preCommit1.stage] == 2)
    }
}
