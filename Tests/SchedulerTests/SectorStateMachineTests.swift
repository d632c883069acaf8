// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Scheduler
import Testing

/// The life of one sector, event by event.
@Suite("Sector state machine")
struct SectorStateMachineTests {
    private static let ticket = [UInt8](repeating: 1, count: 32)
    private static let seed = [UInt8](repeating: 2, count: 32)
    private static let commD = [UInt8](repeating: 3, count: 32)
    private static let commR = [UInt8](repeating: 4, count: 32)
    private static let newCommD = [UInt8](repeating: 5, count: 32)
    private static let newCommR = [UInt8](repeating: 6, count: 32)
    static let key = SectorKey(miner: 1000, number: 7)

    private func machine(makesSNARK: Bool = false) -> SectorStateMachine {
        SectorStateMachine(record: SectorRecord(key: Self.key, proof: 5, makesSNARK: makesSNARK))
    }

    func outcome(_ type: TaskType) -> TaskOutcome {
        switch type {
        case .addPiece: .addPiece(unsealedCommitment: Self.commD, paddedBytes: 2048)
        case .preCommit1: .preCommit1(unsealedCommitment: Self.commD)
        case .preCommit2: .preCommit2(unsealedCommitment: Self.commD, sealedCommitment: Self.commR)
        case .commit1: .commit1(form: .vanilla, proof: [9])
        case .commit2: .commit2(form: .modelled, proof: [8])
        case .finalize, .finalizeReplicaUpdate: .finalize(store: "/store")
        case .replicaUpdate:
            .replicaUpdate(unsealedCommitment: Self.newCommD, sealedCommitment: Self.newCommR)
        case .proveReplicaUpdate: .proveReplicaUpdate(proof: [7])
        case .releaseKey, .remove, .download: .completed
        case .windowPoSt: .windowPoSt(proof: [6], skipped: [])
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
                case .submit(let request):
                    request.isHeld
                        ? .granted(request.id) : .finished(request.id, .done(outcome(request.id.type)))
                case .supply(let request): .finished(request.id, .done(outcome(request.id.type)))
                case .askTicket: .ticket(Self.ticket, epoch: 10, head: 910)
                case .sendPreCommit: .preCommitted(epoch: 920)
                case .askSeed: .seed(Self.seed, epoch: 1070)
                case .sendProof: .proven(epoch: 1080)
                case .sendUpdate: .updateLanded(epoch: 2000)
                case .sendTermination: .terminated(epoch: 3000)
                case .waitForEpoch(let epoch): .epochReached(epoch)
                case .askStanding:
                    .standing(
                        ChainStanding(
                            key: Self.key, preCommitEpoch: machine.record.preCommitEpoch,
                            sealedCommitment: machine.record.sealedCommitment, head: 1000))
                case .retry: .retryDue
                case .releaseStore, .cancel, .claim, .withdraw, .returnPiece, .resolveDeals: nil
                }
            guard let event else { continue }
            let sends = action == .sendPreCommit(mayBeSent: false) || action == .sendProof(mayBeSent: false)
            if sends || action == .sendUpdate || action == .sendTermination {
                waiting += machine.handle(.messageSent("m"))
                if states.last != machine.record.state { states.append(machine.record.state) }
            }
            waiting += machine.handle(event)
            if states.last != machine.record.state { states.append(machine.record.state) }
        }
        return states
    }

    func machine(at state: SectorState) -> SectorStateMachine {
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
                .packing, .getTicket, .preCommit1, .preCommit2, .submitPreCommitBatch, .preCommitBatchWait,
                .waitSeed, .committing, .submitCommitAggregate, .commitAggregateWait, .finalizeSector,
                .proving,
            ])
        #expect(machine.record.sealedCommitment == Self.commR)
        #expect(machine.record.ticketEpoch == 10)
        #expect(machine.record.provenEpoch == 1080)
        #expect(machine.record.store == "/store")
        #expect(machine.record.proofBytes == nil, "the proof is dropped once the chain has it")
        #expect(machine.record.failures.isEmpty)
    }

    @Test("early finalizing frees the sealing store before the proof is on the chain")
    func finalizeEarly() {
        var machine = SectorStateMachine(
            record: SectorRecord(key: Self.key, proof: 5, makesSNARK: true),
            limits: .init(finalizesEarly: true, makesAvailable: true))
        var actions = machine.handle(.resume)
        drive(&machine, from: actions) { $0 == .commitFinalize }
        actions = machine.handle(
            .finished(TaskID(sector: Self.key, type: .finalize, attempt: 1), .done(.finalize(store: "/far"))))
        #expect(actions == [.releaseStore, .sendProof(mayBeSent: false)])
        _ = machine.handle(.messageSent("m"))
        #expect(machine.record.state == .commitAggregateWait)
        _ = machine.handle(.proven(epoch: 5))
        #expect(machine.record.state == .available, "nothing is left to finalize; an empty sector is offered")
    }

    @Test("a cluster that makes SNARKs runs Commit2 after Commit1")
    func withSNARK() {
        var machine = machine(makesSNARK: true)
        drive(&machine, from: machine.handle(.resume)) { $0 == .submitCommitAggregate }
        #expect(machine.record.attempts[TaskType.commit2.stage] == 1)
        #expect(machine.record.proofForm == .modelled)
    }

    @Test("what belongs to an earlier try changes nothing", arguments: SectorState.allCases)
    func stale(state: SectorState) {
        var record = machine(at: .submitCommitAggregate).record
        record.state = state
        for type in TaskType.sealing {
            var machine = SectorStateMachine(record: record)
            let id = TaskID(sector: Self.key, type: type, attempt: 99)
            #expect(machine.handle(.finished(id, .done(outcome(type)))).isEmpty)
            #expect(machine.record == record)
        }
    }

    @Test(
        "resuming asks again for what the state waits for, under the same try",
        arguments: SectorState.allCases)
    func resume(state: SectorState) {
        var record = machine(at: .submitCommitAggregate).record
        record.state = state
        record.pendingPiece = piece(1)
        if state == .packing { record.store = nil }
        if state.isUpdating || state.rawValue.hasPrefix("Update") {
            record.update = ReplicaUpdate(oldPieces: [])
        }
        var machine = SectorStateMachine(record: record)
        let actions = machine.handle(.resume)
        var again = SectorStateMachine(record: machine.record)
        let second = again.handle(.resume)
        let first = machine.record.isPaused
        if !first, machine.record.attempts == record.attempts {
            #expect(actions == second, "the same try is asked for again")
        }
        let rests: Set<SectorState> = [.failedUnrecoverable, .snapDealsWaitDeals]
        // An open sector has nothing to do but to keep its room.
        #expect(actions.isEmpty == rests.contains(state))
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
        "a store lost while the pre-commitment may be on its way is sealed anew with the old ticket",
        arguments: [false, true])
    func storeLostInBetween(isSent: Bool) throws {
        var machine = machine(at: .submitPreCommitBatch)
        if isSent { _ = machine.handle(.messageSent("message")) }
        let commitment = try #require(machine.record.sealedCommitment)
        _ = machine.handle(.storeLost(store: "s1"))
        #expect(machine.record.state == .packing)
        #expect(machine.record.ticket == Self.ticket)
        // Lost again before the new replica is there, it still is the one that the message names.
        _ = machine.handle(.reserved(store: "s2", host: "h2"))
        _ = machine.handle(.storeLost(store: "s2"))
        #expect(machine.record.ticket == Self.ticket)
        #expect(machine.record.sealedCommitment == commitment)
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
        #expect(!states.contains(.submitPreCommitBatch))
        #expect(states.last == .proving)
    }

    @Test("sealing anew to another CommR than the chain knows ends the sector with the reason")
    func anotherCommR() {
        var machine = machine(at: .committing)
        var actions = machine.handle(.storeLost(store: "s1"))
        while machine.record.state != .preCommit2, !actions.isEmpty {
            switch actions.removeFirst() {
            case .reserve: actions += machine.handle(.reserved(store: "s2", host: "h2"))
            case .submit(let request), .supply(let request):
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

    private func piece(_ size: UInt64, start: Int64 = 100_000, end: Int64 = 600_000) -> PieceDeal {
        PieceDeal(
            commitment: [UInt8](repeating: UInt8(size % 251), count: 32), paddedBytes: size,
            startEpoch: start,
            endEpoch: end)
    }

    @Test(
        "failures of computation pause twice as long each time, and end after the limit with the last reason")
    func computeFailures() {
        var machine = machine(at: .preCommit1)
        let bitFlip = TaskResult.failed(TaskFailure(cause: .computeFailed, message: "bit flip"))
        for attempt in 1...5 {
            let id = TaskID(sector: Self.key, type: .preCommit1, attempt: attempt)
            let actions = machine.handle(.finished(id, bitFlip))
            #expect(machine.record.state == .sealPreCommit1Failed)
            #expect(actions == [.retry(after: .seconds(60 << (attempt - 1)))])
            #expect(machine.record.lastError?.contains("bit flip") == true)
            _ = machine.handle(.retryDue)
            #expect(machine.record.state == .preCommit1)
            #expect(machine.record.lastError?.contains("bit flip") == true, "the reason stays in sight")
        }
        let id = TaskID(sector: Self.key, type: .preCommit1, attempt: 6)
        _ = machine.handle(.finished(id, bitFlip))
        #expect(machine.record.state == .failedUnrecoverable)
        #expect(machine.record.lastError?.contains("bit flip") == true)
        #expect(machine.record.failureCount(.preCommit1) == 6)
        #expect(machine.record.failureCount(.preCommit2) == 0, "each cause has its own counter")
    }

    @Test("a finalize that fails is tried for ever, at most an hour apart")
    func endless() {
        var machine = machine(at: .finalizeSector)
        var pauses: [Duration] = []
        for attempt in 1...20 {
            let id = TaskID(sector: Self.key, type: .finalize, attempt: attempt)
            let failure = TaskFailure(cause: .computeFailed, message: "no room")
            guard case .retry(let pause)? = machine.handle(.finished(id, .failed(failure))).first else {
                break
            }
            pauses.append(pause)
            _ = machine.handle(.retryDue)
        }
        #expect(pauses.count == 20)
        #expect(pauses.last == .seconds(3600))
        #expect(machine.record.state == .finalizeSector)
    }

    @Test("an alarm of an earlier pause does not start a second try")
    func staleAlarm() {
        var machine = machine(at: .packing)
        _ = machine.handle(.reserved(store: "s1", host: "h1"))
        let before = machine.record
        #expect(machine.handle(.retryDue).isEmpty)
        #expect(machine.record == before)
    }

    @Test("a pre-commitment refused for its content is sent once more, then sealed anew with a fresh ticket")
    func refusedTicket() {
        var machine = machine(at: .submitPreCommitBatch)
        let refusal = SectorEvent.refused(ChainRefusal(exitCode: 16, reason: "ticket too old"))
        #expect(machine.handle(refusal) == [.retry(after: .seconds(60))])
        #expect(machine.record.state == .preCommitFailed)
        #expect(machine.handle(.retryDue) == [.askStanding])
        let unknown = SectorEvent.standing(ChainStanding(key: Self.key, head: 1000))
        #expect(machine.handle(unknown) == [.sendPreCommit(mayBeSent: false)])
        _ = machine.handle(refusal)
        _ = machine.handle(.retryDue)
        let actions = machine.handle(unknown)
        #expect(machine.record.state == .getTicket)
        #expect(machine.note?.contains("ticket too old") == true, "the log says what it cost and why")
        #expect(drive(&machine, from: actions).last == .proving)
        #expect(machine.record.attempts[TaskType.preCommit1.stage] == 2)
    }

    @Test("what the chain cannot take for now is sent again for ever, with the same proof")
    func refusedForNow() {
        var machine = machine(at: .submitCommitAggregate)
        for _ in 1...12 {
            _ = machine.handle(.refused(ChainRefusal(exitCode: 20, reason: "full")))
            #expect(machine.record.state == .commitFailed)
            _ = machine.handle(.retryDue)
            let standing = ChainStanding(
                key: Self.key, preCommitEpoch: 920, sealedCommitment: Self.commR, head: 2000)
            #expect(machine.handle(.standing(standing)) == [.sendProof(mayBeSent: false)])
        }
        #expect(machine.record.attempts[TaskType.commit1.stage] == 1)
    }

    // MARK: Tickets

    @Test("the ticket is drawn when the slot is there, and a slot that comes late gets a fresh one")
    func ticketAtGrant() {
        var machine = machine(at: .getTicket)
        let id = TaskID(sector: Self.key, type: .preCommit1, attempt: 1)
        #expect(machine.handle(.ticket(Self.ticket, epoch: 5, head: 905)).isEmpty, "nobody asked for it yet")
        #expect(machine.handle(.granted(id)) == [.askTicket])
        guard case .supply(let request)? = machine.handle(.ticket(Self.ticket, epoch: 10, head: 910)).first
        else {
            Issue.record("the ticket goes to the slot")
            return
        }
        #expect(request.work == .preCommit1(ticket: Self.ticket))
        // The worker is lost; the next slot comes a day later.
        let lost = TaskResult.failed(TaskFailure(cause: .infrastructureLost, message: "gone"))
        _ = machine.handle(.finished(id, lost))
        let next = TaskID(sector: Self.key, type: .preCommit1, attempt: 2)
        #expect(machine.handle(.granted(next)) == [.askTicket])
        let other = [UInt8](repeating: 9, count: 32)
        _ = machine.handle(.ticket(other, epoch: 2890, head: 3790))
        #expect(machine.record.ticket == other)
        #expect(machine.note?.contains("epoch 10 would be too old") == true)
        #expect(SectorSummary(machine.record).expiredTicketCount == 1)
        // Once more, at once: the layers that are there are of use, so the ticket stays.
        _ = machine.handle(.finished(next, lost))
        _ = machine.handle(.granted(TaskID(sector: Self.key, type: .preCommit1, attempt: 3)))
        let third = machine.handle(.ticket(Self.ticket, epoch: 2900, head: 3800))
        #expect(machine.record.ticketEpoch == 2890)
        guard case .supply(let kept)? = third.first else {
            Issue.record("the ticket goes to the slot")
            return
        }
        #expect(kept.work == .preCommit1(ticket: other))
    }

    @Test("every sector names its earliest deadline")
    func deadlines() {
        let network = NetworkParameters.mainnet
        var record = SectorRecord(key: Self.key, proof: 8, makesSNARK: true)
        #expect(record.deadline(network) == nil)
        record.pieces = [piece(128, start: 9000), piece(256, start: 4000)]
        #expect(record.deadline(network) == .init(kind: .dealStart, epoch: 4000))
        record.ticketEpoch = 100
        #expect(record.deadline(network) == .init(kind: .ticket, epoch: 3880))
        record.preCommitEpoch = 1100
        record.pieces = []
        #expect(record.deadline(network) == .init(kind: .proof, epoch: 1100 + 86_550))
        record.provenEpoch = 1300
        record.expiration = 1_000_000
        #expect(record.deadline(network) == .init(kind: .expiration, epoch: 1_000_000))
    }

    // MARK: Operators

    @Test("a forced state cancels what runs, or adopts it")
    func force() {
        var cancelled = machine(at: .preCommit2)
        let id = TaskID(sector: Self.key, type: .preCommit2, attempt: 1)
        let actions = cancelled.handle(.forceState(.preCommit1, adopts: false))
        #expect(actions.first == .cancel(id))
        #expect(cancelled.record.state == .preCommit1)

        var adopted = machine(at: .preCommit2)
        let kept = adopted.handle(.forceState(.preCommit2, adopts: true))
        #expect(!kept.contains(.cancel(id)))
        #expect(adopted.record.attempts[TaskType.preCommit2.stage] == 1, "the running try is the state's own")

        var early = machine(at: .packing)
        _ = early.handle(.forceState(.submitCommitAggregate, adopts: false))
        #expect(early.record.state == .waitSeed, "a proof needs a seed first")
        #expect(early.note?.contains("SubmitCommitAggregate") == true)
    }

    @Test("terminating a proven sector waits for finality and leaves only the number")
    func terminate() {
        var machine = machine(at: .proving)
        let states = drive(&machine, from: machine.handle(.terminate))
        #expect(states == [.terminating, .terminateWait, .terminateFinality, .removing, .removed])
        #expect(machine.record.attempts.allSatisfy { $0 == 0 })
        #expect(machine.record.store == nil && machine.record.key == Self.key)
        #expect(machine.handle(.forceState(.packing, adopts: false)).isEmpty, "a number is never used again")
    }

    @Test("a sector takes deals, and another takes them into its replica")
    func deals() {
        var record = SectorRecord(key: Self.key, proof: 5, makesSNARK: true)
        record.state = .waitDeals
        var machine = SectorStateMachine(record: record)
        var states = drive(&machine, from: machine.handle(.addPiece(piece(1024))))
        #expect(states == [.addPiece, .waitDeals])
        #expect(machine.handle(.addPiece(piece(2048))).isEmpty, "it does not fit")
        states = drive(&machine, from: machine.handle(.addPiece(piece(1024))))
        #expect(states.starts(with: [.addPiece, .packing, .getTicket]), "a full sector packs by itself")
        #expect(states.last == .proving)
        #expect(machine.handle(.markForUpdate).isEmpty, "it holds data already")

        var empty = self.machine(at: .proving)
        drive(&empty, from: empty.handle(.markForUpdate))
        drive(&empty, from: empty.handle(.startUpdate))
        drive(&empty, from: empty.handle(.addPiece(piece(512))))
        #expect(empty.record.state == .snapDealsWaitDeals)
        let update = drive(&empty, from: empty.handle(.startPacking))
        #expect(
            update == [
                .snapDealsPacking, .updateReplica, .proveReplicaUpdate, .finalizeReplicaUpdate,
                .submitReplicaUpdate, .replicaUpdateWait, .updateActivating, .releaseSectorKey, .proving,
            ])
        #expect(empty.record.sealedCommitment == Self.newCommR && empty.record.update == nil)
    }

    @Test("an update that is given up returns its pieces and the old replica")
    func abort() {
        var machine = machine(at: .proving)
        drive(&machine, from: machine.handle(.markForUpdate))
        drive(&machine, from: machine.handle(.startUpdate))
        drive(&machine, from: machine.handle(.addPiece(piece(512))))
        let actions = machine.handle(.abortUpgrade("an operator said so"))
        #expect(actions.contains(.returnPiece(WaitingPiece(piece(512)))))
        #expect(drive(&machine, from: actions).last == .proving)
        #expect(machine.record.pieces.isEmpty && machine.record.sealedCommitment == Self.commR)
    }

    @Test("names of earlier releases are understood", arguments: SectorState.earlierNames.map(\.name))
    func earlierNames(name: String) throws {
        let state = try #require(SectorState(fieldName: name))
        let stored = try JSONEncoder().encode(name)
        #expect(try JSONDecoder().decode(SectorState.self, from: stored) == state)
        #expect(try JSONDecoder().decode(SectorState.self, from: JSONEncoder().encode(state)) == state)
    }

    @Test("a record and a log entry survive their stored form", arguments: SectorState.allCases)
    func storedForm(state: SectorState) throws {
        var record = machine(at: .submitCommitAggregate).record
        record.state = state
        record.pieces = [piece(512), piece(1024)]
        record.failures = FailureCause.allCases.map(\.index)
        record.update = ReplicaUpdate(oldPieces: [piece(128)])
        record.returnState = .getTicket
        record.openedAt = .zero + .seconds(5)
        #expect(try WireDecoder.decode(SectorRecord.self, from: WireEncoder.encode(record)) == record)
        let entry = SectorLogEntry(
            at: .zero + .seconds(9), from: .packing, to: state, event: "taskDone", reason: nil)
        #expect(try WireDecoder.decode(SectorLogEntry.self, from: WireEncoder.encode(entry)) == entry)
    }

    @Test("a record of an earlier release is read: shorter tables, missing fields, an old name")
    func earlierRecord() throws {
        let text = """
            {"key": {"miner": 1000, "number": 7}, "proof": 5, "makesSNARK": false, "state": "CommitWait",
             "attempts": [1, 2, 1, 1, 0, 0], "failureCount": 2}
            """
        let record = try JSONDecoder().decode(SectorRecord.self, from: Data(text.utf8))
        #expect(record.state == .commitAggregateWait)
        #expect(record.attempts.count == TaskType.count && record.attempts[1] == 2)
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode(
                SectorRecord.self, from: Data(text.replacing("CommitWait", with: "Nonsense").utf8))
        }
    }
}
