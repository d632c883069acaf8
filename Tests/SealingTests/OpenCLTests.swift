// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Synchronization
import Testing

/// What the suites know of the drivers on this machine.
enum OpenCLHost {
    /// The devices; read after a place for the driver's compiled kernels has been named.
    static let devices: Result<[OpenCLDevice], SealingError> = {
        let cache = FileManager.default.temporaryDirectory.appending(path: "sealyard-pocl-cache")
        do {
            try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
        } catch {
            return .failure(SealingError(.inputOutput, "\(cache.path()): \(error)"))
        }
        setenv("POCL_CACHE_DIR", cache.path(), 1)
        setenv("POCL_MAX_PTHREAD_COUNT", "2", 1)
        do throws(SealingError) {
            return .success(try OpenCLDevices.list())
        } catch {
            return .failure(error)
        }
    }()

    static var hasDevice: Bool {
        if case .success(let devices) = devices { return !devices.isEmpty }
        return true
    }
}

/// Warnings heard, from any thread.
final class Warnings: Sendable {
    private let messages = Mutex<[SealingError]>([])

    var all: [SealingError] { messages.withLock { $0 } }

    func hear(_ error: SealingError) {
        messages.withLock { $0.append(error) }
    }
}

@Suite struct OpenCLTests {
    @Test("devices are listed with name and memory; without a driver the list is empty")
    func devices() throws {
        for device in try OpenCLHost.devices.get() {
            #expect(!device.name.isEmpty && !device.platform.isEmpty)
            #expect(device.memoryBytes > 0 && device.computeUnitCount > 0)
        }
    }

    @Test("a choice is a position, a place on the bus, or a name")
    func choice() {
        #expect(OpenCLChoice(parsing: "2") == .index(2))
        #expect(OpenCLChoice(parsing: "65:00.0") == .bus("65:00.0"))
        #expect(OpenCLChoice(parsing: "0000:65:00.0") == .bus("0000:65:00.0"))
        #expect(OpenCLChoice(parsing: "-1") == .name("-1"))
        #expect(OpenCLChoice(parsing: "NVIDIA H100: 80 GB") == .name("NVIDIA H100: 80 GB"))
        #expect(OpenCLBusID.text(domain: 0, bus: 0x65, device: 0x1f, function: 3) == "0000:65:1f.3")
    }

    @Test("a device that is not there is refused, with the names of those that are")
    func unknownDevice() throws {
        let devices = try OpenCLHost.devices.get()
        for choice in [
            OpenCLChoice.index(-1), .index(1000), .name("no such device"), .bus("00ff:ff:1f.7"),
        ] {
            let error = sealingError { _ = try OpenCLPoseidon(choice) { _ in } }
            #expect(error?.code == .invalidArgument)
            #expect(devices.allSatisfy { error?.message.contains($0.name) == true })
        }
        for count in [-1, 0, 1 << 23] {
            #expect(
                sealingError { _ = try OpenCLPoseidon(batchHashCount: count) { _ in } }?.code
                    == .invalidArgument
            )
        }
        #expect(
            sealingError { _ = try OpenCLPoseidon(limbBits: 16) { _ in } }?.code == .invalidArgument
        )
    }
}

@Suite(.enabled(if: OpenCLHost.hasDevice, "OpenCL offers no device: its kernels are NOT tested"))
struct OpenCLPoseidonTests {
    private static let largest = "00000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73"

