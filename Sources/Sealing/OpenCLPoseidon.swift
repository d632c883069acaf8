// SPDX-License-Identifier: Apache-2.0
import COpenCL
import Synchronization

/// Hashes on an OpenCL device, and on the processor once the device has failed.
///
/// The program and the constants of an instance are made at its first use and checked there: the
/// device hashes some groups and must agree with the processor. Whatever fails afterwards is told
/// to `warn` once; the batch is then hashed on the processor, as are all that follow.
package final class OpenCLPoseidon: PoseidonHasher {
    /// Hashes of one batch on the device.
    package let batchHashCount: Int
    /// The device that was chosen.
    package let device: OpenCLDevice
    private let fallback: any PoseidonHasher
    private let warn: @Sendable (SealingError) -> Void
    private let worker: Mutex<OpenCLPoseidonWorker?>

    /// - Parameters:
    ///   - choice: the device.
    ///   - batchHashCount: hashes that go to the device at once, 1 to 2^22; a batch holds
    ///     `32 * (arity + 1)` bytes of the device's memory for each.
    ///   - limbBits: 64 or 32, the words of the device's arithmetic; nil takes 64 for a processor
    ///     and 32 for all else.
    ///   - fallback: who hashes after a failure.
    ///   - fault: for tests, statuses in place of the driver's.
    ///   - warn: hears the failure of the device.
    /// - Throws: ``SealingError`` `.invalidArgument` for a device that is not there or another
    ///   value out of range; `.device` when the driver refuses a context or queue.
    package init(
        _ choice: OpenCLChoice = .index(0),
        batchHashCount: Int = 1 << 15,
        limbBits: Int? = nil,
        fallback: any PoseidonHasher = ProcessorPoseidon(),
        fault: OpenCLFault = .none,
        warn: @escaping @Sendable (SealingError) -> Void
    ) throws(SealingError) {
        guard (1...1 << 22).contains(batchHashCount) else {
            throw SealingError(
                .invalidArgument,
                "a batch has 1 to \(1 << 22) hashes, not \(batchHashCount)"
            )
        }
        guard limbBits == nil || limbBits == 32 || limbBits == 64 else {
            throw SealingError(.invalidArgument, "limbs have 32 or 64 bits")
        }
        let session = try OpenCLSession.shared(OpenCLDevices.choose(choice))
        self.batchHashCount = batchHashCount
        self.device = session.device
        self.fallback = fallback
        self.warn = warn
        worker = Mutex(
            try OpenCLPoseidonWorker(
                session,
                batchHashCount: batchHashCount,
                limbBits: limbBits ?? (session.device.kind == .cpu ? 64 : 32),
                fault: fault
            )
        )
    }

    /// Whether the device still works; false once it has failed.
    package var isUsingDevice: Bool {
        worker.withLock { $0 != nil }
    }

    package func hash(
        _ inputs: [UInt8],
        with poseidon: Poseidon
    ) throws(SealingError) -> [UInt8] {
        let count = inputs.count / (32 * poseidon.arity)
        if inputs.count == 32 * poseidon.arity * count,
            let digests = try onDevice(inputs, count, poseidon, areColumns: false)
        {
            return digests
        }
        return try fallback.hash(inputs, with: poseidon)
    }

    package func hashColumns(
        _ rows: [UInt8],
        columnCount: Int,
        with poseidon: Poseidon
    ) throws(SealingError) -> [UInt8] {
        if columnCount >= 0, rows.count / 32 / poseidon.arity == columnCount,
            rows.count == 32 * poseidon.arity * columnCount,
            let digests = try onDevice(rows, columnCount, poseidon, areColumns: true)
        {
            return digests
        }
        return try fallback.hashColumns(rows, columnCount: columnCount, with: poseidon)
    }

    /// The digests, or nil when the device is lost.
    private func onDevice(
        _ inputs: [UInt8],
        _ count: Int,
        _ poseidon: Poseidon,
        areColumns: Bool
    ) throws(SealingError) -> [UInt8]? {
        var failure: SealingError?
        let digests = try worker.withLock { (worker) throws(SealingError) -> [UInt8]? in
            guard let current = worker else {
                return nil
            }
            do throws(SealingError) {
                return try current.run(inputs, count, poseidon, areColumns: areColumns)
            } catch {
                guard error.code == .device else {
                    throw error
                }
                worker = nil
                OpenCLSession.forget(current.session)
                failure = SealingError(
                    .device,
                    "\(device.name) is lost, the processor goes on: \(error.message)"
                )
                return nil
            }
        }
        if let failure {
            warn(failure)
        }
        return digests
    }
}

