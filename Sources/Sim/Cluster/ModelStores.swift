// SPDX-License-Identifier: Apache-2.0
internal import Kernel
internal import Scheduler

/// The long-term stores, the disks and the cards of the hosts, as far as they take time and room.
// Safety: touched only by the script and the components of one simulated world, which runs on one thread.
final class ModelStores: @unchecked Sendable {
    struct Store {
        let name: String
        let capacityBytes: Int
        let writeBytesPerSecond: Double
        let readBytesPerSecond: Double
        /// Links of host groups to this store that differ from all others, bytes per second.
        let linkBytesPerSecond: [String: Double]
        /// Round trips to host groups that differ from all others, seconds.
        let roundTrips: [String: Double]
        /// Connections of one transfer: one for each request that it has under way.
        let connections: Int
        var usedBytes = 0
        var slowness = 1.0
        var isDown = false
        /// When it comes up again; `nil` for never.
        var upAt: Instant?
        var isMounted = true
        var isFull = false
        /// When something found no room here first, and nowhere else either.
        var lackedRoomAt: Instant?
        /// Bytes that are on their way here.
        var comingBytes = 0
        /// Whom to tell of each transfer on its way here, in order of their beginning.
        var coming: [(id: FairTransfers.Flow, bytes: Int, done: (TransferEnd) -> Void)] = []
        /// What one host gets at most, and all requests together; infinite where nothing is said.
        let clientBytesPerSecond: Double
        let requestBytesPerSecond: Double
        /// What the requests of one transfer carry at most.
        let transferBytesPerSecond: Double

        /// What lies there is within reach.
        var canBeRead: Bool { !isDown && isMounted }
        /// What it takes of all together.
        var bytesPerSecond: Double { min(writeBytesPerSecond, requestBytesPerSecond) }
    }

    struct Host {
        let group: String
        /// It has disks for sealing; others are here for their cards alone.
        var isSealing = true
        let readBytesPerSecond: Double
        let writeBytesPerSecond: Double
        let nicBytesPerSecond: Double
        /// Requests a second of its sealing disks; `nil` where they set no limit.
        let requestsPerSecond: Double?
        var diskSlowness = 1.0
        var networkSlowness = 1.0
        var isCutOff = false
    }

    /// How a transfer to a long-term store ended.
    enum TransferEnd {
        case arrived(String)
        case failed(String)
    }

    /// A transfer under way, to be stopped with its task.
    struct Transfer {
        fileprivate let id: FairTransfers.Flow
        fileprivate let bytes: Int
        /// The long-term store; `nil` between sealing hosts.
        let store: String?
    }

    private(set) var stores: [Store]
    private(set) var hosts: [String: Host]
    let transfers: FairTransfers
    let clock: ModelClock
    let linkBytesPerSecond: Double
    /// Proofs read what they prove; else nobody reads from long-term stores.
    private let readsProofs: Bool
    /// By host group or store: the switch that it hangs on.
    private let switches: [String: Scenario.Switch]
    /// Sectors' files that were moved between sealing hosts so far, to the end.
    private(set) var movedBytes = 0
    private(set) var moveCount = 0
    /// The share of packets that a host loses, where it loses any.
    var losses: [String: Double] = [:]
    /// Transfers under way, in order of their beginning.
    var ways: [Way] = []
    var places: SectorPlaces
    private let roundTripSeconds: Double

