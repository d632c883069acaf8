// SPDX-License-Identifier: Apache-2.0
import CSealing
import Foundation
import Sealing
import Synchronization
import Testing

/// Memory from the system: huge pages, NUMA, and giving it back; and copies inside the file system.
@Suite struct LayerBufferTests {
    private final class Warnings: Sendable {
        private let texts = Mutex<[String]>([])

        var observer: SealObserver {
            SealObserver(warn: { [self] text in texts.withLock { $0.append(text) } })
        }

        var all: [String] { texts.withLock { $0 } }
    }

    @Test("huge pages that are not there are told, with the command for more, and the sector is the same")
    func hugePages() throws {
        let expected = try SealRun().seal()
        for pages in [HugePages.mib2, .gib1] {
            let folder = "/sys/kernel/mm/hugepages/hugepages-\(pages == .mib2 ? 2048 : 1_048_576)kB"
            let free = FileManager.default.contents(atPath: "\(folder)/free_hugepages")
                .flatMap { Int(String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .newlines)) }
            let warnings = Warnings()
            var options = SealingOptions()
            options.hugePages = pages
            let run = try SealRun(options: options, observer: warnings.observer)
            #expect(try run.seal() == expected)
            /* Two layers take a page each. */
            if free ?? 0 < 2 {
                let text = try #require(warnings.all.first)
                #expect(text.contains("1 huge pages of \(pages.rawValue)"))
                #expect(text.contains("ordinary pages are used"))
                #expect(text.contains("echo COUNT > \(folder)/nr_hugepages"))
            } else {
                #expect(warnings.all == [])
            }
            options.memoryBytesMax = pages == .mib2 ? 4 << 20 : 2 << 30
            options.memoryBytesMax -= 1
            let tight = try SealRun(options: options)
            #expect(sealingError { _ = try tight.preCommit1() }?.code == .insufficientMemory)
        }
    }

    @Test("a NUMA node that does not exist is told, and any node's memory is used")
    func numaNode() throws {
        let warnings = Warnings()
        var options = SealingOptions()
        options.numaNode = 1023
        let run = try SealRun(options: options, observer: warnings.observer)
        #expect(try run.seal() == SealRun().seal())
        #expect(warnings.all.count == 2)
        #expect(warnings.all.allSatisfy { $0.contains("NUMA node 1023") })
        /* Node 0 exists wherever memory has nodes. */
        if FileManager.default.fileExists(atPath: "/sys/devices/system/node/node0") {
            let quiet = Warnings()
            options.numaNode = 0
            _ = try SealRun(options: options, observer: quiet.observer).preCommit1()
            #expect(quiet.all == [])
        }
    }

    @Test("memory is aligned for large pages, zero, and given back: else addresses would run out")
    func released() {
        let count = 4 << 30
        for round in 0..<40_000 {
            var at: UnsafeMutableRawPointer?
            let number = csealing_host_map(count, 0, &at)
            guard number == 0, let at else {
                Issue.record("round \(round): error \(number)")
                return
            }
            /* The rest only has to be given back. */
            if round == 0 {
                #expect(UInt(bitPattern: at) % (2 << 20) == 0)
                #expect(at.load(fromByteOffset: count - 1, as: UInt8.self) == 0)
            }
            guard csealing_host_unmap(at, count) == 0 else {
                Issue.record("round \(round) is not given back")
                return
            }
        }
    }

    @Test("a copy of the data lies under the sealed file's name when asked, and never over a replica")
    func sealedCopy() throws {
        var options = SealingOptions()
        options.leavesSealedCopy = true
        let payload = SealRun.pattern(2032)
        let run = try SealRun(payload: payload, options: options)
        let first = try run.preCommit1()
        let data = try Scratch.bytes(run.paths.unsealed)
        #expect(try Scratch.bytes(run.paths.sealed) == data)
        let output = try run.pipeline.preCommit2(first)
        #expect(try output == SealRun(payload: payload).seal())
        let replica = try Scratch.bytes(run.paths.sealed)
        #expect(replica != data)
        _ = try run.preCommit1()
        #expect(try Scratch.bytes(run.paths.sealed) == replica)
        let plain = try SealRun(payload: payload)
        _ = try plain.preCommit1()
        #expect(!FileManager.default.fileExists(atPath: plain.paths.sealed))
    }
}
