// SPDX-License-Identifier: Apache-2.0
public import Logging
private import OrderedCollections
internal import Synchronization

/// One process of a real cluster: the same components as in a simulated world, on real threads and a real clock.
///
/// Components are spread over a few executor threads by name; a child lives on its parent's thread. Messages to
/// other nodes go through the attached ``Transport``.
// Safety: all shared state is locked.
public final class LiveWorld: Node, RefResolver, TransportReceiver, @unchecked Sendable {
    /// What a world is made with.
    public struct Options: Sendable {
        /// Threads that run components.
        public var executorCount: Int
        /// Seeds the components' streams of chance.
        public var seed: UInt64
        /// Questions from the edges that may wait for an answer at once.
        public var asksInFlightMax: Int
        /// Looks at an empty inbox before a thread sleeps; spinning shortens round trips and burns processor.
        public var spinCount: Int

        /// Makes options; the seed comes from the clock unless given.
        public init(
            executorCount: Int = min(4, SystemClock.processorCount), seed: UInt64? = nil,
            asksInFlightMax: Int = 4_096, spinCount: Int = 200
        ) {
            precondition(executorCount > 0, "a world has at least one thread")
            self.executorCount = executorCount
            self.seed =
                seed
                ?? mixed(
                    UInt64(bitPattern: SystemClock.wallNanoseconds)
                        ^ UInt64(bitPattern: SystemClock.monotonicNanoseconds))
            self.asksInFlightMax = asksInFlightMax
            self.spinCount = spinCount
        }
    }

    private struct Tables {
        var places: [String: LivePlace] = [:]
        var watches: OrderedDictionary<Address, [LiveWatch]> = [:]
        var asksInFlight = 0
        var askCount = 0
        var transport: (any Transport)?
        var journal: (any JournalSink)?
        var deadLetters = DeadLetterLog()
        var isShutDown = false
    }

    /// The node's name, unique in the cluster.
    public let name: String
    /// The log of the world and its components.
    public let log: Logger
    /// Counters and gauges of the components.
    public let metrics = Metrics()
    let seed: UInt64
    let timers = TimerService()
    private let options: Options
    private let origin = SystemClock.monotonicNanoseconds
    private let executors: [LiveExecutor]
    private let threads = Mutex<[KernelThread]>([])
    private let tables = Mutex(Tables())
    private let recording = Atomic(false)

    /// Starts a world with its threads.
    ///
    /// - Throws: ``KernelError`` with `threadFailed`.
    public init(
        name: String, options: Options = Options(), log: Logger = Logger(label: "sealyard")
    ) throws(KernelError) {
        precondition(Address.isWellFormed(name), "not a node name: '\(name)'")
        self.name = name
        self.log = log
        self.options = options
        seed = options.seed
        executors = (0..<options.executorCount).map { _ in LiveExecutor(spinCount: options.spinCount) }
        var started: [KernelThread] = []
        for (index, executor) in executors.enumerated() {
            started.append(try KernelThread(name: "actors-\(index)") { executor.run() })
        }
        let timers = timers
        started.append(try KernelThread(name: "timers") { timers.run() })
        threads.withLock { $0 = started }
        watchOverPeers()
    }

    // MARK: Time

    /// The time since this world was made.
    public var now: Instant { Instant(nanoseconds: SystemClock.monotonicNanoseconds - origin) }

    func monotonic(_ time: Instant) -> Int64 {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(origin)
        return overflow ? .max : sum
    }

    // MARK: Components

    /// Starts a component under `name`.
    ///
    /// - Throws: ``KernelError`` with `nameTaken`, `startFailed` or `shutDown`.
    @discardableResult
    public func spawn<C: Component>(
        _ name: String, options: SpawnOptions, _ make: @escaping @Sendable (Home) throws -> C
    ) throws(KernelError) -> Ref<C.Inbox> {
        try spawn(name, parent: nil, options: options, make)
    }

    @usableFromInline
    func spawnChild<C: Component>(
        _ name: String, of parent: LivePlace, options: SpawnOptions,
        _ make: @escaping @Sendable (Home) throws -> C
    ) throws(KernelError) -> Ref<C.Inbox> {
        try spawn(name, parent: parent, options: options, make)
    }