    init(scenario: Scenario, plan: ClusterPlan, clock: ModelClock, countsFrom: Instant) {
        self.clock = clock
        places = SectorPlaces(scenario)
        readsProofs = scenario.diskBytes(.reads, of: .windowPoSt) > 0
        transfers = FairTransfers(clock: clock, countsFrom: countsFrom)
        switches = scenario.links.switches.reduce(into: [:]) { known, item in
            for member in item.members { known[member] = item }
        }
        linkBytesPerSecond = max(1, scenario.links.bandwidth.bytesPerSecond)
        roundTripSeconds = 2 * scenario.links.latency.secondsValue
        stores = scenario.stores.map { store in
            var (links, trips): ([String: Double], [String: Double]) = ([:], [:])
            for link in scenario.links.exceptions where [link.from, link.to].contains(store.name) {
                let other = link.to == store.name ? link.from : link.to
                links[other] = link.bandwidth.bytesPerSecond
                trips[other] = 2 * link.latency.secondsValue
            }
            return Store(
                name: store.name, capacityBytes: store.capacity.bytes,
                writeBytesPerSecond: max(1, store.write.bytesPerSecond),
                readBytesPerSecond: max(1, store.read.bytesPerSecond), linkBytesPerSecond: links,
                roundTrips: trips, connections: store.streams,
                clientBytesPerSecond: store.perClient?.bytesPerSecond ?? .infinity,
                requestBytesPerSecond: store.requestBytesPerSecond,
                transferBytesPerSecond: store.transferBytesPerSecond)
        }
        hosts = [:]
        for host in plan.hosts {
            hosts[host.host] = Host(
                group: host.group, readBytesPerSecond: max(1, host.readBytesPerSecond),
                writeBytesPerSecond: max(1, host.writeBytesPerSecond),
                nicBytesPerSecond: max(1, host.nicBytesPerSecond),
                requestsPerSecond: host.diskRequestsPerSecond)
        }
        if readsProofs {
            for card in provingCards(scenario, plan) where hosts[card.host] == nil {
                hosts[card.host] = card.model
            }
        }
        for item in scenario.links.switches {
            if let rate = item.backplane { transfers.setCapacity("switch \(item.name)", rate.bytesPerSecond) }
            guard let rate = item.uplink else { continue }
            transfers.setCapacity("uplink-out \(item.name)", rate.bytesPerSecond)
            transfers.setCapacity("uplink-in \(item.name)", rate.bytesPerSecond)
        }
        for index in stores.indices { setRate(ofStore: index) }
        for host in plan.hosts { setRates(ofHost: host.host) }
        for host in hosts.filter({ !$0.value.isSealing }).keys.sorted() { setRates(ofHost: host) }
    }

    /// Bytes that lie on all stores.
    var usedBytes: Int { stores.reduce(0) { $0 + $1.usedBytes } }

    /// How many times slower a host's disks are now.
    func diskFactor(_ host: String) -> Double { hosts[host]?.diskSlowness ?? 1 }

    // MARK: Transfers

    /// Takes room on the store that promises to have the bytes first and begins to move them there; `nil`
    /// where none has room.
    ///
    /// A store that is down and will come up again is waited for.
    func store(
        _ bytes: Int, from host: String, _ done: @escaping (TransferEnd) -> Void
    ) -> Transfer? {
        var best: (index: Int, seconds: Double)?
        for (index, store) in stores.enumerated() where store.isMounted && !store.isFull {
            guard bytes <= store.capacityBytes - store.usedBytes, let seconds = promise(bytes, host, store)
            else { continue }
            if best.map({ seconds < $0.seconds }) ?? true { best = (index, seconds) }
        }
        guard let index = best?.index else {
            noteLack(of: bytes)
            return nil
        }
        stores[index].usedBytes += bytes
        stores[index].comingBytes += bytes
        let name = stores[index].name
        let uses = way(from: host, toStore: index).map { FairShares.Use(transfers.resource($0)) }
        let limit = stores[index].transferBytesPerSecond
        let id = transfers.begin(Double(max(0, bytes)), uses, limit: limit) { [weak self] id in
            self?.arrived(id)
            self?.noComing(id, bytes, index)
            done(.arrived(name))
        }
        stores[index].coming.append((id, bytes, done))
        setOut(
            Way(
                id: id, hosts: [host], roundTripSeconds: roundTrip(from: host, to: stores[index]),
                connections: stores[index].connections, limit: limit))
        return Transfer(id: id, bytes: bytes, store: name)
    }

    /// Stores that lack these bytes, for the report; those that are troubled otherwise are a fault's matter.
    private func noteLack(of bytes: Int) {
        for index in stores.indices where bytes > stores[index].capacityBytes - stores[index].usedBytes {
            stores[index].lackedRoomAt = stores[index].lackedRoomAt ?? clock.now
        }
    }

