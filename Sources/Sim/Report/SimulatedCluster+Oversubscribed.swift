// SPDX-License-Identifier: Apache-2.0
internal import Scheduler

/// Hosts whose slots want more than there is, and which the scenario believes all the same.
extension SimulatedCluster {
    /// What the slots of hosts want of cores and cards for which they do not contend, where it is more than
    /// the file says that there is; hosts of which it says nothing are left out.
    func oversubscriptions() -> [SimulationReport.Omission] {
        var found: [SimulationReport.Omission] = []
        for group in scenario.hosts {
            let wanted = wanted(of: group)
            func add(_ word: Scenario.Contention, _ wanted: String, _ there: Int) {
                found.append(
                    .init(
                        what: "contention of \(group.name)",
                        reason: "all slots of a host want \(wanted) \(word.rawValue) at once and it has "
                            + "\(there); durations are those of the file, and contention: "
                            + "[\(word.rawValue)] lets them slow each other"))
            }
            if !group.contendsForCores, group.cpu != Scenario.Defaults.cpu, wanted.cores > group.cpu.coreCount
            {
                add(.cores, String(wanted.cores), group.cpu.coreCount)
            }
            if !group.contendsForCards, group.gpusPerHost > 0, wanted.cards > Double(group.gpusPerHost) {
                add(.gpus, Self.figure(wanted.cards), group.gpusPerHost)
            }
        }
        return found
    }

    /// A task that takes all processors counts as one beside the others.
    private func wanted(of group: Scenario.HostGroup) -> (cores: Int, cards: Double) {
        let bytes = ResourceTable.sectorBytes(ofProof: plan.proof)
        var (cores, cards) = (0, 0.0)
        for type in TaskType.sealing + [.windowPoSt] {
            let slots = group.slotsPerHost(of: type.kind)
            let need = ResourceTable.standard.need(type, sectorBytes: bytes)
            let usesCard = need.gpuUnits > 0 && need.threadsWithGPU > 0
            cores += slots * (usesCard ? need.threadsWithGPU : need.threads.resolved(coreCount: 1))
            cards += Double(slots) * need.gpuUnits
        }
        return (cores, cards)
    }
}
