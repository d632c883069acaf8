// SPDX-License-Identifier: Apache-2.0
private import Kernel
internal import Scheduler

extension MinerConfig {
    /// A key of the file: where its value goes, and what it may be.
    struct Key {
        enum Kind {
            case flag(WritableKeyPath<MinerConfig, Bool>)
            case count(WritableKeyPath<MinerConfig, Int>, ClosedRange<Int>)
            case duration(WritableKeyPath<MinerConfig, Duration>)
            /// An amount of FIL, kept as attoFIL.
            case amount(WritableKeyPath<MinerConfig, UInt64>)
            /// The same, where none is meant by zero.
            case limit(WritableKeyPath<MinerConfig, UInt64?>)
        }

        let section: String
        let name: String
        let kind: Kind
        /// What it does, for the commented file.
        let comment: String

        var path: String { "\(section).\(name)" }

        /// The variable that overrides the file, as Lotus names it.
        var variable: String {
            "LOTUS_\(section)_\(name)".uppercased().map { $0 == "." ? "_" : String($0) }.joined()
        }
    }

    /// All keys that this program heeds, in the order of the commented file.
    static var keys: [Key] { sealing + batches + others }

    private static var sealing: [Key] {
        let many = 0...1_000_000
        func key(_ name: String, _ kind: Key.Kind, _ comment: String) -> Key {
            Key(section: "Sealing", name: name, kind: kind, comment: comment)
        }
        return [
            key(
                "MaxWaitDealsSectors", .count(\.maxWaitDealsSectors, many),
                "Sectors that take pieces; 0: any."),
            key("MaxSealingSectors", .count(\.maxSealingSectors, many), "Sectors being sealed; 0: any."),
            key(
                "MaxSealingSectorsForDeals", .count(\.maxSealingSectorsForDeals, many),
                "Of these, sectors with deals; 0: any."),
            key(
                "CommittedCapacitySectorLifetime", .duration(\.sectorLifetime),
                "How long a sector lasts; 0s: the network's usual time."),
            key(
                "WaitDealsDelay", .duration(\.waitDealsDelay), "A sector seals so long after its first piece."
            ),
            key(
                "AlwaysKeepUnsealedCopy", .flag(\.alwaysKeepsUnsealedCopy),
                "Keep an unsealed copy of every piece, whatever its deal says."),
            key(
                "FinalizeEarly", .flag(\.finalizesEarly),
                "Finalize before the proof goes to the chain."),
            key(
                "MakeNewSectorForDeals", .flag(\.makesNewSectorsForDeals),
                "A piece that no open sector takes begins one."),
        ]
    }

    private static var batches: [Key] {
        func key(_ name: String, _ kind: Key.Kind, _ comment: String) -> Key {
            Key(section: "Sealing", name: name, kind: kind, comment: comment)
        }
        return [
            key("BatchPreCommits", .flag(\.batchesPreCommits), "Gather pre-commitments into one message."),
            key("MaxPreCommitBatch", .count(\.preCommit.countMax, 1...256), "The most of one message."),
            key("PreCommitBatchWait", .duration(\.preCommit.wait), "The longest wait of the first of them."),
            key(
                "PreCommitBatchSlack", .duration(\.preCommit.slack),
                "A message leaves so long before a ticket expires or a deal begins."),
            key(
                "BatchPreCommitAboveBaseFee", .limit(\.preCommit.baseFeeThreshold),
                "Up to this base fee nothing waits for company."),
            key("AggregateCommits", .flag(\.aggregatesCommits), "Gather proofs into one message."),
            key("MinCommitBatch", .count(\.commit.countMin, 1...819), "Fewer leave when their time is up."),
            key("MaxCommitBatch", .count(\.commit.countMax, 1...819), "The most of one message."),
            key("CommitBatchWait", .duration(\.commit.wait), "The longest wait of the first of them."),
            key(
                "CommitBatchSlack", .duration(\.commit.slack),
                "A message leaves so long before a pre-commitment expires or a deal begins."),
            key(
                "AggregateAboveBaseFee", .limit(\.commit.baseFeeThreshold),
                "Up to this base fee nothing waits for company."),
            key("TerminateBatchMax", .count(\.terminate.countMax, 1...3000), "The most of one message."),
            key(
                "TerminateBatchMin", .count(\.terminate.countMin, 1...3000),
                "Fewer leave when their time is up."),
            key("TerminateBatchWait", .duration(\.terminate.wait), "The longest wait of the first of them."),
        ]
    }

