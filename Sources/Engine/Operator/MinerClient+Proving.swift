// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Kernel

/// Questions and orders about proving.
extension MinerClient {
    /// What the chain knows of a miner's deadlines.
    package struct ProvingStanding: Sendable {
        package var status: ProvingStatus
        /// In order of index.
        package var deadlines: [DeadlineStatus]
        package var epochDuration: Duration

        package init(status: ProvingStatus, deadlines: [DeadlineStatus], epochDuration: Duration) {
            self.status = status
            self.deadlines = deadlines
            self.epochDuration = epochDuration
        }
    }

    /// What the chain knows of one deadline, or of all.
    ///
    /// - Throws: ``EngineError`` with `refused`, or ``KernelError``.
    package func proving(deadline: Int? = nil) async throws -> ProvingStanding {
        let answer = try await askDesk { .look(deadline: deadline, replyTo: $0) }
        guard case .standing(let status, let deadlines, let epoch) = answer else { throw unexpected(answer) }
        return ProvingStanding(status: status, deadlines: deadlines, epochDuration: epoch)
    }

    /// Reads now what a proof of a deadline would read.
    ///
    /// - Throws: ``EngineError`` with `refused`, or ``KernelError``.
    package func check(deadline: Int, onlyFaulty: Bool) async throws -> [SectorReading] {
        let answer = try await askDesk { .check(deadline: deadline, onlyFaulty: onlyFaulty, replyTo: $0) }
        guard case .checked(let readings) = answer else { throw unexpected(answer) }
        return readings
    }

    /// How the latest deadlines ended, the last one first.
    ///
    /// - Parameter limit: so many at most, and no more than ``ProvingDesk/closedCountMax``.
    /// - Throws: ``EngineError`` with `refused`, or ``KernelError``.
    package func closedDeadlines(
        limit: Int, onlyMissed: Bool
    ) async throws -> [SQLiteDeadlineStore.Closed] {
        let answer = try await askDesk { .closed(limit: limit, onlyMissed: onlyMissed, replyTo: $0) }
        guard case .closed(let closed) = answer else { throw unexpected(answer) }
        return closed
    }

    /// Declares that faulty sectors read again.
    ///
    /// - Returns: a message for each deadline, taken by the chain or not.
    /// - Throws: ``EngineError`` with `refused` where one of the sectors is not faulty, or ``KernelError``.
    package func recover(_ sectors: [UInt64]) async throws -> [DeclarationOutcome] {
        let answer = try await askDesk { .recover(sectors, replyTo: $0) }
        guard case .declared(let outcomes) = answer else { throw unexpected(answer) }
        return outcomes
    }

    private func askDesk(
        _ make: (Ref<ProvingDeskEvent>) -> ProvingDeskMessage
    ) async throws -> ProvingDeskEvent {
        let answer = try await ask(deskRef, make)
        if case .refused(let reason) = answer { throw refused(reason) }
        return answer
    }
}
