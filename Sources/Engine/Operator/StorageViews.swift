// SPDX-License-Identifier: Apache-2.0
package import Scheduler

/// A store, as `storage list` tells of it.
package struct StoragePathView: Sendable, Encodable {
    /// The directory on one host.
    package struct Place: Sendable, Encodable {
        package var host: String
        package var path: String
        package var url: String
    }

    package var id: String
    package var weight: Int
    package var canSeal: Bool
    package var canStore: Bool
    /// `Seal`, `Store`, `Seal Store` or `ReadOnly`.
    package var use: String
    package var isOnline: Bool
    package var capacityBytes: UInt64
    package var availableBytes: UInt64
    package var usedBytes: UInt64
    /// Promised to sectors and not written yet.
    package var reservedBytes: UInt64
    /// 0 for no limit.
    package var maxStorageBytes: UInt64
    package var sectorCount: Int
    package var unsealed: Int
    package var sealed: Int
    package var caches: Int
    package var updated: Int
    package var updateCaches: Int
    package var pieces: Int
    package var groups: [String]
    package var allowTo: [String]
    package var allowTypes: [String]
    package var denyTypes: [String]
    package var places: [Place]
    package var error: String?

    package init(_ store: StoreOverview) {
        let info = store.state.info
        let path = store.places.first?.path
        id = info.name
        weight = info.weight
        canSeal = info.canSeal
        canStore = info.canStore
        let uses = (info.canSeal ? ["Seal"] : []) + (info.canStore ? ["Store"] : [])
        use = uses.isEmpty ? "ReadOnly" : uses.joined(separator: " ")
        isOnline = store.state.isOnline
        capacityBytes = store.health.capacityBytes
        availableBytes = store.health.availableBytes
        usedBytes = store.health.usedBytes
        reservedBytes = store.promisedBytes
        maxStorageBytes = path?.bytesMax ?? 0
        sectorCount = store.state.sectorCount
        func count(_ type: SectorFileType) -> Int {
            SectorFileType.allCases.firstIndex(of: type).map { store.counts[$0] } ?? 0
        }
        unsealed = count(.unsealed)
        sealed = count(.sealed)
        caches = count(.cache)
        updated = count(.update)
        updateCaches = count(.updateCache)
        pieces = count(.piece)
        groups = path?.groups ?? []
        allowTo = path?.allowTo ?? []
        allowTypes = path?.allowTypes.map(\.rawValue) ?? []
        denyTypes = path?.denyTypes.map(\.rawValue) ?? []
        places = store.places.map { Place(host: $0.host, path: $0.path.path, url: $0.path.url) }
        error = store.health.error ?? (store.places.isEmpty ? "no worker that serves it is in reach" : nil)
    }

    /// A block for each store, the largest first.
    package static func text(_ stores: [StoragePathView]) -> String {
        stores.sorted { ($1.capacityBytes, $0.id) < ($0.capacityBytes, $1.id) }
            .map { $0.lines.joined(separator: "\n") }.joined(separator: "\n\n")
    }

    private var lines: [String] {
        var lines = ["\(id):"]
        if let error { lines.append("\tError: \(error):") }
        let taken = capacityBytes - min(capacityBytes, availableBytes)
        lines.append("\t" + Self.bar(taken, reservedBytes, of: capacityBytes))
        if maxStorageBytes > 0 {
            lines.append("\t" + Self.bar(usedBytes, reservedBytes, of: maxStorageBytes) + " (limit)")
        }
        lines.append(
            "\tUnsealed: \(unsealed); Sealed: \(sealed); Caches: \(caches); Updated: \(updated); "
                + "Update-caches: \(updateCaches); Reserved: \(OperatorText.bytes(reservedBytes))")
        lines.append("\tWeight: \(weight); Use: \(use)")
        for (name, list) in [
            ("Groups", groups), ("AllowTo", allowTo), ("Allow Types", allowTypes), ("Deny Types", denyTypes),
        ] where !list.isEmpty {
            lines.append("\t\(name): \(list.joined(separator: ", "))")
        }
        for place in places { lines.append("\tLocal: \(place.path) (\(place.host))") }
        for place in places { lines.append("\tURL: \(place.url)") }
        return lines
    }

    /// Fifty columns: what is taken, what is reserved, and figures.
    private static func bar(_ used: UInt64, _ reserved: UInt64, of capacity: UInt64) -> String {
        let whole = Double(max(1, capacity))
        let usedCount = min(50, Int((Double(used) / whole * 50).rounded()))
        let reservedCount = min(50 - usedCount, Int((Double(reserved) / whole * 50).rounded()))
        let rest = 50 - usedCount - reservedCount
        let bar =
            String(repeating: "#", count: usedCount) + String(repeating: "*", count: reservedCount)
            + String(repeating: " ", count: rest)
        let percent = Int(min(Double(used) / whole, 1) * 100)
        return "[\(bar)] \(OperatorText.bytes(used))/\(OperatorText.bytes(capacity)) \(percent)%"
    }
}

/// A store's copy of a sector, as `storage find` tells of it.
package struct SectorCopyView: Sendable, Encodable {
    package var id: String
    package var types: [String]
    package var canSeal: Bool
    package var canStore: Bool
    package var isPrimary: Bool
    package var isOnline: Bool
    package var host: String
    package var path: String
    package var url: String

    package init(_ copy: SectorCopy) {
        id = copy.store
        types = copy.types.map(\.rawValue)
        canSeal = copy.canSeal
        canStore = copy.canStore
        isPrimary = copy.isPrimary
        isOnline = copy.isOnline
        host = copy.host
        path = copy.path
        url = copy.url
    }

    /// A block for each copy.
    package static func text(_ copies: [SectorCopyView]) -> String {
        copies.map { copy in
            let types = copy.types.compactMap { SectorFileType(rawValue: $0)?.title }
            return [
                "In \(copy.id) (\(types.joined(separator: ", ")))",
                "\tSealing: \(copy.canSeal); Storage: \(copy.canStore)",
                copy.path.isEmpty ? "\tRemote" : "\tLocal (\(copy.path)) on \(copy.host)",
                "\tURL: \(copy.url)", "\tPrimary: \(copy.isPrimary); Online: \(copy.isOnline)",
            ].joined(separator: "\n")
        }.joined(separator: "\n")
    }
}
