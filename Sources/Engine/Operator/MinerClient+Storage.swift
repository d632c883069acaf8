// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Kernel
package import Scheduler

/// What operators ask of stores, and tell their workers.
extension MinerClient {
    /// All stores that are directories, in order of name.
    ///
    /// - Throws: ``EngineError`` or ``KernelError``.
    package func stores() async throws -> [StoreOverview] {
        let answer: StorageEvent = try await ask(storageRef) { .path(.overview(replyTo: $0)) }
        guard case .path(.overview(let stores)) = answer else { throw unexpected(answer) }
        return stores
    }

    /// All copies of a sector's files, in order of their stores' names.
    ///
    /// - Throws: ``EngineError`` with `refused` where there is no sector of that number, or ``KernelError``.
    package func copies(of number: UInt64) async throws -> [SectorCopy] {
        let key = try await sector(number).key
        let answer: StorageEvent = try await ask(storageRef) { .path(.whereIs(key, replyTo: $0)) }
        guard case .path(.copies(_, let copies)) = answer else { throw unexpected(answer) }
        return copies
    }

    /// Has a worker do something with its directories.
    ///
    /// - Returns: a word about what was done.
    /// - Throws: ``EngineError`` with `refused`, or ``KernelError``.
    package func order(_ order: StoreOrder, worker: String) async throws -> String {
        let answer: StorageEvent = try await ask(storageRef) {
            .path(.order(host: worker, order, replyTo: $0))
        }
        guard case .path(.ordered(let result)) = answer else { throw unexpected(answer) }
        switch result {
        case .done(let word): return word
        case .refused(let why): throw EngineError(code: .refused, message: "worker \(worker): \(why)")
        }
    }
}
