// SPDX-License-Identifier: Apache-2.0
private import Chain
package import Kernel
package import Scheduler

/// The questions and orders that a running miner takes from operators.
package struct MinerClient: Sendable {
    let sectorsRef: Ref<ManagerMessage>
    private let schedulerRef: Ref<SchedulerMessage>
    let deskRef: Ref<ProvingDeskMessage>
    let storageRef: Ref<StorageMessage>
    private let world: LiveWorld
    private let timeout: Duration
    private let explain: @Sendable (KernelError) -> any Error

    /// Makes a client of the miner on the node of that name, to which `world` must know the way.
    ///
    /// - Parameter explain: makes of a failure to be heard what the caller shall see.
    package init(
        world: LiveWorld, minerName: String, timeout: Duration,
        explain: @escaping @Sendable (KernelError) -> any Error = { $0 }
    ) {
        sectorsRef = world.ref(
            at: Address(node: minerName, name: MinerAssembly.sectorsName), as: ManagerMessage.self)
        schedulerRef = world.ref(
            at: Address(node: minerName, name: MinerAssembly.schedulerName), as: SchedulerMessage.self)
        deskRef = world.ref(at: Address(node: minerName, name: ProvingDesk.name), as: ProvingDeskMessage.self)
        storageRef = world.ref(
            at: Address(node: minerName, name: MinerAssembly.storageName), as: StorageMessage.self)
        self.world = world
        self.timeout = timeout
        self.explain = explain
    }

    // MARK: Sectors

    /// Begins sectors of committed capacity, or one of a file; the numbers of the new ones.
    ///
    /// - Throws: ``EngineError`` with `refused`, or ``KernelError``.
    package func pledge(count: Int, payloadPath: String? = nil) async throws -> [UInt64] {
        let answer = try await askSectors { .pledge(count: count, payloadPath: payloadPath, replyTo: $0) }
        guard case .pledged(let numbers) = answer else { throw unexpected(answer) }
        return numbers
    }

    /// All sectors, in order of number.
    ///
    /// - Throws: ``EngineError`` or ``KernelError``.
    package func sectors() async throws -> [SectorSummary] {
        var all: [SectorSummary] = []
        while true {
            let from = all.last.map { $0.key.number + 1 } ?? 0
            let answer = try await askSectors { .list(from: from, limit: Self.pageCount, replyTo: $0) }
            guard case .sectors(let page) = answer else { throw unexpected(answer) }
            all += page
            if page.count < Self.pageCount { return all }
        }
    }

    /// So many summaries stay well within the longest frame.
    private static let pageCount = 1_000

    /// All that is kept of a sector.
    ///
    /// - Throws: ``EngineError`` with `refused` where there is none of that number, or ``KernelError``.
    package func sector(_ number: UInt64) async throws -> SectorRecord {
        let answer = try await askSectors { .find(number: number, replyTo: $0) }
        guard case .sector(let record) = answer else { throw unexpected(answer) }
        return record
    }

    /// What happened to a sector, the latest last.
    ///
    /// - Throws: ``EngineError`` or ``KernelError``.
    package func log(_ number: UInt64, limit: Int = 10_000) async throws -> [SectorLogEntry] {
        let answer = try await askSectors { .log(number: number, limit: limit, replyTo: $0) }
        guard case .log(let entries) = answer else { throw unexpected(answer) }
        return entries
    }

    /// Takes a sector to a state by its name; where `adopts`, what runs goes on as that state's work.
    ///
    /// - Returns: the state that it is in now.
    /// - Throws: ``EngineError`` with `refused`, or ``KernelError``.
    package func forceState(_ number: UInt64, name: String, adopts: Bool) async throws -> SectorState {
        try await accepted { .forceState(number: number, name: name, adopts: adopts, replyTo: $0) }
    }

    /// Gives a sector up on the chain.
    ///
    /// - Returns: the state that it is in now.
    /// - Throws: ``EngineError`` with `refused`, or ``KernelError``.
    package func terminate(_ number: UInt64) async throws -> SectorState {
        try await accepted { .operate(number: number, .terminate, replyTo: $0) }
    }

    /// Opens a proven sector of committed capacity for deals that come in as a new replica.
    ///
    /// - Returns: the state that it is in now.
    /// - Throws: ``EngineError`` with `refused`, also for a sector that holds data, or ``KernelError``.
    package func markForUpgrade(_ number: UInt64) async throws -> SectorState {
        let state = try await accepted { .operate(number: number, .markForUpdate, replyTo: $0) }
        guard state == .available else {
            throw refused(
                "sector \(number) is in \(state.rawValue) and stays there: only a proven sector of committed "
                    + "capacity can be upgraded")
        }
        return state
    }

    /// Gives an upgrade up before it is on the chain; the sector goes on with its old replica.
    ///
    /// - Returns: the state that it is in now.
    /// - Throws: ``EngineError`` with `refused`, or ``KernelError``.
    package func abortUpgrade(_ number: UInt64, because reason: String) async throws -> SectorState {
        try await accepted { .operate(number: number, .abortUpgrade(reason), replyTo: $0) }
    }

    /// Deletes a sector's files and forgets it.
    ///
    /// - Returns: the state that it is in now.
    /// - Throws: ``EngineError`` with `refused`, or ``KernelError``.
    package func remove(_ number: UInt64, because reason: String) async throws -> SectorState {
        try await accepted { .operate(number: number, .remove(reason), replyTo: $0) }
    }

    func accepted(_ make: (Ref<ManagerEvent>) -> ManagerMessage) async throws -> SectorState {
        let answer = try await askSectors(make)
        guard case .accepted(_, let state) = answer else { throw unexpected(answer) }
        return state
    }

    // MARK: Scheduler

    /// What waits and what runs.
    ///
    /// - Throws: ``EngineError`` or ``KernelError``.
    package func diagnosis() async throws -> SchedulerDiagnosis {
        let answer = try await askScheduler { .diagnose(replyTo: $0) }
        guard case .diagnosis(let diagnosis) = answer else { throw unexpected(answer) }
        return diagnosis
    }

    /// The latest decisions, the last one first.
    ///
    /// - Throws: ``EngineError`` or ``KernelError``.
    package func decisions(limit: Int) async throws -> [PlacementRecord] {
        let answer = try await askScheduler { .decisions(limit: limit, replyTo: $0) }
        guard case .decisions(let records) = answer else { throw unexpected(answer) }
        return records
    }

    /// Says something about workers. A drain is answered when nothing runs; see ``drain(_:wait:news:)`` for
    /// one that bears a lost connection.
    ///
    /// - Throws: ``EngineError`` or ``KernelError``.
    package func control(_ order: ControlOrder) async throws -> ControlReport {
        let answer = try await askScheduler { .control(order, replyTo: $0) }
        guard case .control(let report) = answer else { throw unexpected(answer) }
        return report
    }

    /// Cordons workers and looks every second until nothing runs on those that were met.
    ///
    /// - Parameters:
    ///   - kinds: kinds of task; all where empty.
    ///   - wait: the longest time to look; `nil` for as long as it takes.
    ///   - news: told how many tasks still run, whenever that changes.
    /// - Throws: ``EngineError`` with `timedOut` where something still runs after `wait`; the workers stay
    ///   cordoned.
    package func drain(
        worker: String?, group: String?, kinds: [TaskType] = [], wait: Duration?, news: (Int) -> Void
    ) async throws -> ControlReport {
        var report = try await control(ControlOrder(.cordon, worker: worker, group: group, kinds: kinds))
        let names = Set(report.workers)
        let began = world.now
        var last: Int?
        while true {
            let diagnosis = try await diagnosis()
            report.runningCount =
                kinds.isEmpty
                ? diagnosis.workers.reduce(0) { $0 + (names.contains($1.name) ? $1.runningCount : 0) }
                : diagnosis.running.count { names.contains($0.worker) && kinds.contains($0.task.type) }
            if report.runningCount == 0 { return report }
            if report.runningCount != last { news(report.runningCount) }
            last = report.runningCount
            if let wait, world.now - began >= wait {
                throw EngineError(
                    code: .timedOut,
                    message:
                        "\(report.runningCount) tasks still run on \(report.workers.joined(separator: ", "))"
                        + " after \(wait); they stay cordoned")
            }
            await world.sleep(for: .seconds(1))
        }
    }

    /// Stops a task wherever it is.
    ///
    /// - Parameter text: a task's compact form, or the beginning of one up to a slash, as `f01000-4/PC1`.
    /// - Throws: ``EngineError`` with `refused` where no task is meant by it, or more than one.
    package func abort(_ text: String) async throws -> (task: TaskID, report: ControlReport) {
        let id = try await task(named: text)
        let answer = try await askScheduler { .abort(id, replyTo: $0) }
        guard case .aborted(_, let report) = answer else { throw unexpected(answer) }
        guard report.isKnown else { throw refused("\(report.note): \(id.compact)") }
        return (id, report)
    }

    private func task(named text: String) async throws -> TaskID {
        if let id = TaskID(parsing: text) { return id }
        let diagnosis = try await diagnosis()
        let known = diagnosis.running.map(\.task) + diagnosis.waiting.map(\.task)
        let meant = known.filter { $0.compact.hasPrefix(text + "/") }.sorted()
        guard let first = meant.first else {
            throw refused("no task '\(text.prefix(128))' runs or waits; 'sealyard sealing jobs' lists them")
        }
        guard meant.count == 1 else {
            throw refused("'\(text)' may be any of \(meant.map(\.compact).joined(separator: ", "))")
        }
        return first
    }

    // MARK: Asking

    var now: Instant { world.now }

    func pause(_ duration: Duration) async { await world.sleep(for: duration) }

    func askSectors(
        _ make: (Ref<ManagerEvent>) -> ManagerMessage
    ) async throws -> ManagerEvent {
        let answer: ManagerEvent = try await ask(sectorsRef, make)
        if case .refused(let reason) = answer { throw refused(reason) }
        return answer
    }

    private func askScheduler(_ make: (Ref<TaskEvent>) -> SchedulerMessage) async throws -> TaskEvent {
        try await ask(schedulerRef, make)
    }

    func ask<M: Message, Reply: Message>(
        _ ref: Ref<M>, _ make: (Ref<Reply>) -> M
    ) async throws -> Reply {
        do { return try await ref.ask(timeout: timeout, make) } catch let error as KernelError {
            throw explain(error)
        }
    }

    func refused(_ reason: String) -> EngineError {
        EngineError(code: .refused, message: "the miner refused: \(reason)")
    }

    func unexpected(_ answer: some Message) -> EngineError {
        EngineError(code: .checkFailed, message: "the miner gave another answer: \("\(answer)".prefix(256))")
    }
}