    /// Moves a sector's files between sealing hosts.
    func move(_ bytes: Int, from source: String, to target: String, _ done: @escaping () -> Void) -> Transfer
    {
        let way = ["disk-read \(source)", "nic-out \(source)", "nic-in \(target)", "disk-write \(target)"]
        let link = "link \(source) \(target)"
        transfers.setCapacity(link, linkBytesPerSecond)
        let resources = way + [link] + switches(from: hosts[source]?.group, to: hosts[target]?.group)
        let id = transfers.begin(bytes: bytes, through: resources) { [weak self] id in
            self?.arrived(id)
            self?.movedBytes += bytes
            self?.moveCount += 1
            done()
        }
        setOut(
            Way(
                id: id, hosts: [source, target], roundTripSeconds: roundTripSeconds, connections: 1,
                limit: .infinity))
        return Transfer(id: id, bytes: bytes, store: nil)
    }

    /// Stops a transfer; the room that it took on a long-term store is free again.
    func cancel(_ transfer: Transfer) {
        transfers.cancel(transfer.id)
        arrived(transfer.id)
        guard let index = stores.firstIndex(where: { $0.name == transfer.store }) else { return }
        noComing(transfer.id, transfer.bytes, index)
        stores[index].usedBytes -= transfer.bytes
    }

    /// Lets a transfer have no more than its process may; `nil` for all that it can get.
    func restrict(_ transfer: Transfer, of host: String, _ restriction: ModelHosts.Restriction?) {
        guard let place = ways.firstIndex(where: { $0.id == transfer.id }) else { return }
        ways[place].processLimit = .infinity
        ways[place].processLoss = restriction?.loss ?? 0
        if let slowness = restriction?.slowness, let card = hosts[host]?.nicBytesPerSecond {
            ways[place].processLimit = card / max(1e-3, slowness)
        }
        if restriction?.isStuck == true { ways[place].processLimit = 0 }
        transfers.setLimit(transfer.id, rate(ways[place]))
    }

    /// Seconds from a packet to a store until its answer.
    func roundTrip(from host: String, to store: Store) -> Double {
        hosts[host].flatMap { store.roundTrips[$0.group] } ?? roundTripSeconds
    }

    private func noComing(_ id: FairTransfers.Flow, _ bytes: Int, _ index: Int) {
        stores[index].comingBytes -= bytes
        stores[index].coming.removeAll { $0.id == id }
    }

    /// Frees the room of what was moved to a store in vain.
    func giveBack(_ bytes: Int, to name: String) {
        guard let index = stores.firstIndex(where: { $0.name == name }) else { return }
        stores[index].usedBytes -= bytes
    }

    private func way(from host: String, toStore index: Int) -> [String] {
        let store = stores[index]
        var way = ["store-write \(store.name)"]
        guard let known = hosts[host] else { return way }
        way += ["disk-read \(host)", "nic-out \(host)"]
        let link = "link \(host) \(store.name)"
        transfers.setCapacity(
            link, max(1, store.linkBytesPerSecond[known.group] ?? linkBytesPerSecond))
        way.append(link)
        if store.clientBytesPerSecond.isFinite {
            let client = "store-client \(store.name) \(host)"
            transfers.setCapacity(client, store.clientBytesPerSecond)
            way.append(client)
        }
        return way + switches(from: known.group, to: store.name)
    }

    /// The switches between two host groups or stores, and the uplinks where these differ.
    func switches(from source: String?, to target: String) -> [String] {
        let (first, last) = (source.flatMap { switches[$0] }, switches[target])
        var way: [String] = []
        if let first, first.backplane != nil { way.append("switch \(first.name)") }
        guard first != last else { return way }
        if let last, last.backplane != nil { way.append("switch \(last.name)") }
        if let first, first.uplink != nil { way.append("uplink-out \(first.name)") }
        if let last, last.uplink != nil { way.append("uplink-in \(last.name)") }
        return way
    }

    private func switches(from source: String?, to target: String?) -> [String] {
        target.map { switches(from: source, to: $0) } ?? []
    }

    // MARK: Disks

    /// What a task takes of a host's sealing disks for each byte that it reads or writes there.
    ///
    /// - Parameter requestBytes: of one read or write; `nil` where they are large, and only bytes count.
    func diskUses(_ host: String, isWrite: Bool, requestBytes: Double?) -> [FairShares.Use] {
        var uses = [FairShares.Use(transfers.resource("\(isWrite ? "disk-write" : "disk-read") \(host)"))]
        if let requestBytes, requestBytes > 0, hosts[host]?.requestsPerSecond != nil {
            uses.append(.init(transfers.resource("disk-requests \(host)"), weight: 1 / requestBytes))
        }
        return uses
    }

