// SPDX-License-Identifier: Apache-2.0
private import Kernel

extension Scenario {
    /// Something that cannot be, and the section that says so.
    struct Finding {
        var path: String
        var message: String
    }

    /// The bytes that one PreCommit1 holds in memory: two layers.
    package var preCommit1MemoryBytes: ByteCount { ByteCount(bytes: sectorSize.bytes * 2) }

    /// The bytes that one sector holds on a sealing disk at its peak: what the file says, else, unsealed data
    /// and tree D aside, the sealed copy and the layers (11 for 32 and 64 GiB, 2 for the smaller sizes), tree
    /// C and tree R.
    package var sealingFootprint: ByteCount {
        if let stated = miner.sealingFootprint { return stated }
        let layers = sectorSize.bytes >= 32 << 30 ? 11 : 2
        let linked = miner.dataTemplate ? 0 : sectorSize.bytes * 3
        return ByteCount(bytes: sectorSize.bytes * (layers + 1) + sectorSize.bytes / 7 * 8 + linked)
    }

    /// Everything that keeps this cluster from ever sealing a sector; empty for a sound scenario.
    func findings(limits: ScenarioLimits) -> [Finding] {
        var findings: [Finding] = []
        checkNames(&findings)
        checkNetwork(&findings)
        checkSizes(&findings, limits)
        checkRoles(&findings)
        checkHosts(&findings)
        checkStores(&findings)
        checkLinks(&findings)
        checkFaults(&findings)
        checkBatches(&findings)
        checkDeals(&findings)
        checkHardware(&findings)
        return findings
    }

    private func checkNames(_ findings: inout [Finding]) {
        var seen: [String] = ["chain", "miner"]
        func check(_ name: String, _ path: String) {
            if seen.contains(name) {
                findings.append(
                    Finding(path: path, message: "the name \"\(name)\" is taken; names must differ")
                )
            }
            seen.append(name)
        }
        // The miner daemon may have hosts of its own, so that a group called `miner` is welcome.
        seen.removeLast()
        for (index, host) in hosts.enumerated() {
            check(host.name, "hosts[\(index)].name")
            checkDistinct(host.disks.map(\.name), "hosts[\(index)].disks", &findings)
            checkDistinct(host.workers.map(\.name), "hosts[\(index)].workers", &findings)
        }
        for (index, store) in stores.enumerated() { check(store.name, "stores[\(index)].name") }
    }

