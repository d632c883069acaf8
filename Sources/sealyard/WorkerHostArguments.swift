// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import Scheduler
import Sealing

/// What a worker tells of its machine.
struct WorkerHostArguments: ParsableArguments {
    @Flag(
        name: .customLong("ignore-resources"),
        help: "Tell nothing of this machine's processors, memory and GPUs: slots alone limit what runs.")
    var ignoresResources = false

    @Option(
        name: .customLong("host-memory"),
        help: """
            Memory that this worker's tasks may take in all, such as 512GiB, where other workers share the \
            machine; all that is there unless given.
            """)
    var memory: BytesArgument?

    @Option(
        help: """
            What the disk under each path of this worker reads or writes: 3GB/s. Tasks lease it where their \
            DISK_RATE is set.
            """)
    var diskRate: RateArgument?

    func validate() throws {
        guard !ignoresResources || memory == nil else {
            throw ValidationError("--host-memory says nothing with --ignore-resources")
        }
        guard memory.map({ $0.bytes > 0 }) ?? true else {
            throw ValidationError("--host-memory takes more than nothing")
        }
    }

    /// What to tell; `nil` where nothing is to be told.
    ///
    /// - Parameter device: the OpenCL device that the kernels use.
    /// - Throws: where this machine or a variable of the environment cannot be read.
    func resources(
        host: String, slots: [WorkerInfo.SlotCount], device: String?
    ) throws -> WorkerResources? {
        guard !ignoresResources else { return nil }
        var gpus: [HostInfo.GPU] = []
        if let device {
            let found = try OpenCLDevices.find(OpenCLChoice(parsing: device))
            if found.kind == .gpu { gpus = [.init(id: found.busID ?? device, name: found.name)] }
        }
        let resources = try WorkerResources.read(
            host: host, slots: slots, memoryShare: memory?.bytes, gpus: gpus)
        if let taken = resources.overbooked {
            Console.note(
                "note: the slots take \(taken) processors when all are busy, more than there are: they share")
        }
        return resources
    }
}
