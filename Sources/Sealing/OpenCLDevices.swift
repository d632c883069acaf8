// SPDX-License-Identifier: Apache-2.0
import COpenCL

/// A processor that OpenCL offers.
package struct OpenCLDevice: Hashable, Sendable, Codable {
    /// What sort of processor it is.
    package enum Kind: String, Hashable, Sendable, Codable {
        case cpu, gpu, accelerator, other
    }

    package let platform: String
    package let name: String
    package let vendor: String
    package let kind: Kind
    package let driverVersion: String
    /// Bytes of its global memory.
    package let memoryBytes: UInt64
    package let computeUnitCount: UInt32
    /// Where it sits on the PCI bus, `0000:65:00.0`; nil where the driver does not tell.
    package let busID: String?
}

/// Which device to use.
package enum OpenCLChoice: Hashable, Sendable {
    /// The position in ``OpenCLDevices/list()``.
    case index(Int)
    /// The first device with this name, or else with this text in its name.
    case name(String)
    /// The device at this place of the PCI bus, `0000:65:00.0`; the domain may be left out.
    case bus(String)

    /// Reads a choice as people write it: a position, a bus id (it has a colon), or a name.
    package init(parsing text: String) {
        if let index = Int(text), index >= 0 {
            self = .index(index)
        } else {
            self = text.contains(":") && !text.contains(" ") ? .bus(text) : .name(text)
        }
    }
}

/// A device and the driver's name for it.
// Safety: the name of a device of the machine stays valid in the whole process, for any thread.
struct OpenCLHandle: @unchecked Sendable {
    let device: OpenCLDevice
    let id: OpaquePointer

    /// The name as a number, to look things up by.
    var key: UInt { UInt(bitPattern: id) }
}

