// SPDX-License-Identifier: Apache-2.0
internal import Logging

/// An event whose time has come.
@usableFromInline
struct ReadyEntry {
    @usableFromInline let place: UInt32
    @usableFromInline let slot: UInt32

    @inlinable
    init(place: UInt32, slot: UInt32) {
        self.place = place
        self.slot = slot
    }
}

// Safety: the buffer is this object's own; `mask + 1` entries are allocated and every index is masked. Only
// the thread that runs the world touches it.
/// The events of the present instant; the next is taken first-in-first-out or drawn by the world's seed.
///
/// Entries of one mailbox are interchangeable (each says "take your head"), so any order of draws keeps the
/// order of messages between two components.
@usableFromInline
final class ReadyQueue: @unchecked Sendable {
    @usableFromInline var ring: UnsafeMutablePointer<ReadyEntry>
    @usableFromInline var mask: Int
    @usableFromInline var head = 0
    @usableFromInline var count = 0

    @usableFromInline
    init() {
        ring = .allocate(capacity: 64)
        mask = 63
    }

    deinit { ring.deallocate() }

    @inlinable
    func append(_ entry: ReadyEntry) {
        if count > mask { grow() }
        (ring + ((head + count) & mask)).initialize(to: entry)
        count += 1
    }

    @inlinable
    func take(drawingFrom random: inout RandomStream, seeded: Bool) -> ReadyEntry {
        if seeded && count > 1 {
            let offset = Int((UInt64(count) &* (random.next() >> 32)) >> 32)
            swap(&ring[head & mask], &ring[(head + offset) & mask])
        }
        let entry = ring[head & mask]
        count -= 1
        head = count == 0 ? 0 : (head + 1) & mask
        return entry
    }

    @usableFromInline
    func grow() {
        let bigger = UnsafeMutablePointer<ReadyEntry>.allocate(capacity: (mask + 1) * 2)
        for offset in 0..<count { (bigger + offset).initialize(to: ring[(head + offset) & mask]) }
        ring.deallocate()
        ring = bigger
        mask = mask * 2 + 1
        head = 0
    }

    func removeAll() {
        head = 0
        count = 0
    }
}

/// Counts of a simulated world, for reports and benchmarks.
public struct SimulationStatistics: Sendable, Hashable {
    /// Messages handled, timers included.
    public var delivered = 0
    /// Of these, timers.
    public var timersFired = 0
    /// Components started.
    public var spawned = 0
    /// Components that stopped.
    public var stopped = 0
    /// Components that threw.
    public var failures = 0
    /// Components made anew after a failure.
    public var restarts = 0
    /// Messages that crossed a link.
    public var crossings = 0
    /// Messages lost by kills, broken sessions and faulty links.
    public var lost = 0

    init() {}
}

// Safety: only the thread that runs the world touches the core; the world moves between threads only as a
// whole.
/// The inside of a simulated world.
///
/// The world object owns the core; places and nodes refer to it. It holds the clock, the heap of future
/// events, the events of the present instant, and the places. No global is used: many worlds run on many
/// threads.
public final class SimulatedCore: SerialExecutor, RefResolver, @unchecked Sendable {
    /// The sender index of what comes from outside the world.
    @usableFromInline static var outsideIndex: UInt32 { .max }