/// One queue of a device with the kernels and buffers of the instances used so far.
private final class OpenCLPoseidonWorker {
    /// What one instance needs on the device.
    private final class Unit {
        let kernel: OpenCLObject
        let constants: OpenCLObject
        let inputs: OpenCLObject
        let digests: OpenCLObject
        let invalid: OpenCLObject

        init(
            kernel: consuming OpenCLObject,
            constants: consuming OpenCLObject,
            inputs: consuming OpenCLObject,
            digests: consuming OpenCLObject,
            invalid: consuming OpenCLObject
        ) {
            self.kernel = kernel
            self.constants = constants
            self.inputs = inputs
            self.digests = digests
            self.invalid = invalid
        }
    }

    /// Groups that a new instance hashes on device and processor alike.
    private static let trialCount = 5
    private static let workGroupSize = 64

    let session: OpenCLSession
    private let batchHashCount: Int
    private let limbBits: Int
    private let fault: OpenCLFault
    private let queue: OpenCLObject
    private var units: [OpenCLSession.ProgramKey: Unit] = [:]

    init(
        _ session: OpenCLSession,
        batchHashCount: Int,
        limbBits: Int,
        fault: OpenCLFault
    ) throws(SealingError) {
        self.session = session
        self.batchHashCount = batchHashCount
        self.limbBits = limbBits
        self.fault = fault
        var status: cl_int = 0
        let made = clCreateCommandQueue(session.context.pointer, session.handle.id, 0, &status)
        let queue = try OpenCLObject(made, "queue", release: clReleaseCommandQueue)
        try fault.check(status, .queue)
        self.queue = queue
    }

    /// Hashes all, batch by batch.
    ///
    /// - Throws: ``SealingError`` `.device`, after which this worker is of no use, or
    ///   `.notCanonical`.
    func run(
        _ inputs: [UInt8],
        _ count: Int,
        _ poseidon: Poseidon,
        areColumns: Bool
    ) throws(SealingError) -> [UInt8] {
        let unit = try unit(of: poseidon)
        var digests = [UInt8](repeating: 0, count: 32 * count)
        var first = 0
        while first < count {
            let batch = min(batchHashCount, count - first)
            if areColumns {
                for row in 0..<poseidon.arity {
                    try write(
                        inputs,
                        (row * count + first) * 32..<(row * count + first + batch) * 32,
                        to: unit.inputs,
                        at: row * batch * 32
                    )
                }
                try start(unit, batch, inputStride: batch, laneStride: 1)
            } else {
                let bytes = 32 * poseidon.arity
                try write(inputs, first * bytes..<(first + batch) * bytes, to: unit.inputs, at: 0)
                try start(unit, batch, inputStride: 1, laneStride: poseidon.arity)
            }
            try finish(unit, &digests, first, batch)
            first += batch
        }
        return digests
    }

    private func unit(of poseidon: Poseidon) throws(SealingError) -> Unit {
        let key = OpenCLSession.ProgramKey(
            width: poseidon.arity + 1,
            partialRoundCount: poseidon.partialRoundCount,
            limbBits: limbBits
        )
        if let unit = units[key] {
            return unit
        }
        let program = try session.program(key)
        try fault.check(CL_SUCCESS, .program)
        var status: cl_int = 0
        let made = clCreateKernel(program.object.pointer, "poseidon", &status)
        try fault.check(status, .kernel)
        let kernel = try OpenCLObject(made, "kernel", release: clReleaseKernel)
        let blob = poseidon.constants.montgomeryBlob
        let unit = Unit(
            kernel: kernel,
            constants: try buffer(blob.count),
            inputs: try buffer(32 * poseidon.arity * batchHashCount),
            digests: try buffer(32 * batchHashCount),
            invalid: try buffer(4)
        )
        try write(blob, 0..<blob.count, to: unit.constants, at: 0)
        try write([0, 0, 0, 0], 0..<4, to: unit.invalid, at: 0)
        units[key] = unit
        try compare(poseidon)
        return unit
    }

