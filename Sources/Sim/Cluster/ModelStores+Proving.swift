// SPDX-License-Identifier: Apache-2.0
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

    /// The flows of one proof that reads so many bytes on a host.
    ///
    /// Assumed: sectors lie on all stores in proportion to the stores' capacities.
    func provingReads(_ bytes: Double, _ host: String) -> [SharedHardware.Part] {
        let total = stores.reduce(0.0) { $0 + Double($1.capacityBytes) }
        guard bytes > 0, total > 0 else { return [] }
        return stores.map { store in
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
