// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// What is physically possible, whatever a policy wants.
extension ClusterView {
    /// Says why a task may not start on a worker now; `nil` where it may.
    package func canStart(_ task: WaitingTask, on index: Int, at now: Instant) -> Refusal? {
        let type = task.id.type
        let host = workers[index].hostIndex
        if workers[index].freeCount(type) <= 0, let refusal = mayTake(type, workers[index]) { return refusal }
        if !poStHolds.isEmpty, !type.isPoSt, poStHolds.contains(hosts[host].machine) {
            return Refusal(.poStFirst, hosts[host].name)
        }
        if pacings[type.stage] != nil, let next = paceDelay(type, on: host, at: now) {
            return Refusal(.pace, hosts[host].name, until: next)
        }
        if let refusal = mayTry(task, at: now) { return refusal }
        if let from = task.hostIndex, from != host {
            if let held = heldMoves[task.id.sector], held > now {
                return Refusal(.filesElsewhere, task.host ?? "", until: held)
            }
            if let refusal = canMove(task, from, to: workers[index]) { return refusal }
        }
        let need = need(type, proof: task.request.proof, on: index)
        if need.maxConcurrent > 0, workers[index].busyCounts[type.stage] >= need.maxConcurrent {
            return Refusal(.maxConcurrent, workers[index].info.name, needed: Double(need.maxConcurrent))
        }
        if type == .finalize, let departure = departure(task, from: host),
            let refusal = ledger.links.check(departure)
        {
            return refusal
        }
        let refusal = ledger.check(
            need, stage: type.stage, host: hosts[host].machine, worker: workers[index].infoBox,
            disk: need.diskBytesPerSecond > 0 ? diskShare(need, of: task, on: index) : nil)
        if refusal == nil, !proofsAhead.isEmpty { return keepsForProofs(task, on: index, at: now) }
        return refusal
    }

    /// ``canStart(_:on:at:)`` says the same of every waiting task of a kind that lies on the worker's host or
    /// may run anywhere: what it asks of the task itself is the same for all of them now.
    func isSameForAll(_ type: TaskType) -> Bool {
        setbacks.isEmpty && offlineStores.isEmpty && needs.isSameForAll(type)
    }

    /// What a task would take of the disk that holds its files, or to which they are moved; `nil` where that
    /// is not known.
    func diskShare(_ need: ResourceNeed, of task: WaitingTask, on index: Int) -> ResourceLedger.DiskShare? {
        guard need.diskBytesPerSecond > 0 else { return nil }
        let worker = workers[index]
        let isHere = task.hostIndex == worker.hostIndex
        let name = isHere ? task.store.map { storeNames[$0] } : moveStore(task, to: worker)
        guard let info = store(name ?? worker.info.store)?.info else { return nil }
        let rates = [info.readBytesPerSecond, info.writeBytesPerSecond].filter { $0 > 0 }
        guard let limit = rates.min() else { return nil }
        return ResourceLedger.DiskShare(
            disk: info.fileSystem?.id ?? info.name, bytesPerSecond: need.diskBytesPerSecond, limit: limit)
    }

    /// The part of ``canStart(_:on:at:)`` that holds for every worker: files in reach, no setback just now.
    func mayTry(_ task: WaitingTask, at now: Instant) -> Refusal? {
        if let refusal = reach(task) { return refusal }
        if !setbacks.isEmpty, let setback = setbacks[task.id.sector], setback.until > now {
            return Refusal(.setback, needed: Double(setback.count), until: setback.until)
        }
        return nil
    }

    /// Says that a task's files are on a store out of reach; `nil` where they are not.
    private func reach(_ task: WaitingTask) -> Refusal? {
        guard let store = task.store, !offlineStores.isEmpty, offlineStores.contains(store) else {
            return nil
        }
        return Refusal(.filesOutOfReach, storeNames[store])
    }

    /// The part of ``canStart(_:on:at:)`` that depends on the kind alone.
    package func mayTake(_ type: TaskType, _ worker: WorkerView) -> Refusal? {
        let slots = worker.slotCounts[type.stage]
        guard slots > 0 else { return Refusal(.notAccepted) }
        guard worker.isAvailable else { return Refusal(.unavailable) }
        guard !worker.cordonedKinds[type.stage] else { return Refusal(.cordoned) }
        guard !worker.pausedKinds[type.stage] else { return Refusal(.paused) }
        guard worker.busyCounts[type.stage] < slots else { return Refusal(.noSlot, needed: Double(slots)) }
        return nil
    }

