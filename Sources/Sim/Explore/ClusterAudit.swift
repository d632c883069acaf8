// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import Scheduler

/// An invariant that does not hold.
package struct Finding: Sendable, Hashable, CustomStringConvertible {
    /// Which invariant; shrinking keeps to it.
    package var invariant: String
    package var detail: String

    package init(invariant: String, detail: String) {
        self.invariant = invariant
        self.detail = detail
    }

    package var description: String { "\(invariant): \(detail)" }
}

/// What a cluster must satisfy when its faults are over and it had its time to recover.
package struct ClusterAudit {
    private let cluster: SimulatedCluster
    private let expected: Int
    private var findings: [Finding] = []

    /// Looks at a cluster whose run is over.
    ///
    /// - Parameter expected: the sectors that it should have pledged.
    package static func findings(of cluster: SimulatedCluster, expected: Int) -> [Finding] {
        var audit = ClusterAudit(cluster: cluster, expected: expected)
        audit.look()
        return audit.findings
    }

    private init(cluster: SimulatedCluster, expected: Int) {
        self.cluster = cluster
        self.expected = expected
    }

    private mutating func find(_ invariant: String, _ detail: String) {
        findings.append(Finding(invariant: invariant, detail: detail))
    }

    private mutating func look() {
        let left = cluster.sectorStore.load(miner: cluster.plan.miner)
        let (pledged, proven, failed) = (cluster.pledgedCount, cluster.provenCount, cluster.failedCount)
        let unfinished = left.filter(\.state.isSealing)
        if !unfinished.isEmpty {
            let named = unfinished.prefix(5).map {
                "\($0.key) in \($0.state.rawValue)" + ($0.lastError.map { " (\($0))" } ?? "")
            }
            find("every sector ends", named.joined(separator: ", "))
        }
        if pledged != expected { find("every sector is pledged once", "\(pledged) of \(expected)") }
        if unfinished.isEmpty, proven + failed != pledged {
            find("sectors add up", "\(pledged) pledged, \(proven) proven, \(failed) given up")
        }
        lookAtFailures(left.filter { $0.state == .failedUnrecoverable }, failed)
        let broken = cluster.world.statistics.failures
        if broken > 0 { find("no component fails", "\(broken) failed") }
        if let broken = cluster.metrics.brokenAccount { find("the scheduler's accounts add up", broken) }
        if let call = cluster.hosts.doubleStarts.first { find("no worker starts a call twice", "\(call)") }
        if let broken = cluster.brokenLaw { find("figures obey the laws of queues", broken.description) }
        lookAtChain(proven)
        lookAtStores(isOver: unfinished.isEmpty)
        lookAtScheduler(isOver: unfinished.isEmpty)
    }

    /// Sectors are given up for what failed in them alone: bad results and damaged files.
    private mutating func lookAtFailures(_ records: [SectorRecord], _ failed: Int) {
        let reasons = ["as a share of tasks does", "a checksum of the files"]
        for record in records {
            let reason = record.lastError ?? "no reason given"
            if !reasons.contains(where: { reason.contains($0) }) {
                find("no fault costs a sector", "\(record.key): \(reason)")
            }
        }
        if failed > records.count {
            find("no fault costs a sector", "\(failed - records.count) sectors are gone without a record")
        }
    }

    private mutating func lookAtChain(_ proven: Int) {
        guard cluster.chainStore.base == nil else {
            return find(
                "the chain can be audited", "its store has dropped entries; run with checksInvariants")
        }
        var landed: [SectorKey: (preCommits: Int, proofs: Int)] = [:]
        do {
            for bytes in try cluster.chainStore.load() {
                switch try ChainEntry(stored: bytes) {
                case .preCommitted(let key, _): landed[key, default: (0, 0)].preCommits += 1
                case .proven(let key, _): landed[key, default: (0, 0)].proofs += 1
                default: break
                }
            }
        } catch {
            find("the chain's store can be read", "\(error)")
        }
        for key in landed.keys.sorted() {
            guard let count = landed[key], count.preCommits > 1 || count.proofs > 1 else { continue }
            find(
                "no message lands twice",
                "\(key): \(count.preCommits) pre-commitments, \(count.proofs) proofs")
        }
        let onChain = landed.values.count { $0.proofs > 0 }
        if onChain < proven {
            find("what is proving is on the chain", "\(proven) are proving, \(onChain) on the chain")
        }
    }

    private mutating func lookAtStores(isOver: Bool) {
        let index = cluster.world.ref(
            at: Address(node: SimulatedCluster.minerNode, name: MinerAssembly.storageName),
            as: StorageMessage.self)
        do {
            let answer: StorageEvent = try cluster.world.ask(index, timeout: .seconds(3600)) {
                .list(replyTo: $0)
            }
            guard case .stores(let stores) = answer, isOver else { return }
            if let store = stores.first(where: { !$0.isOnline }) {
                find("all stores are within reach", "\(store.info.name) is not")
            }
            for state in stores where state.reservedBytes > 0 || state.sectorCount > 0 {
                find(
                    "room is given back",
                    "\(state.info.name): \(state.sectorCount) sectors, \(state.reservedBytes) bytes")
            }
        } catch {
            find("the storage index answers", "\(error)")
        }
    }

    private mutating func lookAtScheduler(isOver: Bool) {
        let scheduler = cluster.world.ref(
            at: Address(node: SimulatedCluster.minerNode, name: MinerAssembly.schedulerName),
            as: SchedulerMessage.self)
        do {
            let answer: TaskEvent = try cluster.world.ask(scheduler, timeout: .seconds(3600)) {
                .diagnose(replyTo: $0)
            }
            guard case .diagnosis(let diagnosis) = answer, isOver else { return }
            let running = diagnosis.running.filter { !$0.task.type.isPoSt }
            let waiting = diagnosis.waiting.filter { !$0.task.type.isPoSt }
            if let first = running.first?.task ?? waiting.first?.task {
                find(
                    "the scheduler is idle when all is done",
                    "\(running.count) tasks run and \(waiting.count) wait, \(first) among them")
            }
            let lost = diagnosis.workers.filter(\.isLost).map(\.name)
            let missing = cluster.plan.processes.map(\.name).filter { name in
                !diagnosis.workers.contains { $0.name == name }
            }
            if let name = (lost + missing).first {
                find("all workers come back", "\(lost.count + missing.count) are away, \(name) among them")
            }
        } catch {
            find("the scheduler answers", "\(error)")
        }
        guard isOver else { return }
        for process in cluster.plan.processes {
            let calls = cluster.hosts.calls(process.node).filter { !$0.task.type.isPoSt }
            if let call = calls.first { find("nobody works in vain", "\(process.name) still runs \(call)") }
        }
    }
}
