// SPDX-License-Identifier: Apache-2.0
package import Chain
private import DequeModule
package import Kernel
private import OrderedCollections

/// A sealing store: a path on one host with room for a number of sectors at once.
package struct StoreInfo: Sendable, Hashable, Codable {
    /// Unique in the cluster.
    package var name: String
    /// The host whose workers reach it as a local path.
    package var host: String
    /// Bytes that sectors under way may take.
    package var capacityBytes: UInt64
    /// Sectors that may be under way here at once; 0 for no limit.
    package var sealingCountMax: Int

    package init(name: String, host: String, capacityBytes: UInt64, sealingCountMax: Int) {
        self.name = name
        self.host = host
        self.capacityBytes = capacityBytes
        self.sealingCountMax = sealingCountMax
    }
}

/// What the storage index understands.
package enum StorageMessage: Message {
    /// A store is there, or there again.
    case attach(StoreInfo)
    /// Room for a sector's whole life in the pipeline is wanted; answered when there is some.
    case reserve(SectorKey, bytes: UInt64, replyTo: Ref<StorageEvent>)
    /// The sector lies at `store` already, from before this index was started: its room is taken again.
    /// Answered with `lost` where the store does not come back.
    case claim(SectorKey, store: String, bytes: UInt64, replyTo: Ref<StorageEvent>)
    /// The index's own alarm: a store that was claimed had its time to come back.
    case claimExpired(store: String)
    /// The sector has left the pipeline: its room is free.
    case release(SectorKey)
    /// The store is gone for good: what lay there is lost.
    case lose(store: String)
    /// Where a sector is.
    case find(SectorKey, replyTo: Ref<StorageEvent>)
    /// What lies where.
    case list(replyTo: Ref<StorageEvent>)

    package static var messageName: String { "scheduler.storage" }
}

/// What the storage index answers.
package enum StorageEvent: Message, Hashable {
    /// The sector has room at `store` on `host`.
    case reserved(SectorKey, store: String, host: String)
    /// The store that held the sector is gone.
    case lost(SectorKey, store: String)
    /// Where the sector is; `nil` where nothing is known.
    case location(SectorKey, store: String?, host: String?)
    /// All stores, in order of their names.
    case stores([StoreState])

    package static var messageName: String { "scheduler.storage.event" }
}

/// A store and what lies on it.
package struct StoreState: Sendable, Hashable, Codable {
    package var info: StoreInfo
    package var reservedBytes: UInt64
    package var sectorCount: Int

    package init(info: StoreInfo, reservedBytes: UInt64, sectorCount: Int) {
        self.info = info
        self.reservedBytes = reservedBytes
        self.sectorCount = sectorCount
    }
}