    /// Says why a task's files may not be moved to a worker's store now; `nil` where they may.
    package func canFetch(_ task: WaitingTask, to worker: Int) -> Refusal? {
        guard let from = task.hostIndex, from != workers[worker].hostIndex else { return nil }
        return reach(task) ?? canMove(task, from, to: workers[worker])
    }

    /// The store that takes files for a worker: its own, or where that has no room another for sealing of its
    /// host, the one with the most room times weight.
    private func moveTarget(_ bytes: UInt64, to worker: WorkerView) -> Result<Int, Refusal> {
        var refusal = Refusal(.storeMissing, worker.info.store)
        let own = storeIndex(worker.info.store)
        if let own {
            guard let full = room(for: bytes, at: own) else { return .success(own) }
            refusal = full
        }
        guard hosts[worker.hostIndex].storeCount > (own == nil ? 0 : 1) else { return .failure(refusal) }
        var best: (index: Int, value: Double)?
        for index in stores.indices
        where stores[index].hostIndex == worker.hostIndex && index != own
            && room(for: bytes, at: index) == nil
        {
            let info = stores[index].info
            let free = info.capacityBytes - min(info.capacityBytes, stores[index].reservedBytes)
            let value = Double(free) * Double(max(0, info.weight))
            if best.map({ value > $0.value }) ?? true { best = (index, value) }
        }
        return best.map { .success($0.index) } ?? .failure(refusal)
    }

    /// The name of that store for a task; the worker's own where there is none.
    func moveStore(_ task: WaitingTask, to worker: WorkerView) -> String {
        switch moveTarget(max(task.moveBytes, sealingBytes), to: worker) {
        case .success(let index): stores[index].info.name
        case .failure: worker.info.store
        }
    }

    private func canMove(_ task: WaitingTask, _ from: Int, to worker: WorkerView) -> Refusal? {
        guard worker.info.canFetch else { return Refusal(.filesElsewhere, task.host ?? "") }
        switch moveTarget(max(task.moveBytes, sealingBytes), to: worker) {
        case .success(let store):
            return ledger.links.check(linkShare(task, from: from, to: worker.hostIndex, store: store))
        case .failure(let refusal): return refusal
        }
    }

    /// A move takes no more than this part of the smaller card. One stream seldom fills a fast card, and a
    /// sector of hundreds of GiB must not shut the small ones out for as long as it is on its way.
    private static let linkPart: UInt64 = 4

    /// What a move takes of the two cards: what it can use of them, by the stores at its ends too.
    ///
    /// - Parameter store: where it goes, as a place in ``stores``; `nil` where that is not known.
    func linkShare(_ task: WaitingTask, from: Int, to: Int, store: Int?) -> LinkLedger.Share {
        let (source, target) = (card(from), card(to))
        // Within a machine nothing goes over its card.
        if source.host == target.host { return LinkLedger.Share(from: source, to: target, bytesPerSecond: 0) }
        var smaller = min(source.bytesPerSecond, target.bytesPerSecond)
        if smaller == 0 { smaller = max(source.bytesPerSecond, target.bytesPerSecond) }
        guard smaller > 0 else { return LinkLedger.Share(from: source, to: target, bytesPerSecond: 0) }
        // What is over within a second takes no more than its bytes.
        var rate = min(smaller / Self.linkPart, task.moveBytes)
        if let number = task.store, let known = storeIndex(storeNames[number]),
            stores[known].info.readBytesPerSecond > 0
        {
            rate = min(rate, stores[known].info.readBytesPerSecond)
        }
        if let store, stores[store].info.writeBytesPerSecond > 0 {
            rate = min(rate, stores[store].info.writeBytesPerSecond)
        }
        return LinkLedger.Share(from: source, to: target, bytesPerSecond: max(1, rate))
    }