    @usableFromInline var now: Int64 = 0
    @usableFromInline var schedule = EventSchedule()
    @usableFromInline let ready = ReadyQueue()
    @usableFromInline var random: RandomStream
    // Safety: set only while one of the node's components runs; the core keeps its nodes.
    @usableFromInline unowned(unsafe) var currentNode: SimulatedNode?
    @usableFromInline var currentIndex: UInt32 = SimulatedCore.outsideIndex
    @usableFromInline var sequence: UInt64 = 0
    var places = PlaceTable()
    /// By the type of the component.
    @usableFromInline var handlers: [ObjectIdentifier: AnyObject] = [:]
    /// Steps that were replaced while one ran: perhaps that one.
    private var formerSteps: [SimulatedStep] = []
    private var isStepping = false
    @usableFromInline var statistics = SimulationStatistics()
    @usableFromInline var trace = TraceHash()
    @usableFromInline var detailsTrace: Bool
    @usableFromInline var isRecording = false
    @usableFromInline var cancelledCount = 0
    var pausedCount = 0
    @usableFromInline let options: SimulatedWorld.Options
    let log: Logger
    let metrics = Metrics()
    var deadLetters = DeadLetterLog()
    var freeIndices: [UInt32] = []
    var directory: [Address: SimulatedPlace] = [:]
    /// Entrances that belong to no place: of those who ask from outside.
    var doors: [Address: SimulatedEntrance] = [:]
    var nodes: [SimulatedNode] = []
    var nodeIndices: [String: Int] = [:]
    var journal: (any JournalSink)?
    var jobs: [UnownedJob] = []
    var askCount = 0
    /// The thread that runs the world, or built it.
    var thread = ThreadToken.current
    private(set) var isShutDown = false
    /// Set where a journal is replayed: says what became of the next message sent, as the journal recorded
    /// it.
    var recordedOutcome: (() -> Delivery)?
    // The network refers back to the core; it is made right after it and lives as long.
    private var networkStorage: SimulatedNetwork?

    init(seed: UInt64, options: SimulatedWorld.Options, log: Logger) {
        self.options = options
        self.log = log
        detailsTrace = options.traceDetail == .content
        random = RandomStream(seed: mixed(seed))
    }

    @usableFromInline var network: SimulatedNetwork {
        if let networkStorage { return networkStorage }
        let made = SimulatedNetwork(core: self)
        networkStorage = made
        return made
    }

    // MARK: Events

    @inlinable
    func pushEvent(at time: Int64, place: UInt32, slot: UInt32) {
        sequence &+= 1
        let tie = options.tieBreak == .seeded ? mixed(sequence ^ options.seed) : sequence
        schedule.push(Event(time: max(time, now), tie: tie, place: place, slot: slot), now: now)
    }

    @inlinable
    func noteCancelled() {
        cancelledCount += 1
        if cancelledCount > 4096 && cancelledCount * 2 > schedule.count { dropCancelled() }
    }

    @inlinable
    func noteCancelledGone() { cancelledCount -= 1 }

    /// Takes the events of cancelled timers out of the heap, so that it stays as small as what is still
    /// wanted.
    @usableFromInline
    func dropCancelled() {
        schedule.filter { event in
            guard let place = places[Int(event.place)], place.isCancelled(slot: event.slot) else {
                return true
            }
            place.step.run(event.slot)
            if let over = places.settle(Int(event.place)) { retire(over) }
            return false
        }
    }

    /// Keeps the code of a place that gets other code, for it may be what runs now.
    func keepUntilStepEnds(_ step: SimulatedStep) {
        if isStepping { formerSteps.append(step) }
    }

    /// Runs events up to and including `limit`; returns how many were handled.
    func run(until limit: Int64, eventCountMax: Int) -> Int {
        var handled = 0
        thread = ThreadToken.current
        let seeded = options.tieBreak == .seeded
        isStepping = true
        defer { isStepping = false }
        while handled < eventCountMax {
            if !jobs.isEmpty { runJobs() }
            if ready.count == 0 {
                // The end of time never comes: what is scheduled for it does not happen.
                guard let next = schedule.first, next.time <= limit, next.time < .max else { break }
                now = next.time
                while let event = schedule.popFirst(at: now) {
                    ready.append(ReadyEntry(place: event.place, slot: event.slot))
                }
            }
            let entry = ready.take(drawingFrom: &random, seeded: seeded)
            if pausedCount > 0, let node = places[Int(entry.place)]?.node, node.isPaused {
                node.held.append(entry)
                continue
            }
            guard let code = places.code(at: Int(entry.place)) else { continue }
            code._withUnsafeGuaranteedRef { $0.run(entry.slot) }
            if let over = places.settle(Int(entry.place)) { retire(over) }
            if !formerSteps.isEmpty { formerSteps.removeAll(keepingCapacity: true) }
            handled += 1
        }
        return handled
    }