    /// A device whose digests differ from the processor's must not make a commitment.
    private func compare(_ poseidon: Poseidon) throws(SealingError) {
        let nodeCount = OpenCLPoseidonWorker.trialCount * poseidon.arity
        /* Any nodes do; a top byte below 0x73 keeps them in the field. */
        let inputs = (0..<32 * nodeCount).map { index in
            let byte = UInt8(truncatingIfNeeded: (index &* 0x9e37_79b1) >> 13)
            return index % 32 == 31 ? byte % 0x73 : byte
        }
        let count = OpenCLPoseidonWorker.trialCount
        guard try run(inputs, count, poseidon, areColumns: false) == (try poseidon.hash(inputs))
        else {
            throw SealingError(
                .device,
                "\(session.device.name) hashes wrongly with arity \(poseidon.arity)"
            )
        }
    }

    private func buffer(_ byteCount: Int) throws(SealingError) -> OpenCLObject {
        guard UInt64(byteCount) <= session.bufferBytesMax else {
            throw SealingError(
                .device,
                "\(session.device.name) gives at most \(session.bufferBytesMax) bytes at once, "
                    + "not \(byteCount); use smaller batches"
            )
        }
        var status: cl_int = 0
        let made = clCreateBuffer(
            session.context.pointer,
            cl_mem_flags(CL_MEM_READ_WRITE),
            byteCount,
            nil,
            &status
        )
        let object = try OpenCLObject(made, "buffer", release: clReleaseMemObject)
        try fault.check(status, .buffer)
        return object
    }

    private func write(
        _ bytes: [UInt8],
        _ range: Range<Int>,
        to buffer: borrowing OpenCLObject,
        at offset: Int
    ) throws(SealingError) {
        let (queue, target) = (queue.pointer, buffer.pointer)
        // Safety: the slice is checked against the array, and the call returns when it is copied.
        let status = bytes[range].withUnsafeBytes {
            clEnqueueWriteBuffer(
                queue, target, cl_bool(CL_TRUE), offset, $0.count, $0.baseAddress, 0, nil, nil)
        }
        try fault.check(status, .write)
    }

    private func start(
        _ unit: Unit,
        _ count: Int,
        inputStride: Int,
        laneStride: Int
    ) throws(SealingError) {
        for (index, pointer) in [
            (0, unit.inputs.pointer), (3, unit.constants.pointer), (4, unit.digests.pointer),
            (5, unit.invalid.pointer),
        ] {
            var pointer: OpaquePointer? = pointer
            try argument(unit, index, MemoryLayout<OpaquePointer?>.size, &pointer)
        }
        var (inputs, lanes) = (cl_ulong(inputStride), cl_ulong(laneStride))
        try argument(unit, 1, MemoryLayout<cl_ulong>.size, &inputs)
        try argument(unit, 2, MemoryLayout<cl_ulong>.size, &lanes)
        var hashes = cl_uint(count)
        try argument(unit, 6, MemoryLayout<cl_uint>.size, &hashes)
        let group = OpenCLPoseidonWorker.workGroupSize
        var size = (count + group - 1) / group * group
        try fault.check(
            clEnqueueNDRangeKernel(
                queue.pointer, unit.kernel.pointer, 1, nil, &size, nil, 0, nil, nil),
            .run
        )
    }

    // Safety: the pointer is read within the call.
    private func argument(
        _ unit: Unit,
        _ index: Int,
        _ size: Int,
        _ value: UnsafeRawPointer
    ) throws(SealingError) {
        try fault.check(clSetKernelArg(unit.kernel.pointer, cl_uint(index), size, value), .kernel)
    }

    /// Waits for the batch and fetches its digests.
    private func finish(
        _ unit: Unit,
        _ digests: inout [UInt8],
        _ first: Int,
        _ batch: Int
    ) throws(SealingError) {
        var invalid: cl_uint = 0
        try fault.check(
            clEnqueueReadBuffer(
                queue.pointer, unit.invalid.pointer, cl_bool(CL_TRUE), 0, 4, &invalid, 0, nil, nil),
            .read
        )
        guard invalid == 0 else {
            try write([0, 0, 0, 0], 0..<4, to: unit.invalid, at: 0)
            throw SealingError(
                .notCanonical,
                "Poseidon on \(session.device.name): a 32-byte node is not below "
                    + "the field's modulus"
            )
        }
        let (queue, source) = (queue.pointer, unit.digests.pointer)
        // Safety: the slice is checked against the array, and the call returns when it is filled.
        let status = digests.withUnsafeMutableBytes {
            let part = UnsafeMutableRawBufferPointer(rebasing: $0[32 * first..<32 * (first + batch)])
            return clEnqueueReadBuffer(
                queue, source, cl_bool(CL_TRUE), 0, part.count, part.baseAddress, 0, nil, nil)
        }
        try fault.check(status, .read)
    }
}
