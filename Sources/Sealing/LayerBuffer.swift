// SPDX-License-Identifier: Apache-2.0
import CSealing
import Kernel

/// Which pages of memory hold the layers.
package enum HugePages: String, Hashable, Sendable, Codable, CaseIterable {
    /// Ordinary ones, of which the system makes large ones where it can.
    case none
    /// 2 MiB each, from the pool that the administrator has reserved.
    case mib2 = "2MiB"
    /// 1 GiB each.
    case gib1 = "1GiB"

    /// Binary logarithm of a page's bytes; 0 for ordinary ones.
    fileprivate var bits: UInt32 {
        switch self {
        case .none: 0
        case .mib2: 21
        case .gib1: 30
        }
    }

    /// Bytes that a buffer of `count` takes in such pages.
    func rounded(_ count: UInt64) -> UInt64 {
        let page: UInt64 = self == .none ? 1 << 12 : 1 << UInt64(bits)
        return (count + page - 1) / page * page
    }

    /// Where the kernel tells about the pool, of one NUMA node or of the machine.
    fileprivate func pool(node: Int?) -> String {
        let root = node.map { "/sys/devices/system/node/node\($0)" } ?? "/sys/kernel/mm"
        return "\(root)/hugepages/hugepages-\(1 << (bits - 10))kB"
    }
}

/// Memory for the labels of whole layers, mapped from the system and given back with the last
/// reference; all zeros at first.
// Safety: the range stays mapped as long as the object lives; who writes where, and when another may
// read it, is arranged by those that share it.
final class LayerBuffer: @unchecked Sendable {
    /// Bytes made present between two looks at the observer.
    private static let populatedBytesAtOnce: UInt64 = 1 << 30
    /// Bytes made present between two chunks of labels that the same thread writes.
    private static let populatedBytesAhead = 1 << 25

    let base: UnsafeMutablePointer<UInt8>
    /// Bytes that may be used.
    let count: Int
    /// Bytes that are mapped: whole pages.
    let mappedCount: Int
    /// The pages that it has got.
    let pages: HugePages

    /// Maps memory as `options` ask: huge pages if there are enough free ones, else ordinary pages and
    /// a warning; near the NUMA node if one is named.
    ///
    /// - Parameters:
    ///   - count: bytes, 1 or more.
    ///   - what: whose memory it is, for messages.
    /// - Throws: ``SealingError`` `.insufficientMemory`, `.cancelled`.
    static func make(
        _ count: Int,
        _ what: String,
        options: SealingOptions = SealingOptions(),
        observer: SealObserver = .none
    ) throws(SealingError) -> LayerBuffer {
        precondition(count > 0, "a layer has at least one byte")
        if options.hugePages != .none {
            do throws(SealingError) {
                let buffer = try LayerBuffer(count, options.hugePages, what)
                try buffer.place(options.numaNode, isStrict: true, observer, what)
                return buffer
            } catch {
                guard error.code == .insufficientMemory else { throw error }
                observer.warn("\(error.message): ordinary pages are used")
            }
        }
        let buffer = try LayerBuffer(count, .none, what)
        try buffer.place(options.numaNode, isStrict: false, observer, what)
        return buffer
    }

    private init(_ count: Int, _ pages: HugePages, _ what: String) throws(SealingError) {
        let mapped = Int(pages.rounded(UInt64(count)))
        var at: UnsafeMutableRawPointer?
        let number = csealing_host_map(mapped, pages.bits, &at)
        guard number == 0, let at else {
            throw LayerBuffer.shortage(mapped, pages, nil, what, number)
        }
        base = at.assumingMemoryBound(to: UInt8.self)
        self.count = count
        self.pages = pages
        mappedCount = mapped
    }

    deinit {
        csealing_host_unmap(base, mappedCount)
    }

    /// Binds the pages to a node, and makes huge ones present: one that is missing is an error now and
    /// not the end of the process later.
    private func place(
        _ node: Int?,
        isStrict: Bool,
        _ observer: SealObserver,
        _ what: String
    ) throws(SealingError) {
        if let node {
            let number = csealing_host_bind(base, mappedCount, UInt32(clamping: node), isStrict ? 1 : 0)
            if number != 0 {
                observer.warn(
                    "\(what): memory cannot be taken from NUMA node \(node)"
                        + " (\(Files.reason(number))): any node's is used"
                )
            }
        }
        guard pages != .none else { return }
        var done = 0
        while done < mappedCount {
            try observer.step("memory", UInt64(done), UInt64(mappedCount))
            let part = min(Int(LayerBuffer.populatedBytesAtOnce), mappedCount - done)
            let number = csealing_host_populate(base + done, part)
            if number == Files.invalid, node != nil {
                /* A kernel before 5.14 cannot say; pages of other nodes then serve, too. */
                csealing_host_bind(base, mappedCount, UInt32(clamping: node ?? 0), 0)
                return
            }
            guard number == 0 || number == Files.invalid else {
                throw LayerBuffer.shortage(mappedCount, pages, node, what, number)
            }
            done += part
        }
    }

    /// Has a thread make the pages present, from the first on, before whoever labels comes to them: they
    /// are zeroed, and a virtual machine may have to ask its host for each. What waits when the pool is
    /// shut down is left out.
    func populate(by pool: WorkPool) {
        guard pages == .none else { return }
        for start in stride(from: 0, to: mappedCount, by: LayerBuffer.populatedBytesAhead) {
            pool.submit { [self] in
                /* Pages that cannot be made present now are so when they are touched. */
                _ = csealing_host_populate(
                    base + start, min(LayerBuffer.populatedBytesAhead, mappedCount - start))
            }
        }
    }

    private static func shortage(
        _ bytes: Int,
        _ pages: HugePages,
        _ node: Int?,
        _ what: String,
        _ number: Int32
    ) -> SealingError {
        guard pages != .none else {
            return SealingError(
                .insufficientMemory,
                "\(what) needs \(bytes) bytes of memory: \(Files.reason(number))"
            )
        }
        let wanted = bytes >> Int(pages.bits)
        let pool = pages.pool(node: node)
        let free = Files.number(in: "\(pool)/free_hugepages").map(String.init) ?? "unknown"
        let all = Files.number(in: "\(pool)/nr_hugepages").map(String.init) ?? "unknown"
        return SealingError(
            .insufficientMemory,
            "\(what) asks for \(wanted) huge pages of \(pages.rawValue)"
                + (node.map { " on NUMA node \($0)" } ?? "")
                + ", free are \(free) of \(all) (\(Files.reason(number))); reserve more as root:"
                + " echo COUNT > \(pool)/nr_hugepages"
        )
    }

    /// A copy of some bytes.
    func bytes(in range: Range<Int>) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "the range leaves the buffer")
        // Safety: the range has been checked.
        return Array(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    /// Some bytes, to be used while the buffer is held.
    func raw(in range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "the range leaves the buffer")
        // Safety: the range has been checked.
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// Reads a file of exactly `count` bytes.
    func fill(
        from file: InputFile,
        observer: SealObserver,
        _ step: String
    ) throws(SealingError) {
        var at = 0
        while at < count {
            try observer.step(step, UInt64(at), UInt64(count))
            let part = min(1 << 22, count - at)
            // Safety: the part lies inside the buffer.
            try file.read(
                at: UInt64(at),
                into: UnsafeMutableRawBufferPointer(start: base + at, count: part)
            )
            at += part
        }
    }
}
