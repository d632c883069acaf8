// SPDX-License-Identifier: Apache-2.0
import COpenCL
import CSealing
import Synchronization

/// What a program asks of an OpenCL driver; named so that a test can make one fail.
package enum OpenCLStep: String, Sendable, CaseIterable {
    case queue, program, kernel, buffer, write, run, read
}

/// Looks at the status of every call and can put another in its place.
///
/// Tests make a device fail with it; ``none`` leaves every status as it is.
package struct OpenCLFault: Sendable {
    /// The status that stands for a call that succeeded: 0 leaves it so.
    let status: @Sendable (OpenCLStep) -> Int32

    package static let none = OpenCLFault { _ in 0 }

    package init(_ status: @escaping @Sendable (OpenCLStep) -> Int32) {
        self.status = status
    }

    func check(_ status: cl_int, _ step: OpenCLStep) throws(SealingError) {
        let result = status == CL_SUCCESS ? self.status(step) : status
        guard result == CL_SUCCESS else {
            throw SealingError(.device, "OpenCL \(step.rawValue): error \(result)")
        }
    }
}

/// An object of the driver, released when its owner goes.
struct OpenCLObject: ~Copyable {
    let pointer: OpaquePointer
    private let release: @Sendable (OpaquePointer?) -> cl_int

    /// - Parameters:
    ///   - pointer: what the driver gave; nil with an error.
    ///   - release: the driver's function that gives it back.
    /// - Throws: ``SealingError`` `.device` when there is none.
    init(
        _ pointer: OpaquePointer?,
        _ what: String,
        release: @escaping @Sendable (OpaquePointer?) -> cl_int
    ) throws(SealingError) {
        guard let pointer else {
            throw SealingError(.device, "OpenCL made no \(what)")
        }
        self.pointer = pointer
        self.release = release
    }

    deinit {
        /* A driver that refuses to take an object back leaves nothing else to do with it. */
        _ = release(pointer)
    }
}

/// A device made ready: its context, and the programs built for it in this process.
// Safety: contexts and built programs may be used by any thread at once, which the standard
// promises for all but kernel arguments; the table of programs is behind a lock.
final class OpenCLSession: @unchecked Sendable {
    /// What tells one built program from another.
    struct ProgramKey: Hashable {
        let width: Int
        let partialRoundCount: Int
        let limbBits: Int
    }

    /// A built program.
    final class Program {
        let object: OpenCLObject

        init(_ object: consuming OpenCLObject) {
            self.object = object
        }
    }

    private static let logBytesMax = 1 << 16
    private static let sessions = Mutex<[UInt: OpenCLSession]>([:])

    let handle: OpenCLHandle
    /// Bytes of the largest buffer that the device gives.
    let bufferBytesMax: UInt64
    let context: OpenCLObject
    var device: OpenCLDevice { handle.device }
    private var id: OpaquePointer { handle.id }
    private let programs = Mutex<[ProgramKey: Program]>([:])

    /// The process's session with a device.
    ///
    /// - Throws: ``SealingError`` `.device`.
    static func shared(_ handle: OpenCLHandle) throws(SealingError) -> OpenCLSession {
        try sessions.withLock { (sessions) throws(SealingError) -> OpenCLSession in
            if let session = sessions[handle.key] {
                return session
            }
            let session = try OpenCLSession(handle)
            sessions[handle.key] = session
            return session
        }
    }

    /// Drops a session that failed, so that the next user of the device starts afresh.
    static func forget(_ session: OpenCLSession) {
        sessions.withLock { sessions in
            if sessions[session.handle.key] === session {
                sessions[session.handle.key] = nil
            }
        }
    }

    private init(_ handle: OpenCLHandle) throws(SealingError) {
        self.handle = handle
        let (device, id) = (handle.device, handle.id)
        var isLittle: cl_bool = 0
        var bytes: cl_ulong = 0
        for (key, what, size, value) in [
            (CL_DEVICE_ENDIAN_LITTLE, "byte order", MemoryLayout<cl_bool>.size, 0),
            (CL_DEVICE_MAX_MEM_ALLOC_SIZE, "buffer size", MemoryLayout<cl_ulong>.size, 1),
        ] {
            let status =
                value == 0
                ? clGetDeviceInfo(id, cl_device_info(key), size, &isLittle, nil)
                : clGetDeviceInfo(id, cl_device_info(key), size, &bytes, nil)
            guard status == CL_SUCCESS else {
                throw SealingError(.device, "OpenCL did not give the \(what): error \(status)")
            }
        }
        guard isLittle != 0 else {
            throw SealingError(.device, "\(device.name) is not little-endian")
        }
        bufferBytesMax = bytes
        var status: cl_int = 0
        var ids: [cl_device_id?] = [handle.id]
        let made = clCreateContext(nil, 1, &ids, nil, nil, &status)
        guard status == CL_SUCCESS else {
            throw SealingError(.device, "OpenCL context on \(device.name): error \(status)")
        }
        context = try OpenCLObject(made, "context", release: clReleaseContext)
    }

    /// The Poseidon program of an instance; built at its first use in the process.
    ///
    /// - Throws: ``SealingError`` `.device`, with the compiler's words.
    func program(_ key: ProgramKey) throws(SealingError) -> Program {
        try programs.withLock { (programs) throws(SealingError) -> Program in
            if let program = programs[key] {
                return program
            }
            let program = Program(try build(key))
            programs[key] = program
            return program
        }
    }

    private func build(_ key: ProgramKey) throws(SealingError) -> OpenCLObject {
        var length = 0
        var source: UnsafePointer<CChar>? = csealing_opencl_poseidon_source(&length)
        var status: cl_int = 0
        let made = clCreateProgramWithSource(context.pointer, 1, &source, &length, &status)
        guard status == CL_SUCCESS else {
            throw SealingError(.device, "OpenCL program: error \(status)")
        }
        let program = try OpenCLObject(made, "program", release: clReleaseProgram)
        let options =
            "-cl-std=CL1.2 -D WIDTH=\(key.width) -D PARTIAL=\(key.partialRoundCount)"
            + " -D LIMB_BITS=\(key.limbBits)"
        var ids: [cl_device_id?] = [id]
        let built = clBuildProgram(program.pointer, 1, &ids, options, nil, nil)
        guard built == CL_SUCCESS else {
            throw SealingError(
                .device,
                "\(device.name) cannot build Poseidon of width \(key.width): error \(built): "
                    + log(of: program.pointer)
            )
        }
        return program
    }

    /// What the compiler said, or nothing when that cannot be had.
    private func log(of program: OpaquePointer) -> String {
        let key = cl_program_build_info(CL_PROGRAM_BUILD_LOG)
        var count = 0
        guard clGetProgramBuildInfo(program, id, key, 0, nil, &count) == CL_SUCCESS,
            (1...OpenCLSession.logBytesMax).contains(count)
        else {
            return ""
        }
        var bytes = [UInt8](repeating: 0, count: count)
        guard clGetProgramBuildInfo(program, id, key, count, &bytes, nil) == CL_SUCCESS else {
            return ""
        }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
