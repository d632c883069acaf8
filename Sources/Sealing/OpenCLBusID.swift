// SPDX-License-Identifier: Apache-2.0
import COpenCL

/// Where a device sits on the PCI bus, asked in the three ways that drivers know.
package enum OpenCLBusID {
    /// `cl_khr_pci_bus_info`: domain, bus, device, function.
    private static let khronosInfo: cl_device_info = 0x410F
    /// `cl_nv_device_attribute_query`: bus; device and function in one number; domain.
    private static let nvidiaBus: cl_device_info = 0x4008
    private static let nvidiaSlot: cl_device_info = 0x4009
    private static let nvidiaDomain: cl_device_info = 0x400A
    /// `cl_amd_device_attribute_query`: 24 bytes, of which the last three are bus, device, function.
    private static let amdTopology: cl_device_info = 0x4037
    private static let amdTopologyIsPCIe: UInt32 = 1

    /// The place as `0000:65:00.0`; nil where the driver does not tell.
    static func read(_ device: cl_device_id?) -> String? {
        if let place = words(device, khronosInfo, count: 4) {
            return text(domain: place[0], bus: place[1], device: place[2], function: place[3])
        }
        if let bus = words(device, nvidiaBus, count: 1), let slot = words(device, nvidiaSlot, count: 1) {
            let domain = words(device, nvidiaDomain, count: 1)?[0] ?? 0
            return text(domain: domain, bus: bus[0], device: slot[0] >> 3, function: slot[0] & 7)
        }
        if let topology = words(device, amdTopology, count: 6), topology[0] == amdTopologyIsPCIe {
            let last = topology[5]
            return text(
                domain: 0, bus: last >> 8 & 0xff, device: last >> 16 & 0xff, function: last >> 24)
        }
        return nil
    }

    package static func text(domain: UInt32, bus: UInt32, device: UInt32, function: UInt32) -> String {
        "\(hex(domain, 4)):\(hex(bus, 2)):\(hex(device, 2)).\(String(function, radix: 16))"
    }

    private static func hex(_ value: UInt32, _ digitCount: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digitCount - digits.count)) + digits
    }

    /// An answer of exactly `count` 32-bit words; nil where the driver does not know the question.
    private static func words(
        _ device: cl_device_id?,
        _ key: cl_device_info,
        count: Int
    ) -> [UInt32]? {
        var answer = [UInt32](repeating: 0, count: count)
        var size = 0
        // Safety: the driver gets the size of the array and writes no more.
        let status = clGetDeviceInfo(device, key, 4 * count, &answer, &size)
        return status == CL_SUCCESS && size == 4 * count ? answer : nil
    }
}
