// SPDX-License-Identifier: Apache-2.0
import Foundation
package import Scheduler

/// What a worker tells the scheduler of its machine, and what its tasks take there.
package struct WorkerResources: Sendable, Equatable {
    package var host: HostInfo
    /// Cells of the resource table that differ from the shipped ones.
    package var changes: [ResourceTable.Override]
    /// Cells of which the environment says what memory they take: no measurement changes them.
    package var fixedMemory: Set<ResourceTable.Key>
    /// Processors that all slots together take, where there are fewer; `nil` otherwise.
    package var overbooked: Int?

    /// Joins what was read.
    ///
    /// A slot count is its operator's word on how many tasks run at once: processors are shared where there
    /// are fewer. Memory and GPUs are not shared, they are what the machine has.
    ///
    /// - Parameters:
    ///   - memoryShare: bytes that the tasks of this worker may take, where others share the machine.
    ///   - gpus: those that its kernels use.
    ///   - environment: the variables of ``ResourceTable/applying(environment:)``.
    /// - Throws: ``SchedulerError`` with `badResource` for a variable that is no number in its range.
    package init(
        host: String, slots: [WorkerInfo.SlotCount], topology: HostTopology, memory: HostMemory,
        memoryShare: UInt64? = nil, gpus: [HostInfo.GPU] = [], nicBytesPerSecond: UInt64 = 0,
        environment: [String: String] = [:]
    ) throws(SchedulerError) {
        let units = Self.units(topology)
        let own = Self.table(slots, coreCount: units.count)
        let table = try own.applying(environment: environment)
        let taken = slots.reduce(0) { $0 + $1.count * Self.coreCount($1.type, table) }
        let total = min(memory.totalBytes, memoryShare ?? .max)
        self.host = HostInfo(
            name: host, logicalCoreCount: max(units.count, taken),
            // Who is kept from some tells which it has, so that others may have the rest.
            processors: units.isStrictSubset(of: topology.processingUnits.units) ? units.sorted() : nil,
            coreGroups: topology.cacheGroups.compactMap { group in
                let cores = group.cpus.units.filter(units.contains)
                guard !cores.isEmpty else { return nil }
                let near = topology.cores.first { $0.cacheGroupIndex == group.index }
                return .init(
                    id: "L3#\(group.index)", numaNode: near?.numaNodeIndex ?? 0, cores: cores)
            },
            numaNodes: topology.numaNodes.map { .init(index: $0.index, memoryBytes: $0.memoryBytes) },
            memoryBytes: total, swapBytes: memoryShare == nil ? memory.swapTotalBytes : 0,
            // A share is a share, whoever else is there.
            memoryUsedBytes: memoryShare == nil ? memory.usedBytes : 0,
            swapUsedBytes: memoryShare == nil ? memory.swapUsedBytes : 0, gpus: gpus,
            nicBytesPerSecond: nicBytesPerSecond)
        changes = table.differences(from: .standard)
        fixedMemory = Set(
            table.differences(from: own).map(\.key).filter { !table[$0].hasMemory(of: own[$0]) })
        overbooked = taken > units.count ? taken : nil
    }

    /// Reads the machine that this process runs on; takes some tens of milliseconds.
    ///
    /// - Throws: ``HostError`` or ``SchedulerError``.
    package static func read(
        host: String, slots: [WorkerInfo.SlotCount], memoryShare: UInt64? = nil, gpus: [HostInfo.GPU] = [],
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> WorkerResources {
        try WorkerResources(
            host: host, slots: slots, topology: .read(), memory: .read(), memoryShare: memoryShare,
            gpus: gpus, nicBytesPerSecond: nicBytesPerSecond(sysRoot: "/sys"), environment: environment)
    }

    /// The processing units that this process may use.
    private static func units(_ topology: HostTopology) -> Set<Int> {
        var units = Set(topology.allowedUnits.units)
        if let bound = topology.boundUnits { units.formIntersection(bound.units) }
        return units.isEmpty ? Set(topology.processingUnits.units) : units
    }

    /// The shipped table as these kernels differ from those it was written for.
    private static func table(_ slots: [WorkerInfo.SlotCount], coreCount: Int) -> ResourceTable {
        var table = ResourceTable.standard
        for key in table.keys {
            guard let type = TaskType.allCases.first(where: { $0.rawValue == key.task }) else { continue }
            let count = slots.reduce(0) { $0 + ($1.type == type ? $1.count : 0) }
            if type.isPoSt {
                // Openings alone, on threads of their own: no parameters, and no card.
                table[key].minMemory = min(table[key].minMemory, 1 << 30)
                table[key].maxMemory = table[key].minMemory
                table[key].baseMemory = 0
                table[key].threads = .count(1)
                table[key].threadsWithGPU = 0
                table[key].gpuUnits = 0
            } else if table[key].threads == .all, count > 1 {
                table[key].threads = .count(max(1, coreCount / count))
            }
        }
        return table
    }

    /// Processors that a task of the kind takes at most, whatever its sector's size.
    private static func coreCount(_ type: TaskType, _ table: ResourceTable) -> Int {
        table.keys.filter { $0.task == type.rawValue }.map { key in
            switch table[key].threads {
            case .count(let count): max(count, table[key].threadsWithGPU)
            case .all: max(1, table[key].threadsWithGPU)
            }
        }.max() ?? 0
    }

    /// The rate of the fastest network card that is up, one direction; 0 where none tells.
    package static func nicBytesPerSecond(sysRoot: String) -> UInt64 {
        let folder = "\(sysRoot)/class/net"
        var fastest: UInt64 = 0
        do {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
                fastest = max(fastest, rate(ofCard: "\(folder)/\(name)"))
            }
        } catch {
            // A container may have no such folder: then nothing is known.
            return 0
        }
        return fastest
    }

    private static func rate(ofCard folder: String) -> UInt64 {
        do throws(HostError) {
            guard try HostFile.text("\(folder)/operstate") == "up",
                let megabits = try HostFile.text("\(folder)/speed").flatMap({ UInt64($0) }),
                megabits < 1 << 24
            else { return 0 }
            return megabits * 125_000
        } catch {
            // The kernel refuses to read the speed of what is no card.
            return 0
        }
    }
}
