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
        name: .customLong("host"),
        help: ArgumentHelp(
            """
            The machine whose processors, memory, card and GPUs are counted once for all workers that name \
            it; unless given, this machine as the kernel names it.
            """, valueName: "name"))
    var machine: String?

    @Option(
        help: ArgumentHelp(
            "The workers that this one belongs to for pauses, drains and policies; its name unless given.",
            valueName: "name"))
    var group: String?

    @Option(
        name: .customLong("host-memory"),
        help: """
            Memory that the tasks of this worker, or with --host of all workers of that host, may take in \
            all, such as 512GiB. Without --host this worker's part counts as a machine of its own.
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
        guard !ignoresResources || machine == nil else {
            throw ValidationError("--host says nothing with --ignore-resources")
        }
        for (option, name) in [("--host", machine), ("--group", group)] {
            guard let name else { continue }
            guard (1...MachineName.lengthMax).contains(name.count), !name.contains(where: \.isWhitespace)
            else {
                throw ValidationError(
                    "\(option) takes a name of 1 to \(MachineName.lengthMax) characters without spaces")
            }
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
        worker: String, slots: [WorkerInfo.SlotCount], device: String?
    ) throws -> WorkerResources? {
        guard !ignoresResources else { return nil }
        var gpus: [HostInfo.GPU] = []
        if let device {
            let found = try OpenCLDevices.find(OpenCLChoice(parsing: device))
            if found.kind == .gpu { gpus = [.init(id: found.busID ?? device, name: found.name)] }
        }
        // Who has a part of the machine to itself shares it with nobody.
        let shared = memory == nil ? try MachineName.read() : nil
        let resources = try WorkerResources.read(
            host: machine ?? shared ?? worker, slots: slots, memoryShare: memory?.bytes, gpus: gpus)
        if let taken = resources.overbooked {
            Console.note(
                "note: the slots take \(taken) processors when all are busy, more than there are: they share")
        }
        return resources
    }
}