/// Knows the stores, reserves room for a sector's whole life before its first byte is written, and tells the
/// owners of what was lost.
///
/// Reservations are owned by sector: asking again answers again, releasing twice frees once.
package actor StorageIndex: Component {
    package nonisolated let home: Home

    private struct Store {
        var info: StoreInfo
        var reservedBytes: UInt64 = 0
        var sectorCount = 0

        /// The share of its limits that is taken; the least loaded store is chosen first.
        var load: Double {
            let bytes = Double(reservedBytes) / Double(max(1, info.capacityBytes))
            let count = info.sealingCountMax > 0 ? Double(sectorCount) / Double(info.sealingCountMax) : 0
            return max(bytes, count)
        }

        func hasRoom(for bytes: UInt64) -> Bool {
            (info.sealingCountMax == 0 || sectorCount < info.sealingCountMax)
                && reservedBytes <= info.capacityBytes && bytes <= info.capacityBytes - reservedBytes
        }
    }

    private struct Reservation {
        let store: String
        let bytes: UInt64
        let owner: Ref<StorageEvent>
    }

    private struct Wish {
        let sector: SectorKey
        let bytes: UInt64
        let owner: Ref<StorageEvent>
    }

    private var stores: OrderedDictionary<String, Store> = [:]
    private var reservations: [SectorKey: Reservation] = [:]
    private var waiting: Deque<Wish> = []
    /// Claims on stores that are not attached yet.
    private var claims: OrderedDictionary<String, [Wish]> = [:]
    private let claimPatience: Duration
    private var waitingKeys: Set<SectorKey> = []

    /// Makes an index.
    ///
    /// - Parameter claimPatience: the time that a claimed store has to come back.
    package init(home: Home, claimPatience: Duration = .seconds(60)) {
        self.home = home
        self.claimPatience = claimPatience
    }

    package func receive(_ message: StorageMessage, _ context: Context<StorageMessage>) {
        switch message {
        case .attach(let info):
            if stores[info.name] == nil {
                stores[info.name] = Store(info: info)
            } else {
                stores[info.name]?.info = info
            }
            for claim in claims.removeValue(forKey: info.name) ?? [] { grant(claim, at: info.name) }
            serveWaiting()
        case .claim(let sector, let store, let bytes, let owner):
            claim(Wish(sector: sector, bytes: bytes, owner: owner), at: store, context)
        case .claimExpired(let store): if stores[store] == nil { lose(store) }
        case .reserve(let sector, let bytes, let owner):
            if let known = reservations[sector], let store = stores[known.store] {
                owner.tell(.reserved(sector, store: known.store, host: store.info.host))
            } else if !waitingKeys.contains(sector) {
                waiting.append(Wish(sector: sector, bytes: bytes, owner: owner))
                waitingKeys.insert(sector)
                serveWaiting()
            }
        case .release(let sector):
            for name in claims.keys { claims[name]?.removeAll { $0.sector == sector } }
            if waitingKeys.remove(sector) != nil { waiting.removeAll { $0.sector == sector } }
            free(sector)
            serveWaiting()
        case .lose(let name): lose(name)
        case .find(let sector, let asker):
            let store = reservations[sector].flatMap { stores[$0.store] }
            asker.tell(.location(sector, store: store?.info.name, host: store?.info.host))
        case .list(let asker):
            let states = stores.values.map {
                StoreState(info: $0.info, reservedBytes: $0.reservedBytes, sectorCount: $0.sectorCount)
            }
            asker.tell(.stores(states.sorted { $0.info.name < $1.info.name }))
        }
    }

    /// Grants in order of arrival; the first that finds no room keeps the rest waiting, so that none starves.
    private func serveWaiting() {
        while let wish = waiting.first {
            guard let name = leastLoaded(for: wish.bytes), let store = stores[name] else { return }
            waiting.removeFirst()
            waitingKeys.remove(wish.sector)
            grant(wish, at: name)
            wish.owner.tell(.reserved(wish.sector, store: name, host: store.info.host))
        }
    }

    private func grant(_ wish: Wish, at name: String) {
        guard reservations[wish.sector] == nil else { return }
        stores[name]?.reservedBytes += wish.bytes
        stores[name]?.sectorCount += 1
        reservations[wish.sector] = Reservation(store: name, bytes: wish.bytes, owner: wish.owner)
    }

    /// What lies on a store takes its room, whatever the limits say now.
    private func claim(_ wish: Wish, at name: String, _ context: Context<StorageMessage>) {
        if stores[name] != nil { return grant(wish, at: name) }
        guard claims[name]?.contains(where: { $0.sector == wish.sector }) != true else { return }
        if claims[name] == nil { context.schedule(after: claimPatience, .claimExpired(store: name)) }
        claims[name, default: []].append(wish)
    }

    private func leastLoaded(for bytes: UInt64) -> String? {
        var best: (name: String, load: Double)?
        for (name, store) in stores where store.hasRoom(for: bytes) {
            if best.map({ store.load < $0.load }) ?? true { best = (name, store.load) }
        }
        return best?.name
    }

    private func free(_ sector: SectorKey) {
        guard let known = reservations.removeValue(forKey: sector) else { return }
        stores[known.store]?.reservedBytes -= known.bytes
        stores[known.store]?.sectorCount -= 1
    }

    private func lose(_ name: String) {
        for claim in claims.removeValue(forKey: name) ?? [] {
            claim.owner.tell(.lost(claim.sector, store: name))
        }
        guard stores.removeValue(forKey: name) != nil else { return }
        let lost = reservations.filter { $0.value.store == name }.sorted { $0.key < $1.key }
        for (sector, reservation) in lost {
            reservations[sector] = nil
            reservation.owner.tell(.lost(sector, store: name))
        }
    }
}
