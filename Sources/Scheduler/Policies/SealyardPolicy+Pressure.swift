// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// How fast work may come in.
extension SealyardPolicy {
    /// The stages that a sector passes after PreCommit1 has begun.
    private static let stages: [TaskType] = [.preCommit1, .preCommit2, .commit1, .commit2, .finalize]

    /// How much may be under way on a host, or in the cluster, and how far starts are spread.
    struct Pace: Sendable {
        let bound: Int?
        let spacing: Double
        let until: Instant
        let revision: Int
    }

    /// Measured means change slowly: what was found holds for a minute, unless workers come or go.
    private mutating func pace(_ host: Int?, _ view: ClusterView, _ now: Instant) -> Pace {
        let place = host.map { $0 + 1 } ?? 0
        while paces.count <= place { paces.append(nil) }
        if let known = paces[place], known.revision == view.topologyRevision, now < known.until {
            return known
        }
        let found = Pace(
            bound: workBound(host, view), spacing: host.map { spacing($0, view) } ?? 0,
            until: now + .seconds(60),
            revision: view.topologyRevision)
        paces[place] = found
        return found
    }

    // MARK: Starts of PreCommit1

    /// Why a host should not start another PreCommit1 now.
    enum Hold {
        case enoughOnHost(Int)
        case enoughInCluster(Int)
        case spread(next: Instant)

        /// In words; made only where they are said.
        func reason(_ host: String) -> String {
            switch self {
            case .enoughOnHost(let bound):
                "\(host) has \(bound) sectors under way, enough for its slowest stage"
            case .enoughInCluster(let bound):
                "the cluster has \(bound) sectors under way, enough for its slowest stage"
            case .spread(let next):
                "starts of PreCommit1 on \(host) are spread; the next is at \(next.seconds) s"
            }
        }
    }

    /// What holds the PreCommit1 of all hosts back; `nil` where nothing does.
    private mutating func clusterHold(_ view: ClusterView, _ now: Instant) -> Hold? {
        if let bound = pace(nil, view, now).bound, work(nil, view) >= bound { return .enoughInCluster(bound) }
        return nil
    }

    /// What holds the next PreCommit1 of a host back; `nil` where nothing does.
    ///
    /// - Parameter known: what holds those of all hosts back, once that was asked in this round.
    mutating func hold(_ host: Int, _ known: inout Hold??, _ view: ClusterView, _ now: Instant) -> Hold? {
        if let bound = pace(host, view, now).bound, work(host, view) >= bound { return .enoughOnHost(bound) }
        let all = known ?? clusterHold(view, now)
        known = .some(all)
        if let all { return all }
        let free =
            view.hosts[host].slotCounts[TaskType.preCommit1.stage]
            - view.hosts[host].busyCounts[TaskType.preCommit1.stage]
        // The one slot that has just become free is filled at once: nothing is gained by its waiting.
        guard free > 1, let last = lastStart[host] else { return nil }
        let next = last + .nanoseconds(Int64(pace(host, view, now).spacing * 1e9))
        guard next > now else { return nil }
        wakeAt = wakeAt.map { min($0, next) } ?? next
        return .spread(next: next)
    }

    /// Seconds between two starts on a host while it fills.
    private func spacing(_ host: Int, _ view: ClusterView) -> Double {
        var longest = 0.0
        for type in Self.stages where type != .preCommit1 && view.profiles.isKnown(type) {
            let own = capacity(type, host, view)
            let seconds = view.profiles.seconds(type)
            if own > 0 {
                longest = max(longest, seconds / own)
            } else if case let all = capacity(type, nil, view), all > 0 {
                // Shared by all hosts that start: each has its part of the rate.
                longest = max(longest, seconds / all * Double(startingHostCount(view)))
            }
        }
        // Never longer than an even spread over the stage itself.
        let slots = max(1, capacity(.preCommit1, host, view))
        return min(longest * tuning.staggerShare, view.profiles.seconds(.preCommit1) / slots)
    }

    private func startingHostCount(_ view: ClusterView) -> Int {
        max(1, view.hosts.reduce(0) { $0 + ($1.slotCounts[TaskType.preCommit1.stage] > 0 ? 1 : 0) })
    }

    // MARK: Work under way

    /// Sectors between the start of PreCommit1 and Finalize that wait or run, on a host or in the whole
    /// cluster.
    private func work(_ host: Int?, _ view: ClusterView) -> Int {
        var count = 0
        for type in Self.stages {
            if let host {
                guard type.needsFiles else { continue }
                count += view.hosts[host].busyCounts[type.stage]
                if type != .preCommit1 { count += view.waitingCount(type, on: host) }
            } else {
                count += view.runningCount(type)
                if type != .preCommit1 { count += view.waitingCount(type) }
            }
        }
        return count
    }

