// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// The long-term stores and the disks of the hosts, as far as they take time.
///
/// A store is a pipe: transfers to it queue behind one another at its write bandwidth, and none is
/// faster than its host's disk and card. That gives the exact throughput of a store that all
/// writers share evenly, and nearly its delays.
// Safety: touched only by the script and the components of one simulated world, which runs on one thread.
final class ModelStores: @unchecked Sendable {
    private struct Store {
        let name: String
        let capacityBytes: Int
        let writeBytesPerSecond: Double
        /// Links of host groups to this store that differ from all others, bytes per second.
        let linkBytesPerSecond: [String: Double]
        var usedBytes = 0
        var freeAt: Instant = .zero
        var slowness = 1.0
        var isDown = false
        /// When it comes up again; `nil` for never.
        var upAt: Instant?
    }

    private struct Host {
        let group: String
        let outBytesPerSecond: Double
        var diskSlowness = 1.0
        var networkSlowness = 1.0
    }

    private var stores: [Store]
    private var hosts: [String: Host]

    init(scenario: Scenario, plan: ClusterPlan) {
        stores = scenario.stores.map { store in
            var links: [String: Double] = [:]
            for link in scenario.links.exceptions {
                if link.to == store.name { links[link.from] = link.bandwidth.bytesPerSecond }
                if link.from == store.name { links[link.to] = link.bandwidth.bytesPerSecond }
            }
            return Store(
                name: store.name, capacityBytes: store.capacity.bytes,
                writeBytesPerSecond: max(1, store.write.bytesPerSecond), linkBytesPerSecond: links)
        }
        hosts = [:]
        for host in plan.hosts {
            hosts[host.host] = Host(group: host.group, outBytesPerSecond: max(1, host.outBytesPerSecond))
        }
    }

    /// Bytes that lie on all stores.
    var usedBytes: Int { stores.reduce(0) { $0 + $1.usedBytes } }

    /// How many times slower a host's disks are now.
    func diskFactor(_ host: String) -> Double { hosts[host]?.diskSlowness ?? 1 }

    /// Takes room on the store on which the transfer ends first, and says when; `nil` where none
    /// has room.
    ///
    /// A store that is down and will come up again is waited for.
    func beginTransfer(of bytes: Int, from host: String, at now: Instant) -> (store: String, end: Instant)? {
        var best: (index: Int, end: Instant)?
        for (index, store) in stores.enumerated() {
            guard bytes <= store.capacityBytes - store.usedBytes, let end = end(bytes, host, store, now)
            else {
                continue
            }
            if best.map({ end < $0.end }) ?? true { best = (index, end) }
        }
        guard let best else { return nil }
        stores[best.index].usedBytes += bytes
        let pipe = Double(bytes) / stores[best.index].writeBytesPerSecond * stores[best.index].slowness
        let begin = start(stores[best.index], now) ?? now
        stores[best.index].freeAt = begin + .nanoseconds(Int64(pipe * 1e9))
        return (stores[best.index].name, best.end)
    }

    /// Frees room of a transfer that came to nothing.
    func giveBack(_ bytes: Int, to name: String) {
        guard let index = stores.firstIndex(where: { $0.name == name }) else { return }
        stores[index].usedBytes -= bytes
    }

    // MARK: Faults

    func setDown(_ name: String, until end: Instant?) {
        change(name) {
            $0.isDown = true
            $0.upAt = end
        }
    }

    func setUp(_ name: String) { change(name) { $0.isDown = false } }

    func slow(_ name: String, by factor: Double) { change(name) { $0.slowness = factor } }

    func slowDisk(of host: String, by factor: Double) { hosts[host]?.diskSlowness = factor }

    func slowNetwork(of host: String, by factor: Double) { hosts[host]?.networkSlowness = factor }

    private func change(_ name: String, _ body: (inout Store) -> Void) {
        guard let index = stores.firstIndex(where: { $0.name == name }) else { return }
        body(&stores[index])
    }

    /// When a store takes the next transfer; `nil` for never.
    private func start(_ store: Store, _ now: Instant) -> Instant? {
        let next = max(now, store.freeAt)
        guard store.isDown else { return next }
        return store.upAt.map { max(next, $0) }
    }

    private func end(_ bytes: Int, _ name: String, _ store: Store, _ now: Instant) -> Instant? {
        guard let begin = start(store, now) else { return nil }
        let pipe = Double(bytes) / store.writeBytesPerSecond * store.slowness
        var host = 0.0
        if let known = hosts[name] {
            let rate = min(known.outBytesPerSecond, store.linkBytesPerSecond[known.group] ?? .infinity)
            host = Double(bytes) / rate * max(known.diskSlowness, known.networkSlowness)
        }
        return begin + .nanoseconds(Int64(max(pipe, host) * 1e9))
    }
}
