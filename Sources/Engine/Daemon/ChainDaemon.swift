// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Kernel
package import Logging
private import Scheduler

/// The rules of the small network that `cluster up` and the daemons run.
package enum DevnetRules {
    /// A devnet whose waits are short enough for a demonstration; ten epochs of challenge delay as in the
    /// reference's.
    ///
    /// A deadline's challenge and cutoff keep the main network's proportions to its length.
    ///
    /// - Parameters:
    ///   - epoch: real time of one epoch.
    ///   - deadlineCount: deadlines of a proving period.
    ///   - deadlineEpochs: epochs for which a deadline is open.
    package static func network(
        epoch: Duration, deadlineCount: Int = ProvingParameters.standard.deadlineCount,
        deadlineEpochs: Int64 = ProvingParameters.standard.deadlineEpochs
    ) -> NetworkParameters {
        var network = NetworkParameters.devnet(
            epochDuration: epoch, messageConfidence: 2, seedConfidence: 2)
        let usual = ProvingParameters.standard
        network.proving.deadlineCount = deadlineCount
        network.proving.deadlineEpochs = deadlineEpochs
        network.proving.challengeLookback = max(
            1, usual.challengeLookback * deadlineEpochs / usual.deadlineEpochs)
        network.proving.faultCutoff = max(
            network.proving.challengeLookback, usual.faultCutoff * deadlineEpochs / usual.deadlineEpochs)
        return network
    }
}

/// A chain process: a ``ChainNode`` that checks real proofs.
package struct ChainDaemon: Sendable {
    /// What a chain node is started with.
    package struct Options: Sendable {
        package var node: DaemonOptions
        package var network: NetworkParameters

        package init(node: DaemonOptions, network: NetworkParameters) {
            self.node = node
            self.network = network
        }
    }

    package let node: DaemonNode

    /// Starts the chain; its genesis is the moment of the first start.
    ///
    /// - Throws: ``EngineError``, ``KernelError`` or `TransportError`.
    package init(_ options: Options, log: Logger) async throws {
        node = try await DaemonNode(options.node, log: log)
        let network = options.network
        let wall = SystemClock.wallNanoseconds
        let store = try SQLiteChainStore(
            path: "\(options.node.dataDirectory)/chain.sqlite", nowWallNanoseconds: wall)
        // Epoch 0 lies as far before this world's beginning as the wall clock says that the chain is old.
        let age = max(0, wall - store.genesisWallNanoseconds)
        let genesis = node.world.now.advanced(byNanoseconds: -age)
        try node.world.spawn(MinerAssembly.chainName) { home in
            try ChainNode(
                home: home, parameters: network, beacon: DevnetBeacon(network: network.name, seed: 1),
                verifier: VanillaProofVerifier(), store: store, genesis: genesis)
        }
    }

    /// Stops at once.
    package func shutDown() { node.shutDown() }
}