    private static var others: [Key] {
        [
            Key(
                section: "Dealmaking", name: "StartEpochSealingBuffer",
                kind: .count(\.startEpochSealingBuffer, 0...1_000_000),
                comment: "Epochs before the start of a deal by which its sector begins to seal."),
            Key(
                section: "Fees", name: "MaxTerminateGasFee", kind: .amount(\.terminate.feeBase),
                comment: "The most that a message of terminations may cost; 0 FIL: any."),
            Key(
                section: "Fees.MaxPreCommitBatchGasFee", name: "Base", kind: .amount(\.preCommit.feeBase),
                comment: "The most that a message of pre-commitments may cost: this,"),
            Key(
                section: "Fees.MaxPreCommitBatchGasFee", name: "PerSector",
                kind: .limit(\.preCommit.feePerSector), comment: "and so much for each sector."),
            Key(
                section: "Fees.MaxCommitBatchGasFee", name: "Base", kind: .amount(\.commit.feeBase),
                comment: "The most that a message of proofs may cost: this,"),
            Key(
                section: "Fees.MaxCommitBatchGasFee", name: "PerSector", kind: .limit(\.commit.feePerSector),
                comment: "and so much for each sector."),
            Key(
                section: "Sealyard", name: "AutoPledgeInterval", kind: .duration(\.autoPledgeInterval),
                comment: "How often free room on the sealing paths is filled with new sectors; 0s: never."),
            Key(
                section: "Sealyard", name: "AutoPledgePacking", kind: .count(\.autoPledgePacking, 1...10_000),
                comment: "Of these, so many at once are in Packing."),
            Key(
                section: "Sealyard", name: "MaxFailedSectors",
                kind: .count(\.maxFailedSectors, 0...1_000_000),
                comment: "With so many failed sectors no new one begins; 0: any."),
        ]
    }

    /// What Lotus knows and this program has no use for: it is said, and the file is taken.
    static let unused: [String: Set<String>] = [
        "Sealing": [
            "PreferNewSectorsForDeals", "MaxUpgradingSectors", "MinUpgradeSectorExpiration",
            "MinTargetUpgradeSectorExpiration", "MakeCCSectorsAvailable", "CollateralFromMinerBalance",
            "AvailableBalanceBuffer", "DisableCollateralFallback", "MaxSectorProveCommitsSubmittedPerEpoch",
            "UseSyntheticPoRep", "RequireActivationSuccess", "RequireActivationSuccessUpdate",
            "RequireNotificationSuccess", "RequireNotificationSuccessUpdate",
        ],
        "Dealmaking": [
            "ConsiderOnlineStorageDeals", "ConsiderOfflineStorageDeals", "ConsiderOnlineRetrievalDeals",
            "ConsiderOfflineRetrievalDeals", "ConsiderVerifiedStorageDeals", "ConsiderUnverifiedStorageDeals",
            "PieceCidBlocklist", "MaxDealStartDelay", "ExpectedSealDuration", "PublishMsgPeriod",
            "MaxDealsPerPublishMsg", "MaxProviderCollateralMultiplier", "SimultaneousTransfersForStorage",
            "SimultaneousTransfersForRetrieval", "MaxStagingDealsBytes", "Filter", "RetrievalFilter",
        ],
        "Fees": [
            "MaxPreCommitGasFee", "MaxCommitGasFee", "MaxWindowPoStGasFee", "MaxPublishDealsFee",
            "MaxMarketBalanceAddFee", "MaximizeWindowPoStFeeCap",
        ],
    ]

    /// Sections of which this program uses nothing.
    static let unusedSections: Set<String> = [
        "API", "Backup", "Logging", "Libp2p", "Subsystems", "Proving", "Storage", "Addresses", "HarmonyDB",
        "Pubsub", "Journal", "Faults",
    ]
}
