// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Scheduler
import Testing

/// The table of transitions is the truth, and all of it.
@Suite("Sector transitions as a table")
struct SectorStateMachineTableTests {
    /// Random records and events, from one seed.
    private struct Draws {
        var random: RandomStream
        let key = SectorKey(miner: 1000, number: 7)

        mutating func flip() -> Bool { random.next() & 1 == 0 }
        mutating func below(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
        mutating func bytes() -> [UInt8] { [UInt8](repeating: UInt8(below(3)), count: 32) }
        mutating func maybe<T>(_ value: T) -> T? { flip() ? value : nil }

        mutating func piece() -> PieceDeal {
            PieceDeal(
                commitment: bytes(), paddedBytes: [512, 1024, 2048][below(3)], startEpoch: Int64(below(5000)),
                endEpoch: 100_000)
        }

        mutating func record(_ state: SectorState) -> SectorRecord {
            var record = SectorRecord(key: key, proof: 5, makesSNARK: flip())
            record.state = state
            record.payloadPath = below(4) == 0 ? "file" : nil
            record.store = maybe("s1")
            record.host = maybe("h1")
            record.unsealedCommitment = maybe(bytes())
            record.sealedCommitment = maybe(bytes())
            if flip() {
                record.ticket = bytes()
                record.ticketEpoch = Int64(below(5000))
            }
            record.seed = maybe(bytes())
            record.proofBytes = maybe([1])
            record.preCommitEpoch = maybe(100)
            record.provenEpoch = maybe(300)
            record.attempts = (0..<TaskType.count).map { _ in below(3) }
            if below(6) == 0 { record.attempts = Array(repeating: 0, count: TaskType.count) }
            record.failures = flip() ? [] : FailureCause.allCases.map { _ in below(7) }
            record.lastError = maybe("before")
            record.pieces = (0..<below(3)).map { _ in piece() }
            record.pendingPiece = maybe(piece())
            record.packsNext = flip()
            record.awaitsTicket = flip()
            record.isPaused = flip()
            record.returnState = maybe(SectorState.allCases[below(SectorState.allCases.count)])
            record.isFinalized = below(3) == 0
            record.isRemoteCommit = flip()
            if flip() {
                var update = ReplicaUpdate(oldPieces: [])
                update.store = maybe("s1")
                update.host = maybe("h1")
                update.proof = maybe([1])
                update.landedEpoch = maybe(400)
                update.waitsForEpoch = maybe(600)
                record.update = update
            }
            record.terminatedEpoch = maybe(500)
            return record
        }

        mutating func result(_ kind: SectorEventKind, _ type: TaskType) -> TaskResult {
            switch kind {
            case .workerLost: return .failed(TaskFailure(cause: .infrastructureLost, message: "gone"))
            case .filesLost: return .failed(TaskFailure(cause: .filesLost, message: "gone"))
            case .taskFailed:
                let causes: [TaskFailure.Cause] = [.computeFailed, .invalidRequest, .noSpace]
                return .failed(TaskFailure(cause: causes[below(3)], message: "no"))
            default: break
            }
            let outcome: TaskOutcome =
                switch type {
                case .addPiece: .addPiece(unsealedCommitment: bytes(), paddedBytes: 1)
                case .preCommit1: .preCommit1(unsealedCommitment: bytes())
                case .preCommit2: .preCommit2(unsealedCommitment: bytes(), sealedCommitment: bytes())
                case .commit1: .commit1(form: .modelled, proof: [2])
                case .commit2: .commit2(form: .modelled, proof: [3])
                case .finalize, .finalizeReplicaUpdate: .finalize(store: "far")
                case .replicaUpdate: .replicaUpdate(unsealedCommitment: bytes(), sealedCommitment: bytes())
                case .proveReplicaUpdate: .proveReplicaUpdate(proof: [4])
                case .releaseKey, .remove, .download: .completed
                case .windowPoSt: .windowPoSt(proof: [5], skipped: [])
                }
            return .done(outcome)
        }

        mutating func event(_ kind: SectorEventKind, _ record: SectorRecord) -> SectorEvent {
            let types = SectorTransitions.tasks(of: record.state)
            let type = types.isEmpty ? TaskType.allCases[below(TaskType.count)] : types[below(types.count)]
            let id = TaskID(sector: key, type: type, attempt: record.attempts[type.stage])
            let epoch = Int64(below(5000))
            switch kind {
            case .resume: return .resume
            case .retryDue: return .retryDue
            case .reserved: return .reserved(store: "s2", host: "h2")
            case .storeLost: return .storeLost(store: "s1")
            case .moved: return .moved(store: "s3", host: "h3")
            case .granted:
                return .granted(
                    TaskID(
                        sector: key, type: .preCommit1, attempt: record.attempts[TaskType.preCommit1.stage]))
            case .taskDone, .taskFailed, .workerLost, .filesLost: return .finished(id, result(kind, type))
            case .ticket: return .ticket(bytes(), epoch: epoch, head: epoch + 900)
            case .messageSent: return .messageSent("m")
            case .preCommitted: return .preCommitted(epoch: epoch)
            case .seed: return .seed(bytes(), epoch: epoch)
            case .proven: return .proven(epoch: epoch)
            case .refused: return .refused(ChainRefusal(exitCode: flip() ? 16 : 20, reason: "no"))
            case .ticketExpired: return .ticketExpired("late")
            case .dealsExpired: return .dealsExpired("late")
            case .standing:
                return .standing(
                    ChainStanding(
                        key: key, preCommitEpoch: maybe(100),
                        sealedCommitment: flip() ? record.sealedCommitment : bytes(),
                        provenEpoch: below(3) == 0 ? 300 : nil, isExpired: below(4) == 0,
                        terminatedEpoch: below(4) == 0 ? 500 : nil, head: epoch))
            case .epochReached: return .epochReached(epoch)
            case .updateLanded: return .updateLanded(epoch: epoch)
            case .deadlineImmutable: return .deadlineImmutable(until: epoch)
            case .terminated: return .terminated(epoch: epoch)
            case .addPiece: return .addPiece(piece())
            case .startPacking: return .startPacking
            case .dealIDsInvalid: return .dealIDsInvalid("republished")
            case .dealsResolved: return .dealsResolved(flip() ? [piece()] : nil)
            case .markForUpdate: return .markForUpdate
            case .startUpdate: return .startUpdate
            case .abortUpgrade: return .abortUpgrade("enough")
            case .terminate: return .terminate
            case .remove: return .remove("enough")
            case .forceState:
                return .forceState(SectorState.allCases[below(SectorState.allCases.count)], adopts: flip())
            case .faultFound: return .faultFound("unreadable")
            case .faultDeclared: return .faultDeclared(epoch: epoch)
            case .recovered: return .recovered
            case .faultExpired: return .faultExpired
            }
        }
    }

