// SPDX-License-Identifier: Apache-2.0

/// What a simulation found. Rates and means leave the warm-up out; counts cover the whole run.
package struct SimulationReport: Sendable, Hashable {
    /// One kind of task.
    package struct Stage: Sendable, Hashable {
        /// `AddPiece`, `PreCommit1`, …
        package var name: String
        /// `seal/v0/addpiece`, …
        package var identifier: String
        package var slots: Int
        package var started: Int
        package var finished: Int
        package var failed: Int
        /// Cancelled, or lost with a miner that was killed.
        package var abandoned: Int
        /// Seconds from the slot taken to the result; `nil` where none finished after the warm-up.
        package var meanSeconds: Double?
        package var p50Seconds: Double?
        package var p95Seconds: Double?
        /// The share of all slot seconds that were taken, 0…1; `nil` without slots or time.
        package var utilization: Double?
        /// Tasks that waited for a slot, in the mean over time and at most.
        package var queueMean: Double?
        package var queueMax: Int
        /// How the queue went over time; `nil` without time after the warm-up.
        package var queueTrend: LevelTrend?
        /// From asking for a slot to getting it; `nil` where no task got one after the warm-up.
        package var waitP50Seconds: Double?
        package var waitP95Seconds: Double?
        /// Slots of processes that were down, stood still or were cut off, in the mean.
        package var awaySlots: Double?
        /// Sectors an hour that the slots can pass, by formula: slots ÷ mean duration, retries counted.
        package var capacityPerHour: Double?
        /// What its tasks waited for, the most frequent first; empty where no look found one waiting.
        package var waitsFor: [Obstacle] = []
        /// Others use memory or disks that its tasks share: its slots may be taken while it does less.
        package var sharesWithOthers = false
    }

    /// How much of what the tasks of a host group share was taken.
    package struct HardwareUse: Sendable, Hashable {
        package var group: String
        /// `memory bandwidth`, `disk reads`, …
        package var what: String
        /// In the mean over time and hosts, 0…1.
        package var utilization: Double
    }

    /// Something that bounds the throughput, by formula.
    package struct Limit: Sendable, Hashable {
        package var name: String
        /// How the figure comes about, in words.
        package var formula: String
        package var sectorsPerHour: Double
        package var tebibytesPerDay: Double
    }

    package struct Bottleneck: Sendable, Hashable {
        package var name: String
        /// Why, in words and figures.
        package var evidence: String
        package var sectorsPerHour: Double
        package var tebibytesPerDay: Double
        /// Measured throughput by this limit, 1 where it is reached.
        package var reached: Double
    }

    /// What the cluster costs, in one currency; what has no price is `nil` and named in `missing`.
    package struct Cost: Sendable, Hashable {
        /// The hosts of one group, with the price, power and height of each.
        package struct Group: Sendable, Hashable {
            package var name: String
            package var count: Int
            package var price: Double?
            package var watts: Int?
            package var rackUnits: Int?
            package var provenance: Scenario.Provenance?
            package var source: String
        }

        package var currency: String
        package var groups: [Group]
        /// The price of all hosts that have one.
        package var capital: Double
        package var depreciationDays: Double
        package var hostsPerDay: Double
        package var watts: Int
        package var electricityPerDay: Double?
        package var rackUnits: Int
        package var spacePerDay: Double?
        /// What the sectors that are proving at the end cost on long-term stores.
        package var storagePerDay: Double?
        /// Hosts, electricity and space by what was sealed; `nil` where nothing was.
        package var sealingPerTebibyte: Double?
        /// What runs on month by month; a part without a price is `nil`.
        package var operating: OperatingCost {
            OperatingCost(
                electricity: electricityPerDay.map { $0 * 30 }, space: spacePerDay.map { $0 * 30 },
                storage: storagePerDay.map { $0 * 30 })
        }
        /// The messages that seal a TiB; `nil` where a FIL has no price.
        package var gasPerTebibyte: Double?
        package var filPrice: Double?
        /// What the run earned and spent; `nil` where a FIL has no price.
        package var balance: RunBalance?
        /// What has no price, in words.
        package var missing: [String]
        /// Where the prices but those of hosts are from.
        package var costs: Scenario.Costs
    }

    /// How the deadlines ended that closed within the run, in partitions, by the chain's own record.
    package struct WindowPoSt: Sendable, Hashable {
        /// One of the deadlines of a proving period, over all periods, in partitions.
        package struct Deadline: Sendable, Hashable {
            package var index: Int
            package var due: Int
            package var proven: Int

            package var missed: Int { due - proven }
        }

        package var due = 0
        /// Proven in time.
        package var submitted = 0
        package var missed = 0
        /// Sectors that were left out of proofs, summed over all of these.
        package var skippedSectors = 0
        /// Those that had anything to prove, by index.
        package var deadlines: [Deadline] = []
        /// Why the latest deadline with a missed partition was missed.
        package var latestMiss: String?
    }

    /// What became of the deals that were offered, over the whole run.
    package struct Deals: Sendable, Hashable {
        package var offered = 0
        /// In a proven sector by their start.
        package var active = 0
        /// Started without.
        package var missed = 0
    }

    /// Something that the simulation leaves out, and what that means for the figures.
    package struct Omission: Sendable, Hashable {
        package var what: String
        package var reason: String
    }

    package var scenario: String
    package var policy: String
    package var seed: UInt64
    package var simulatedSeconds: Double
    /// Real time of the run; `nil` where the caller did not measure it.
    package var wallSeconds: Double?
    /// Deliveries of the kernel, timers included.
    package var messages: Int
    package var warmUpSeconds: Double
    package var sectorsPledged: Int
    /// Proving at the end, those of the start included.
    package var sectorsProving: Int
    package var sectorsProvingAtStart: Int
    package var sectorsSealing: Int
    package var sectorsFailed: Int
    /// The latest sector that was given up, and why.
    package var latestFailure: String?
    /// Of sectors that became proving after the warm-up; `nil` where the run did not outlast it.
    package var sectorsPerHour: Double?
    package var tebibytesPerDay: Double?
    /// How sure the throughput is, from batches of the run; `nil` where nothing was measured.
    package var precision: Precision?
    /// Sectors under way in the mean, and in each state where any was.
    package var sealingMean: Double?
    package var stateMeans: [(state: String, mean: Double)] { zip(stateNames, stateLevels).map { ($0, $1) } }
    package var stateNames: [String]
    package var stateLevels: [Double]
    /// Seconds from pledge to proving.
    package var sojournMeanSeconds: Double?
    package var sojournP50Seconds: Double?
    package var sojournP95Seconds: Double?
    /// Sectors whose files were moved between sealing hosts, over the whole run.
    package var moveCount: Int
    /// Bytes moved between sealing hosts by sector proven; `nil` where none was.
    package var movedBytesPerSector: Double?
    package var stages: [Stage]
    /// Laws that hold for every queue, beside what was counted; empty without time after the warm-up.
    package var laws: [LawCheck] = []
    /// Where the durations and the hardware's figures are from.
    package var origins: [Origin] = []
    /// What bounds the throughput, the lowest first.
    package var limits: [Limit]
    package var bottleneck: Bottleneck?
    /// Empty where tasks share no memory and no disks.
    package var hardwareUses: [HardwareUse] = []
    /// `nil` without time after the warm-up.
    package var room: Room?
    /// Long-term stores that had no room for a sector.
    package var fullStores: [FullStore] = []
    /// What broke, by kinds, in the order of their first times.
    package var faults: [FaultTally] = []
    /// The first of them, for pictures.
    package var faultMarks: [FaultMark] = []
    package var windowPoSt = WindowPoSt()
    /// Those who prove deadlines, their capacity in partitions; `nil` where the scenario has none.
    package var provers: Stage?
    /// `nil` where the scenario has no deals.
    package var deals: Deals?
    package var cost: Cost?
    package var chainCost: ChainCost
    /// The network's state by which ``chainCost`` is reckoned.
    package var prices: Scenario.ChainPrices
    package var notModelled: [Omission]
    /// 32 hexadecimal digits; equal for equal scenarios, policies and seeds on every machine.
    package var traceHash: String

    /// Deliveries in a second of real time.
    package var messagesPerSecond: Double? {
        wallSeconds.flatMap { $0 > 0 ? Double(messages) / $0 : nil }
    }
}
