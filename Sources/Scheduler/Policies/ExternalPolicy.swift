// SPDX-License-Identifier: Apache-2.0
package import Kernel
private import Synchronization

/// The link between a run and the program that decides for it: counts lines, and keeps the first failure.
package final class ExternalPolicyLink: Sendable {
    private struct State {
        var lineCount = 0
        var failure: ExternalPolicyError?
    }

    private let peer: any PolicyPeer
    private let state = Mutex(State())

    package init(_ peer: any PolicyPeer) { self.peer = peer }

    /// The first failure. From then on nothing is asked and nothing is decided: whoever runs the policy looks
    /// here and stops.
    package var failure: ExternalPolicyError? { state.withLock { $0.failure } }

    /// Lines that came back so far.
    package var lineCount: Int { state.withLock { $0.lineCount } }

    /// Asks, and notes a failure of asking or of reading the answer.
    func ask<Answer>(_ line: String, _ read: (String, Int) throws -> Answer) -> Answer? {
        guard failure == nil else { return nil }
        do {
            let answer = try peer.ask(line)
            let number = state.withLock { state in
                state.lineCount += 1
                return state.lineCount
            }
            return try read(answer, number)
        } catch let error as ExternalPolicyError {
            fail(error)
        } catch {
            fail(ExternalPolicyError(.died, "\(error)"))
        }
        return nil
    }

    func fail(_ error: ExternalPolicyError) {
        state.withLock { if $0.failure == nil { $0.failure = error } }
    }
}

/// A policy that is a program of its own, in any language: it reads the cluster as a line of JSON and answers
/// with a line of decisions. The lines are described by ``ExternalPolicySchema``.
///
/// A program that dies, hangs or answers nonsense decides nothing from then on;
/// ``ExternalPolicyLink/failure`` says why, and a simulation stops with it.
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

    package init(_ context: PolicyContext) {
        self.context = context
        link = context.link
    }

    package func wakeUp(after now: Instant) -> Instant? { wake.flatMap { $0 > now ? $0 : nil } }

    package mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        guard let link else { return [] }
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
        wake = answer.wakeAfter.map { now + $0 }
        settled = answer.decisions.isEmpty ? question.line : nil
        return answer.decisions
    }
}
