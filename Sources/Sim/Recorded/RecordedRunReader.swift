// SPDX-License-Identifier: Apache-2.0
private import Chain
package import Kernel
private import Scheduler
private import Synchronization

/// Makes a ``RecordedRun`` of a journal's records, one at a time; what it keeps grows with the calls alone.
package struct RecordedRunReader: Sendable {
    /// Calls that one run may have.
    package static let callCountMax = 5_000_000

    private let scheduler: String
    private let names: RecordedNames
    private var run = RecordedRun()
    private var workerIndices: [String: Int] = [:]
    private var callIndices: [CallID: Int] = [:]
    private var sectorIndices: [SectorKey: Int] = [:]
    private var grants: [TaskID: Instant] = [:]
    /// Sealing stores by their names, as the storage index told of them first.
    private var stores: [String: StoreInfo] = [:]

    /// - Parameter node: the miner's node.
    package init(node: String) {
        scheduler = Address(node: node, name: MinerAssembly.schedulerName).description
        names = RecordedNames()
    }

    /// Takes the next record; those of other components are passed over.
    ///
    /// - Throws: ``SimulationError`` with `impossible` where a message cannot be read, or there are too many.
    package mutating func take(_ record: JournalRecord) throws(SimulationError) {
        do {
            switch record.kind {
            case .delivered
            where record.to == scheduler && record.messageName == SchedulerMessage.messageName:
                heard(try names.decode(SchedulerMessage.self, record.bytes), record.time)
            case .sent where record.from == scheduler && record.messageName == WorkerMessage.messageName:
                if case .assign(let call, _) = try names.decode(WorkerMessage.self, record.bytes) {
                    assigned(call, to: record.to, record.time)
                }
            case .sent where record.from == scheduler && record.messageName == TaskEvent.messageName:
                if case .granted(let id, _) = try names.decode(TaskEvent.self, record.bytes) {
                    grants[id] = grants[id] ?? record.time
                }
            default: break
            }
        } catch {
            throw SimulationError(
                .impossible,
                "the journal's \(record.messageName) at \(record.time.seconds) s cannot be read: \(error)")
        }
        guard run.calls.count <= Self.callCountMax else {
            throw SimulationError(
                .impossible,
                "the journal has more than \(Self.callCountMax) calls; give one of a shorter time")
        }
    }

    /// What was read.
    package var result: RecordedRun {
        var result = run
        for index in result.workers.indices where result.workers[index].store == nil {
            result.workers[index].store = stores[result.workers[index].info.store]
        }
        return result
    }

    private mutating func heard(_ message: SchedulerMessage, _ now: Instant) {
        switch message {
        case .workerJoined(let info, let ref, _, let store, _, let finished):
            names.note(worker: info.name, at: ref.address)
            if let index = workerIndices[info.name] {
                run.workers[index].info = info
                let last = run.workers[index].losses.indices.last
                if let last, run.workers[index].losses[last].backAt == nil {
                    run.workers[index].losses[last].backAt = now
                }
            } else {
                workerIndices[info.name] = run.workers.count
                run.workers.append(.init(info: info, store: store, joinedAt: now))
            }
            for done in finished { ended(done.call, done.result, now) }
        case .workerGone(let name, _, _):
            guard let index = workerIndices[name] else { return }
            let isLost = run.workers[index].losses.last.map { $0.backAt == nil } ?? false
            if !isLost { run.workers[index].losses.append(.init(at: now)) }
        case .taken(let call):
            if let index = callIndices[call], run.calls[index].takenAt == nil {
                run.calls[index].takenAt = now
            }
        case .report(_, let call, let result): ended(call, result, now)
        case .admit(let key, _, _, _, _, _):
            guard sectorIndices[key] == nil else { return }
            sectorIndices[key] = run.sectors.count
            run.sectors.append(.init(key: key, begunAt: now))
        case .withdraw(let key):
            if let index = sectorIndices[key] { run.sectors[index].endedAt = now }
        case .storage(.changed(let state)), .storage(.placed(_, let state)):
            if stores[state.info.name] == nil { stores[state.info.name] = state.info }
        case .submit(let request, _, _):
            // A sector that gave its room back and works again has not ended.
            if let index = sectorIndices[request.id.sector] { run.sectors[index].endedAt = nil }
        default: break
        }
    }

    private mutating func assigned(_ call: CallID, to address: String, _ now: Instant) {
        guard callIndices[call] == nil else { return }
        callIndices[call] = run.calls.count
        let since = grants.removeValue(forKey: call.task) ?? now
        run.calls.append(.init(id: call, worker: names.worker(at: address), since: since, assignedAt: now))
    }

    private mutating func ended(_ call: CallID, _ result: TaskResult, _ now: Instant) {
        guard let index = callIndices[call], run.calls[index].endedAt == nil else { return }
        run.calls[index].endedAt = now
        run.calls[index].isDone = result.isDone
        if case .failed(let failure) = result {
            run.calls[index].isComputeFailure = failure.cause == .computeFailed
        }
    }
}

/// Collects the run of a simulated miner while it happens.
final class RecordedRunSink: JournalSink {
    private struct State {
        var reader: RecordedRunReader
        var failure: SimulationError?
    }

    private let state: Mutex<State>

    init(node: String) { state = Mutex(State(reader: RecordedRunReader(node: node))) }

    func record(_ record: JournalRecord) {
        state.withLock { state in
            guard state.failure == nil else { return }
            do throws(SimulationError) { try state.reader.take(record) } catch { state.failure = error }
        }
    }

    /// - Throws: what kept a record from being read.
    func result() throws(SimulationError) -> RecordedRun {
        let (run, failure) = state.withLock { ($0.reader.result, $0.failure) }
        if let failure { throw failure }
        return run
    }
}

/// Reads messages outside of any world: references lead nowhere, only their addresses count.
private final class RecordedNames: RefResolver {
    private let workers = Mutex<[String: String]>([:])

    func ref<M: Message>(at address: Address, as type: M.Type) -> Ref<M> {
        Outlet<M>(address: address) { _ in .rejected(.noRecipient) }.ref
    }

    func decode<M: Message>(_ type: M.Type, _ bytes: [UInt8]) throws(WireError) -> M {
        var reader = try WireReader(bytes)
        reader.context = self
        let message = try M.decode(from: &reader)
        try reader.finish()
        return message
    }

    func note(worker: String, at address: Address) {
        workers.withLock { $0[address.description] = worker }
    }

    /// The worker behind an address; the address itself where none has joined from there.
    func worker(at address: String) -> String { workers.withLock { $0[address] } ?? address }
}