    private static let limits = [
        SectorStateMachine.Limits(), SectorStateMachine.Limits(finalizesEarly: true, makesAvailable: true),
    ]

    /// Random records of a state under every event: what is listed happens, and nothing else does.
    @Test("positions count the cases in their order")
    func positions() {
        #expect(SectorState.allCases.map(\.position) == Array(SectorState.allCases.indices))
        #expect(SectorEventKind.allCases.map(\.position) == Array(SectorEventKind.allCases.indices))
        #expect(FailureCause.allCases.map(\.index) == Array(FailureCause.allCases.indices))
    }

    @Test(
        "every listed transition can happen, and every other event changes nothing",
        arguments: SectorState.allCases)
    func complete(state: SectorState) {
        var draws = Draws(random: RandomStream(seed: 11 + UInt64(state.position)))
        for kind in SectorEventKind.allCases {
            let listed = SectorTransitions.rows.first { $0.state == state && $0.kind == kind }?.next ?? []
            var seen: Set<SectorState> = []
            // A forced state may lead anywhere; a few hundred draws find all of 57.
            let count = listed.isEmpty ? 20 : 20_000
            for index in 0..<count where index < 150 || seen.count < listed.count {
                let record = draws.record(state)
                var machine = SectorStateMachine(record: record, limits: Self.limits[index % 2])
                let actions = machine.handle(draws.event(kind, record))
                let isEffect = machine.record != record || !actions.isEmpty
                if listed.isEmpty {
                    #expect(!isEffect, "\(kind.rawValue) in \(state.rawValue) is not listed")
                } else if isEffect {
                    seen.insert(machine.record.state)
                }
            }
            let missing = Set(listed).subtracting(seen).map(\.rawValue).sorted()
            // A state that is listed under itself only for an answer without effect needs none.
            #expect(missing.isEmpty, "\(kind.rawValue) never led from \(state.rawValue) to \(missing)")
            let extra = seen.subtracting(listed).map(\.rawValue).sorted()
            #expect(
                extra.isEmpty, "\(kind.rawValue) led from \(state.rawValue) to \(extra), which no row lists")
        }
    }

    @Test("no state is a dead end: what does not rest has something that moves it on")
    func noParking() {
        for state in SectorState.allCases where state.isSealing {
            let leads = SectorTransitions.rows.contains { row in
                row.state == state && !SectorTransitions.globalKinds.contains(row.kind)
                    && row.next.contains { $0 != state }
            }
            #expect(leads, "\(state.rawValue) leads nowhere by itself")
        }
        #expect(Set(SectorState.allCases.map(\.rawValue)).count == SectorState.allCases.count)
    }

    private static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Sources/Scheduler/Sectors.md")

    /// Set `SEALYARD_WRITE_PAGES=1` to write the page anew.
    @Test("the page of states and events is the table's own")
    func page() throws {
        let text = """
            # The states of a sector

            Written from `SectorTransitions` by a test; do not edit. `=` is the state itself: something is
            done, and it stays. Besides what is listed, nearly every state takes `resume` (do again what the
            state asks for), `storeLost`, `moved`, `terminate`, `remove` and `forceState`.

            \(SectorTransitions.markdown)

            ## Where a sector's own work leads it

            ```mermaid
            \(SectorTransitions.diagram)
            ```

            """
        if ProcessInfo.processInfo.environment["SEALYARD_WRITE_PAGES"] != nil {
            try Data(text.utf8).write(to: Self.page)
        }
        let written = try String(contentsOf: Self.page, encoding: .utf8)
        #expect(
            written == text,
            "write it anew: SEALYARD_WRITE_PAGES=1 swift test --filter SectorStateMachineTable")
    }
}
