// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Sim

/// A bug that is put between a cluster's components: in their stores, their runner or their messages.
enum Mutant: String, CaseIterable, Sendable {
    case none
    // Records.
    case loadLosesWaiting, loadLosesCommitting, numbersStartAnew, provingIsNotSaved, hostIsGarbled
    case storeIsGarbled, stateFallsBack
    // The runner.
    case commit2NeverEnds, everyFifthCallIsLost, finalizeFails, preCommit1TakesYears, proofHasWrongForm
    case addPieceAnswersAsCommit1
    // What workers say to the scheduler.
    case finalizeReportsAreDropped, joinsAfterTheFirstAreDropped, reportsNameAnotherWorker
    case successIsToldAsFailure, joinsHaveNoStore, joinsHaveNoSlotsForPreCommit2, joinsNameAnotherHost
    case reportsNameAnotherCall
    // What the miner says to the chain.
    case preCommitsAreDropped, proofsAreDropped, ticketsAreNotAsked, seedsAreNotAsked, sectorsAreMixedUp
    case nothingAfterARestart, expirationIsPast
    // The chain.
    case chainForgetsProofs, chainForgetsPreCommits, chainRefusesProofs
    // Settings.
    case neverAsksAgain
}

/// Passes messages on, changed or not at all.
actor Proxy<M: Message>: Component {
    nonisolated let home: Home
    private let target: Ref<M>
    private let change: @Sendable (M) -> M?

    init(home: Home, target: Ref<M>, change: @escaping @Sendable (M) -> M?) {
        self.home = home
        self.target = target
        self.change = change
    }

    func receive(_ message: M, _ context: Context<M>) {
        if let changed = change(message) { target.tell(changed) }
    }
}

struct MutantStore: SectorStore {
    let inner: MemorySectorStore
    let mutant: Mutant

    func save(_ record: SectorRecord) {
        var record = record
        switch mutant {
        case .provingIsNotSaved: if record.state == .proving { return }
        case .hostIsGarbled: if record.host != nil { record.host = "nowhere" }
        case .storeIsGarbled: if record.store != nil { record.store = "nothing" }
        default: break
        }
        inner.save(record)
    }

    func load(miner: UInt64) -> [SectorRecord] {
        let records = inner.load(miner: miner)
        switch mutant {
        case .loadLosesWaiting: return records.filter { $0.state != .waitSeed }
        case .loadLosesCommitting: return records.filter { $0.state != .committing }
        case .stateFallsBack:
            return records.map { record in
                var record = record
                if record.state == .proving { record.state = .committing }
                return record
            }
        default: return records
        }
    }

    func find(_ key: SectorKey) -> SectorRecord? { inner.find(key) }
    func lastNumber(miner: UInt64) -> UInt64 {
        mutant == .numbersStartAnew ? 0 : inner.lastNumber(miner: miner)
    }
}

// Safety: used by one simulated world and its thread.
final class MutantRunner: TaskRunner, @unchecked Sendable {
    private let world: SimulatedWorld
    private let mutant: Mutant
    private var running: Set<CallID> = []
    private var count = 0

    init(world: SimulatedWorld, mutant: Mutant) {
        self.world = world
        self.mutant = mutant
    }

    func retire() { running = [] }

    func start(_ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>) {
        running.insert(call)
        count += 1
        let type = request.id.type
        if mutant == .commit2NeverEnds && type == .commit2 { return }
        if mutant == .everyFifthCallIsLost && count % 5 == 0 { return }
        var seconds = type == .preCommit1 ? 300 : 40
        if mutant == .preCommit1TakesYears && type == .preCommit1 { seconds = 300_000_000 }
        var result = TaskResult.done(outcome(request))
        if mutant == .finalizeFails && type == .finalize {
            result = .failed(TaskFailure(cause: .computeFailed, message: "by design"))
        }
        world.at(world.now + .seconds(seconds)) { [self] in
            if running.remove(call) != nil { reportTo.tell(.finished(call, result)) }
        }
    }

    func abort(_ call: CallID) { running.remove(call) }

    private func outcome(_ request: TaskRequest) -> TaskOutcome {
        let bytes = [UInt8](repeating: 7, count: 32)
        let form: ProofForm = mutant == .proofHasWrongForm ? .vanilla : .modelled
        switch request.work {
        case .addPiece:
            if mutant == .addPieceAnswersAsCommit1 { return .commit1(form: .modelled, proof: [1]) }
            return .addPiece(unsealedCommitment: bytes, paddedBytes: 2048)
        case .preCommit1: return .preCommit1(unsealedCommitment: bytes)
        case .preCommit2: return .preCommit2(unsealedCommitment: bytes, sealedCommitment: bytes)
        case .commit1: return .commit1(form: form, proof: [1])
        case .commit2: return .commit2(form: form, proof: [2])
        case .finalize: return .finalize(store: "long-term")
        }
    }
}

/// Loses entries of one kind whenever it is read.
final class MutantChainStore: ChainStore {
    private let inner = MemoryChainStore()
    private let mutant: Mutant

    init(_ mutant: Mutant) { self.mutant = mutant }

    func load() throws -> [[UInt8]] {
        try inner.load().filter { bytes in
            switch try WireDecoder.decode(ChainEntry.self, from: bytes) {
            case .genesis: true
            case .preCommitted: mutant != .chainForgetsPreCommits
            case .proven: mutant != .chainForgetsProofs && mutant != .chainForgetsPreCommits
            }
        }
    }

    func append(_ entries: [[UInt8]]) throws { inner.append(entries) }
}

struct MutantVerifier: ProofVerifier {
    let mutant: Mutant
    var form: ProofForm { .modelled }
    func refusal(of proof: [UInt8], for claim: SealClaim) -> ChainRefusal? {
        mutant == .chainRefusesProofs ? ModelProofVerifier(.bound).refusal(of: [], for: claim) : nil
    }
}

// Safety: touched by one world's thread.
final class Tally: SectorObserver, @unchecked Sendable {
    private var states: [UInt64: SectorState] = [:]
    private(set) var findings: [Finding] = []

    var pledged: Int { states.count }
    var proven: Int { states.values.filter { $0 == .proving }.count }
    var failed: Int { states.values.filter { $0 == .failedUnrecoverable }.count }

    func sectorChanged(_ summary: SectorSummary, from old: SectorState?, at now: Instant) {
        let number = summary.key.number
        if states[number] == .proving, summary.state != .proving {
            findings.append(
                Finding(
                    invariant: "no sector is in two states",
                    detail: "\(summary.key) was Proving and is \(summary.state.rawValue)"))
        }
        states[number] = summary.state
    }

    func taskStarted(_ id: TaskID, worker: String, at now: Instant) {}
}