/// The processors that OpenCL offers on this machine.
package enum OpenCLDevices {
    private static let countMax: UInt32 = 64
    private static let textBytesMax = 1 << 16
    /// The loader's answer when no driver is installed (CL_PLATFORM_NOT_FOUND_KHR).
    private static let noPlatform: cl_int = -1001

    /// All devices of all platforms, in the loader's order; empty when there is none.
    ///
    /// - Throws: ``SealingError`` `.device` when a driver answers with an error.
    package static func list() throws(SealingError) -> [OpenCLDevice] {
        try handles().map(\.device)
    }

    /// The device that a choice means.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` when there is no such device, with the names
    ///   of those that there are; `.device` when a driver answers with an error.
    package static func find(_ choice: OpenCLChoice) throws(SealingError) -> OpenCLDevice {
        try choose(choice).device
    }

    /// The same with the driver's name for it.
    static func choose(_ choice: OpenCLChoice) throws(SealingError) -> OpenCLHandle {
        let all = try handles()
        let wanted: String
        switch choice {
        case .index(let index):
            if all.indices.contains(index) {
                return all[index]
            }
            wanted = "device \(index)"
        case .name(let name):
            if let found = all.first(where: { $0.device.name == name })
                ?? all.first(where: { $0.device.name.contains(name) })
            {
                return found
            }
            wanted = "device named \(name)"
        case .bus(let place):
            let full = place.filter { $0 == ":" }.count == 1 ? "0000:\(place)" : place
            if let found = all.first(where: { $0.device.busID == full.lowercased() }) {
                return found
            }
            wanted = "device at \(place)"
        }
        let names = all.enumerated().map { position, handle in
            "\(position): \(handle.device.name)\(handle.device.busID.map { " at \($0)" } ?? "")"
        }
        throw SealingError(
            .invalidArgument,
            "OpenCL offers no \(wanted); it offers "
                + (names.isEmpty ? "none" : names.joined(separator: ", "))
        )
    }

    private static func handles() throws(SealingError) -> [OpenCLHandle] {
        var platformCount: cl_uint = 0
        let found = clGetPlatformIDs(0, nil, &platformCount)
        guard found != noPlatform, platformCount > 0 else {
            return []
        }
        try check(found, "count platforms")
        var platforms = [cl_platform_id?](
            repeating: nil,
            count: Int(min(platformCount, countMax))
        )
        try check(
            clGetPlatformIDs(cl_uint(platforms.count), &platforms, nil),
            "list platforms"
        )
        var devices: [OpenCLHandle] = []
        for platform in platforms {
            let name = try text("platform name") {
                clGetPlatformInfo(platform, cl_platform_info(CL_PLATFORM_NAME), $0, $1, $2)
            }
            for case let id? in try self.devices(of: platform) {
                devices.append(OpenCLHandle(device: try describe(id, platform: name), id: id))
            }
        }
        return devices
    }

    private static func devices(
        of platform: cl_platform_id?
    ) throws(SealingError) -> [cl_device_id?] {
        let all = cl_device_type(CL_DEVICE_TYPE_ALL)
        var count: cl_uint = 0
        let status = clGetDeviceIDs(platform, all, 0, nil, &count)
        guard status != CL_DEVICE_NOT_FOUND, count > 0 else {
            return []
        }
        try check(status, "count devices")
        var devices = [cl_device_id?](repeating: nil, count: Int(min(count, countMax)))
        try check(
            clGetDeviceIDs(platform, all, cl_uint(devices.count), &devices, nil),
            "list devices"
        )
        return devices
    }

    private static func describe(
        _ device: cl_device_id?,
        platform: String
    ) throws(SealingError) -> OpenCLDevice {
        func string(_ key: Int32, _ what: String) throws(SealingError) -> String {
            try text(what) { clGetDeviceInfo(device, cl_device_info(key), $0, $1, $2) }
        }
        var type: cl_device_type = 0
        try check(
            clGetDeviceInfo(
                device,
                cl_device_info(CL_DEVICE_TYPE),
                MemoryLayout.size(ofValue: type),
                &type,
                nil
            ),
            "device type"
        )
        var memory: cl_ulong = 0
        try check(
            clGetDeviceInfo(
                device,
                cl_device_info(CL_DEVICE_GLOBAL_MEM_SIZE),
                MemoryLayout.size(ofValue: memory),
                &memory,
                nil
            ),
            "device memory"
        )
        var units: cl_uint = 0
        try check(
            clGetDeviceInfo(
                device,
                cl_device_info(CL_DEVICE_MAX_COMPUTE_UNITS),
                MemoryLayout.size(ofValue: units),
                &units,
                nil
            ),
            "compute units"
        )
        return OpenCLDevice(
            platform: platform,
            name: try string(CL_DEVICE_NAME, "device name"),
            vendor: try string(CL_DEVICE_VENDOR, "device vendor"),
            kind: kind(type),
            driverVersion: try string(CL_DRIVER_VERSION, "driver version"),
            memoryBytes: memory,
            computeUnitCount: units,
            busID: OpenCLBusID.read(device)
        )
    }

    private static func kind(_ type: cl_device_type) -> OpenCLDevice.Kind {
        if type & cl_device_type(CL_DEVICE_TYPE_GPU) != 0 { return .gpu }
        if type & cl_device_type(CL_DEVICE_TYPE_CPU) != 0 { return .cpu }
        if type & cl_device_type(CL_DEVICE_TYPE_ACCELERATOR) != 0 { return .accelerator }
        return .other
    }

    /// A text of which the driver tells the length first.
    private static func text(
        _ what: String,
        // Safety: the pointers live for one call of the driver, which gets their sizes.
        _ query: (Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?) -> cl_int
    ) throws(SealingError) -> String {
        var count = 0
        try check(query(0, nil, &count), what)
        guard count <= textBytesMax else {
            throw SealingError(.device, "OpenCL: the \(what) has \(count) bytes")
        }
        var bytes = [UInt8](repeating: 0, count: count)
        try check(query(count, &bytes, nil), what)
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func check(_ status: cl_int, _ what: String) throws(SealingError) {
        guard status == CL_SUCCESS else {
            throw SealingError(.device, "OpenCL could not give the \(what): error \(status)")
        }
    }
}
