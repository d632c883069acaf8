// SPDX-License-Identifier: Apache-2.0

/// Keeps what a worker has finished until the scheduler has confirmed it, beyond the end of the process.
package protocol ResultStore: Sendable {
    /// All results that were not removed, the oldest first.
    ///
    /// - Throws: what the medium says; the worker then goes on without them.
    func load() throws -> [FinishedCall]
    /// Keeps a result; it is durable when this returns.
    ///
    /// - Throws: what the medium says; the result is then in memory only.
    func save(_ finished: FinishedCall) throws
    /// Forgets a result; one that is not there is no error.
    ///
    /// - Throws: what the medium says; the result is then reported again after a restart.
    func remove(_ call: CallID) throws
}
