// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// What a policy decides.
package enum Decision: Sendable, Hashable {
    /// The task starts on the worker with that index; where its files are elsewhere the worker fetches them
    /// first.
    case assign(TaskID, worker: Int, because: PlacementReason = .unstated)
    /// The sector is to be sealed at that store; room for its whole life is taken there.
    case admit(SectorKey, store: String, because: PlacementReason = .unstated)
    /// The task's files are to be moved to the worker's store ahead; the task goes on waiting and may still
    /// start elsewhere.
    case prefetch(TaskID, worker: Int)
    /// The task waits although it could start, for a reason that an operator wants to know.
    case hold(TaskID, reason: String)
}

/// Why a policy placed a task where it did: a rule's name and the figure that decided.
package struct PlacementReason: Sendable, Hashable, Codable {
    /// A short name, such as `local`, `moved`, `window`.
    package var rule: String
    /// What the rule compared; its meaning is the rule's.
    package var score: Double

    package init(_ rule: String, score: Double = 0) {
        self.rule = rule
        self.score = score
    }

    package static let unstated = PlacementReason("unstated")

    /// The figure, where JSON can tell it.
    package var finiteScore: Double? { score.isFinite ? score : nil }
}

/// What a policy is made with.
package struct PolicyContext: Sendable {
    /// For a policy that draws: its own generator's seed.
    package var seed: UInt64
    /// The size of the cluster's sectors; 0 where it is not known.
    package var sectorBytes: UInt64
    /// Bytes that a sector takes while it is sealed.
    package var sealingBytes: UInt64
    package var resources: ResourceTable
    /// Durations to expect until some were measured.
    package var durations: [TaskType: Duration]
    package var pacing: [Pacing]
    /// Settings of the one policy, by name.
    package var options: [String: String]
    /// The program that decides, for ``ExternalPolicy``.
    package var link: ExternalPolicyLink?

    package init(
        seed: UInt64 = 1, sectorBytes: UInt64 = 0, sealingBytes: UInt64 = 0,
        resources: ResourceTable = .standard,
        durations: [TaskType: Duration] = [:], pacing: [Pacing] = [], options: [String: String] = [:]
    ) {
        self.seed = seed
        self.sectorBytes = sectorBytes
        self.sealingBytes = sealingBytes
        self.resources = resources
        self.durations = durations
        self.pacing = pacing
        self.options = options
    }
}

/// A rule that places waiting tasks on workers and lets sectors in: a pure value, the same in both worlds.
///
/// A policy sees the cluster and returns decisions; the scheduler applies them in order, leases the concrete
/// things of the host, and refuses one that no longer fits. It asks after every change, and again while
/// decisions were applied. A policy names neither clock nor chance; one that draws has a generator of its
/// own, from the seed of its context.
package protocol SchedulingPolicy: Sendable {
    /// The name by which scenarios and the command line know it.
    static var name: String { get }
    /// What it does, in a line.
    static var summary: String { get }
    /// Tasks may start on hosts that do not hold their files, which are then moved.
    static var movesSectors: Bool { get }

    /// How long the system that the policy stands for waits before it gives a lost worker up; `nil` for the
    /// scheduler's own setting.
    static var leaseOfLostWorker: Duration? { get }

    /// Settings that it takes by name, each a number of 0 or more; `nil` where it takes any.
    static var optionNames: [String]? { get }

    init(_ context: PolicyContext)

    /// Decides what starts now, and who is let in.
    mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision]

    /// When to ask again although nothing changed; `nil` for never.
    func wakeUp(after now: Instant) -> Instant?
}

extension SchedulingPolicy {
    package static var leaseOfLostWorker: Duration? { nil }
    package static var optionNames: [String]? { [] }
    package static var movesSectors: Bool { false }

    package init() { self.init(PolicyContext()) }

    package func wakeUp(after now: Instant) -> Instant? { nil }
}
