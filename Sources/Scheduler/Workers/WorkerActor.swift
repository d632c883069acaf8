// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
private import Logging
private import OrderedCollections

/// A worker process: registers with the scheduler, runs what it is assigned, and holds results until they are
/// confirmed. With a ``ResultStore`` it holds them beyond its own death: what was finished is reported by the
/// next process and not done again.
///
/// When the scheduler is lost the work goes on. The worker registers again, says what it runs and what has
/// finished, and both sides agree on what is still wanted.
package actor WorkerActor: Component {
    package nonisolated let home: Home
    /// What it was started with. A constant: it is handed to the runner with every task, and large.
    private let info: WorkerInfo
    /// What its kinds of tasks need, as measured by now.
    private var resources: [ResourceTable.Override]
    private let runner: any TaskRunner
    private let scheduler: Ref<SchedulerMessage>
    private let store: StoreInfo?
    private let results: (any ResultStore)?
    private let retryInterval: Duration
    private let bug: SeededBug?
    private enum Running {
        /// `fetchedTask`: its files were fetched, and the scheduler was told so once.
        case task, fetchedTask, prefetch
    }

    private var running: OrderedDictionary<CallID, Running> = [:]
    private var unconfirmed: OrderedDictionary<CallID, TaskResult> = [:]
    /// What ran when it registered last; the welcome says what of it is wanted.
    private var announced: [CallID] = []
    /// The cells that the scheduler was told.
    private var toldResources: [ResourceTable.Override] = []
    private var isWelcome = false
    private var incarnation: UInt64 = 0
    private var joinCount: UInt64 = 0
    private var timer: TimerID?

    /// Makes a worker that reports to `scheduler`.
    ///
    /// - Parameters:
    ///   - store: the sealing store of its host, attached whenever the worker registers; `nil` where it has
    ///     none.
    ///   - results: where results are kept until they are confirmed; `nil` keeps them in memory only.
    ///   - retryInterval: the time after which registration and unconfirmed results are said again.
    package init(
        home: Home, info: WorkerInfo, store: StoreInfo?, runner: any TaskRunner,
        results: (any ResultStore)? = nil, scheduler: Ref<SchedulerMessage>,
        retryInterval: Duration = .seconds(5), bug: SeededBug? = nil
    ) {
        self.home = home
        self.info = info
        resources = info.resources
        self.runner = runner
        self.scheduler = scheduler
        self.store = store
        self.results = results
        self.retryInterval = retryInterval
        self.bug = bug
    }

    package func started(_ context: Context<WorkerMessage>) {
        incarnation = context.random.next()
        loadResults(context)
        register(context)
    }

    package func receive(_ message: WorkerMessage, _ context: Context<WorkerMessage>) {
        switch message {
        case .welcome(let join, let known):
            // A welcome that is late or came twice knows nothing of what was assigned since.
            guard !isWelcome, join == JoinID(incarnation: incarnation, number: joinCount) else { return }
            isWelcome = true
            // What came since the registration is not meant: an assignment may overtake the welcome.
            let wanted = Set(known)
            for call in announced where !wanted.contains(call) { abort(call) }
            // What was said into a broken link is not known: until then the move counts as under way.
            for call in announced where running[call] == .fetchedTask {
                scheduler.tell(.fetched(worker: info.name, call))
            }
            announced = []
            tellResources()
        case .assign(let call, let assignment):
            scheduler.tell(.taken(call))
            let isKnown = running[call] != nil || unconfirmed[call] != nil
            guard !isKnown || bug == .workerStartsTwice else { return }
            running[call] = .task
            runner.start(call, assignment, on: info, reportTo: context.me)
        case .prefetch(let call, let fetch):
            scheduler.tell(.taken(call))
            guard running[call] == nil else { return }
            running[call] = .prefetch
            runner.prefetch(call, fetch, on: info, reportTo: context.me)
        case .abort(let call): abort(call)
        case .fetched(let call):
            guard let kind = running[call] else { return }
            running[call] = kind == .prefetch ? nil : .fetchedTask
            scheduler.tell(.fetched(worker: info.name, call))
        case .confirmed(let call): forget(call, context)
        case .finished(let call, let result):
            guard let kind = running.removeValue(forKey: call) else { return }
            // A prefetch that failed is worth a word, and no more: the task fetches for itself.
            if kind != .prefetch, bug != .workerForgetsResults { keep(call, result, context) }
            scheduler.tell(.report(worker: info.name, call, result))
            arm(context)
        case .measured(let cells):
            resources = cells
            if isWelcome { tellResources() }
        case .schedulerLost:
            if bug == .workerNeverRejoins { return }
            isWelcome = false
            context.log.warning("the scheduler is out of reach; \(running.count) tasks go on")
            arm(context)
        case .sayAgain:
            timer = nil
            if !isWelcome {
                register(context)
            } else {
                for (call, result) in unconfirmed {
                    scheduler.tell(.report(worker: info.name, call, result))
                }
                if !unconfirmed.isEmpty { arm(context) }
            }
        }
    }

    private func register(_ context: Context<WorkerMessage>) {
        context.watch(scheduler) { .schedulerLost($0) }
        joinCount += 1
        announced = Array(running.keys)
        toldResources = resources
        var info = info
        info.resources = resources
        scheduler.tell(
            .workerJoined(
                info, context.me, JoinID(incarnation: incarnation, number: joinCount), store: store,
                running: running.filter { $0.value != .prefetch }.map(\.key),
                finished: unconfirmed.map { FinishedCall(call: $0.key, result: $0.value) }))
        arm(context)
    }

    private func tellResources() {
        guard resources != toldResources else { return }
        toldResources = resources
        let join = JoinID(incarnation: incarnation, number: joinCount)
        scheduler.tell(.measured(worker: info.name, join, resources))
    }

    // MARK: Results

    private func loadResults(_ context: Context<WorkerMessage>) {
        guard let results else { return }
        do {
            for known in try results.load() { unconfirmed[known.call] = known.result }
        } catch {
            context.log.error("results of an earlier process cannot be read, their tasks run again: \(error)")
        }
        guard !unconfirmed.isEmpty else { return }
        context.log.info("\(unconfirmed.count) results of an earlier process are reported")
    }

    /// A result is on disk before anybody hears of it.
    private func keep(_ call: CallID, _ result: TaskResult, _ context: Context<WorkerMessage>) {
        unconfirmed[call] = result
        do { try results?.save(FinishedCall(call: call, result: result)) } catch {
            context.log.error("the result of \(call) is in memory only and lost with this process: \(error)")
        }
    }

    private func forget(_ call: CallID, _ context: Context<WorkerMessage>) {
        guard unconfirmed.removeValue(forKey: call) != nil else { return }
        do { try results?.remove(call) } catch {
            context.log.warning("the result of \(call) stays behind and will be said again: \(error)")
        }
        // Nothing is left to say again.
        if isWelcome, unconfirmed.isEmpty, let known = timer {
            context.cancel(known)
            timer = nil
        }
    }

    private func abort(_ call: CallID) {
        guard running.removeValue(forKey: call) != nil else { return }
        runner.abort(call)
    }

    private func arm(_ context: Context<WorkerMessage>) {
        guard timer == nil else { return }
        timer = context.schedule(after: retryInterval, .sayAgain)
    }
}
