// SPDX-License-Identifier: Apache-2.0
public import Logging
internal import OrderedCollections
internal import Synchronization

// Safety: all shared state is locked.
/// One process of a real cluster: the same components as in a simulated world, on real threads and a real
/// clock.
///
/// Components are spread over a few executor threads by name; a child lives on its parent's thread. Messages
/// to other nodes go through the attached ``Transport``.
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

    struct Tables {
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
    /// Nobody's thread: the home of questions, which never take a turn.
    let edge = LiveExecutor(spinCount: 0)
    private let threads = Mutex<[KernelThread]>([])
    let tables = Mutex(Tables())
    let recording = RecordingSwitch()

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
        do {
            for (index, executor) in executors.enumerated() {
                started.append(try KernelThread(name: "actors-\(index)") { executor.run() })
            }
            let timers = timers
            started.append(try KernelThread(name: "timers") { timers.run() })
        } catch {
            for executor in executors { executor.stop() }
            for thread in started { thread.join() }
            throw error
        }
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

    /// Starts a component under `name`; inlinable so that its mailbox is specialized where its type is known.
    ///
    /// - Throws: ``KernelError`` with `nameTaken`, `startFailed` or `shutDown`.
    @inlinable
    @discardableResult
    public func spawn<C: Component>(
        _ name: String, options: SpawnOptions, _ make: @escaping @Sendable (Home) throws -> C
    ) throws(KernelError) -> Ref<C.Inbox> {
        try spawn(name, parent: nil, options: options, make)
    }

    @inlinable
    func spawn<C: Component>(
        _ name: String, parent: LivePlace?, options: SpawnOptions,
        _ make: @escaping @Sendable (Home) throws -> C
    ) throws(KernelError) -> Ref<C.Inbox> {
        let cell = try makeCell(name, parent: parent, options: options, as: C.Inbox.self)
        let home = makeHome(of: cell)
        cell.install(BehaviorBox { [unowned cell] in Behavior(try make(home), cell.makeContext()) })
        try launch(cell, parent: parent)
        return Ref(.live(cell))
    }

    @usableFromInline
    func makeCell<M: Message>(
        _ name: String, parent: LivePlace?, options: SpawnOptions, as type: M.Type
    ) throws(KernelError) -> LiveCell<M> {
        guard Address.isWellFormed(name) else {
            throw KernelError(code: .startFailed, message: "'\(name.prefix(140))' is not a component's name")
        }
        // A component that spawns outside its family gets a neighbor on its own thread: waiting for another
        // thread could wait for each other.
        let current = CurrentPlace.place
        let here = current?.worldStorage === self ? current?.executor : nil
        let executor = parent?.executor ?? here ?? executors[Int(stableHash(name) % UInt64(executors.count))]
        let cell = LiveCell<M>(
            address: Address(node: self.name, name: name), world: self, executor: executor, options: options)
        cell.parent = parent
        return cell
    }

    @usableFromInline
    func makeHome(of place: LivePlace) -> Home { Home(executor: place.executor) }

    /// Enters a component's place and runs its `started` on its own thread.
    @usableFromInline
    func launch<M: Message>(_ cell: LiveCell<M>, parent: LivePlace?) throws(KernelError) {
        let address = cell.address
        let refusal = tables.withLock { tables -> KernelError? in
            if tables.isShutDown { return Self.shutDownError(self.name) }
            if tables.places[address.name] != nil {
                return KernelError(code: .nameTaken, message: "\(address) is taken; choose another name")
            }
            tables.places[address.name] = cell
            return nil
        }
        if let refusal { throw refusal }
        parent?.children.append(cell)
        if CurrentPlace.place?.executor === cell.executor {
            do { try cell.begin() } catch { throw Self.startError(address, error) }
            return
        }
        let starter = Starter(address: address, world: self, executor: cell.executor) { try cell.begin() }
        cell.executor.schedule(starter)
        switch starter.wait() {
        case .success: return
        case .failure(let error as KernelError) where error.code == .shutDown: throw error
        case .failure(let error): throw Self.startError(address, error)
        }
    }

    private static func startError(_ address: Address, _ error: any Error) -> KernelError {
        KernelError(code: .startFailed, message: "\(address) could not start: \(error)")
    }

    static func shutDownError(_ name: String) -> KernelError {
        KernelError(code: .shutDown, message: "\(name) is shut down")
    }

    /// Asks a component of this node to stop after its current message.
    public func stop<M: Message>(_ ref: Ref<M>) {
        if case .live(let cell) = ref.target { cell.requestStop() }
    }

    func placeStopped(_ place: LivePlace, _ reason: Termination) {
        tables.withLock { tables in
            if tables.places[place.address.name] === place { tables.places[place.address.name] = nil }
            for adapter in place.adapters { tables.places[adapter] = nil }
            if place.hasWatched { tables.forgetWatches(by: place.address) }
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
        let outcome = carry(message, to: address)
        if isRecording { recordSent(message, to: address, outcome) }
        return outcome
    }

    /// Sends by way of the wire form.
    func carry<M: Message>(_ message: M, to address: Address) -> Delivery {
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
        let (number, isShutDown) = tables.withLock { tables -> (Int?, Bool) in
            guard tables.asksInFlight < options.asksInFlightMax, !tables.isShutDown else {
                return (nil, tables.isShutDown)
            }
            tables.asksInFlight += 1
            tables.askCount += 1
            return (tables.askCount, false)
        }
        if isShutDown { throw Self.shutDownError(name) }
        guard let number else {
            throw KernelError(
                code: .tooManyAsks,
                message: "\(options.asksInFlightMax) questions wait for answers already; ask later")
        }
        return "$ask-\(number)"
    }

    /// Enters a place that the kernel made; tells whether the world still runs.
    @discardableResult
    func enter(_ place: LivePlace) -> Bool {
        tables.withLock { tables in
            if !tables.isShutDown { tables.places[place.address.name] = place }
            return !tables.isShutDown
        }
    }

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
        recording.set(journal != nil)
    }

    var isRecording: Bool { recording.isOn }

    func append(_ record: JournalRecord) { tables.withLock { $0.journal }?.record(record) }

    // MARK: End

    /// Stops all components and threads; what waits becomes dead letters, questions fail with `shutDown`.
    ///
    /// Returns when all threads have ended; never called by a component.
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
        let places = tables.withLock { tables in
            defer {
                tables.places = [:]
                tables.watches = [:]
            }
            return tables.places.values.sorted { $0.address < $1.address }
        }
        for place in places { place.worldEnded() }
        record(into: nil)
    }
}
