// SPDX-License-Identifier: Apache-2.0
package import Chain

/// The names of tasks that prove or check a partition: they stand where a sector's number stands, above all
/// numbers that sectors ever get.
///
/// A name says which deadline of which period it is about, so that a prover that was restarted asks for the
/// same task and gets its result, and a late result of an earlier period is recognized.
package enum PoStTasks {
    private static let mark: UInt64 = 1 << 62
    private static let checkMark: UInt64 = 1 << 61
    /// Epochs end far below 2^48.
    private static let openMask: UInt64 = (1 << 48) - 1

    /// The first try of proving or checking a partition has attempt 1.
    package static func id(
        miner: UInt64, _ times: DeadlineTimes, partition: Int, attempt: Int, isCheck: Bool
    ) -> TaskID {
        let open = UInt64(bitPattern: times.open) & openMask
        let number = mark | (isCheck ? checkMark : 0) | open << 12 | UInt64(partition) & 0xfff
        return TaskID(sector: SectorKey(miner: miner, number: number), type: .windowPoSt, attempt: attempt)
    }

    /// What a task is about: the opening of its deadline, its partition, and whether it only checks; `nil`
    /// for another kind of task.
    package static func parse(_ id: TaskID) -> (open: Int64, partition: Int, isCheck: Bool)? {
        guard id.type == .windowPoSt, id.sector.number & mark != 0 else { return nil }
        let open = Int64(id.sector.number >> 12 & openMask)
        return (open, Int(id.sector.number & 0xfff), id.sector.number & checkMark != 0)
    }
}