    /// The work that keeps the slowest stage busy, with a margin; `nil` while too little is known of the
    /// stages.
    ///
    /// By Little's law a stage that runs at rate r with time t has r·t in it. With the rate of the slowest
    /// stage for all of them, the sum is what must be under way; what is more only waits.
    private func workBound(_ host: Int?, _ view: ClusterView) -> Int? {
        var rate = Double.infinity
        var seconds = 0.0
        var stageCount = 0.0
        for type in Self.stages {
            guard host == nil || type.needsFiles else { continue }
            let all = capacity(type, nil, view)
            // A kind that nobody runs: openings may go to the chain without a SNARK.
            if all == 0, type == .commit2 { continue }
            guard view.profiles.isKnown(type), all > 0 else { return nil }
            var own = host.map { capacity(type, $0, view) } ?? all
            // Served by others, which are shared.
            if own == 0 { own = all / Double(startingHostCount(view)) }
            let time = view.profiles.seconds(type)
            rate = min(rate, own / time)
            seconds += time
            stageCount += 1
        }
        guard rate.isFinite else { return nil }
        return Int((rate * seconds * (1 + tuning.workMargin) + stageCount).rounded(.up))
    }

    /// How many tasks of a kind can run at once, on a host or in the whole cluster.
    private func capacity(_ type: TaskType, _ host: Int?, _ view: ClusterView) -> Double {
        guard let host else {
            let slots = view.slotCount(type)
            if slots < WorkerInfo.SlotCount.asResourcesAllow { return Double(slots) }
            return view.hosts.indices.reduce(0) { $0 + capacity(type, $1, view) }
        }
        let slots = view.hosts[host].slotCounts[type.stage]
        guard slots >= WorkerInfo.SlotCount.asResourcesAllow else { return Double(slots) }
        // As many as the resources allow: by what the host has.
        guard let info = view.hosts[host].info, let proof = view.first(type)?.request.proof else { return 1 }
        let takers = view.hosts[host].workerIndices
        guard let worker = takers.first(where: { view.workers[$0].slotCounts[type.stage] > 0 }) else {
            return 1
        }
        let need = view.need(type, proof: proof, on: worker)
        var most = 64.0
        if need.minMemory > 0 { most = min(most, Double(info.memoryBytes / need.minMemory)) }
        if need.gpuUnits > 0, !info.gpus.isEmpty { most = min(most, Double(info.gpus.count) / need.gpuUnits) }
        let threads = need.threads.resolved(coreCount: info.logicalCoreCount)
        if threads > 0 { most = min(most, Double(info.logicalCoreCount / threads)) }
        return max(1, most)
    }

    // MARK: New sectors

    /// Lets the first waiting sector in where PreCommit1 will take it soonest; one a round.
    mutating func admit(_ view: ClusterView, _ now: Instant, _ decisions: inout [Decision]) {
        guard let wish = view.firstAdmission else { return }
        var best: (store: Int, wait: Double, load: Double)?
        for index in view.stores.indices {
            let host = view.stores[index].hostIndex
            let slots = view.hosts[host].slotCounts[TaskType.preCommit1.stage]
            let takesPieces = view.hosts[host].slotCounts[TaskType.addPiece.stage] > 0
            guard takesPieces, view.canAdmit(wish, at: index) == nil else { continue }
            let ahead = view.unlabelledCount(host, at: now)
            let free = max(0, slots - view.hosts[host].busyCounts[TaskType.preCommit1.stage])
            // A little more than fits, so that a slot that becomes free finds a sector.
            guard ahead < free + 1 + min(slots, 1 << 10) / 8 else {
                lookAgain(host, view)
                continue
            }
            let wait = Double(ahead - free) / Double(max(1, slots))
            let load = view.stores[index].load * 10 / Double(max(1, view.stores[index].info.weight))
            if best.map({ (wait, load) < ($0.wait, $0.load) }) ?? true { best = (index, wait, load) }
        }
        guard let best else { return }
        decisions.append(
            .admit(
                wish.sector, store: view.stores[best.store].info.name,
                because: PlacementReason("soonest", score: best.wait)))
    }

    /// Asks to be woken when the oldest sector let in lately is counted no more.
    private mutating func lookAgain(_ host: Int, _ view: ClusterView) {
        guard let oldest = view.entryBook.oldest(host) else { return }
        let next = oldest + .nanoseconds(Int64(view.entryPatience * 1e9) + 1)
        wakeAt = wakeAt.map { min($0, next) } ?? next
    }
}
