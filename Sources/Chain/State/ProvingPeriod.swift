// SPDX-License-Identifier: Apache-2.0

/// When sectors are to be proven again: the numbers of the main network, which other networks share.
///
/// All lengths are in epochs.
package struct ProvingParameters: Sendable, Hashable, Codable {
    /// Deadlines of one proving period.
    package var deadlineCount: Int
    /// How long a deadline is open.
    package var deadlineEpochs: Int64
    /// How long before its opening the challenge of a deadline is drawn.
    package var challengeLookback: Int64
    /// How long before the opening faults and recoveries can be declared no more.
    package var faultCutoff: Int64
    /// Partitions of one proof message.
    package var partitionsPerMessage: Int
    /// Partitions of one deadline.
    package var partitionCountMax: Int
    /// Sectors of one declaration of faults or recoveries.
    package var declaredSectorsMax: Int
    /// Periods for which a sector may be faulty before the chain gives it up.
    package var faultPeriodsMax: Int64

    package static let standard = ProvingParameters()

    package init(
        deadlineCount: Int = 48, deadlineEpochs: Int64 = 60, challengeLookback: Int64 = 20,
        faultCutoff: Int64 = 70, partitionsPerMessage: Int = 3, partitionCountMax: Int = 3000,
        declaredSectorsMax: Int = 25_000, faultPeriodsMax: Int64 = 42
    ) {
        self.deadlineCount = deadlineCount
        self.deadlineEpochs = deadlineEpochs
        self.challengeLookback = challengeLookback
        self.faultCutoff = faultCutoff
        self.partitionsPerMessage = partitionsPerMessage
        self.partitionCountMax = partitionCountMax
        self.declaredSectorsMax = declaredSectorsMax
        self.faultPeriodsMax = faultPeriodsMax
    }

    /// Within one period every sector is proven once.
    package var periodEpochs: Int64 { Int64(deadlineCount) * deadlineEpochs }

    /// What is wrong; `nil` where all is well.
    var flaw: String? {
        guard (1...1000).contains(deadlineCount), (2...100_000).contains(deadlineEpochs) else {
            return "a proving period takes 1 to 1000 deadlines of 2 to 100,000 epochs"
        }
        guard challengeLookback >= 1, faultCutoff >= challengeLookback, faultCutoff < periodEpochs else {
            return "the fault cutoff lies before the challenge, and both within a period before the opening"
        }
        guard partitionsPerMessage > 0, (1...4095).contains(partitionCountMax), declaredSectorsMax > 0,
            (1...100_000).contains(faultPeriodsMax)
        else { return "limits on partitions, declarations and faulty periods must be positive" }
        return nil
    }
}

/// One deadline of one proving period, in epochs.
package struct DeadlineTimes: Sendable, Hashable, Codable {
    /// Counts the deadlines of a period from 0.
    package var index: Int
    package var periodStart: Int64
    /// The first epoch at which its proofs may land.
    package var open: Int64
    /// The first epoch at which they may no more.
    package var close: Int64
    /// The epoch of which the challenge is drawn.
    package var challenge: Int64
    /// From this epoch on faults and recoveries are not declared any more.
    package var cutoff: Int64

    /// The last epoch at which a proof may land; at its end the chain looks what was proven.
    package var last: Int64 { close - 1 }

    package func isOpen(at epoch: Int64) -> Bool { (open..<close).contains(epoch) }

    /// Tells whether sectors may be added at an epoch: not while it is open or next.
    package func isMutable(at epoch: Int64) -> Bool { epoch < open - (close - open) }
}

/// A miner's proving periods: where they begin, and when each deadline is.
package struct ProvingPeriod: Sendable, Hashable, Codable {
    package let parameters: ProvingParameters
    /// Periods begin at epochs that are congruent to this.
    package let offset: Int64

    package init(parameters: ProvingParameters, offset: Int64) {
        self.parameters = parameters
        self.offset = offset
    }

    /// The start of the period that an epoch lies in.
    package func start(at epoch: Int64) -> Int64 {
        let length = parameters.periodEpochs
        let phase = (epoch - offset) % length
        return epoch - (phase < 0 ? phase + length : phase)
    }

    /// The deadline that is open at an epoch.
    package func current(at epoch: Int64) -> DeadlineTimes {
        times(Int((epoch - start(at: epoch)) / parameters.deadlineEpochs), notElapsedAt: epoch)
    }

    /// A deadline that is open at an epoch, or else the next of that index.
    package func times(_ index: Int, notElapsedAt epoch: Int64) -> DeadlineTimes {
        let length = parameters.deadlineEpochs
        var start = start(at: epoch)
        if epoch >= start + Int64(index + 1) * length { start += parameters.periodEpochs }
        return times(index, inPeriodAt: start)
    }

    private func times(_ index: Int, inPeriodAt start: Int64) -> DeadlineTimes {
        let length = parameters.deadlineEpochs
        let open = start + Int64(index) * length
        return DeadlineTimes(
            index: index, periodStart: start, open: open, close: open + length,
            challenge: open - parameters.challengeLookback, cutoff: open - parameters.faultCutoff)
    }

    /// All deadlines of a period ahead, the one that is open first.
    package func ahead(from epoch: Int64) -> [DeadlineTimes] {
        var next = current(at: epoch)
        var all: [DeadlineTimes] = []
        all.reserveCapacity(parameters.deadlineCount)
        for _ in 0..<parameters.deadlineCount {
            all.append(next)
            let isLast = next.index + 1 == parameters.deadlineCount
            let start = isLast ? next.periodStart + parameters.periodEpochs : next.periodStart
            next = times(isLast ? 0 : next.index + 1, inPeriodAt: start)
        }
        return all
    }
}
