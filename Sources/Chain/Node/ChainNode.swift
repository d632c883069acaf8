// SPDX-License-Identifier: Apache-2.0
package import Kernel
package import Sealing

/// The built-in chain: it counts epochs, draws randomness, and takes pre-commitments and proofs.
///
/// It is one node and the whole chain at once: what it accepts lands at its next epoch. Nothing ticks: it
/// keeps one timer, for the earliest epoch that somebody waits for, so that an idle chain costs nothing.
///
/// Waits live in memory. A client that has no answer asks again, and so finds its way through lost
/// messages and through restarts of this node; what was accepted is in the store and is never done twice.
package actor ChainNode: Component {
    package nonisolated let home: Home

    /// Sectors that were proven before the chain began.
    package struct AdoptedSectors: Sendable {
        package var miner: UInt64
        package var size: SectorSize
        package var numbers: Range<UInt64>
        /// The epoch at which they are given their deadlines.
        package var epoch: Int64

        package init(miner: UInt64, size: SectorSize, numbers: Range<UInt64>, epoch: Int64) {
            self.miner = miner
            self.size = size
            self.numbers = numbers
            self.epoch = epoch
        }
    }

    private var state: ChainState
    private let verifier: any ProofVerifier
    private let store: (any ChainStore)?
    private let genesis: Instant
    private let waitCountMax: Int
    private let baseFee: BaseFeeModel
    private let conditions: ChainConditions?
    private let ledger: ChainLedger?
    private let bug: SeededBug?
    /// The chain before its first entry, to which a reorganization goes back.
    private let origin: ChainState
    /// The highest epoch that was told: a clock that is set back takes nothing back.
    private var highest: Int64 = 0
    private var waits = WaitList()
    private var alarm: Alarm?
    /// The epoch from which on the store is shown the state again.
    private var noteDue: Int64 = 0

    /// Epochs after which nothing is taken back.
    private static let finality: Int64 = 900

    /// The one timer: when the earliest wait is over.
    private struct Alarm {
        let epoch: Int64
        let timer: TimerID
    }

    /// Makes a node and loads its store.
    ///
    /// - Parameters:
    ///   - home: from the world.
    ///   - parameters: the network's numbers.
    ///   - beacon: the source of its randomness.
    ///   - verifier: decides which form of proof this chain takes.
    ///   - store: keeps what was accepted; without one a restarted node begins anew.
    ///   - genesis: the world's instant at which epoch 0 began; before zero for a chain that is older
    ///     than its process.
    ///   - limits: how much the chain holds.
    ///   - waitCountMax: waits held at once; one more is refused.
    ///   - baseFee: what gas costs; 0.1 nanoFIL unless said otherwise.
    ///   - adopted: sectors that were proven before the chain began, of a simulated cluster.
    ///   - conditions: what troubles a simulated chain.
    ///   - ledger: hears what lands and what it is charged for, on a simulated chain.
    /// - Throws: ``ChainError`` where the parameters are out of range, or the store cannot be read, is
    ///   corrupt, or belongs to another chain.
    package init(
        home: Home, parameters: NetworkParameters, beacon: DevnetBeacon, verifier: any ProofVerifier,
        store: (any ChainStore)? = nil, genesis: Instant = .zero, limits: ChainState.Limits = .init(),
        waitCountMax: Int = 1_000_000, baseFee: BaseFeeModel = .constant(100_000_000),
        adopted: AdoptedSectors? = nil, conditions: ChainConditions? = nil, ledger: ChainLedger? = nil,
        bug: SeededBug? = nil
    ) throws(ChainError) {
        self.home = home
        self.verifier = verifier
        self.store = store
        self.genesis = genesis
        self.waitCountMax = waitCountMax
        self.baseFee = baseFee
        self.conditions = conditions
        self.ledger = ledger
        self.bug = bug
        var state = try ChainNode.beginning(parameters, beacon, limits, adopted)
        origin = state
        if let store {
            let identity = ChainIdentity(
                parameters: parameters, beacon: beacon.fingerprint, form: verifier.form)
            try ChainNode.load(&state, from: store, identity, bug)
        }
        self.state = state
    }

    /// A chain before its first entry.
    static func beginning(
        _ parameters: NetworkParameters, _ beacon: DevnetBeacon, _ limits: ChainState.Limits,
        _ adopted: AdoptedSectors?
    ) throws(ChainError) -> ChainState {
        var state = try ChainState(parameters: parameters, beacon: beacon, limits: limits)
        guard let adopted else { return state }
        do throws(ChainRefusal) {
            try state.adopt(adopted.numbers, of: adopted.miner, size: adopted.size, at: adopted.epoch)
        } catch {
            throw ChainError(.invalidParameters, error.reason)
        }
        return state
    }

    /// Handles one message.
    ///
    /// - Throws: ``ChainError`` with `storeFailed`; nothing was changed and nobody was answered.
    package func receive(_ message: ChainMessage, _ context: Context<ChainMessage>) throws {
        let head = head(at: context.now)
        if let conditions { try reorganize(conditions, head) }
        let isDeadlineOver = head >= state.nextDeadlineEnd
        state.advance(to: head)
        if isDeadlineOver { ledger?.reached(head, state.charges) }
        switch message {
        case .head(let replyTo):
            replyTo.tell(.head(epoch: head))
        case .ticket(let key, let replyTo):
            answer(replyTo, about: key, context) { () throws(ChainRefusal) in
                let ticket = try looking { state throws(ChainRefusal) in
                    try state.ticket(for: key, head: head)
                }
                return .ticket(key, randomness: ticket.randomness.bytes, epoch: ticket.epoch, head: head)
            }
        case .preCommit(let preCommit, let replyTo):
            let verdict = looking { $0.consider(preCommit, head: head) }
            try settle(verdict, .init(key: preCommit.key, kind: .preCommit), replyTo, head, context)
        case .seed(let key, let replyTo):
            answerWithSeed(key, replyTo, head, context)
        case .proveCommit(let proveCommit, let replyTo):
            let verdict = looking { $0.consider(proveCommit, head: head, verifier: verifier) }
            try settle(verdict, .init(key: proveCommit.key, kind: .prove), replyTo, head, context)
        case .preCommitBatch(let batch, let messages, let replyTo):
            let verdict = state.consider(messages, head: head)
            let gas = ChainBatch.Gas.preCommit
            try settle(verdict, batch, messages.map(\.key), gas: gas, replyTo, head, context)
        case .proveCommitBatch(let batch, let messages, let replyTo):
            let verdict = state.consider(messages, head: head, verifier: verifier)
            let gas = ChainBatch.Gas.proveCommit
            try settle(verdict, batch, messages.map(\.key), gas: gas, replyTo, head, context)
        case .terminateBatch(let batch, let keys, let replyTo):
            let verdict = state.considerTerminations(keys, head: head)
            try settle(verdict, batch, keys, gas: ChainBatch.Gas.terminate, replyTo, head, context)
        case .replicaUpdate(let update, let replyTo):
            let verdict = state.consider(update, head: head)
            if case .new = verdict, let until = state.immutableUntil(update.key, at: head + 1) {
                replyTo.tell(.deadlineImmutable(update.key, until: until))
                break
            }
            if case .refused = verdict {} else { replyTo.tell(.accepted(update.messageName)) }
            try settle(verdict, .init(key: update.key, kind: .update), replyTo, head, context)
        case .baseFee(let replyTo): replyTo.tell(.baseFee(fee(at: head), head: head))
        case .standings(let keys, let replyTo):
            let known = keys.prefix(ChainState.batchCountMax)
            replyTo.tell(.standings(known.map { state.standing(of: $0, head: head) }))
        case .reach(let key, let epoch, let replyTo):
            hold(.init(key: key, kind: .epoch(epoch)), until: epoch, replyTo, head, context)
        case .submitWindowPoSt(let submission, let replyTo):
            let verdict = state.consider(submission, head: head, verifier: verifier)
            let (batch, key) = (ChainBatch(name: submission.name), minerKey(submission.miner))
            let keys = Array(repeating: key, count: max(1, submission.partitions.count))
            try settle(verdict, batch, keys, gas: ChainBatch.Gas.windowPoSt, replyTo, head, context)
        case .declare(let declaration, let replyTo):
            let verdict = state.consider(declaration, head: head)
            let (batch, key) = (ChainBatch(name: declaration.name), minerKey(declaration.miner))
            let keys = Array(repeating: key, count: max(1, declaration.items.count))
            try settle(verdict, batch, keys, gas: ChainBatch.Gas.declaration, replyTo, head, context)
        case .proving(let miner, let replyTo):
            answer(replyTo, about: minerKey(miner), context) { () throws(ChainRefusal) in
                .proving(try state.provingStatus(of: miner, head: head))
            }
        case .deadline(let miner, let index, let replyTo):
            answer(replyTo, about: minerKey(miner), context) { () throws(ChainRefusal) in
                .deadline(try state.deadlineStatus(of: miner, deadline: index, head: head))
            }
        case .sector(let key, let replyTo):
            replyTo.tell(.sector(key, state.state(of: key, head: head)))
        case .sectors(let miner, let limit, let replyTo):
            replyTo.tell(.sectors(state.sectors(of: miner, limit: limit, head: head)))
        case .epochReached:
            // Whoever sent it, and however early a timer fired: only the clock counts, and the timer is
            // set anew.
            disarm(context)
        }
        if head >= noteDue, let store {
            let kept = max(Self.finality, state.parameters.messageConfidence)
            store.note(state, head: head, epochsKept: kept)
            noteDue = head + kept
        }
        wake(head, context)
    }

    /// Looks at the state where it is: read out of an object, it would be copied with all that it refers to.
    private func looking<R, E: Error>(_ look: (inout ChainState) throws(E) -> R) throws(E) -> R {
        try look(&state)
    }

    /// Stands for what is about a miner and no sector of it.
    private func minerKey(_ miner: UInt64) -> SectorKey { SectorKey(miner: miner, number: 0) }

    /// What is wrong with the chain's state at `now`; empty where all is well.
    package func checkInvariants(at now: Instant) -> [String] { state.checkInvariants(head: head(at: now)) }

    // MARK: Messages that land

    private func settle(
        _ verdict: ChainState.Verdict, _ name: WaitList.Name, _ replyTo: Ref<ChainEvent>, _ head: Int64,
        _ context: Context<ChainMessage>
    ) throws {
        switch verdict {
        case .refused(let refusal):
            refuse(replyTo, name.key, refusal, context)
        case .known(let epoch):
            if bug == .chainLandsTwice, name.kind == .prove {
                try keep([.proven(name.key, epoch: head + 1)])
            }
            hold(name, until: epoch + state.parameters.messageConfidence, replyTo, head, context)
        case .new(let entry, let epoch):
            // A wait that has no room is refused before anything lands, so that a refusal is never half
            // true.
            guard hasRoom(for: name) else { return refuseForWaits(replyTo, name.key, context) }
            if let obstacle { return refuse(replyTo, name.key, obstacle, context) }
            try keep([entry])
            try state.apply(entry)
            ledger?.landed([entry], baseFee: fee(at: head))
            context.metrics.add(
                name.kind == .prove
                    ? "chain.proven" : name.kind == .update ? "chain.updated" : "chain.preCommitted")
            hold(name, until: epoch + state.parameters.messageConfidence, replyTo, head, context)
        }
    }

    /// A message for many sectors: all of it is stored and lands together, or nothing.
    private func settle(
        _ verdict: ChainState.BatchVerdict, _ batch: ChainBatch, _ keys: [SectorKey], gas: UInt64,
        _ replyTo: Ref<ChainEvent>, _ head: Int64, _ context: Context<ChainMessage>
    ) throws {
        let landing: Int64
        switch verdict {
        case .refused(let refusal):
            context.metrics.add("chain.refused")
            replyTo.tell(.rejected(batch.name, refusal))
            return
        case .known(let epoch): landing = epoch
        case .new(let entries, let epoch):
            let fee = ChainBatch.fee(gas: gas, count: keys.count, baseFee: fee(at: head))
            if let most = batch.feeMax, fee > most {
                let refusal = ChainRefusal.illegalState(
                    "\(keys.count) sectors cost \(fee) attoFIL at the present base fee; "
                        + "the message pays \(most) at most")
                replyTo.tell(.rejected(batch.name, refusal))
                return
            }
            guard waits.count < waitCountMax else {
                let refusal = ChainRefusal.illegalState("\(waits.count) requests wait for an epoch already")
                replyTo.tell(.rejected(batch.name, refusal))
                return
            }
            if let obstacle {
                replyTo.tell(.rejected(batch.name, obstacle))
                return
            }
            try keep(entries)
            for entry in entries { try state.apply(entry) }
            ledger?.landed(entries, baseFee: self.fee(at: head))
            context.metrics.add("chain.messages")
            landing = epoch
        }
        replyTo.tell(.accepted(batch.name))
        let name = WaitList.Name(key: keys[0], kind: .batch(batch.name, landing: landing))
        hold(name, until: landing + state.parameters.messageConfidence, replyTo, head, context)
    }

    private func keep(_ entries: [ChainEntry]) throws(ChainError) {
        guard let store else { return }
        do {
            try store.append(entries: entries)
        } catch {
            throw ChainError(.storeFailed, "the chain's store did not take an entry: \(error)")
        }
    }

    private func answerWithSeed(
        _ key: SectorKey, _ replyTo: Ref<ChainEvent>, _ head: Int64, _ context: Context<ChainMessage>
    ) {
        do throws(ChainRefusal) {
            let told = try looking { state throws(ChainRefusal) in
                try state.seedEpoch(of: key, head: head) + state.parameters.seedConfidence
            }
            hold(.init(key: key, kind: .seed), until: told, replyTo, head, context)
        } catch {
            refuse(replyTo, key, error, context)
        }
    }

    // MARK: Troubles

    /// Why nothing new lands; `nil` where it does.
    private var obstacle: ChainRefusal? {
        guard let conditions else { return nil }
        if conditions.isOutOfSync {
            return .illegalState("the node is not in sync with the chain; send it later")
        }
        return conditions.isMempoolFull ? .illegalState("the mempool is full; send it later") : nil
    }

    /// attoFIL for a unit of gas at an epoch.
    private func fee(at epoch: Int64) -> UInt64 {
        let usual = baseFee.fee(at: epoch)
        guard let factor = conditions?.baseFeeFactor, factor != 1 else { return usual }
        return UInt64(min(Double(usual) * factor, 0x1p62))
    }

    /// Begins anew from what another fork has in common with this one.
    private func reorganize(_ conditions: ChainConditions, _ head: Int64) throws(ChainError) {
        let epochs = conditions.takeUndone()
        guard epochs > 0, try conditions.undo(after: head - epochs) > 0, let store else { return }
        state = origin
        let identity = ChainIdentity(
            parameters: state.parameters, beacon: state.beacon.fingerprint, form: verifier.form)
        try ChainNode.load(&state, from: store, identity, bug)
        ledger?.undo(after: head - epochs)
        waits.dropBatches(landedAfter: head - epochs)
    }

    // MARK: Waits

    /// Answers now or when the chain has reached `epoch`.
    private func hold(
        _ name: WaitList.Name, until epoch: Int64, _ replyTo: Ref<ChainEvent>, _ head: Int64,
        _ context: Context<ChainMessage>
    ) {
        guard epoch > head else { return tell(name, replyTo, head, context) }
        guard hasRoom(for: name) else { return refuseForWaits(replyTo, name.key, context) }
        waits.add(name, epoch: epoch, replyTo: replyTo)
    }

    private func hasRoom(for name: WaitList.Name) -> Bool {
        waits.count < waitCountMax || waits.contains(name)
    }

    /// Answers all whose epoch has come and sets the one timer for the next.
    private func wake(_ head: Int64, _ context: Context<ChainMessage>) {
        for due in waits.takeDue(head: head) { tell(due.name, due.replyTo, head, context) }
        if let alarm, alarm.epoch == waits.earliest { return }
        disarm(context)
        guard let epoch = waits.earliest else { return }
        let time = start(of: epoch)
        // Out of sync, the node hears nothing of an epoch that has come; whoever mends it wakes it.
        guard conditions?.isOutOfSync != true || time > context.now else { return }
        alarm = Alarm(epoch: epoch, timer: context.schedule(at: time, .epochReached(epoch)))
    }

    private func disarm(_ context: Context<ChainMessage>) {
        if let alarm { context.cancel(alarm.timer) }
        alarm = nil
    }

    // MARK: Answers

    /// Says what has come true under a wait's name.
    private func tell(
        _ name: WaitList.Name, _ replyTo: Ref<ChainEvent>, _ head: Int64, _ context: Context<ChainMessage>
    ) {
        let key = name.key
        answer(replyTo, about: key, context) { () throws(ChainRefusal) in
            switch name.kind {
            case .preCommit:
                let epoch = try looking { state throws(ChainRefusal) in try state.preCommitEpoch(of: key) }
                return .preCommitted(key, epoch: epoch)
            case .prove where bug == .chainTellsUndone: return .proven(key, epoch: head)
            case .prove:
                let epoch = try looking { state throws(ChainRefusal) in try state.provenEpoch(of: key) }
                return .proven(key, epoch: epoch)
            case .update: return .updated(key, epoch: try state.updateEpoch(of: key))
            case .epoch(let epoch): return .reached(key, epoch: epoch)
            case .batch(let message, let landing): return .landed(message, epoch: landing)
            case .seed:
                let seed = try looking { state throws(ChainRefusal) in try state.seed(for: key, head: head) }
                return .seed(key, randomness: seed.randomness.bytes, epoch: seed.epoch)
            }
        }
    }

    private func answer(
        _ replyTo: Ref<ChainEvent>, about key: SectorKey, _ context: Context<ChainMessage>,
        _ make: () throws(ChainRefusal) -> ChainEvent
    ) {
        do throws(ChainRefusal) {
            replyTo.tell(try make())
        } catch {
            refuse(replyTo, key, error, context)
        }
    }

    private func refuse(
        _ replyTo: Ref<ChainEvent>, _ key: SectorKey, _ refusal: ChainRefusal,
        _ context: Context<ChainMessage>
    ) {
        context.metrics.add("chain.refused")
        replyTo.tell(.refused(key, refusal))
    }

    private func refuseForWaits(
        _ replyTo: Ref<ChainEvent>, _ key: SectorKey, _ context: Context<ChainMessage>
    ) {
        let refusal = ChainRefusal.illegalState(
            "\(waits.count) requests wait for an epoch already; ask again for \(key) later")
        refuse(replyTo, key, refusal, context)
    }

    // MARK: Epochs

    /// The epoch that the chain has reached: by the clock, and never before what has landed.
    private func head(at now: Instant) -> Int64 {
        let (elapsed, overflow) = now.nanoseconds.subtractingReportingOverflow(genesis.nanoseconds)
        let counted = overflow || elapsed < 0 ? 0 : elapsed / state.parameters.epochDuration.nanoseconds
        // A clock that was set back must not take back what the chain has said, also while the node was down.
        let known = max(highest, conditions?.highest ?? 0, state.latestLanding - 1)
        highest = conditions?.isOutOfSync == true ? known : max(counted, known)
        conditions?.highest = highest
        return highest
    }

    private func start(of epoch: Int64) -> Instant {
        let (offset, overflow) = epoch.multipliedReportingOverflow(
            by: state.parameters.epochDuration.nanoseconds)
        return overflow ? .distantFuture : genesis.advanced(byNanoseconds: offset)
    }

    // MARK: Store

    static func load(
        _ state: inout ChainState, from store: any ChainStore, _ identity: ChainIdentity, _ bug: SeededBug?
    ) throws(ChainError) {
        let stored: [[UInt8]]
        do {
            stored = try store.load()
            if stored.isEmpty { try store.append([ChainEntry.genesis(identity).storedBytes()]) }
        } catch {
            throw ChainError(.storeFailed, "the chain's store could not be read or begun: \(error)")
        }
        if let base = store.base { state = base }
        for (index, bytes) in stored.enumerated() {
            do throws(ChainError) {
                let entry = try ChainEntry(stored: bytes)
                if index == 0 {
                    try check(entry, identity)
                } else if bug == .chainForgetsProofs, case .proven = entry {
                    continue
                } else {
                    try state.apply(entry)
                }
            } catch {
                throw ChainError(error.code, "the chain's store, entry \(index): \(error.message)")
            }
        }
    }

    private static func check(_ entry: ChainEntry, _ identity: ChainIdentity) throws(ChainError) {
        guard case .genesis(let stored) = entry else {
            throw ChainError(.corruptStore, "a chain begins with its genesis; restore the store from a copy")
        }
        guard stored != identity else { return }
        let difference =
            stored.form != identity.form
            ? "it has \(stored.form.rawValue) proofs, this node takes \(identity.form.rawValue) ones"
            : stored.beacon != identity.beacon
                ? "it has another genesis seed" : "its network's parameters are other ones"
        throw ChainError(
            .wrongNetwork,
            "it belongs to another chain, of network '\(stored.parameters.name)': \(difference); "
                + "use that chain's settings or an empty store")
    }
}
