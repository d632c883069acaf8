// SPDX-License-Identifier: Apache-2.0

/// The sector sizes for which the proofs are defined.
///
/// Only 2 KiB, 8 MiB, 512 MiB, 32 GiB and 64 GiB are registered on the network; the others have
/// the tree shapes of larger ones and serve tests.
package enum SectorSize: UInt64, CaseIterable, Hashable, Sendable, Codable, Comparable {
    case kib2 = 0x800
    case kib4 = 0x1000
    case kib16 = 0x4000
    case kib32 = 0x8000
    case mib8 = 0x80_0000
    case mib16 = 0x100_0000
    case mib512 = 0x2000_0000
    case gib1 = 0x4000_0000
    case gib32 = 0x8_0000_0000
    case gib64 = 0x10_0000_0000

    /// Reads `2KiB`, `8 MiB`, `34359738368` and the like; case and inner space do not matter.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument`, naming the sizes that exist.
    package init(parsing text: String) throws(SealingError) {
        let wanted = text.lowercased().filter { !$0.isWhitespace }
        for size in SectorSize.allCases
        where size.name.lowercased() == wanted || String(size.rawValue) == wanted {
            self = size
            return
        }
        let names = SectorSize.allCases.map(\.name).joined(separator: ", ")
        throw SealingError(
            .invalidArgument,
            "“\(text.prefix(40))” is not a sector size; use one of \(names)"
        )
    }

    /// Bytes of the sealed file, and of the unsealed file after Fr32 padding.
    package var bytes: UInt64 {
        rawValue
    }

    /// Payload bytes that fit: 127 of every 128.
    package var unpaddedBytes: UInt64 {
        rawValue / 128 * 127
    }

    /// Number of 32-byte nodes.
    package var nodeCount: UInt64 {
        rawValue / 32
    }

    /// As the reference writes it: `2KiB`.
    package var name: String {
        switch rawValue {
        case (1 << 30)...: "\(rawValue >> 30)GiB"
        case (1 << 20)...: "\(rawValue >> 20)MiB"
        default: "\(rawValue >> 10)KiB"
        }
    }

    package static func < (left: SectorSize, right: SectorSize) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension SectorSize: CustomStringConvertible {
    package var description: String {
        name
    }
}

/// The numbers that a sector size fixes: layers, trees, challenges.
package struct SectorShape: Hashable, Sendable {
    /// Number of label layers; the column hash takes as many inputs.
    package let layerCount: Int
    /// Arity of the level that joins base trees; 0 when there is one base tree.
    package let subArity: Int
    /// Arity of the level above; 0 when there is none.
    package let topArity: Int
    /// Rows above the leaf row that tree-r-last does not store.
    package let discardedRowCount: Int
    /// Sectors that one window PoSt partition proves.
    package let windowSectorCount: Int

    /// Base trees of tree-c and tree-r-last.
    package var baseTreeCount: Int {
        max(subArity, 1) * max(topArity, 1)
    }

    /// Text of the tree's arities, `8-8-2`, as in names of parameter files.
    package var treeName: String {
        "8-\(subArity)-\(topArity)"
    }
}

extension SectorSize {
    /// The numbers that this size fixes.
    package var shape: SectorShape {
        let mainnet = self >= .gib32
        let (sub, top) =
            switch self {
            case .kib2, .mib8, .mib512: (0, 0)
            case .kib4, .mib16, .gib1: (2, 0)
            case .kib16, .gib32: (8, 0)
            case .kib32, .gib64: (8, 2)
            }
        return SectorShape(
            layerCount: mainnet ? 11 : 2,
            subArity: sub,
            topArity: top,
            discardedRowCount: self < .mib8 ? 1 : 2,
            windowSectorCount: self == .gib32 ? 2349 : self == .gib64 ? 2300 : 2
        )
    }

    /// Leaves of one base tree: a power of 8.
    package var baseTreeLeafCount: UInt64 {
        nodeCount / UInt64(shape.baseTreeCount)
    }
}
