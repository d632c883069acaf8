// SPDX-License-Identifier: Apache-2.0
package import Kernel
private import Synchronization

/// The link between a run and the program that decides for it: counts lines, and keeps the failure.
///
/// A simulation ends with the first failure. A miner goes on: it has the program started anew, after a pause
/// that doubles with each failure in a row.
package final class ExternalPolicyLink: Sendable {
    private struct State {
        var peer: (any PolicyPeer)?
        var lineCount = 0
        var failure: ExternalPolicyError?
    }

    private let state: Mutex<State>
    private let remake: (@Sendable () throws -> any PolicyPeer)?
    private let told: @Sendable (ExternalPolicyError, Duration) -> Void

    /// A link that is broken for good by the first failure.
    package init(_ peer: any PolicyPeer) {
        state = Mutex(State(peer: peer))
        remake = nil
        told = { _, _ in }
    }

    /// A link whose program is started anew after a failure.
    ///
    /// - Parameters:
    ///   - told: hears of each failure, and after which pause the program is started again.
    /// - Throws: what `make` throws at the first start.
    package init(
        remaking make: @escaping @Sendable () throws -> any PolicyPeer,
        told: @escaping @Sendable (ExternalPolicyError, Duration) -> Void
    ) throws {
        state = Mutex(State(peer: try make()))
        remake = make
        self.told = told
    }

    /// The latest failure, until the program was started anew. Meanwhile nothing is asked and nothing is
    /// decided: whoever runs a policy that is not started anew looks here and stops.
    package var failure: ExternalPolicyError? { state.withLock { $0.failure } }

    /// Lines that came back from the program that runs now.
    package var lineCount: Int { state.withLock { $0.lineCount } }

    /// The program is started again after a failure.
    var isRemade: Bool { remake != nil }

    /// Asks, and notes a failure of asking or of reading the answer.
    func ask<Answer>(_ line: String, _ read: (String, Int) throws -> Answer) -> Answer? {
        guard failure == nil, let peer = state.withLock({ $0.peer }) else { return nil }
        do {
            let answer = try peer.ask(line)
            let number = state.withLock { state in
                state.lineCount += 1
                return state.lineCount
            }
            return try read(answer, number)
        } catch {
            fail(Self.failure(error))
        }
        return nil
    }

    func fail(_ error: ExternalPolicyError) {
        state.withLock { if $0.failure == nil { $0.failure = error } }
    }

    /// Says that the program is started again after a pause.
    func tell(_ error: ExternalPolicyError, pause: Duration) { told(error, pause) }

    /// Starts the program anew; where that fails too, that is the failure.
    func renew() {
        guard let remake else { return }
        // The old one is ended before the new one begins: they may share files.
        state.withLock { $0.peer = nil }
        do {
            let peer = try remake()
            state.withLock { $0 = State(peer: peer) }
        } catch {
            let failure = Self.failure(error)
            state.withLock { $0.failure = failure }
        }
    }

    private static func failure(_ error: any Error) -> ExternalPolicyError {
        error as? ExternalPolicyError ?? ExternalPolicyError(.died, "\(error)")
    }
}

/// A policy that is a program of its own, in any language: it reads the cluster as a line of JSON and answers
/// with a line of decisions. The lines are described by ``ExternalPolicySchema``.
///
/// A program that dies, hangs or answers nonsense decides nothing from then on;
/// ``ExternalPolicyLink/failure`` says why, and a simulation stops with it. In a miner what waits says so,
/// and the program is started anew after a while.
package struct ExternalPolicy: SchedulingPolicy {
    package static let name = "external"
    package static let summary = "a program of your own that reads and writes lines of JSON"

    package static let movesSectors = true
    /// They are the program's.
    package static let optionNames: [String]? = nil
    private let link: ExternalPolicyLink?
    private let context: PolicyContext
    private var isGreeted = false
    private var wake: Instant?
    /// What was asked last. When nothing changed since, the same question has the same answer: nothing.
    private var settled: String?
    /// Failures in a row, and when the program is started anew.
    private var failureCount = 0
    private var renewAt: Instant?
    /// Tasks of which is said why nothing is decided.
    private static let toldCountMax = 64

    package init(_ context: PolicyContext) {
        self.context = context
        link = context.link
    }

    package func wakeUp(after now: Instant) -> Instant? {
        [wake, renewAt].compactMap(\.self).filter { $0 > now }.min()
    }

    package mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        guard let link else { return [] }
        if let renewAt {
            guard now >= renewAt else { return [] }
            (self.renewAt, wake, settled, isGreeted) = (nil, nil, nil, false)
            link.renew()
        }
        let decisions = ask(link, view, now)
        guard let failure = link.failure else { return decisions }
        return link.isRemade ? afterFailure(failure, link, view, now) : []
    }

    /// Plans another start of the program, and says of what waits why nothing is decided.
    private mutating func afterFailure(
        _ failure: ExternalPolicyError, _ link: ExternalPolicyLink, _ view: ClusterView, _ now: Instant
    ) -> [Decision] {
        failureCount += 1
        let pause = Duration.seconds(1 << min(failureCount - 1, 6))
        renewAt = now + pause
        link.tell(failure, pause: pause)
        let reason = "\(failure); it is started again \(pause.components.seconds) s later"
        let waiting = TaskType.downstreamFirst.lazy.flatMap { view.waiting($0) }
        return waiting.prefix(Self.toldCountMax).map { .hold($0.id, reason: reason) }
    }

    private mutating func ask(
        _ link: ExternalPolicyLink, _ view: ClusterView, _ now: Instant
    ) -> [Decision] {
        if !isGreeted {
            isGreeted = true
            let line = ExternalPolicyCodec.hello(context)
            if link.ask(line, ExternalPolicyCodec.readHello) == nil { return [] }
        }
        guard view.admissionCount > 0 || TaskType.allCases.contains(where: { view.waitingCount($0) > 0 })
        else {
            return []
        }
        let question = ExternalPolicyCodec.question(view, at: now)
        guard question.line != settled else { return [] }
        guard
            let answer = link.ask(
                question.line, { try ExternalPolicyCodec.read($0, line: $1, question, view) })
        else { return [] }
        failureCount = 0
        wake = answer.wakeAfter.map { now + $0 }
        settled = answer.decisions.isEmpty ? question.line : nil
        return answer.decisions
    }
}
