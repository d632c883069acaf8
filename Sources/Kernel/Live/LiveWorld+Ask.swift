// SPDX-License-Identifier: Apache-2.0
private import Synchronization

extension LiveWorld {
    /// Asks a component here or on a peer, and waits for the answer; for the edges (command line, RPC) only.
    ///
    /// - Parameters:
    ///   - timeout: real time after which the question is given up.
    ///   - make: forms the question around the reference that the answer goes to.
    /// - Throws: ``KernelError`` with `timedOut`, `tooManyAsks`, or `undeliverable` where the peer or the
    ///   kernel
    ///   says that nobody will answer.
    public func ask<M: Message, Reply: Message>(
        _ ref: Ref<M>, timeout: Duration, _ make: (Ref<Reply>) -> M
    ) async throws -> Reply {
        let address = Address(node: name, name: try claimAsk())
        let question = Question<Reply>(
            address: address, world: self, executor: edge, asked: ref.address)
        let message = make(question.ref)
        guard enter(question) else {
            releaseAsk(question)
            throw Self.shutDownError(name)
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                question.begin(continuation, timeout: timeout)
                let current = CurrentPlace.place
                CurrentPlace.set(question)
                let outcome = ref.tell(message)
                CurrentPlace.set(current)
                if case .rejected(let reason) = outcome { question.bounced(reason) }
            }
        } onCancel: {
            question.finish(.failure(CancellationError()))
        }
    }
}

extension Ref {
    /// Asks this component and waits for the answer; for the edges (command line, RPC) only.
    ///
    /// - Throws: ``KernelError`` with `timedOut`, `tooManyAsks`, `undeliverable`, or `unsupported` for a
    ///   reference
    ///   of a simulated world, which is asked through its world.
    public func ask<Reply: Message>(
        timeout: Duration, _ make: (Ref<Reply>) -> M
    ) async throws -> Reply {
        let world: LiveWorld? =
            switch target {
            case .live(let cell): cell.world
            case .outlet(let outlet): outlet.world
            case .simulated: nil
            }
        guard let world else {
            throw KernelError(
                code: .unsupported,
                message: "\(address) belongs to no live world; ask it through its simulated world")
        }
        return try await world.ask(self, timeout: timeout, make)
    }
}

/// A question that waits for its answer; the answer comes to it as to a component.
// Safety: the continuation is locked and resumed once.
private final class Question<Reply: Message>: LivePlace, @unchecked Sendable {
    private struct State {
        var continuation: CheckedContinuation<Reply, any Error>?
        var early: Result<Reply, any Error>?
        var isFinished = false
        var timeout: TimerService.Token?
    }

    private let state = Mutex(State())
    private let asked: Address

    init(address: Address, world: LiveWorld, executor: LiveExecutor, asked: Address) {
        self.asked = asked
        super.init(address: address, world: world, executor: executor)
    }

    var ref: Ref<Reply> {
        let (address, world) = (address, worldStorage)
        return Outlet<Reply>(address: address, world: world) { [weak self] answer in
            guard let self else {
                world.bury(to: address, messageName: Reply.messageName, .noRecipient)
                return .rejected(.noRecipient)
            }
            if world.isRecording { world.recordSent(answer, to: address, .accepted) }
            finish(.success(answer))
            return .accepted
        }.ref
    }

    func begin(_ continuation: CheckedContinuation<Reply, any Error>, timeout: Duration) {
        let early = state.withLock { state -> Result<Reply, any Error>? in
            if let early = state.early { return early }
            state.continuation = continuation
            return nil
        }
        if let early { return continuation.resume(with: early) }
        let world = worldStorage
        let token = world.timers.schedule(atMonotonic: world.monotonic(world.now + timeout)) { [weak self] in
            guard let self else { return }
            finish(
                .failure(
                    KernelError(code: .timedOut, message: "\(asked) did not answer within \(timeout)")))
        }
        let isLate = state.withLock { state in
            state.timeout = token
            return state.isFinished
        }
        if isLate { world.timers.cancel(token) }
    }

    override func worldEnded() { finish(.failure(LiveWorld.shutDownError(worldStorage.name))) }

    override func accept(_ envelope: Envelope, permission: Permission) -> DeadLetterReason? {
        // An answer needs no permission of its own: it was asked for, under a name that is used once.
        switch decode(envelope, as: Reply.self, permission: .admin) {
        case .failure(let refusal): return refusal.reason
        case .success(let answer): finish(.success(answer))
        }
        return nil
    }

    override func bounced(_ reason: DeadLetterReason) {
        finish(
            .failure(
                KernelError(
                    code: .undeliverable,
                    message: "\(asked) did not get the question: \(reason.rawValue)")))
    }

    func finish(_ result: Result<Reply, any Error>) {
        let (continuation, timeout, isFirst) = state.withLock {
            state -> (CheckedContinuation<Reply, any Error>?, TimerService.Token?, Bool) in
            guard !state.isFinished else { return (nil, nil, false) }
            state.isFinished = true
            if state.continuation == nil { state.early = result }
            defer { state.continuation = nil }
            return (state.continuation, state.timeout, true)
        }
        if let timeout { worldStorage.timers.cancel(timeout) }
        if isFirst { worldStorage.releaseAsk(self) }
        continuation?.resume(with: result)
    }
}
