// SPDX-License-Identifier: Apache-2.0
internal import Kernel
internal import Scheduler

/// What proofs read from the long-term stores.
extension ModelStores {
    /// Hosts that prove, with their cards alone.
    func provingCards(_ scenario: Scenario, _ plan: ClusterPlan) -> [(host: String, model: Host)] {
        plan.processes.filter { $0.runs(.windowPoSt) }.map { process in
            let nic = scenario.hosts.first { $0.name == process.group }?.nic.bytesPerSecond ?? 0
            let model = Host(
                group: process.group, isSealing: false, readBytesPerSecond: 1, writeBytesPerSecond: 1,
                nicBytesPerSecond: max(1, nic), requestsPerSecond: nil)
            return (process.host, model)
        }
    }

    /// Some store cannot be read now.
    var isSomeOutOfReach: Bool { stores.contains { !$0.canBeRead } }

    /// Those of some sectors that lie on stores which cannot be read now, and these stores' names.
    func outOfReach(_ sectors: [UInt64]) -> (sectors: [UInt64], stores: [String]) {
        guard isSomeOutOfReach else { return ([], []) }
        var gone: Set<Int> = []
        let found = sectors.filter { number in
            guard let place = places.store(of: number), !stores[place].canBeRead else { return false }
            gone.insert(place)
            return true
        }
        return (found, gone.sorted().map { stores[$0].name })
    }

    /// Whoever reads from a store that is down waits for it, and gives up after so long: Lotus's limit for
    /// one sector, `SingleCheckTimeout`.
    private static let patience = Duration.seconds(600)

    /// When to look again at stores that cannot be read, for who waits since then; `nil` where there is no
    /// use in it. What is not mounted fails at once.
    func nextLook(_ names: [String], since begin: Instant) -> Instant? {
        let end = begin + Self.patience
        guard clock.now < end else { return nil }
        let down = stores.filter { names.contains($0.name) && $0.isMounted }
        // Another fault may keep a store down beyond the end of this one.
        return down.map { store in
            // A second later it is up, whatever comes first at that instant.
            store.upAt.map { min($0 + .seconds(1), end) } ?? end
        }.map { $0 > clock.now ? $0 : end }.min()
    }

    /// A sector was moved to a store, and stays there.
    func keeps(_ number: UInt64, _ name: String) {
        if let place = stores.firstIndex(where: { $0.name == name }) { places.put(number, at: place) }
    }

    /// The flows of one proof that reads so many bytes on a host; what a proof leaves out it does not read.
    ///
    /// Assumed: sectors lie on all stores in proportion to the stores' capacities.
    func provingReads(_ bytes: Double, _ host: String) -> [SharedHardware.Part] {
        let total = stores.reduce(0.0) { $0 + Double($1.capacityBytes) }
        guard bytes > 0, total > 0 else { return [] }
        return stores.filter(\.canBeRead).map { store in
            let uses = way(from: store, to: host).map { FairShares.Use(transfers.resource($0)) }
            return SharedHardware.Part(
                transfers: transfers, uses: uses, amount: bytes * Double(store.capacityBytes) / total,
                isComputing: false,
                limit: min(
                    store.transferBytesPerSecond,
                    lossRate([host], roundTrip(from: host, to: store), store.connections)))
        }
    }

    private func way(from store: Store, to host: String) -> [String] {
        var way = ["store-read \(store.name)"]
        guard let known = hosts[host] else { return way }
        let link = "link \(store.name) \(host)"
        transfers.setCapacity(link, max(1, store.linkBytesPerSecond[known.group] ?? linkBytesPerSecond))
        way += ["nic-in \(host)", link]
        if store.clientBytesPerSecond.isFinite {
            let client = "store-client-read \(store.name) \(host)"
            transfers.setCapacity(client, store.clientBytesPerSecond)
            way.append(client)
        }
        return way + switches(from: store.name, to: known.group)
    }
}