    /// What a finished sector takes of its host's card on its way to a store; `nil` where it does not leave.
    ///
    /// The store is chosen when the files are ready. Where none is known yet it is taken to be elsewhere.
    func departure(_ task: WaitingTask, from host: Int) -> LinkLedger.Departure? {
        let own = task.store.flatMap { storeIndex(storeNames[$0]) }.map { stores[$0].info }
        if own?.canStore == true { return nil }
        var keepsHere = false
        for store in stores where store.info.canStore {
            guard hosts[store.hostIndex].machine == hosts[host].machine else {
                keepsHere = false
                break
            }
            keepsHere = true
        }
        if keepsHere { return nil }
        let card = card(host)
        var rate = min(card.bytesPerSecond / Self.linkPart, task.moveBytes)
        if let own, own.readBytesPerSecond > 0 { rate = min(rate, own.readBytesPerSecond) }
        return LinkLedger.Departure(from: card, bytesPerSecond: card.bytesPerSecond > 0 ? max(1, rate) : 0)
    }

    private func card(_ host: Int) -> LinkLedger.Card {
        let info = hosts[host].infoBox
        return LinkLedger.Card(
            host: hosts[host].machine, name: hosts[host].name,
            bytesPerSecond: info?.value.nicBytesPerSecond ?? 0,
            countMax: info?.value.transferCountMax ?? 10)
    }

    /// Says why a sector may not be let in to a store; `nil` where it may.
    package func canAdmit(_ request: AdmissionRequest, to name: String) -> Refusal? {
        guard let index = storeIndex(name) else { return Refusal(.storeMissing, name) }
        return canAdmit(request, at: index)
    }

    /// The same for a store of ``stores`` by its place.
    package func canAdmit(_ request: AdmissionRequest, at index: Int) -> Refusal? {
        guard stores[index].info.admitsNew else { return Refusal(.storeClosed, stores[index].info.name) }
        return room(for: request.bytes, at: index)
    }

    /// Asked of every store at every decision: nothing is copied.
    private func room(for bytes: UInt64, at index: Int) -> Refusal? {
        var shared: UInt64 = 0
        if let id = stores[index].info.fileSystem?.id {
            for other in stores.indices where stores[other].info.fileSystem?.id == id {
                shared += stores[other].reservedBytes
            }
        }
        return stores[index].state.refusal(
            bytes, reserved: stores[index].reservedBytes, count: stores[index].sectorCount, shared: shared)
    }

    /// Bytes to move before a task can run on a worker.
    package func moveBytes(_ task: WaitingTask, to worker: Int) -> UInt64 {
        guard let from = task.hostIndex, from != workers[worker].hostIndex else { return 0 }
        return task.moveBytes
    }

    /// How long the move takes at the rates of the cards, the disks and the transfers under way, in seconds.
    package func moveSeconds(_ task: WaitingTask, to worker: Int) -> Double {
        let bytes = moveBytes(task, to: worker)
        guard bytes > 0, let from = task.hostIndex else { return 0 }
        let (source, target) = (hosts[from], hosts[workers[worker].hostIndex])
        let arriving = ledger.links.receivingCount(target.machine) + 1
        var rate = Double.infinity
        if let nic = source.info?.nicBytesPerSecond, nic > 0 {
            rate = min(rate, Double(nic) / Double(ledger.links.sendingCount(source.machine) + 1))
        }
        if let nic = target.info?.nicBytesPerSecond, nic > 0 {
            rate = min(rate, Double(nic) / Double(arriving))
        }
        if let store = store(workers[worker].info.store), store.info.writeBytesPerSecond > 0 {
            rate = min(rate, Double(store.info.writeBytesPerSecond) / Double(arriving))
        }
        // Nothing is known: a gigabit card.
        return Double(bytes) / (rate.isFinite ? rate : 125e6)
    }

    /// What a task of a kind takes on a worker, in seconds: measured, or what was to be expected.
    package func expectedSeconds(_ type: TaskType, on worker: Int) -> Double {
        profiles.seconds(type, worker: worker)
    }

    /// Bytes of a sector's files that a task of a kind finds.
    func fileBytes(_ type: TaskType, sectorBytes: UInt64) -> UInt64 {
        switch type {
        case .addPiece: 0
        case .preCommit1: sectorBytes
        default: type.needsFiles ? max(sealingBytes, sectorBytes) : 0
        }
    }
}
