// SPDX-License-Identifier: Apache-2.0

extension ResourceTable {
    private static let sizeNames: [(name: String, bytes: UInt64)] = [
        ("2K", 2 << 10), ("8M", 8 << 20), ("512M", 512 << 20), ("32G", 32 << 30), ("64G", 64 << 30),
    ]

    private static let fields: [(name: String, set: @Sendable (inout ResourceNeed, String) -> Bool)] = [
        ("MIN_MEMORY", { need, text in bytes(text).map { need.minMemory = $0 } != nil }),
        ("MAX_MEMORY", { need, text in bytes(text).map { need.maxMemory = $0 } != nil }),
        ("BASE_MIN_MEMORY", { need, text in bytes(text).map { need.baseMemory = $0 } != nil }),
        (
            "GPU_UTILIZATION",
            { need, text in
                guard let value = Double(text), value >= 0, value <= 64 else { return false }
                need.gpuUnits = value
                return true
            }
        ),
        (
            "MAX_PARALLELISM",
            { need, text in
                guard let value = Int(text), value >= -1, value <= 1 << 16 else { return false }
                need.threads = value < 0 ? .all : .count(value)
                return true
            }
        ),
        (
            "MAX_PARALLELISM_GPU",
            { need, text in
                guard let value = Int(text), value >= 0, value <= 1 << 16 else { return false }
                need.threadsWithGPU = value
                return true
            }
        ),
        (
            "MAX_CONCURRENT",
            { need, text in
                guard let value = Int(text), value >= 0, value <= 1 << 20 else { return false }
                need.maxConcurrent = value
                return true
            }
        ),
        ("DISK_RATE", { need, text in bytes(text).map { need.diskBytesPerSecond = $0 } != nil }),
    ]

    /// A number of bytes that no machine exceeds; sums of these never overflow.
    private static func bytes(_ text: String) -> UInt64? {
        UInt64(text).flatMap { $0 <= HostInfo.bytesMax ? $0 : nil }
    }

    /// The table as a worker with these environment variables has it.
    ///
    /// For each field `<SHORT>_<SIZE>_<FIELD>` comes before `<SHORT>_<FIELD>`; sizes are `2K 8M 512M 32G
    /// 64G`, also written `2KiB` and so on. `FIL_PROOFS_USE_MULTICORE_SDR=1` gives PreCommit1 and unsealing
    /// the producers of `FIL_PROOFS_MULTICORE_SDR_PRODUCERS` (3) and one processor more.
    ///
    /// - Throws: ``SchedulerError`` with `badResource` for a value that is no number in its range.
    package func applying(environment: [String: String]) throws(SchedulerError) -> ResourceTable {
        var table = self
        for key in keys {
            guard let short = shortNames[key.task],
                let size = Self.sizeNames.first(where: { $0.bytes == key.sectorBytes })?.name
            else { continue }
            var need = table[key]
            if key.task == "seal/v0/precommit/1" || key.task == "seal/v0/unseal" {
                try Self.applyMulticore(environment, to: &need)
            }
            for field in Self.fields {
                let names = [
                    "\(short)_\(size)_\(field.name)", "\(short)_\(size)iB_\(field.name)",
                    "\(short)_\(field.name)",
                ]
                guard let name = names.first(where: { environment[$0] != nil }), let text = environment[name]
                else { continue }
                guard field.set(&need, text) else {
                    throw SchedulerError(
                        code: .badResource,
                        message: "\(name)=\(text.prefix(64)) is no value for \(field.name); "
                            + "write bytes or a count in digits, GPUs as a decimal")
                }
            }
            table[key] = need
        }
        return table
    }

    private static func applyMulticore(
        _ environment: [String: String], to need: inout ResourceNeed
    ) throws(SchedulerError) {
        guard environment["FIL_PROOFS_USE_MULTICORE_SDR"] == "1" else { return }
        let text = environment["FIL_PROOFS_MULTICORE_SDR_PRODUCERS"] ?? "3"
        guard let producers = Int(text), producers >= 0, producers <= 1024 else {
            throw SchedulerError(
                code: .badResource,
                message: "FIL_PROOFS_MULTICORE_SDR_PRODUCERS=\(text.prefix(64)) is no count; write 1 to 1024")
        }
        need.threads = .count(producers + 1)
        need.wantsCoreGroup = true
    }
}
