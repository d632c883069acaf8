// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// Times and limits of the chain; delays are in epochs unless their type is ``Duration``.
    package struct Network: Sendable, Hashable {
        /// `mainnet`, `calibration`, `devnet`, or `custom` when any figure differs from them.
        package var name: String
        /// Real time between epochs.
        package var epochDuration: Duration
        /// How long a block takes to reach all nodes.
        package var propagationDelay: Duration
        /// From the landing of a pre-commit to its seed.
        package var preCommitChallengeDelay: Int
        /// Waited further before a seed is used.
        package var interactivePoRepConfidence: Int
        /// Waited after a message is included.
        package var messageConfidence: Int
        /// How far before the head a ticket is drawn.
        package var sealRandomnessLookback: Int
        /// How old a ticket may be when its pre-commit lands.
        package var maxPreCommitRandomnessLookback: Int
        /// From a pre-commit to the last epoch in which it can be proven.
        package var maxProveCommitDuration: Int
        /// Window PoSt: the period in which every sector is proven once.
        package var provingPeriod: Int
        /// Window PoSt: how many deadlines a period has.
        package var deadlines: Int
        /// Window PoSt: how long a deadline is open.
        package var challengeWindow: Int
        /// Window PoSt: how long before its opening a deadline's challenge is drawn.
        package var challengeLookback: Int
        /// Window PoSt: how long before its opening faults must be declared.
        package var faultDeclarationCutoff: Int
        /// Blocks that an epoch brings in the mean.
        package var expectedLeaders: Int
        /// The sector sizes that the network takes.
        package var sectorSizes: [ByteCount]

        /// Sectors that one window PoSt partition holds.
        package func sectorsPerPartition(of sectorSize: ByteCount) -> Int {
            switch sectorSize.bytes {
            case 32 << 30: 2349
            case 64 << 30: 2300
            default: 2
            }
        }
    }
}

extension Scenario.Network {
    /// The sector sizes for which proofs exist.
    package static let allSectorSizes: [ByteCount] = [
        ByteCount(bytes: 2 << 10), ByteCount(bytes: 8 << 20), ByteCount(bytes: 512 << 20),
        ByteCount(bytes: 32 << 30), ByteCount(bytes: 64 << 30),
    ]

    /// The public network.
    package static let mainnet = Scenario.Network(
        name: "mainnet",
        epochDuration: .seconds(30),
        propagationDelay: .seconds(10),
        preCommitChallengeDelay: 150,
        interactivePoRepConfidence: 6,
        messageConfidence: 5,
        sealRandomnessLookback: 900,
        maxPreCommitRandomnessLookback: 3780,
        maxProveCommitDuration: 86_550,
        provingPeriod: 2880,
        deadlines: 48,
        challengeWindow: 60,
        challengeLookback: 20,
        faultDeclarationCutoff: 70,
        expectedLeaders: 5,
        sectorSizes: [ByteCount(bytes: 32 << 30), ByteCount(bytes: 64 << 30)]
    )

    /// The public test network; its times are those of mainnet.
    package static let calibration: Scenario.Network = {
        var network = mainnet
        network.name = "calibration"
        return network
    }()

    /// A private network with short epochs and small sectors.
    package static let devnet: Scenario.Network = {
        var network = mainnet
        network.name = "devnet"
        network.epochDuration = .seconds(4)
        network.propagationDelay = .seconds(1)
        network.preCommitChallengeDelay = 10
        network.maxProveCommitDuration = 86_410
        network.sectorSizes = [ByteCount(bytes: 2 << 10), ByteCount(bytes: 8 << 20)]
        return network
    }()

    /// The networks that a scenario can name.
    package static let presets: [Scenario.Network] = [mainnet, calibration, devnet]
}