    func spawn<C: Component>(
        _ name: String, parent: LivePlace?, options: SpawnOptions,
        _ make: @escaping @Sendable (Home) throws -> C
    ) throws(KernelError) -> Ref<C.Inbox> {
        let address = Address(node: self.name, name: name)
        let executor = parent?.executor ?? executors[Int(stableHash(name) % UInt64(executors.count))]
        let cell = LiveCell<C.Inbox>(address: address, world: self, executor: executor, options: options)
        let home = Home(executor: executor)
        cell.box = BehaviorBox { [unowned cell] in Behavior(try make(home), cell.makeContext()) }
        cell.parent = parent
        let refusal = tables.withLock { tables -> KernelError? in
            if tables.isShutDown { return KernelError(code: .shutDown, message: "\(self.name) is shut down") }
            if tables.places[name] != nil {
                return KernelError(code: .nameTaken, message: "\(address) is taken; choose another name")
            }
            tables.places[name] = cell
            return nil
        }
        if let refusal { throw refusal }
        parent?.children.append(cell)
        let start = StartSignal()
        let bringUp: @Sendable () -> Void = {
            do { try cell.bringUp() } catch {
                start.error = error
                cell.requestStop(.failed)
            }
        }
        if CurrentPlace.place?.executor === executor {
            let current = CurrentPlace.place
            CurrentPlace.set(cell)
            bringUp()
            CurrentPlace.set(current)
        } else {
            let starter = Starter(address: address, world: self, executor: executor) {
                CurrentPlace.set(cell)
                bringUp()
                start.parker.unpark()
            }
            executor.schedule(starter)
            start.parker.park()
        }
        if let error = start.error {
            throw KernelError(code: .startFailed, message: "\(address) could not start: \(error)")
        }
        return Ref(.live(cell))
    }

    /// Asks a component of this node to stop after its current message.
    public func stop<M: Message>(_ ref: Ref<M>) {
        if case .live(let cell) = ref.target { cell.requestStop() }
    }

    func placeStopped(_ place: LivePlace, _ reason: Termination) {
        tables.withLock { tables in
            if tables.places[place.address.name] === place { tables.places[place.address.name] = nil }
            for adapter in place.adapters { tables.places[adapter] = nil }
        }
        recordEnd(place.address)
        notifyWatchers(of: place.address, reason)
    }

    /// The reference of `address`, whether or not anything lives there now.
    public func ref<M: Message>(at address: Address, as type: M.Type) -> Ref<M> {
        if address.node == name {
            let known = place(named: address.name)
            if let cell = known as? LiveCell<M> { return Ref(.live(cell)) }
            if let adapter = known as? LiveAdapter<M> { return adapter.ref }
        }
        return Outlet<M>(address: address, world: self) { [weak self] message in
            self?.dispatch(message, to: address) ?? .rejected(.stopped)
        }.ref
    }

    func place(named name: String) -> LivePlace? { tables.withLock { $0.places[name] } }

    /// Sends to a place that is not bound to a mailbox: one that may live here later, or one on a peer.
    private func dispatch<M: Message>(_ message: M, to address: Address) -> Delivery {
        if address.node == name, let cell = place(named: address.name) as? LiveCell<M> {
            return cell.tell(message)
        }
        if isRecording { recordSent(message, to: address) }
        let envelope: Envelope
        do {
            envelope = Envelope(
                to: address, from: CurrentPlace.place?.address, messageName: M.messageName,
                payload: try message.wireBytes())
        } catch {
            log.error("a \(M.messageName) for \(address) cannot cross the wire: \(error)")
            bury(to: address, messageName: M.messageName, .notEncodable)
            return .rejected(.notEncodable)
        }
        if address.node == name {
            guard let place = place(named: address.name) else {
                bury(to: address, messageName: M.messageName, .noRecipient)
                return .rejected(.noRecipient)
            }
            guard let reason = place.accept(envelope, permission: .admin) else { return .accepted }
            bury(to: address, messageName: M.messageName, reason)
            return .rejected(reason)
        }
        let outcome =
            tables.withLock { $0.transport }?.send(envelope) ?? Delivery.rejected(.noRecipient)
        if case .rejected(let reason) = outcome { bury(to: address, messageName: M.messageName, reason) }
        return outcome
    }

    // MARK: Questions from the edges

    func claimAsk() throws(KernelError) -> String {
        let number = tables.withLock { tables -> Int? in
            guard tables.asksInFlight < options.asksInFlightMax, !tables.isShutDown else { return nil }
            tables.asksInFlight += 1
            tables.askCount += 1
            return tables.askCount
        }
        guard let number else {
            throw KernelError(
                code: .tooManyAsks,
                message: "\(options.asksInFlightMax) questions wait for answers already; ask later")
        }
        return "$ask-\(number)"
    }

    func enter(_ place: LivePlace) { tables.withLock { $0.places[place.address.name] = place } }

    func releaseAsk(_ place: LivePlace) {
        tables.withLock { tables in
            tables.places[place.address.name] = nil
            tables.asksInFlight -= 1
        }
    }

    var firstExecutor: LiveExecutor { executors[0] }

    // MARK: Transport

    /// Attaches the transport that reaches other nodes.
    public func attach(_ transport: any Transport) { tables.withLock { $0.transport = transport } }

    /// A peer's envelope; see ``TransportReceiver``.
    public func arrived(
        _ envelope: Envelope, peer: String, permission: Permission
    ) -> DeadLetterReason? {
        let outcome =
            envelope.to.node == name
            ? place(named: envelope.to.name).map { $0.accept(envelope, permission: permission) }
                ?? .noRecipient
            : .noRecipient
        if let outcome { bury(to: envelope.to, messageName: envelope.messageName, outcome) }
        return outcome
    }

