// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

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
    /// For policies that place by group; the host's name by default.
    package var group: String
    /// How much it is preferred; 10 in the field.
    package var weight: Int
    /// Sectors may be sealed here.
    package var canSeal: Bool
    /// Finished sectors may be kept here.
    package var canStore: Bool
    /// New sectors may begin here; otherwise only those that are moved here.
    package var admitsNew: Bool
    /// What lies here may be read, and nothing written.
    package var isReadOnly: Bool
    /// The file system it lies on, whose room all its stores share; `nil` for one of its own.
    package var fileSystem: HostInfo.FileSystem?
    /// 0 where it is not known.
    package var readBytesPerSecond: UInt64
    package var writeBytesPerSecond: UInt64

    package init(
        name: String, host: String, capacityBytes: UInt64, sealingCountMax: Int, group: String? = nil,
        weight: Int = 10, canSeal: Bool = true, canStore: Bool = true, admitsNew: Bool = true,
        isReadOnly: Bool = false,
        fileSystem: HostInfo.FileSystem? = nil, readBytesPerSecond: UInt64 = 0,
        writeBytesPerSecond: UInt64 = 0
    ) {
        self.name = name
        self.host = host
        self.capacityBytes = capacityBytes
        self.sealingCountMax = sealingCountMax
        self.group = group ?? host
        self.weight = weight
        self.canSeal = canSeal
        self.canStore = canStore
        self.admitsNew = admitsNew
        self.isReadOnly = isReadOnly
        self.fileSystem = fileSystem
        self.readBytesPerSecond = readBytesPerSecond
        self.writeBytesPerSecond = writeBytesPerSecond
    }
}

/// A store and what lies on it.
package struct StoreState: Sendable, Hashable, Codable {
    package var info: StoreInfo
    package var reservedBytes: UInt64
    package var sectorCount: Int
    /// Within reach; a store may be online although no worker of its host takes new tasks.
    package var isOnline: Bool

    package init(info: StoreInfo, reservedBytes: UInt64 = 0, sectorCount: Int = 0, isOnline: Bool = true) {
        self.info = info
        self.reservedBytes = reservedBytes
        self.sectorCount = sectorCount
        self.isOnline = isOnline
    }

    /// Says why there is no room for a sector; `nil` where there is.
    ///
    /// - Parameters:
    ///   - reserved: bytes that are taken here, those not in the state yet included; `count` likewise.
    ///   - shared: bytes that all stores of the file system have taken; 0 where it is its own.
    @inline(__always)
    func refusal(_ bytes: UInt64, reserved: UInt64, count: Int, shared: UInt64) -> Refusal? {
        guard isOnline else { return Refusal(.storeMissing, info.name) }
        guard info.canSeal, !info.isReadOnly else { return Refusal(.storeClosed, info.name) }
        if info.sealingCountMax > 0, count >= info.sealingCountMax {
            return Refusal(.sealingCount, info.name, needed: Double(info.sealingCountMax))
        }
        let free = info.capacityBytes - min(reserved, info.capacityBytes)
        guard bytes <= free else {
            return Refusal(.storeFull, info.name, needed: Double(bytes), free: Double(free))
        }
        if let fileSystem = info.fileSystem {
            let left = fileSystem.capacityBytes - min(shared, fileSystem.capacityBytes)
            if bytes > left {
                return Refusal(.fileSystemFull, fileSystem.id, needed: Double(bytes), free: Double(left))
            }
        }
        return nil
    }
}

/// What the storage index understands.
package enum StorageMessage: Message {
    /// A store is there, or there again.
    indirect case attach(StoreInfo)
    /// Room at a store for a sector's whole life in the pipeline: the owner hears `reserved`, and the asker
    /// `placed` or `refused`. A sector that has room keeps it, wherever it is.
    case reserve(
        SectorKey, bytes: UInt64, at: String, owner: Ref<StorageEvent>, replyTo: Ref<StorageEvent>?)
    /// The sector lies at `store` already, from before this index was started: its room is taken again.
    /// Answered with `lost` where the store does not come back.
    case claim(SectorKey, store: String, bytes: UInt64, replyTo: Ref<StorageEvent>)
    /// The index's own alarm: a store that was claimed had its time to come back.
    case claimExpired(store: String)
    /// The sector has left the pipeline: its room is free.
    case release(SectorKey)
    /// What lies of the sector at that store is not waited for any longer: its owner hears `lost`, its room
    /// is free, and what is left of it goes when the store is within reach.
    case abandon(SectorKey, store: String)
    /// Room for a sector that is to move: the asker hears `moveReserved` or `moveRefused`.
    case reserveMove(SectorKey, to: String, replyTo: Ref<StorageEvent>)
    /// The move came to nothing: its room is free.
    case cancelMove(SectorKey, to: String)
    /// The sector's files lie at that store now, and nowhere else; its owner hears `moved`.
    case declare(SectorKey, store: String)
    /// The store is out of reach, or within it again; what lies there is not lost.
    case setOnline(store: String, Bool)
    /// The store is gone for good: what lay there is lost.
    case lose(store: String)
    /// Where a sector is.
    case find(SectorKey, replyTo: Ref<StorageEvent>)
    /// What lies where.
    case list(replyTo: Ref<StorageEvent>)
    /// Every change of a store is told from now on.
    case subscribe(Ref<StorageEvent>)
    /// About stores that are real directories.
    // Behind a reference: rare, and large.
    indirect case path(PathMessage)

    package static var messageName: String { "scheduler.storage" }
}

/// What the storage index answers.
package enum StorageEvent: Message, Hashable {
    /// The sector has room at `store` on `host`.
    case reserved(SectorKey, store: String, host: String)
    /// The store that held the sector is gone.
    case lost(SectorKey, store: String)
    /// The sector's files are at another store now; where `wantsWord`, answered with
    /// ``PathMessage/settled(_:store:)`` once the sector's record says so.
    case moved(SectorKey, store: String, host: String, wantsWord: Bool = false)
    /// Where the sector is; `nil` where nothing is known.
    case location(SectorKey, store: String?, host: String?)
    /// All stores, in order of their names.
    case stores([StoreState])
    /// The sector has room there; what the store holds now.
    // Behind a reference, as all that is large: every event is as large as the largest.
    indirect case placed(SectorKey, StoreState)
    /// There is no room for it there.
    indirect case refused(SectorKey, store: String, Refusal)
    /// There is room for the sector's move there.
    indirect case moveReserved(SectorKey, StoreState)
    /// There is none; a word of its own, since a sector that begins anew may ask for room at the same store
    /// while the answer to its former move is on its way.
    indirect case moveRefused(SectorKey, store: String, Refusal)
    /// What a store holds now.
    indirect case changed(StoreState)
    /// A store is gone.
    case gone(store: String)
    /// About stores that are real directories.
    indirect case path(PathEvent)

    package static var messageName: String { "scheduler.storage.event" }
}
