// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// What the scheduler notes; policies see the result.
extension ClusterView {
    // MARK: Tasks and wishes

    func add(
        _ request: TaskRequest, host: String?, store: String? = nil, since: Instant, sequence: UInt64
    ) {
        needs.learn(proof: request.proof, resources)
        let index = host.map { noteHost($0) }
        entryBook.asked(for: request.id.type, of: request.id.sector, on: index)
        let bytes =
            index == nil
            ? 0 : fileBytes(request.id.type, sectorBytes: ResourceTable.sectorBytes(ofProof: request.proof))
        queue.add(
            WaitingTask(
                request: request, host: host, hostIndex: index,
                store: index == nil ? nil : store.map { storeNumber($0) }, moveBytes: bytes, since: since,
                sequence: sequence))
    }

    /// Takes a task out; `nil` where it does not wait.
    func remove(_ id: TaskID) -> WaitingTask? { queue.remove(id) }

    func putBack(_ task: WaitingTask) { queue.add(task) }

    func contains(_ id: TaskID) -> Bool { queue.contains(id) }

    func add(_ wish: AdmissionRequest) {
        let slot = wishes.add(wish.sector, wish)
        wishOrder.insert(wish.urgency, slot: slot)
    }

    func removeWish(_ sector: SectorKey) -> AdmissionRequest? {
        guard let wish = wishes.remove(sector)?.item else { return nil }
        wishOrder.remove(wish.urgency)
        return wish
    }

    // MARK: Hosts and workers

    func noteHost(_ name: String) -> Int {
        if let known = hostIndices[name] { return known }
        hostIndices[name] = hosts.count
        hosts.append(HostView(index: hosts.count, name: name, machine: machine(name)))
        return hosts.count - 1
    }

    func join(_ info: WorkerInfo) -> Int {
        let host = noteHost(info.host)
        let view = WorkerView(index: freeIndices.last ?? workers.count, info: info, hostIndex: host)
        if freeIndices.popLast() != nil { workers[view.index] = view } else { workers.append(view) }
        noteHostInfo(info, host)
        needs.setOverrides(info.resources, of: view.index, resources)
        profiles.forget(worker: view.index)
        hosts[host].workerIndices.append(view.index)
        hosts[host].workerIndices.sort()
        topologyRevision += 1
        changeTotals(of: view, by: 1)
        for type in TaskType.allCases { noteOpen(view.index, type) }
        return view.index
    }

    /// A known worker is there again, perhaps on other hardware or with other slots.
    func rejoin(_ index: Int, _ info: WorkerInfo) {
        if workers[index].info != info { change(index) { $0.renew(info) } }
        noteHostInfo(info, workers[index].hostIndex)
        needs.setOverrides(info.resources, of: index, resources)
    }

    func setResources(_ index: Int, _ cells: [ResourceTable.Override]) {
        var info = workers[index].info
        info.resources = cells
        change(index) { $0.renew(info) }
        needs.setOverrides(cells, of: index, resources)
    }

    private func noteHostInfo(_ info: WorkerInfo, _ host: Int) {
        guard var told = info.hostInfo?.bounded else { return }
        let machine = machine(told.name.isEmpty ? hosts[host].name : told.name)
        hosts[host].machine = machine
        sharesMachines = Set(hosts.map(\.machine)).count < hosts.count
        for other in workers where other.isAvailable && hosts[other.hostIndex].machine == machine {
            if let more = other.info.hostInfo?.bounded { told.join(more) }
        }
        hosts[host].infoBox = Box(told)
        ledger.setHost(machine, told)
    }

    func leave(_ index: Int) {
        setAvailable(index, false)
        // It is not available, so that its slots are in no sum.
        workers[index].slotCounts = Array(repeating: 0, count: TaskType.count)
        hosts[workers[index].hostIndex].workerIndices.removeAll { $0 == index }
        freeIndices.append(index)
    }

    func setAvailable(_ index: Int, _ isAvailable: Bool) {
        change(index) { $0.isAvailable = isAvailable }
    }

    func setCordoned(_ index: Int, _ kinds: [Bool]) { change(index) { $0.cordonedKinds = kinds } }

    func setPaused(_ index: Int, _ type: TaskType, _ isPaused: Bool) {
        change(index) { $0.pausedKinds[type.stage] = isPaused }
    }

    private func change(_ index: Int, _ body: (inout WorkerView) -> Void) {
        topologyRevision += 1
        changeTotals(of: workers[index], by: -1)
        body(&workers[index])
        changeTotals(of: workers[index], by: 1)
        for type in TaskType.allCases { noteOpen(index, type) }
    }

    func occupy(_ index: Int, _ id: TaskID) {
        let stage = id.type.stage
        let before = workers[index].freeCount(id.type)
        workers[index].busyCounts[stage] += 1
        workers[index].running.append(id)
        hosts[workers[index].hostIndex].busyCounts[stage] += 1
        busyTotals[stage] += 1
        freeTotals[stage] += workers[index].freeCount(id.type) - before
        noteOpen(index, id.type)
    }

