// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// What a task of Curio is counted with: fixed numbers, dimensioned for 32 GiB whatever the sector's size.
package struct CurioCost: Sendable, Hashable {
    package var processors: Int
    package var memoryBytes: UInt64
    package var gpus: Double
    /// Failures after which the task is given up.
    package var failureCountMax: Int

    package init(processors: Int, memoryBytes: UInt64, gpus: Double = 0, failureCountMax: Int) {
        self.processors = processors
        self.memoryBytes = memoryBytes
        self.gpus = gpus
        self.failureCountMax = failureCountMax
    }

    /// The costs by the stable names of the kinds here; Curio's own names beside them.
    ///
    /// - SeeAlso: curio v1.27, `tasks/seal`, `tasks/piece`.
    package static let table: [String: CurioCost] = [
        // ParkPiece.
        "seal/v0/addpiece": .init(processors: 1, memoryBytes: 64 << 20, failureCountMax: 10),
        // SDR.
        "seal/v0/precommit/1": .init(processors: 4, memoryBytes: 257 << 28, failureCountMax: 2),
        // TreeD (1 processor, 1 GiB) and TreeRC are one task here; TreeRC is the larger.
        "seal/v0/precommit/2": .init(processors: 1, memoryBytes: 8 << 30, gpus: 1, failureCountMax: 3),
        // The vanilla proof is made where the files are, as part of PoRep; nobody counts it there.
        "seal/v0/commit/1": .init(processors: 0, memoryBytes: 0, failureCountMax: 10),
        // PoRep.
        "seal/v0/commit/2": .init(processors: 1, memoryBytes: 128 << 30, gpus: 1, failureCountMax: 10),
        "seal/v0/finalize": .init(processors: 0, memoryBytes: 100 << 20, failureCountMax: 10),
        "seal/v0/fetch": .init(processors: 1, memoryBytes: 128 << 20, failureCountMax: 6),
        "seal/v0/unseal": .init(processors: 4, memoryBytes: 54 << 30, failureCountMax: 2),
        "seal/v0/replicaupdate": .init(processors: 1, memoryBytes: 1 << 30, gpus: 1, failureCountMax: 3),
        "seal/v0/provereplicaupdate/2": .init(
            processors: 1, memoryBytes: 50 << 30, gpus: 1, failureCountMax: 3),
        "seal/v0/datacid": .init(processors: 1, memoryBytes: 1 << 30, failureCountMax: 3),
        "post/v0/windowproof": .init(processors: 1, memoryBytes: 25 << 30, gpus: 1, failureCountMax: 5),
        "post/v0/winningproof": .init(processors: 1, memoryBytes: 1 << 30, gpus: 1, failureCountMax: 1),
    ]

    package static let none = CurioCost(processors: 0, memoryBytes: 0, failureCountMax: 10)

    package static func of(_ type: TaskType) -> CurioCost { table[type.rawValue] ?? .none }

    /// The order in which a node of the classic loop looks through its kinds. They are listed in the order of
    /// the pipeline and registered in reverse, so that what is nearest to its end goes first.
    ///
    /// - SeeAlso: curio v1.27, `cmd/curio/tasks/tasks.go`.
    package static let registrationOrder: [TaskType] = order([
        "seal/v0/commit/2", "seal/v0/commit/1", "seal/v0/finalize", "seal/v0/precommit/2",
        "seal/v0/precommit/1", "seal/v0/addpiece", "seal/v0/datacid", "post/v0/winningproof",
        "post/v0/windowproof",
    ])

    private static func order(_ names: [String]) -> [TaskType] {
        TaskType.allCases.sorted {
            let places = [$0, $1].map { names.firstIndex(of: $0.rawValue) ?? names.count }
            return (places[0], $0.stage) < (places[1], $1.stage)
        }
    }
}

/// What one Curio node has, and what it has given away: it looks at nothing but its own account.
package struct CurioNode: Sendable, Hashable {
    package var processors: Int
    /// Available when the process started; never measured again.
    package var memoryBytes: UInt64
    package var gpus: Double
    package private(set) var processorsUsed = 0
    package private(set) var memoryUsed: UInt64 = 0
    package private(set) var gpusUsed = 0.0

    package init(processors: Int, memoryBytes: UInt64, gpus: Double) {
        self.processors = processors
        self.memoryBytes = memoryBytes
        self.gpus = gpus
    }

    /// What a process sees of its host when it starts; `nil` where the host told nothing, and nothing limits
    /// it.
    package init?(_ info: HostInfo?) {
        guard let info else { return nil }
        let free = info.memoryBytes - min(info.memoryUsedBytes, info.memoryBytes)
        self.init(processors: info.logicalCoreCount, memoryBytes: free, gpus: Double(info.gpus.count))
    }

    package func fits(_ cost: CurioCost) -> Bool {
        let (memory, overflow) = memoryUsed.addingReportingOverflow(cost.memoryBytes)
        return !overflow && memory <= memoryBytes && processorsUsed + cost.processors <= processors
            && gpusUsed + cost.gpus <= gpus + 1e-9
    }

    package mutating func take(_ cost: CurioCost, times count: Int = 1) {
        processorsUsed += cost.processors * count
        let (memory, overflow) = cost.memoryBytes.multipliedReportingOverflow(by: UInt64(max(0, count)))
        memoryUsed = overflow ? .max : memoryUsed.addingReportingOverflow(memory).partialValue
        gpusUsed += cost.gpus * Double(count)
    }
}

/// When the nodes of the classic loop look: each every three seconds in its own phase, and again a moment
/// after it has taken something.
package struct CurioPolls: Sendable, Hashable {
    package static let interval = Duration.seconds(3)
    package static let afterAcceptance = Duration.milliseconds(100)

    private let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// The node's first look at `now` or later.
    package func next(_ node: String, from now: Instant) -> Instant {
        let step = Self.interval.nanoseconds
        let phase = Int64(mixed(seed ^ stableHash(node)) % UInt64(step))
        let rest = (now.nanoseconds - phase) % step
        return now.advanced(byNanoseconds: rest == 0 ? 0 : rest > 0 ? step - rest : -rest)
    }
}
