// SPDX-License-Identifier: Apache-2.0

/// A cluster, its work and what happens to it: all that a simulation is furnished with.
package struct Scenario: Sendable, Hashable {
    /// A short name for reports and file names.
    package var name: String
    /// What the scenario is about, in prose.
    package var description: String
    /// The size of every sector: 2 KiB, 8 MiB, 512 MiB, 32 GiB or 64 GiB.
    package var sectorSize: ByteCount
    /// Epochs and delays of the chain.
    package var network: Network
    /// Groups of equal hosts, in file order.
    package var hosts: [HostGroup]
    /// Long-term stores, in file order.
    package var stores: [Store]
    /// The network between hosts, stores and the chain.
    package var links: Links
    /// How long tasks take, in the order of ``TaskKind/allCases``; the six sealing tasks are always there.
    package var tasks: [TaskModel]
    /// What is pledged, and when.
    package var workload: Workload
    /// Settings of the miner daemon.
    package var miner: Miner
    /// The name of the scheduling policy.
    package var policy: String
    /// Its settings, by name.
    package var policyOptions: [String: String] = [:]
    /// What breaks, in file order.
    package var faults: [Fault]
    /// What it costs, if the file says so.
    package var costs: Costs?
    /// What the report covers.
    package var report: Report
}

extension Scenario {
    /// The kinds of task that a scenario gives durations and slots for.
    package enum TaskKind: String, Sendable, Hashable, CaseIterable, Comparable {
        case addPiece = "AddPiece"
        case preCommit1 = "PreCommit1"
        case preCommit2 = "PreCommit2"
        case commit1 = "Commit1"
        case commit2 = "Commit2"
        case finalize = "Finalize"
        case fetch = "Fetch"
        case unseal = "Unseal"
        case windowPoSt = "WindowPoSt"
        case winningPoSt = "WinningPoSt"

        /// The tasks that every sector passes through, in order.
        package static let sealing: [TaskKind] = [
            .addPiece, .preCommit1, .preCommit2, .commit1, .commit2, .finalize,
        ]

        /// The identifier that JSON-RPC and journals use, such as `seal/v0/precommit/1`.
        package var identifier: String {
            switch self {
            case .addPiece: "seal/v0/addpiece"
            case .preCommit1: "seal/v0/precommit/1"
            case .preCommit2: "seal/v0/precommit/2"
            case .commit1: "seal/v0/commit/1"
            case .commit2: "seal/v0/commit/2"
            case .finalize: "seal/v0/finalize"
            case .fetch: "seal/v0/fetch"
            case .unseal: "seal/v0/unseal"
            case .windowPoSt: "post/v0/windowproof"
            case .winningPoSt: "post/v0/winningproof"
            }
        }

        /// The place in ``allCases``.
        package var index: Int {
            switch self {
            case .addPiece: 0
            case .preCommit1: 1
            case .preCommit2: 2
            case .commit1: 3
            case .commit2: 4
            case .finalize: 5
            case .fetch: 6
            case .unseal: 7
            case .windowPoSt: 8
            case .winningPoSt: 9
            }
        }

        package static func < (left: Self, right: Self) -> Bool { left.index < right.index }
    }

    /// Where a figure comes from.
    package enum Provenance: String, Sendable, Hashable, CaseIterable {
        /// Someone timed it on hardware like this.
        case measured
        /// A document states it.
        case published
        /// It is a guess; the source says why.
        case assumed
    }

    /// How long one kind of task takes and what it moves.
    package struct TaskModel: Sendable, Hashable {
        package var kind: TaskKind
        package var duration: DurationModel
        /// Bytes moved to the long-term store besides; they take time on disks, links and the store.
        package var transfer: ByteCount
        /// The share of attempts that fail, at the end of their duration.
        package var failureRate: Double
        package var provenance: Provenance
        /// Where the duration is from, in words.
        package var source: String
        /// Bytes that cross the memory controllers in one task; nil for what the kind says.
        package var memoryTraffic: TaskAmount?
        /// Bytes read from and written to the sealing disks while it runs, evenly; nil for none that count.
        package var reads: TaskAmount?
        package var writes: TaskAmount?
        /// Bytes of one such read or write.
        package var requestSize: ByteCount?
    }

    /// How much of something one task takes.
    package enum TaskAmount: Sendable, Hashable {
        case bytes(ByteCount)
        /// By the algorithm, for the scenario's sector size: ``SealingAmounts``.
        case computed
    }

    /// What is pledged, and how fast work is let in.
    package struct Workload: Sendable, Hashable {
        package var pledge: PledgeRule
        /// Sectors that are proving before the run begins; they cost window PoSt, not sealing.
        package var provingAtStart: Int
        /// How many tasks of a kind may start in each period, in the order of the tasks.
        package var tickets: [TicketRule]
        /// Deals that clients offer, in file order.
        package var deals: [DealStream] = []
        /// The run may end once this many sectors are proving.
        package var sectorsTarget: Int?
        /// Never pledge more than this many sectors in all.
        package var sectorsMax: Int?

        /// Nothing is ever sealed: the cluster only proves what it has.
        package var provesOnly: Bool {
            pledge.packingMax == 0 && pledge.initialPerHost == 0 && deals.isEmpty && provingAtStart > 0
        }
    }