    func vacate(_ index: Int, _ id: TaskID) {
        let stage = id.type.stage
        let before = workers[index].freeCount(id.type)
        workers[index].busyCounts[stage] -= 1
        if let place = workers[index].running.firstIndex(of: id) { workers[index].running.remove(at: place) }
        hosts[workers[index].hostIndex].busyCounts[stage] -= 1
        busyTotals[stage] -= 1
        freeTotals[stage] += workers[index].freeCount(id.type) - before
        noteOpen(index, id.type)
    }

    func noteStart(_ type: TaskType, on host: Int, at now: Instant) {
        guard let rule = pacings[type.stage] else { return }
        while starts.count <= host { starts.append([]) }
        if starts[host].isEmpty { starts[host] = Array(repeating: [], count: TaskType.count) }
        starts[host][type.stage].append(now)
        if starts[host][type.stage].count > rule.count { starts[host][type.stage].removeFirst() }
        let count = starts[host][type.stage].count
        guard count >= rule.count else { return }
        while nextStarts[type.stage].count <= host { nextStarts[type.stage].append(.zero) }
        nextStarts[type.stage][host] = starts[host][type.stage][count - rule.count] + rule.interval
    }

    // MARK: Stores

    /// A number for a store's name that stays, whatever becomes of the store.
    func storeNumber(_ name: String) -> Int {
        if let known = storeNumbers[name] { return known }
        storeNumbers[name] = storeNames.count
        storeNames.append(name)
        return storeNames.count - 1
    }

    private func noteReach(_ name: String, isOnline: Bool) {
        // Told with every change of a store: mostly nothing was and is out of reach.
        if isOnline, offlineStores.isEmpty { return }
        let number = storeNumber(name)
        if isOnline { offlineStores.remove(number) } else { offlineStores.insert(number) }
    }

    func setStore(_ state: StoreState) {
        noteReach(state.info.name, isOnline: state.isOnline)
        if let index = storeIndex(state.info.name) {
            stores[index].state = state
            return
        }
        let view = StoreView(state: state, hostIndex: noteHost(state.info.host))
        let place = stores.firstIndex { $0.info.name > state.info.name } ?? stores.count
        stores.insert(view, at: place)
        hosts[view.hostIndex].storeCount += 1
    }

    func removeStore(_ name: String) {
        noteReach(name, isOnline: true)
        guard let index = storeIndex(name) else { return }
        hosts[stores[index].hostIndex].storeCount -= 1
        stores.remove(at: index)
    }

    func notePending(_ name: String, bytes: UInt64, isOver: Bool) {
        guard let index = storeIndex(name) else { return }
        let known = stores[index].pendingBytes
        stores[index].pendingBytes = isOver ? known - min(known, bytes) : known + bytes
        stores[index].pendingCount = max(0, stores[index].pendingCount + (isOver ? -1 : 1))
    }

    // MARK: Sums

    /// Puts a worker into the list of those with free slots, or takes it out.
    private func noteOpen(_ index: Int, _ type: TaskType) {
        let isOpen = workers[index].freeCount(type) > 0
        var (low, high) = (0, openIndices[type.stage].count)
        while low < high {
            let middle = (low + high) / 2
            if openIndices[type.stage][middle] < index { low = middle + 1 } else { high = middle }
        }
        let isListed = low < openIndices[type.stage].count && openIndices[type.stage][low] == index
        guard isOpen != isListed else { return }
        if isOpen {
            openIndices[type.stage].insert(index, at: low)
        } else {
            openIndices[type.stage].remove(at: low)
        }
    }

    private func changeTotals(of view: WorkerView, by sign: Int) {
        for type in TaskType.allCases {
            let stage = type.stage
            freeTotals[stage] += sign * view.freeCount(type)
            guard view.takes(type) else { continue }
            let slots = sign * view.slotCounts[stage]
            slotTotals[stage] += slots
            hosts[view.hostIndex].slotCounts[stage] += slots
            guard view.info.canFetch else { continue }
            fetchingSlotTotals[stage] += slots
            hosts[view.hostIndex].fetchingSlotCounts[stage] += slots
        }
    }

    /// Says where the accounts do not add up; asked after each event in tests and simulation.
    package func brokenInvariant() -> String? {
        if let broken = ledger.brokenAccount() { return broken }
        for type in TaskType.allCases {
            let free = workers.reduce(0) { $0 + $1.freeCount(type) }
            guard free == freeTotals[type.stage] else {
                return "\(type.short): \(free) slots are free, \(freeTotals[type.stage]) counted"
            }
            guard openIndices[type.stage] == workers.filter({ $0.freeCount(type) > 0 }).map(\.index) else {
                return "\(type.short): the list of workers with free slots is wrong"
            }
            for worker in workers where worker.isAvailable {
                let (busy, slots) = (worker.busyCounts[type.stage], worker.slotCounts[type.stage])
                guard (0...max(0, slots)).contains(busy) else {
                    return "\(worker.info.name) runs \(busy) \(type.short) tasks in \(slots) slots"
                }
            }
            guard busyTotals[type.stage] == workers.reduce(0, { $0 + $1.busyCounts[type.stage] }) else {
                return "\(type.short): the number of running tasks is wrong"
            }
        }
        let running = workers.reduce(0) { $0 + $1.running.count }
        return ledger.leaseCount == running
            ? nil : "\(running) tasks run and \(ledger.leaseCount) leases are held"
    }
}
