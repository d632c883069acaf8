// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Kernel
package import Logging
private import Scheduler

/// The rules of the small network that `cluster up` and the daemons run.
package enum DevnetRules {
    /// A devnet whose waits are short enough for a demonstration; ten epochs of challenge delay as in the
    /// reference's.
    package static func network(epoch: Duration) -> NetworkParameters {
        .devnet(epochDuration: epoch, messageConfidence: 2, seedConfidence: 2)
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
