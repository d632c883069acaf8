// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Foundation
internal import Kernel
package import KernelJournal
internal import Scheduler

/// The journal of a miner: everything its components heard and said, and how to play it back to fresh ones.
package struct MinerJournal: Sendable {
    private static let policyKey = "policy"
    private static let leaseKey = "leaseMilliseconds"
    private static let nodeKey = "node"
    private static let sectorKey = "sectorBytes"
    private static let sealingKey = "sealingBytes"
    private static let optionPrefix = "policyOption."
    /// The network's figures that time depends on, each under its own name.
    private static var networkKeys: [(name: String, field: WritableKeyPath<NetworkParameters, Int64>)] {
        [
            ("preCommitChallengeDelay", \.preCommitChallengeDelay),
            ("messageConfidence", \.messageConfidence),
            ("seedConfidence", \.seedConfidence), ("sealLookback", \.sealLookback),
            ("maxTicketAge", \.maxTicketAge), ("maxProveCommitDuration", \.maxProveCommitDuration),
        ]
    }
    private static let epochKey = "epochNanoseconds"

    private let writer: JournalWriter

    /// Begins to record a world; call before the miner's components are spawned.
    ///
    /// - Throws: `JournalError` where the folder cannot be written.
    init(
        folder: String, world: LiveWorld, setup: SchedulerSetup, network: NetworkParameters
    ) throws {
        var options = JournalWriter.Options(folder: URL(fileURLWithPath: folder))
        options.meta = [
            Self.policyKey: setup.policy,
            Self.leaseKey: "\(setup.options.lease.nanoseconds / 1_000_000)",
            Self.nodeKey: world.name, Self.sectorKey: "\(setup.sectorBytes)",
            Self.sealingKey: "\(setup.sealingBytes)", Self.epochKey: "\(network.epochDuration.nanoseconds)",
        ]
        for (name, value) in setup.context.options { options.meta[Self.optionPrefix + name] = value }
        for (name, field) in Self.networkKeys { options.meta[name] = "\(network[keyPath: field])" }
        writer = try JournalWriter(options)
        world.record(into: writer)
    }

    /// Writes what waits and closes the files.
    ///
    /// - Throws: `JournalError`.
    func close() throws { try writer.close() }

    /// Components that ``replay(folder:component:)`` knows how to make.
    package static let components = [MinerAssembly.schedulerName, MinerAssembly.storageName]

    /// What the first lines of a miner's journal say of the miner.
    package struct Facts: Sendable {
        package var node: String
        package var policy: String
        package var policyOptions: [String: String]
        package var lease: Duration
        package var network: NetworkParameters
        package var sectorBytes: UInt64
        /// Room that a sector takes while it is sealed.
        package var sealingBytes: UInt64

        /// The scheduler as the miner had it.
        var setup: SchedulerSetup {
            SchedulerSetup(
                policy: policy, context: PolicyContext(options: policyOptions),
                options: MinerDaemon.schedulerOptions(lease: lease),
                sectorBytes: sectorBytes, sealingBytes: sealingBytes)
        }
    }

    /// Reads what a journal says of its miner.
    ///
    /// - Throws: `JournalError`, or ``EngineError`` with `badOption` for a journal that no miner wrote, or
    ///   one that an older release wrote, which says nothing of the network.
    package static func facts(of journal: JournalReader, folder: String) throws -> Facts {
        let meta = try journal.meta()
        let numbers = meta.compactMapValues(Int64.init)
        guard let node = meta[nodeKey], let policy = meta[policyKey], let lease = numbers[leaseKey],
            Address.isWellFormed(node)
        else {
            throw EngineError(
                code: .badOption,
                message: "\(folder) is not the journal of a miner: it names no node, policy or lease")
        }
        guard let epoch = numbers[epochKey], epoch > 0, let bytes = numbers[sectorKey], bytes > 0,
            let sealing = numbers[sealingKey], sealing >= 0
        else {
            throw EngineError(
                code: .badOption,
                message:
                    "\(folder) says nothing of epochs and sectors: an older release wrote it; record anew")
        }
        var network = DevnetRules.network(epoch: .nanoseconds(epoch))
        for (name, field) in networkKeys {
            guard let value = numbers[name], value >= 0 else {
                throw EngineError(code: .badOption, message: "\(folder) does not say \(name); record anew")
            }
            network[keyPath: field] = value
        }
        return Facts(
            node: node, policy: policy,
            policyOptions: Dictionary(
                uniqueKeysWithValues: meta.filter { $0.key.hasPrefix(optionPrefix) }
                    .map { (String($0.key.dropFirst(optionPrefix.count)), $0.value) }),
            lease: .milliseconds(lease), network: network,
            sectorBytes: UInt64(bytes), sealingBytes: UInt64(sealing))
    }

    /// Plays a miner's journal back to a fresh component and tells where it first says something else.
    ///
    /// - Throws: `JournalError`, or ``EngineError`` with `badOption` for an unknown component or a journal
    ///   that no miner wrote, or ``SchedulerError`` for a policy that this build lacks.
    package static func replay(folder: String, component: String) throws -> ReplayReport {
        try replay(folder: folder, component: component, listener: nil)
    }

    /// Plays a miner's journal back to a fresh scheduler, and tells every decision with its reasons.
    ///
    /// - Parameters:
    ///   - sector: decisions about that one alone; about all where `nil`.
    ///   - tell: told in the order of time, up to the first difference.
    /// - Throws: as ``replay(folder:component:)``.
    package static func decisions(
        folder: String, sector: UInt64?, _ tell: @escaping @Sendable (RecordedDecision) -> Void
    ) throws -> ReplayReport {
        try replay(
            folder: folder, component: MinerAssembly.schedulerName,
            listener: DecisionTeller(sector: sector, tell))
    }

    private static func replay(
        folder: String, component: String, listener: (any DecisionListener)?
    ) throws -> ReplayReport {
        let journal = try JournalReader(URL(fileURLWithPath: folder))
        let facts = try facts(of: journal, folder: folder)
        let address = Address(node: facts.node, name: component)
        let storage = Address(node: facts.node, name: MinerAssembly.storageName)
        switch component {
        case MinerAssembly.schedulerName:
            var setup = facts.setup
            setup.options.listener = listener
            let (policy, options) = try setup.make()
            return try Replay.run(journal: journal, component: address) { home, resolver in
                ClusterScheduler(
                    home: home, policy: policy, storage: resolver.ref(at: storage, as: StorageMessage.self),
                    options: options)
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
