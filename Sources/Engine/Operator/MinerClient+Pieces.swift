// SPDX-License-Identifier: Apache-2.0
private import Kernel
package import Scheduler

/// Clients' pieces, and the messages that are gathered for the chain.
extension MinerClient {
    /// Offers a piece; the number of the sector that takes it.
    ///
    /// A piece that is offered again, because no answer came, is not taken twice.
    ///
    /// - Throws: ``EngineError`` with `refused`, or with `timedOut` where it waits for a sector, or
    ///   ``KernelError``.
    package func addPiece(_ piece: PieceDeal) async throws -> UInt64 {
        let answer = try await askSectors { .addPiece(piece, replyTo: $0) }
        guard case .placed(_, let number) = answer else { throw unexpected(answer) }
        return number
    }

    /// The pieces that no sector holds, those that none can take among them.
    ///
    /// - Throws: ``EngineError`` or ``KernelError``.
    package func waitingPieces() async throws -> [WaitingPiece] {
        let answer = try await askSectors { .pieces(replyTo: $0) }
        guard case .pieces(let pieces) = answer else { throw unexpected(answer) }
        return pieces
    }

    /// Has a sector that takes pieces begin to seal.
    ///
    /// - Returns: the state that it is in now.
    /// - Throws: ``EngineError`` with `refused`, or ``KernelError``.
    package func seal(_ number: UInt64) async throws -> SectorState {
        try await accepted { .operate(number: number, .startPacking, replyTo: $0) }
    }

    /// What is gathered of a kind.
    ///
    /// - Throws: ``EngineError`` with `refused` where this miner gathers nothing, or ``KernelError``.
    package func gathered(_ kind: BatchKind) async throws -> BatchStatus {
        guard case .pending(let status) = try await batch(kind, publishNow: false) else { throw notGathered }
        return status
    }

    /// Sends what is gathered of a kind; the names of the messages.
    ///
    /// - Throws: ``EngineError`` with `refused` where this miner gathers nothing, or ``KernelError``.
    package func publish(_ kind: BatchKind) async throws -> [String] {
        guard case .published(let names) = try await batch(kind, publishNow: true) else { throw notGathered }
        return names
    }

    private func batch(_ kind: BatchKind, publishNow: Bool) async throws -> BatcherEvent {
        try await ask(sectorsRef) { .batch(kind, publishNow: publishNow, replyTo: $0) }
    }

    private var notGathered: EngineError {
        EngineError(
            code: .refused,
            message: "this miner gathers no messages: each sector sends its own at once; give it a --config")
    }
}
