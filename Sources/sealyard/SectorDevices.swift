// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Sealing

/// The devices that can hash for pre-commit 2.
struct SectorDevicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "List the OpenCL devices of this machine.",
        discussion: "Choose one with --device by its position, its bus id or its name.")

    @Flag(help: "Print one JSON document.")
    var json = false

    func run() async throws {
        let devices = try OpenCLDevices.list()
        if json { return try Console.write(json: devices) }
        guard !devices.isEmpty else {
            return Console.write(
                "no OpenCL device; install a driver of your GPU, or pocl-opencl-icd for the processor")
        }
        for (position, device) in devices.enumerated() {
            Console.write(
                "\(position): \(device.name) (\(device.kind.rawValue), \(device.platform)), "
                    + "\(device.memoryBytes >> 20) MiB, \(device.computeUnitCount) compute units"
                    + (device.busID.map { ", bus \($0)" } ?? ""))
        }
    }
}