    @Test(
        "digests equal the processor's for both limbs, every batch size and the field's edges",
        arguments: [2, 8, 11],
        [32, 64]
    )
    func agreement(arity: Int, limbBits: Int) throws {
        var random = Seeded(state: UInt64(arity + limbBits))
        let largest = try Commitment(hex: OpenCLPoseidonTests.largest)
        let poseidon = try Poseidon(arity: arity)
        let warnings = Warnings()
        for (count, batch) in [(1, 64), (63, 64), (64, 64), (65, 64), (200, 33), (5, 1), (0, 8)] {
            let device = try OpenCLPoseidon(
                batchHashCount: batch,
                limbBits: limbBits,
                warn: warnings.hear
            )
            let inputs = (0..<count * arity).map { index in
                switch index % 5 {
                case 0: largest
                case 1: Commitment(words: (random.next() & 1, 0, 0, 0))
                default: random.node()
                }
            }.flatMap(\.bytes)
            #expect(
                try device.hash(inputs, with: poseidon) == (try poseidon.hash(inputs, .portable))
            )
            #expect(
                try device.hashColumns(inputs, columnCount: count, with: poseidon)
                    == (try poseidon.hashColumns(inputs, columnCount: count, .portable))
            )
            #expect(device.isUsingDevice)
        }
        #expect(warnings.all == [])
    }

    @Test("a digest equals the plain Swift permutation's", arguments: [32, 64])
    func plainSwift(limbBits: Int) throws {
        var random = Seeded(state: 17)
        let constants = Poseidon.arity2.constants
        let inputs = (0..<2).map { _ in random.node() }
        let plain = PlainField.poseidon(
            ([Poseidon.arity2.domainTag] + inputs).map { PlainField($0) },
            constants: (0..<63 * 3).map {
                PlainField(Commitment(in: constants.roundConstants, at: 32 * $0))
            },
            matrix: (0..<9).map { PlainField(Commitment(in: constants.matrix, at: 32 * $0)) },
            partialRoundCount: 55
        )
        let device = try OpenCLPoseidon(limbBits: limbBits) { Issue.record("\($0)") }
        #expect(try device.hash(inputs.flatMap(\.bytes), with: .arity2) == plain[1].node.bytes)
        #expect(device.isUsingDevice)
    }

    @Test("a node outside the field is a named error and leaves the device in use")
    func notCanonical() throws {
        let device = try OpenCLPoseidon(batchHashCount: 16) { Issue.record("\($0)") }
        for place in [0, 15, 16, 39] {
            var inputs = [UInt8](repeating: 0, count: 40 * 64)
            inputs[64 * place + 63] = 0x74
            #expect(
                sealingError { _ = try device.hash(inputs, with: .arity2) }?.code == .notCanonical
            )
        }
        let sound = [UInt8](repeating: 7, count: 40 * 64)
        #expect(try device.hash(sound, with: .arity2) == (try Poseidon.arity2.hash(sound)))
        #expect(device.isUsingDevice)
    }

    @Test("broken groups and columns are named errors")
    func badInput() throws {
        let device = try OpenCLPoseidon { Issue.record("\($0)") }
        #expect(
            sealingError { _ = try device.hash([1, 2, 3], with: .arity8) }?.code == .invalidArgument
        )
        for count in [-1, 0, 2] {
            #expect(
                sealingError {
                    _ = try device.hashColumns(
                        [UInt8](repeating: 0, count: 64),
                        columnCount: count,
                        with: .arity2
                    )
                }?.code == .invalidArgument
            )
        }
    }

    @Test(
        "a device lost at any step is told of once, and the digests stay right",
        arguments: OpenCLStep.allCases.filter { $0 != .queue }
    )
    func lost(step: OpenCLStep) throws {
        var random = Seeded(state: 23)
        let inputs = (0..<2 * 300).map { _ in random.node() }.flatMap(\.bytes)
        let expected = try Poseidon.arity2.hash(inputs, .portable)
        // The first calls make the device ready; later ones are in the midst of the batches.
        for allowed in [0, 3, 9] {
            let calls = Atomic<Int>(0)
            let warnings = Warnings()
            let fault = OpenCLFault { asked in
                guard asked == step else { return 0 }
                let before = calls.wrappingAdd(1, ordering: .relaxed).oldValue
                return before < allowed ? 0 : -5
            }
            let device = try OpenCLPoseidon(batchHashCount: 64, fault: fault, warn: warnings.hear)
            var rounds = 0
            while device.isUsingDevice, rounds < 20 {
                #expect(try device.hash(inputs, with: .arity2) == expected)
                rounds += 1
            }
            if device.isUsingDevice {
                // Made once for an instance, so it never gets to fail later.
                #expect(allowed > 0 && (step == .program || step == .buffer))
                continue
            }
            #expect(warnings.all.map(\.code) == [.device])
            #expect(warnings.all[0].message.contains("\(step.rawValue): error -5"))
            #expect(try device.hash(inputs, with: .arity2) == expected)
            #expect(warnings.all.count == 1)
        }
        // Others of the same process are not touched by it.
        let another = try OpenCLPoseidon { Issue.record("\($0)") }
        #expect(try another.hash(inputs, with: .arity2) == expected)
    }

    @Test("a driver that refuses a queue is a named error")
    func noQueue() throws {
        let fault = OpenCLFault { $0 == .queue ? -6 : 0 }
        #expect(sealingError { _ = try OpenCLPoseidon(fault: fault) { _ in } }?.code == .device)
    }

    @Test("2 KiB sectors get the known CommR with trees from the device, and with one that is lost")
    func smallSectors() throws {
        let vectors = Vectors.all.full_seals.list.filter { $0.sector_size.exists }
        let warnings = Warnings()
        let calls = Atomic<Int>(0)
        let failing = try OpenCLPoseidon(
            fault: OpenCLFault {
                $0 == .run && calls.wrappingAdd(1, ordering: .relaxed).oldValue >= 6 ? -36 : 0
            },
            warn: warnings.hear
        )
        let sound = try OpenCLPoseidon(batchHashCount: 50) { Issue.record("\($0)") }
        for vector in vectors.prefix(2) {
            let run = try SealRun(vector: vector)
            let first = try run.preCommit1()
            for device in [sound, failing] {
                let output = try run.preCommit2(first, on: device)
                #expect(output.commR == (try vector.comm_r.node))
                #expect(try run.digestOf(run.paths.sealed) == vector.replica_sha256.string)
                let trees = run.paths.trees(
                    "tree-c",
                    baseTreeCount: run.pipeline.parameters.shape.baseTreeCount
                )
                #expect(
                    try trees.map(run.digestOf) == vector.tree_c_file_sha256.list.map(\.string)
                )
            }
        }
        #expect(sound.isUsingDevice && !failing.isUsingDevice)
        #expect(warnings.all.count == 1)
    }

    @Test("an 8 MiB sector gets the known CommR with trees from the device")
    func mib8() throws {
        let vector = try #require(Vectors.all.full_seals.list.first { $0["size"].exists })
        let run = try SealRun(vector: vector)
        let device = try OpenCLPoseidon { Issue.record("\($0)") }
        let output = try run.preCommit2(run.preCommit1(), on: device)
        #expect(output.commC == (try vector.comm_c.node))
        #expect(output.commRLast == (try vector.comm_r_last.node))
        #expect(output.commR == (try vector.comm_r.node))
        #expect(device.isUsingDevice)
    }
}