    /// A peer could not deliver; see ``TransportReceiver``.
    public func bounced(
        to: Address, from: Address?, messageName: String, reason: DeadLetterReason
    ) {
        bury(to: to, messageName: messageName, reason)
        if let from, from.node == name { place(named: from.name)?.bounced(reason) }
        if messageName == PeerWatchMessage.messageName { peerLost(to.node) }
    }

    /// A session began; see ``TransportReceiver``.
    public func peerConnected(_ peer: String) { log.info("connected to \(peer)") }

    /// Tells whether some mailbox has messages beyond half its bound.
    public var isCongested: Bool { congestedCount.load(ordering: .relaxed) > 0 }
    let congestedCount = Atomic(0)

    // MARK: Watching

    func watch(_ target: Address, by watcher: Address, _ notify: @escaping @Sendable (Termination) -> Void) {
        if target.node == name && place(named: target.name) == nil { return notify(.unknown) }
        tables.withLock {
            $0.watches[target]?.removeAll { $0.watcher == watcher }
            $0.watches[target, default: []].append(LiveWatch(watcher: watcher, notify: notify))
        }
        if target.node != name { tellPeer(target.node, .watch(target: target, watcher: watcher)) }
    }

    func unwatch(_ target: Address, by watcher: Address) {
        tables.withLock { tables in
            tables.watches[target]?.removeAll { $0.watcher == watcher }
            if tables.watches[target]?.isEmpty == true { tables.watches[target] = nil }
        }
        if target.node != name { tellPeer(target.node, .unwatch(target: target, watcher: watcher)) }
    }

    func notifyWatchers(of target: Address, _ reason: Termination) {
        let watches = tables.withLock { $0.watches.removeValue(forKey: target) } ?? []
        for watch in watches { watch.notify(reason) }
    }

    func tellPeer(_ peer: String, _ message: PeerWatchMessage) {
        let address = Address(node: peer, name: PeerWatcher.name)
        if case .rejected = dispatch(message, to: address), case .watch(let target, _) = message {
            notifyWatchers(of: target, .peerLost)
        }
    }

    /// A session ended: all watches across it end as well; see ``TransportReceiver``.
    public func peerLost(_ peer: String) {
        let lost = tables.withLock { tables in
            var lost: [LiveWatch] = []
            for target in tables.watches.keys where target.node == peer {
                lost += tables.watches[target] ?? []
            }
            tables.watches.removeAll { $0.key.node == peer }
            for target in tables.watches.keys {
                tables.watches[target]?.removeAll { $0.watcher.node == peer }
            }
            tables.watches.removeAll { $0.value.isEmpty }
            return lost
        }
        for watch in lost { watch.notify(.peerLost) }
    }

    // MARK: Dead letters and journal

    /// Messages that nobody handled.
    public var deadLetters: DeadLetterLog { tables.withLock { $0.deadLetters } }

    @usableFromInline
    func bury(to: Address, messageName: String, _ reason: DeadLetterReason) {
        let letter = DeadLetter(
            time: now, from: CurrentPlace.place?.address.description ?? "", to: to.description,
            messageName: messageName, reason: reason)
        tables.withLock { $0.deadLetters.record(letter) }
        log.debug("dead letter: \(messageName) for \(to): \(reason.rawValue)")
    }

    /// Records every delivery and every message sent into `journal`; `nil` ends the recording.
    public func record(into journal: (any JournalSink)?) {
        tables.withLock { $0.journal = journal }
        recording.store(journal != nil, ordering: .releasing)
    }

    @usableFromInline var isRecording: Bool { recording.load(ordering: .acquiring) }

    func append(_ record: JournalRecord) { tables.withLock { $0.journal }?.record(record) }

    // MARK: End

    /// Stops all components and threads; what waits becomes lost. Returns when all threads have ended.
    public func shutDown() {
        let (transport, isFirst) = tables.withLock { tables -> ((any Transport)?, Bool) in
            defer {
                tables.isShutDown = true
                tables.transport = nil
            }
            return (tables.transport, !tables.isShutDown)
        }
        guard isFirst else { return }
        transport?.shutDown()
        for executor in executors { executor.stop() }
        timers.stop()
        let handles = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for handle in handles { handle.join() }
        tables.withLock { tables in
            tables.places = [:]
            tables.watches = [:]
            tables.journal = nil
        }
    }
}

/// A wish to be told when an address is gone.
struct LiveWatch {
    let watcher: Address
    let notify: @Sendable (Termination) -> Void
}

// Safety: written on the executor before `unpark`, read by the waiting thread after `park`.
private final class StartSignal: @unchecked Sendable {
    let parker = Parker()
    var error: (any Error)?
}

/// A place that runs one closure on an executor.
private final class Starter: LivePlace, @unchecked Sendable {
    private let body: () -> Void

    init(
        address: Address, world: LiveWorld, executor: LiveExecutor, body: @escaping () -> Void
    ) {
        self.body = body
        super.init(address: address, world: world, executor: executor)
    }

    override func turn() { body() }
}
