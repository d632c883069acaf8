// SPDX-License-Identifier: Apache-2.0
internal import Chain
package import Kernel
private import Logging
package import Scheduler
internal import Sealing

/// Where the files of a task are, and how they get there.
extension NativeTaskRunner {
    package func start(
        _ call: CallID, _ assignment: Assignment, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        note(store: assignment.store, of: call.task.sector)
        note(processors: assignment.devices.cores, of: call)
        guard let fetch = assignment.fetch else {
            return start(call, assignment.request, on: worker, reportTo: reportTo)
        }
        bring(call, fetch, reportTo) { [self] in
            start(call, assignment.request, on: worker, reportTo: reportTo)
        }
    }

    package func prefetch(
        _ call: CallID, _ fetch: Assignment.Fetch, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        bring(call, fetch, reportTo) { [self] in forget(call) }
    }

    /// Fetches, says so, and goes on; where that fails, the call has failed.
    private func bring(
        _ call: CallID, _ fetch: Assignment.Fetch, _ reportTo: Ref<WorkerMessage>,
        _ goOn: @escaping @Sendable () -> Void
    ) {
        begin(call)
        guard let transfers else {
            let message = "this worker was to fetch files and serves no cluster"
            return end(call, .failed(TaskFailure(cause: .infrastructureLost, message: message)), reportTo)
        }
        Task { [self] in
            do {
                try await transfers.fetch(
                    call.task.sector, from: fetch.fromStore, to: fetch.toStore,
                    isCancelled: { [self] in isCancelled(call) })
                reportTo.tell(.fetched(call))
                goOn()
            } catch {
                end(call, .failed(Self.failure(of: error, call)), reportTo)
            }
        }
    }

    private static func failure(of error: any Error, _ call: CallID) -> TaskFailure {
        // What goes wrong between two hosts says nothing of the data, but for files that are not there.
        let cause: TaskFailure.Cause =
            switch error {
            case let problem as FetchProblem where problem.code == .missing: .filesLost
            case let error as EngineError where error.code == .interrupted: .aborted
            default: .infrastructureLost
            }
        return TaskFailure(cause: cause, message: "\(error)")
    }

    /// Brings a finished sector to where it is kept, and reports.
    func keep(_ waiting: Waiting) {
        let (call, sector) = (waiting.call, waiting.request.id.sector)
        Task { [self] in
            do {
                let store: String
                if let transfers {
                    let source = try await pool.run { [self] in try finishing(sector) }
                    store = try await transfers.store(
                        sector, at: source.id, call: "\(call)", isCancelled: { [self] in isCancelled(call) })
                } else {
                    store = try await pool.run { [self] in try moveNear(sector) }
                }
                finish(waiting, .done(.finalize(store: store)))
            } catch {
                finish(waiting, .failed(Self.failure(of: error, call)))
            }
        }
    }

    /// For a worker without an index: to the first of its own directories that keeps sectors.
    private func moveNear(_ sector: SectorKey) throws -> String {
        let source = try finishing(sector)
        if source.settings.canStore { return source.id }
        let target = stores.all.first {
            $0.settings.canStore && $0.error == nil && $0.directory != nil
        }
        guard let target, let directory = target.directory else {
            throw EngineError(code: .refused, message: "no path for finished sectors is in use here")
        }
        try source.directory?.move(sector, to: directory)
        return target.id
    }

    /// A move to a near store that was cut off between two files goes on; it began after all was cleared.
    func finishMove(_ sector: SectorKey) throws {
        guard let kept = try stores.keeping(sector)?.directory else { return }
        for store in stores.all where store.settings.canSeal && store.error == nil {
            guard let directory = store.directory else { continue }
            let held = try directory.held(sector).types
            guard held.contains(.cache), !held.contains(.sealed) else { continue }
            try directory.move(sector, to: kept)
        }
    }

    /// Deletes what an update that is given up has made here; the old replica stays.
    func removeUpdate(_ sector: SectorIdentity) throws {
        for store in stores.all where !store.isReadOnly && store.error == nil {
            guard let directory = store.directory else { continue }
            try directory.removeUpdate(sector.key)
            try stores.refresh(sector.key, at: store.id)
        }
    }

    /// Deletes a sector's files here, and has them deleted everywhere.
    func removeAll(_ sector: SectorIdentity) throws {
        for store in stores.all where !store.isReadOnly && store.error == nil {
            try store.place.remove(sector.key)
            try stores.refresh(sector.key, at: store.id)
        }
        transfers?.forget(sector.key)
    }
}