    func checkDistinct(_ names: [String], _ path: String, _ findings: inout [Finding]) {
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            findings.append(
                Finding(
                    path: "\(path)[\(index)]",
                    message: "the name \"\(name)\" is taken; names must differ"
                )
            )
        }
    }

    private func checkNetwork(_ findings: inout [Finding]) {
        if !network.sectorSizes.contains(sectorSize) {
            let sizes = network.sectorSizes.map(\.description).joined(separator: ", ")
            findings.append(
                Finding(
                    path: "sectorSize",
                    message:
                        "the network \(network.name) takes no sectors of \(sectorSize), only \(sizes)"
                )
            )
        }
        if network.deadlines * network.challengeWindow != network.provingPeriod {
            findings.append(
                Finding(
                    path: "network",
                    message:
                        "\(network.deadlines) deadlines of \(network.challengeWindow) epochs do not "
                        + "fill a proving period of \(network.provingPeriod) epochs"
                )
            )
        }
        if network.maxPreCommitRandomnessLookback <= network.sealRandomnessLookback {
            findings.append(
                Finding(
                    path: "network",
                    message:
                        "a ticket is \(network.sealRandomnessLookback) epochs old when drawn and would "
                        + "be too old at \(network.maxPreCommitRandomnessLookback)"
                )
            )
        }
    }

    private func checkSizes(_ findings: inout [Finding], _ limits: ScenarioLimits) {
        // Counts are bounded one by one on reading; here their products are.
        let workers = hosts.reduce(into: 0) { sum, host in
            sum = Self.saturatingSum(
                sum,
                host.count.multipliedReportingOverflow(by: host.workersPerHost)
            )
        }
        if workers > limits.workerCountMax {
            findings.append(
                Finding(
                    path: "hosts",
                    message:
                        "\(workers) worker processes in all; at most \(limits.workerCountMax) are run"
                )
            )
        }
    }

    private static func saturatingSum(
        _ sum: Int,
        _ product: (partialValue: Int, overflow: Bool)
    ) -> Int {
        guard !product.overflow else { return .max }
        let total = sum.addingReportingOverflow(product.partialValue)
        return total.overflow ? .max : total.partialValue
    }

    private func checkRoles(_ findings: inout [Finding]) {
        let needed = workload.provesOnly ? [] : TaskKind.sealing
        for kind in needed where !hosts.contains(where: { $0.slotsPerHost(of: kind) > 0 }) {
            findings.append(
                Finding(
                    path: "hosts",
                    message: "no worker has a slot for \(kind.rawValue), which every sector needs"
                )
            )
        }
        for kind in TaskKind.allCases where !TaskKind.sealing.contains(kind) && task(kind) == nil {
            for (index, host) in hosts.enumerated() where host.slotsPerHost(of: kind) > 0 {
                guard
                    host.workers.contains(where: {
                        !$0.roles.contains(.any) && $0.slots(of: kind) > 0
                    }),
                    kind != .fetch
                else { continue }
                findings.append(
                    Finding(
                        path: "hosts[\(index)].workers",
                        message:
                            "there are slots for \(kind.rawValue) but tasks.\(kind.rawValue) gives no "
                            + "duration"
                    )
                )
            }
        }
    }

    private func checkHosts(_ findings: inout [Finding]) {
        for (index, host) in hosts.enumerated() {
            let path = "hosts[\(index)]"
            if host.hugepages > host.memory {
                findings.append(
                    Finding(
                        path: "\(path).hugepages",
                        message:
                            "\(host.hugepages) of huge pages do not fit in \(host.memory) of memory"
                    )
                )
            }
            let layers = host.slotsPerHost(of: .preCommit1)
                .multipliedReportingOverflow(by: preCommit1MemoryBytes.bytes)
            let pool = host.hugepages.bytes > 0 ? host.hugepages : host.memory
            if layers.overflow || layers.partialValue > pool.bytes {
                findings.append(
                    Finding(
                        path: "\(path).\(host.hugepages.bytes > 0 ? "hugepages" : "memory")",
                        message: "\(host.slotsPerHost(of: .preCommit1)) PreCommit1 slots need "
                            + "\(preCommit1MemoryBytes) each for two layers, more than \(pool)"
                    )
                )
            }
            let needsDisk = [TaskKind.addPiece, .preCommit1, .preCommit2, .commit1].contains {
                host.slotsPerHost(of: $0) > 0
            }
            if needsDisk {
                checkSealingDisk(of: host, path, &findings)
            }
            checkGroup(of: host, path, &findings)
        }
    }

    private func checkSealingDisk(of host: HostGroup, _ path: String, _ findings: inout [Finding]) {
        let disks = host.disks.filter(\.sealing)
        guard let largest = disks.map(\.capacity).max() else {
            findings.append(
                Finding(
                    path: path,
                    message: "sectors are sealed on these hosts, but no disk is for sealing"
                )
            )
            return
        }
        if largest < sealingFootprint {
            findings.append(
                Finding(
                    path: "\(path).disks",
                    message:
                        "one \(sectorSize) sector needs \(sealingFootprint) while it is sealed; the "
                        + "largest sealing disk has \(largest)"
                )
            )
        }
    }

    private func checkGroup(of host: HostGroup, _ path: String, _ findings: inout [Finding]) {
        // A worker that adds pieces for its own host only pins the sector there, so the host needs the rest.
        let pins = host.workers.contains { $0.group == .host && $0.slots(of: .addPiece) > 0 }
        guard pins else { return }
        for kind in [TaskKind.preCommit1, .preCommit2, .commit1, .finalize] {
            let served = hosts.contains { other in
                other.workers.contains { worker in
                    worker.slots(of: kind) > 0 && (other.name == host.name || worker.group == .none)
                }
            }
            if !served {
                findings.append(
                    Finding(
                        path: "\(path).workers",
                        message:
                            "sectors added on these hosts stay there, but no worker that serves them "
                            + "has a slot for \(kind.rawValue)"
                    )
                )
            }
        }
    }

    private func checkStores(_ findings: inout [Finding]) {
        for (index, store) in stores.enumerated() where store.capacity < sectorSize {
            findings.append(
                Finding(
                    path: "stores[\(index)].capacity",
                    message: "not one sector of \(sectorSize) fits in \(store.capacity)"
                )
            )
        }
    }

    private func checkLinks(_ findings: inout [Finding]) {
        let names = ["chain"] + hosts.map(\.name) + stores.map(\.name)
        for (index, link) in links.exceptions.enumerated() {
            for (key, name) in [("from", link.from), ("to", link.to)] where !names.contains(name) {
                findings.append(
                    Finding(
                        path: "links.exceptions[\(index)].\(key)",
                        message: "no host group or store is called \"\(name)\""
                            + Suggestion.hint(for: name, among: names)
                    )
                )
            }
        }
        if let costs {
            let groups = hosts.map(\.name)
            for cost in costs.hosts where !groups.contains(cost.group) {
                findings.append(
                    Finding(
                        path: "costs.hosts.\(cost.group)",
                        message: "no host group is called \"\(cost.group)\""
                            + Suggestion.hint(for: cost.group, among: groups)
                    )
                )
            }
        }
    }

    private func checkDeals(_ findings: inout [Finding]) {
        for (index, deal) in workload.deals.enumerated() {
            let bytes = deal.pieceSize.bytes
            guard bytes < 128 || bytes & (bytes - 1) != 0 || bytes > sectorSize.bytes else { continue }
            findings.append(
                Finding(
                    path: "workload.deals[\(index)].pieceSize",
                    message: "a padded piece has a power of two of bytes, from 128 to a sector's "
                        + "\(sectorSize); this one has \(deal.pieceSize)"
                )
            )
        }
    }

    private func checkBatches(_ findings: inout [Finding]) {
        let fees = [
            ("batchPreCommitAboveBaseFee", miner.batchPreCommitAboveBaseFee, "batchPreCommits"),
            ("preCommitFeePerSector", miner.preCommitFeePerSector, "batchPreCommits"),
            ("aggregateAboveBaseFee", miner.aggregateAboveBaseFee, "aggregateCommits"),
            ("commitFeePerSector", miner.commitFeePerSector, "aggregateCommits"),
        ]
        for (key, fee, flag) in fees where fee != nil {
            guard flag == "batchPreCommits" ? !miner.batchPreCommits : !miner.aggregateCommits else {
                continue
            }
            findings.append(
                Finding(path: "miner.\(key)", message: "it has no effect without \(flag): true"))
        }
        if miner.minCommitBatch > miner.maxCommitBatch {
            findings.append(
                Finding(
                    path: "miner.minCommitBatch",
                    message:
                        "\(miner.minCommitBatch) is more than maxCommitBatch \(miner.maxCommitBatch)"
                )
            )
        }
        if workload.pledge.packingMax == 0, workload.pledge.initialPerHost == 0,
            workload.deals.isEmpty, !workload.provesOnly
        {
            findings.append(
                Finding(
                    path: "workload.pledge.packingMax",
                    message: "nothing would ever be pledged; set packingMax or initialPerHost, "
                        + "or provingAtStart for a cluster that only proves"
                )
            )
        }
        if report.warmUp >= report.until {
            findings.append(
                Finding(
                    path: "report.warmUp",
                    message: "the warm-up of \(report.warmUp.scenarioText) leaves nothing of "
                        + "\(report.until.scenarioText) to report"
                )
            )
        }
    }
}
