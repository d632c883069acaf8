// SPDX-License-Identifier: Apache-2.0
private import Foundation
internal import Kernel
package import KernelJournal
private import Scheduler

/// The journal of a miner: everything its components heard and said, and how to play it back to fresh ones.
package struct MinerJournal: Sendable {
    private static let policyKey = "policy"
    private static let leaseKey = "leaseMilliseconds"
    private static let nodeKey = "node"

    private let writer: JournalWriter

    /// Begins to record a world; call before the miner's components are spawned.
    ///
    /// - Throws: `JournalError` where the folder cannot be written.
    init(folder: String, world: LiveWorld, policy: String, lease: Duration) throws {
        var options = JournalWriter.Options(folder: URL(fileURLWithPath: folder))
        options.meta = [
            Self.policyKey: policy, Self.leaseKey: "\(lease.nanoseconds / 1_000_000)",
            Self.nodeKey: world.name,
        ]
        writer = try JournalWriter(options)
        world.record(into: writer)
    }

    /// Writes what waits and closes the files.
    ///
    /// - Throws: `JournalError`.
    func close() throws { try writer.close() }

    /// Components that ``replay(folder:component:)`` knows how to make.
    package static let components = [MinerAssembly.schedulerName, MinerAssembly.storageName]

    /// Plays a miner's journal back to a fresh component and tells where it first says something else.
    ///
    /// - Throws: `JournalError`, or ``EngineError`` with `badOption` for an unknown component or a journal
    ///   that no miner wrote.
    package static func replay(folder: String, component: String) throws -> ReplayReport {
        let journal = try JournalReader(URL(fileURLWithPath: folder))
        let meta = try journal.meta()
        guard let node = meta[nodeKey], let policyName = meta[policyKey],
            let lease = meta[leaseKey].flatMap(Int64.init), let policy = PolicyCatalog.make(policyName),
            Address.isWellFormed(node)
        else {
            throw EngineError(
                code: .badOption,
                message: "\(folder) is not the journal of a miner: it names no node, policy or lease")
        }
        let address = Address(node: node, name: component)
        let storage = Address(node: node, name: MinerAssembly.storageName)
        switch component {
        case MinerAssembly.schedulerName:
            return try Replay.run(journal: journal, component: address) { home, resolver in
                ClusterScheduler(
                    home: home, policy: policy, storage: resolver.ref(at: storage, as: StorageMessage.self),
                    options: MinerDaemon.schedulerOptions(lease: .milliseconds(lease)))
            }
        case MinerAssembly.storageName:
            return try Replay.run(journal: journal, component: address) { home, _ in StorageIndex(home: home)
            }
        default:
            throw EngineError(
                code: .badOption,
                message:
                    "'\(component)' cannot be replayed; choose one of \(components.joined(separator: ", "))")
        }
    }
}