    /// The host has sealing disks.
    func hasDisks(_ host: String) -> Bool { hosts[host]?.isSealing ?? false }

    /// Seconds until a store would have these bytes if nothing else came; `nil` for never.
    private func promise(_ bytes: Int, _ name: String, _ store: Store) -> Double? {
        var wait = 0.0
        if store.isDown {
            guard let upAt = store.upAt else { return nil }
            wait = max(0, Double((upAt - clock.now).nanoseconds) / 1e9)
        }
        let pipe = Double(bytes + store.comingBytes) / store.bytesPerSecond * store.slowness
        guard let host = hosts[name] else { return wait + pipe }
        let link = store.linkBytesPerSecond[host.group] ?? linkBytesPerSecond
        let rate = min(
            host.readBytesPerSecond / host.diskSlowness, host.nicBytesPerSecond / host.networkSlowness, link,
            min(store.clientBytesPerSecond, store.transferBytesPerSecond),
            lossRate([name], roundTrip(from: name, to: store), store.connections))
        return wait + max(pipe, Double(bytes) / rate)
    }

    // MARK: Faults

    func setDown(_ name: String, until end: Instant?) {
        change(name) {
            $0.isDown = true
            $0.upAt = end
        }
    }

    func setUp(_ name: String) { change(name) { $0.isDown = false } }

    /// Takes a store's mount away, with which its transfers fail, or gives it back.
    func setMounted(_ name: String, _ isMounted: Bool) {
        change(name) { $0.isMounted = isMounted }
        guard !isMounted, let index = stores.firstIndex(where: { $0.name == name }) else { return }
        for coming in stores[index].coming {
            cancel(Transfer(id: coming.id, bytes: coming.bytes, store: name))
            coming.done(.failed("the store \(name) is not mounted any more"))
        }
    }

    func setFull(_ name: String, _ isFull: Bool) { change(name) { $0.isFull = isFull } }

    func slow(_ name: String, by factor: Double) { change(name) { $0.slowness = factor } }

    func slowDisk(of host: String, by factor: Double) {
        hosts[host]?.diskSlowness = max(1e-3, factor)
        setRates(ofHost: host)
    }

    func slowNetwork(of host: String, by factor: Double) {
        hosts[host]?.networkSlowness = max(1e-3, factor)
        setRates(ofHost: host)
    }

    /// Nothing comes or goes through the host's card.
    func cutNetwork(of host: String, _ isCutOff: Bool) {
        hosts[host]?.isCutOff = isCutOff
        setRates(ofHost: host)
    }

    private func change(_ name: String, _ body: (inout Store) -> Void) {
        guard let index = stores.firstIndex(where: { $0.name == name }) else { return }
        body(&stores[index])
        setRate(ofStore: index)
    }

    private func setRate(ofStore index: Int) {
        let store = stores[index]
        transfers.setCapacity(
            "store-write \(store.name)",
            store.isDown ? 0 : store.bytesPerSecond / max(1e-3, store.slowness))
        guard readsProofs else { return }
        let read = min(store.readBytesPerSecond, store.requestBytesPerSecond) / max(1e-3, store.slowness)
        transfers.setCapacity("store-read \(store.name)", store.canBeRead ? read : 0)
    }

    private func setRates(ofHost name: String) {
        guard let host = hosts[name] else { return }
        defer { setCard(of: name, host) }
        guard host.isSealing else { return }
        transfers.setCapacity("disk-read \(name)", host.readBytesPerSecond / host.diskSlowness)
        transfers.setCapacity("disk-write \(name)", host.writeBytesPerSecond / host.diskSlowness)
        if let requests = host.requestsPerSecond {
            transfers.setCapacity("disk-requests \(name)", requests / host.diskSlowness)
        }
    }

    private func setCard(of name: String, _ host: Host) {
        let card = host.isCutOff ? 0 : host.nicBytesPerSecond / host.networkSlowness
        transfers.setCapacity("nic-out \(name)", card)
        transfers.setCapacity("nic-in \(name)", card)
    }
}
