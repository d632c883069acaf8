// SPDX-License-Identifier: Apache-2.0
package import Chain

/// A kind of a sector's files, by the name of the folder that holds it.
package enum SectorFileType: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    case unsealed, sealed, cache, update
    case updateCache = "update-cache"
    case piece

    /// As `storage find` writes it.
    package var title: String {
        switch self {
        case .unsealed: "Unsealed"
        case .sealed: "Sealed"
        case .cache: "Cache"
        case .update: "Update"
        case .updateCache: "UpdateCache"
        case .piece: "Piece"
        }
    }

    private var position: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (lhs: SectorFileType, rhs: SectorFileType) -> Bool { lhs.position < rhs.position }
}

/// What a store holds of a sector.
package struct SectorFiles: Sendable, Hashable, Codable {
    package var sector: SectorKey
    /// In order; empty where nothing is left.
    package var types: [SectorFileType]
    /// Of all files together.
    package var bytes: UInt64

    package init(sector: SectorKey, types: [SectorFileType], bytes: UInt64) {
        self.sector = sector
        self.types = types
        self.bytes = bytes
    }
}

/// What a store is beyond its account, where it is a real directory.
package struct StorePath: Sendable, Hashable, Codable {
    /// The directory on its host.
    package var path: String
    /// Where others get its files.
    package var url: String
    /// The groups it belongs to.
    package var groups: [String]
    /// The groups whose paths may take what lies here; empty for all.
    package var allowTo: [String]
    /// The only kinds of files that may lie here; empty for all.
    package var allowTypes: [SectorFileType]
    /// Kinds of files that may not.
    package var denyTypes: [SectorFileType]
    /// Bytes that sectors may take here in all; 0 for no limit.
    package var bytesMax: UInt64

    package init(
        path: String, url: String, groups: [String] = [], allowTo: [String] = [],
        allowTypes: [SectorFileType] = [], denyTypes: [SectorFileType] = [], bytesMax: UInt64 = 0
    ) {
        self.path = path
        self.url = url
        self.groups = groups
        self.allowTo = allowTo
        self.allowTypes = allowTypes
        self.denyTypes = denyTypes
        self.bytesMax = bytesMax
    }

    /// The first of the kinds that may not lie here; `nil` where all may.
    package func refused(among types: [SectorFileType]) -> SectorFileType? {
        types.first { !(allowTypes.isEmpty || allowTypes.contains($0)) || denyTypes.contains($0) }
    }
}

/// How a store's directory is, as its worker finds it.
package struct StoreHealth: Sendable, Hashable, Codable {
    /// Of the file system.
    package var capacityBytes: UInt64
    /// What the file system has left.
    package var availableBytes: UInt64
    /// What sectors take here.
    package var usedBytes: UInt64
    /// What fetches that go on have written so far of what is promised to their sectors.
    package var fetchingBytes: UInt64
    /// The file system it lies on, alike for all stores that share its room; `nil` where it is on none of a
    /// host, or none is known.
    package var fileSystem: String?
    /// Why nothing there can be used; `nil` where all is well.
    package var error: String?

    package init(
        capacityBytes: UInt64, availableBytes: UInt64, usedBytes: UInt64, fetchingBytes: UInt64 = 0,
        fileSystem: String? = nil, error: String? = nil
    ) {
        self.capacityBytes = capacityBytes
        self.availableBytes = availableBytes
        self.usedBytes = usedBytes
        self.fetchingBytes = fetchingBytes
        self.fileSystem = fileSystem
        self.error = error
    }
}

/// A store's copy of a sector.
package struct SectorCopy: Sendable, Hashable, Codable {
    package var store: String
    package var host: String
    package var path: String
    package var url: String
    package var types: [SectorFileType]
    package var canSeal: Bool
    package var canStore: Bool
    package var isOnline: Bool
    /// The one that counts; others may be deleted.
    package var isPrimary: Bool
}

/// A store with all that is known of it.
package struct StoreOverview: Sendable, Hashable, Codable {
    /// The store's directory on one host.
    package struct Place: Sendable, Hashable, Codable {
        package var host: String
        package var path: StorePath
    }

    package var state: StoreState
    /// Empty where it is out of reach.
    package var places: [Place]
    package var health: StoreHealth
    /// Sectors with files of a kind here, by the order of ``SectorFileType``.
    package var counts: [Int]
    /// Promised and not yet written.
    package var promisedBytes: UInt64
}
