// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Sealing

/// What tasks need, by kind and sector size: the table of the field, which operators know, with the changes
/// that a worker's environment makes.
///
/// Kinds are named by their stable ids, so that the table covers kinds that this build does not run yet. A
/// kind and size without a row cost nothing.
package struct ResourceTable: Sendable, Hashable {
    /// A cell of the table.
    package struct Key: Sendable, Hashable, Codable, Comparable {
        /// The kind's stable id, such as `seal/v0/precommit/1`.
        package var task: String
        package var sectorBytes: UInt64

        package init(task: String, sectorBytes: UInt64) {
            self.task = task
            self.sectorBytes = sectorBytes
        }

        package static func < (lhs: Key, rhs: Key) -> Bool {
            (lhs.task, lhs.sectorBytes) < (rhs.task, rhs.sectorBytes)
        }
    }

    /// A cell that differs from the shipped table; how a worker tells its own.
    package struct Override: Sendable, Hashable, Codable {
        package var key: Key
        package var need: ResourceNeed
        /// Its memory was measured by the worker.
        package var isMeasured = false

        package init(key: Key, need: ResourceNeed, isMeasured: Bool = false) {
            self.key = key
            self.need = need
            self.isMeasured = isMeasured
        }
    }

    /// Cells that a worker may have of its own.
    package static let cellCountMax = 4_096

    private var rows: [Key: ResourceNeed]
    /// Short names by kind: `AP`, `PC1`.
    package let shortNames: [String: String]

    /// The shipped table.
    package static let standard = decodeStandard()

    /// What a task of that kind needs for a sector of that size.
    package func need(_ task: String, sectorBytes: UInt64) -> ResourceNeed {
        rows[Key(task: task, sectorBytes: sectorBytes)] ?? .none
    }

    /// What a task of that kind needs for a sector of that size.
    package func need(_ type: TaskType, sectorBytes: UInt64) -> ResourceNeed {
        need(type.rawValue, sectorBytes: sectorBytes)
    }

    /// All cells in order.
    package var keys: [Key] { rows.keys.sorted() }

    package subscript(key: Key) -> ResourceNeed {
        get { rows[key] ?? .none }
        set { rows[key] = newValue }
    }

    /// The cells that differ from `other`, in order.
    package func differences(from other: ResourceTable) -> [Override] {
        keys.compactMap { key in
            self[key] == other[key] ? nil : Override(key: key, need: self[key])
        }
    }

    /// The table with a worker's cells in place of its own.
    package func applying(_ overrides: [Override]) -> ResourceTable {
        var table = self
        for item in overrides.prefix(Self.cellCountMax) { table[item.key] = item.need.bounded }
        return table
    }

    /// The sector size of a registered seal proof in bytes; 0 for a number that is not registered.
    package static func sectorBytes(ofProof number: UInt64) -> UInt64 {
        guard let small = Int(exactly: number) else { return 0 }
        do { return try RegisteredSealProof(number: small).sectorSize.bytes } catch {
            // A proof that is not registered has no row: its tasks cost nothing, and fail by themselves.
            return 0
        }
    }

    private struct Document: Decodable {
        struct Row: Decodable {
            var tasks: [String]
            var sectorBytes: UInt64
            var min: UInt64
            var max: UInt64
            var base: UInt64
            var threads: Int
            var threadsWithGPU: Int
            var gpu: Double
        }

        var short: [String: String]
        var rows: [Row]
    }

    private static func decodeStandard() -> ResourceTable {
        do {
            let document = try JSONDecoder().decode(
                Document.self, from: Data(PackageResources.resource_table_json))
            var rows: [Key: ResourceNeed] = [:]
            for row in document.rows {
                for task in row.tasks {
                    rows[Key(task: task, sectorBytes: row.sectorBytes)] = ResourceNeed(
                        minMemory: row.min, maxMemory: row.max, baseMemory: row.base,
                        threads: row.threads < 0 ? .all : .count(row.threads),
                        threadsWithGPU: row.threadsWithGPU, gpuUnits: row.gpu)
                }
            }
            return ResourceTable(rows: rows, shortNames: document.short)
        } catch {
            preconditionFailure("the shipped resource table does not decode: \(error)")
        }
    }
}