    /// The rule by which new sectors are pledged.
    package struct PledgeRule: Sendable, Hashable {
        /// How often the rule looks.
        package var every: Duration
        /// Pledge until this many sectors are in Packing.
        package var packingMax: Int
        /// Pledge this many for each host with PreCommit1 slots at the very start.
        package var initialPerHost: Int
        /// Never pledge while this many sectors for each such host are being sealed; nil for no limit.
        package var sealingMaxPerHost: Int?
    }

    /// Deals of one sort: each a piece that must be in a proven sector by the epoch at which it starts.
    package struct DealStream: Sendable, Hashable {
        /// The time between two of them.
        package var every: DurationModel
        /// Padded: a power of two, at most a sector.
        package var pieceSize: ByteCount
        /// The time from the offer to the start.
        package var startAfter: DurationModel
        /// The time from the start to the end.
        package var lasts: Duration
        /// Its client retrieves it: an unsealed copy stays beside the replica.
        package var keepsUnsealedCopy: Bool

        package init(
            every: DurationModel, pieceSize: ByteCount, startAfter: DurationModel, lasts: Duration,
            keepsUnsealedCopy: Bool = true
        ) {
            self.every = every
            self.pieceSize = pieceSize
            self.startAfter = startAfter
            self.lasts = lasts
            self.keepsUnsealedCopy = keepsUnsealedCopy
        }
    }

    /// How many tasks of one kind may start in each period.
    package struct TicketRule: Sendable, Hashable {
        package enum Scope: String, Sendable, Hashable, CaseIterable {
            /// Each host has tickets of its own.
            case host
            /// The whole cluster shares them.
            case cluster
        }

        package var task: TaskKind
        /// Tickets that do not add up: at each period's start there are `count` of them.
        package var rate: EventRate
        package var scope: Scope
    }

    /// Settings of the miner daemon that decide what the cluster does.
    package struct Miner: Sendable, Hashable {
        /// At most this many sectors in sealing; 0 for no limit.
        package var maxSealingSectors: Int
        /// At most this many deal sectors in sealing; 0 for no limit.
        package var maxSealingSectorsForDeals: Int
        /// At most this many sectors that wait for deals; 0 for no limit.
        package var maxWaitDealsSectors: Int
        /// The time after its first piece at which a sector begins to seal, full or not.
        package var waitDealsDelay: Duration
        /// Epochs before the start of a deal by which its sector begins to seal.
        package var startEpochSealingBuffer: Int
        package var alwaysKeepUnsealedCopy: Bool
        /// Finalize right after C2 instead of after the commit message has landed.
        package var finalizeEarly: Bool
        /// Pieces, trees and parent caches of empty sectors are linked from one prepared copy.
        package var dataTemplate: Bool
        /// What one sector takes of a sealing disk while it is sealed, and what is moved of it between hosts;
        /// `nil` for what the algorithm writes.
        package var sealingFootprint: ByteCount?
        package var batchPreCommits: Bool
        package var maxPreCommitBatch: Int
        package var preCommitBatchWait: Duration
        package var aggregateCommits: Bool
        package var minCommitBatch: Int
        package var maxCommitBatch: Int
        package var commitBatchWait: Duration
        /// Up to this base fee pre-commitments, or proofs, do not wait for company; `nil` where the fee
        /// decides nothing.
        package var batchPreCommitAboveBaseFee: AttoFIL?
        package var aggregateAboveBaseFee: AttoFIL?
        /// The most that a message may cost for each of its sectors; `nil` for no limit.
        package var preCommitFeePerSector: AttoFIL?
        package var commitFeePerSector: AttoFIL?
    }

    /// What the report covers.
    package struct Report: Sendable, Hashable {
        /// This much of the start is left out of rates and means.
        package var warmUp: Duration
        /// How long a run lasts unless the caller says otherwise.
        package var until: Duration
    }
}

extension Scenario {
    /// The model of a task, if the scenario has one; the six sealing tasks always have.
    package func task(_ kind: TaskKind) -> TaskModel? {
        tasks.first { $0.kind == kind }
    }

    /// How many hosts there are in all groups.
    package var hostCount: Int { hosts.reduce(0) { $0 + $1.count } }

    /// How many worker processes there are on all hosts.
    package var workerCount: Int { hosts.reduce(0) { $0 + $1.count * $1.workersPerHost } }

    /// How many tasks of a kind can run at once in the whole cluster.
    package func slotCount(of kind: TaskKind) -> Int {
        hosts.reduce(0) { $0 + $1.count * $1.slotsPerHost(of: kind) }
    }
}