    // MARK: Delivery

    @inlinable
    func begin(_ place: SimulatedPlace, from: UInt32) {
        currentNode = place.node
        currentIndex = place.index
        statistics.delivered += 1
        if from == place.index { statistics.timersFired += 1 }
        trace.absorb(UInt64(bitPattern: now))
        trace.absorb(UInt64(place.index) << 32 | UInt64(from))
    }

    @inlinable
    func end(_ place: SimulatedPlace) {
        currentNode = nil
        currentIndex = SimulatedCore.outsideIndex
        if place.stopRequested { stop(place, because: .stopped) }
    }

    @usableFromInline
    func bury(from: UInt32, to place: SimulatedPlace, _ reason: DeadLetterReason) {
        switch reason {
        case .nodeKilled, .linkLost: statistics.lost += 1
        default: break
        }
        bury(from: from, to: place.address, place.messageName, reason)
    }

    @usableFromInline
    func bury(from: UInt32, to address: Address, _ messageName: String, _ reason: DeadLetterReason) {
        deadLetters.record(
            DeadLetter(
                time: Instant(nanoseconds: now), from: name(of: from), to: address.description,
                messageName: messageName, reason: reason))
    }

    func name(of index: UInt32) -> String {
        guard Int(index) < places.count, let place = places[Int(index)] else { return "" }
        return place.address.description
    }

    // MARK: Content trace and journal

    @usableFromInline
    func traceContent<M: Message>(_ message: M, from: UInt32, to place: SimulatedPlace) {
        do {
            let bytes = try message.wireBytes()
            if options.traceDetail == .content { trace.absorb(bytes) }
            if let journal {
                journal.record(
                    JournalRecord(
                        time: Instant(nanoseconds: now), kind: .delivered, from: name(of: from),
                        to: place.address.description, messageName: M.messageName, bytes: bytes))
            }
        } catch {
            log.error("a \(M.messageName) for \(place.address) cannot be traced: \(error)")
            if options.traceDetail == .content { trace.absorb(stableHash(M.messageName)) }
        }
    }

    @usableFromInline
    func recordSent<M: Message>(_ message: M, to address: Address, _ outcome: Delivery) {
        guard let journal, currentIndex != SimulatedCore.outsideIndex else { return }
        var rejection: DeadLetterReason?
        if case .rejected(let reason) = outcome { rejection = reason }
        do {
            journal.record(
                JournalRecord(
                    time: Instant(nanoseconds: now), kind: .sent, from: name(of: currentIndex),
                    to: address.description, messageName: M.messageName,
                    bytes: try message.wireBytes(), rejection: rejection))
        } catch {
            log.error("a \(M.messageName) for \(address) cannot be recorded: \(error)")
        }
    }

    // MARK: Executor

    /// Takes a job that hops to a component; it runs before the next event, on the world's thread.
    public func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

    /// Tells the runtime that code on the thread that runs the world is isolated to its components.
    public func isIsolatingCurrentContext() -> Bool? { thread == ThreadToken.current }

    /// Traps where a component is entered from another thread than the one that runs the world.
    public func checkIsolated() {
        precondition(
            thread == ThreadToken.current, "a component was entered from a thread that does not run its world"
        )
    }

    private func runJobs() {
        let waiting = jobs
        jobs.removeAll()
        for job in waiting { job.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    /// Ends all components and cuts every cycle.
    func shutDown() {
        for index in 0..<places.count {
            guard let place = places[index] else { continue }
            place.dropComponent()
            _ = place.drain(.stopped)
            place.closeEntrances()
            place.entrances = []
            place.handle { _ in }
            place.watchers = []
            place.children = []
            place.parent = nil
        }
        // Order does not show: closing only forgets.
        for door in doors.values { door.close() }
        isShutDown = true
        recordedOutcome = nil
        places = PlaceTable()
        directory = [:]
        doors = [:]
        nodes = []
        networkStorage = nil
        journal = nil
        isRecording = false
        ready.removeAll()
        schedule = EventSchedule()
    }
}
