// SPDX-License-Identifier: Apache-2.0
private import OrderedCollections
private import Synchronization

/// Who is told when a component is gone.
extension LiveWorld {
    func watch(
        _ target: Address,
        by watcher: Address,
        _ notify: @escaping @Sendable (Termination) -> Void
    ) {
        let isKnown = tables.withLock { tables in
            // Looked up under the lock under which a stopping place leaves, so that no end is missed.
            guard target.node != name || tables.places[target.name] != nil else { return false }
            tables.watches[target]?.removeAll { $0.watcher == watcher }
            tables.watches[target, default: []].append(LiveWatch(watcher: watcher, notify: notify))
            return true
        }
        guard isKnown else { return notify(.unknown) }
        if target.node != name { tellPeer(target.node, .watch(target: target, watcher: watcher)) }
    }

    func unwatch(_ target: Address, by watcher: Address) {
        tables.withLock { tables in
            tables.watches[target]?.removeAll { $0.watcher == watcher }
            if tables.watches[target]?.isEmpty == true { tables.watches[target] = nil }
        }
        if target.node != name { tellPeer(target.node, .unwatch(target: target, watcher: watcher)) }
    }

    func notifyWatchers(of target: Address, _ reason: Termination) {
        let watches = tables.withLock { $0.watches.removeValue(forKey: target) } ?? []
        for watch in watches { watch.notify(reason) }
    }

    func tellPeer(_ peer: String, _ message: PeerWatchMessage) {
        let address = Address(node: peer, name: PeerWatcher.name)
        if case .rejected = carry(message, to: address), case .watch(let target, _) = message {
            notifyWatchers(of: target, .peerLost)
        }
    }

    /// A session ended: all watches across it end as well; see ``TransportReceiver``.
    public func peerLost(_ peer: String) {
        let lost = tables.withLock { tables in
            var lost: [LiveWatch] = []
            for target in tables.watches.keys where target.node == peer {
                lost += tables.watches[target] ?? []
            }
            tables.watches.removeAll { $0.key.node == peer }
            for target in tables.watches.keys {
                tables.watches[target]?.removeAll { $0.watcher.node == peer }
            }
            tables.watches.removeAll { $0.value.isEmpty }
            return lost
        }
        for watch in lost { watch.notify(.peerLost) }
    }
}

/// A wish to be told when an address is gone.
struct LiveWatch {
    let watcher: Address
    let notify: @Sendable (Termination) -> Void
}

extension LiveWorld.Tables {
    mutating func forgetWatches(by watcher: Address) {
        for target in watches.keys { watches[target]?.removeAll { $0.watcher == watcher } }
        watches.removeAll { $0.value.isEmpty }
    }
}
