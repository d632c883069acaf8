// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// What the storage index hears of stores that are real directories.
package enum PathMessage: Sendable, Codable {
    /// A worker of that host keeps stores, or may be told to.
    case enlist(host: String, Ref<KeeperMessage>)
    /// A worker is about to read what lies in a store. ``KeeperMessage/list(store:)`` bids it begin: what
    /// others tell of that store from then on is newer than the list.
    case listing(store: String, host: String, keeper: Ref<KeeperMessage>)
    /// A directory is there, or there again, with what lies in it; `nil` where that could not be read.
    case open(StoreInfo, StorePath, StoreHealth, [SectorFiles]?, keeper: Ref<KeeperMessage>)
    /// More of what lies there, after ``open(_:_:_:_:keeper:)``.
    case lists(store: String, host: String, [SectorFiles])
    /// The list is told to its end.
    case listed(store: String, host: String)
    /// A sign of life. A store that is not known is answered with ``KeeperMessage/unknown(store:)``.
    case health(store: String, host: String, StoreHealth, keeper: Ref<KeeperMessage>)
    /// What a store holds of these sectors now.
    case holds(store: String, [SectorFiles])
    /// A worker does not serve the directory any more.
    case close(store: String, host: String)
    /// The kernel's word: a keeper is gone.
    case keeperGone(host: String, Termination)
    /// A place for a finished sector; answered with `place` or `noPlace`, and held until it is stored or
    /// given back.
    case choose(SectorFiles, host: String, replyTo: Ref<StorageEvent>)
    /// Nothing will come to the place that was chosen.
    case giveBack(SectorKey)
    /// The finished sector's files are complete in that store.
    case stored(SectorKey, store: String)
    /// The sector's record says, on disk, that its files are at that store: other copies may go.
    case settled(SectorKey, store: String)
    /// The sector is to be forgotten: its files may go everywhere.
    case forget(SectorKey)
    /// Every store that holds files of a sector; answered with `copies`.
    case whereIs(SectorKey, replyTo: Ref<StorageEvent>)
    /// All stores; answered with `overview`.
    case overview(replyTo: Ref<StorageEvent>)
    /// An operator's word to the worker of a host; answered with `ordered`.
    case order(host: String, StoreOrder, replyTo: Ref<StorageEvent>)
    /// A keeper's answer to an order.
    case ordered(UInt64, StoreOrderResult)
}

/// What the storage index answers about stores that are real directories.
package enum PathEvent: Sendable, Hashable, Codable {
    /// A finished sector goes to that store, which is reached at `path` on `host`.
    case place(SectorKey, store: String, host: String, StorePath)
    /// No store takes it, and why.
    case noPlace(SectorKey, String)
    /// In order of the stores' names.
    case copies(SectorKey, [SectorCopy])
    case overview([StoreOverview])
    case ordered(StoreOrderResult)
}

/// What a worker's keeper of stores hears.
package enum KeeperMessage: Message {
    /// What lies in that store may be read now, and told with ``PathMessage/open(_:_:_:_:keeper:)``.
    case list(store: String)
    /// The index does not know that store: open it again.
    case unknown(store: String)
    /// That copy of a sector is not wanted any more.
    case drop(SectorKey, store: String)
    /// An operator's word, answered with ``PathMessage/ordered(_:_:)``.
    case order(UInt64, StoreOrder)
    /// The index is out of reach.
    case indexLost(Termination)
    /// The keeper's own alarm: look at the directories.
    case lookDue
    /// Its own word: how the directories are.
    case looked

    package static var messageName: String { "scheduler.keeper" }
}

/// What an operator wants done with a worker's directories.
package enum StoreOrder: Sendable, Hashable, Codable {
    /// Use the directory from now on, also after a restart; `settings` makes it a store first.
    case attach(path: String, settings: StoreSettings?)
    /// Do not use it any more; nothing is deleted.
    case detach(path: String)
    /// Look at what lies there, or in all directories, and tell the index.
    case redeclare(path: String?)
}

/// What a directory that becomes a store is to be.
package struct StoreSettings: Sendable, Hashable, Codable {
    package var weight: Int
    package var canSeal: Bool
    package var canStore: Bool
    /// 0 for no limit.
    package var bytesMax: UInt64
    package var groups: [String]
    package var allowTo: [String]
    package var allowTypes: [SectorFileType]
    package var denyTypes: [SectorFileType]

    package init(
        weight: Int = 10, canSeal: Bool = false, canStore: Bool = false, bytesMax: UInt64 = 0,
        groups: [String] = [], allowTo: [String] = [], allowTypes: [SectorFileType] = [],
        denyTypes: [SectorFileType] = []
    ) {
        self.weight = weight
        self.canSeal = canSeal
        self.canStore = canStore
        self.bytesMax = bytesMax
        self.groups = groups
        self.allowTo = allowTo
        self.allowTypes = allowTypes
        self.denyTypes = denyTypes
    }
}

/// What became of an order.
package enum StoreOrderResult: Sendable, Hashable, Codable {
    /// Done, with a word about it.
    case done(String)
    /// Not done, and why.
    case refused(String)
}

extension StorageMessage {
    /// Questions need no more than reading.
    package var permission: Permission {
        switch self {
        case .find, .list, .path(.whereIs), .path(.overview): .read
        default: .admin
        }
    }
}
