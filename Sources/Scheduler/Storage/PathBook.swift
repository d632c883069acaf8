// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import OrderedCollections

/// What the storage index knows of stores that are real directories.
struct PathBook {
    struct Known {
        /// By host: several workers may reach one directory.
        var places: OrderedDictionary<String, StorePath> = [:]
        /// By host: one may have lost what another still reaches.
        private(set) var healths: OrderedDictionary<String, StoreHealth> = [:]
        /// How it was with the host that left last.
        private var lastHealth = StoreHealth(capacityBytes: 0, availableBytes: 0, usedBytes: 0)
        var held: OrderedDictionary<SectorKey, SectorFiles> = [:]
        /// Copies here that are not wanted any more and were not deleted yet.
        var drops: OrderedSet<SectorKey> = []

        /// The settings are one file's, the same wherever it is reached.
        var path: StorePath? { places.values.first }

        /// The host to which its work goes: the first that can use it, else the first.
        var server: (host: String, path: StorePath)? {
            let first = places.elements.first { healths[$0.key]?.error == nil } ?? places.elements.first
            return first.map { ($0.key, $0.value) }
        }

        /// How it is where its work goes; what is being fetched, on all hosts.
        var health: StoreHealth {
            guard let server, var health = healths[server.host] else { return lastHealth }
            health.fetchingBytes = healths.values.reduce(0) { $0 + $1.fetchingBytes }
            return health
        }

        /// Where a host's files go: to its own path, if it can use it.
        func place(for host: String) -> (host: String, path: StorePath)? {
            guard let path = places[host], healths[host]?.error == nil else { return server }
            return (host, path)
        }

        mutating func note(_ health: StoreHealth, of host: String) { healths[host] = health }

        mutating func leave(_ host: String) {
            if let health = healths.removeValue(forKey: host) { lastHealth = health }
        }
    }

    /// A list that a host reads of what lies in a store.
    struct Listing: Hashable {
        let store: String
        let host: String
    }

    /// A finished sector on its way to a long-term store.
    struct Arrival {
        let store: String
        let bytes: UInt64
    }

    var stores: OrderedDictionary<String, Known> = [:]
    /// Lists that are being read, with the word that came of single sectors meanwhile.
    var listings: OrderedDictionary<Listing, OrderedDictionary<SectorKey, SectorFiles>> = [:]
    /// By host.
    var keepers: OrderedDictionary<String, Ref<KeeperMessage>> = [:]
    var arrivals: OrderedDictionary<SectorKey, Arrival> = [:]
    /// Where finished sectors are, until their records say so.
    var stored: [SectorKey: String] = [:]
    var orders: OrderedDictionary<UInt64, Ref<StorageEvent>> = [:]
    var orderCount: UInt64 = 0

    /// Orders that may wait for their answers; the oldest gives way.
    static let orderCountMax = 1_000

    /// Whether what lies in `holders` may go to a path: each holder's `allowTo` must name one of its groups
    /// or nothing at all.
    static func allows(_ path: StorePath, from holders: [StorePath]) -> Bool {
        guard !holders.contains(where: \.allowTo.isEmpty) else { return true }
        return holders.isEmpty || holders.contains { !Set($0.allowTo).isDisjoint(with: path.groups) }
    }

    /// The settings of the stores that hold a sector.
    func holders(of sector: SectorKey) -> [StorePath] {
        stores.values.compactMap { $0.held[sector] == nil ? nil : $0.path }
    }

    /// The stores that lie on one file system with a store, itself first.
    func sharers(of name: String, _ known: Known) -> [(String, Known)] {
        guard let disk = known.health.fileSystem else { return [(name, known)] }
        return [(name, known)]
            + stores.elements.filter { $0.key != name && $0.value.health.fileSystem == disk }
            .map { ($0.key, $0.value) }
    }

    /// Bytes of finished sectors on their way to a store that are not there yet.
    func arrivingBytes(at name: String) -> UInt64 {
        arrivals.reduce(0) { sum, arrival in
            guard arrival.value.store == name else { return sum }
            let there = stores[name]?.held[arrival.key]?.bytes ?? 0
            return sum + arrival.value.bytes - min(arrival.value.bytes, there)
        }
    }
}
