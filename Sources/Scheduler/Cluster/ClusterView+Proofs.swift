// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// Room for the proofs of deadlines that are known ahead: what runs long does not begin where it would be in
/// their way.
extension ClusterView {
    /// Of what was expected, so that a task that takes somewhat longer is in nobody's way.
    private static let margin = 1.25

    /// Says that a task would still run when the proofs of a deadline need what it takes; `nil` where they
    /// would have enough beside it, or on other machines.
    func keepsForProofs(_ task: WaitingTask, on index: Int, at now: Instant) -> Refusal? {
        let type = task.id.type
        let machine = hosts[workers[index].hostIndex].machine
        guard !type.isPoSt, let prover = prover(of: machine) else { return nil }
        let end = now + padded(type, on: index)
        let span = padded(.windowPoSt, on: prover)
        for proofs in proofsAhead where proofs.due > now {
            let (machines, latest) = demand(of: proofs, span, now)
            guard end > latest, otherRoom(proofs, than: machine, upTo: machines) < machines else { continue }
            // What a proof needs is the same for all deadlines: one answer holds for the others too.
            guard !hasRoomForBoth(task, index, prover, proofs) else { return nil }
            return Refusal(
                .poStAhead, hosts[workers[index].hostIndex].name, needed: latest.seconds, until: proofs.due)
        }
        return nil
    }

    private func padded(_ type: TaskType, on worker: Int) -> Duration {
        .nanoseconds(Int64(expectedSeconds(type, on: worker) * Self.margin * 1e9))
    }

    /// How many machines must prove at once, and when they must begin at the latest.
    private func demand(
        of proofs: ProofsAhead, _ span: Duration, _ now: Instant
    ) -> (machines: Int, latest: Instant) {
        let begin = max(now, proofs.begin)
        let rounds = max(1, Int(clamping: (proofs.due - begin).nanoseconds / max(1, span.nanoseconds)))
        let machines = max(1, min(provers.byMachine.count, (proofs.count + rounds - 1) / rounds))
        let turns = (proofs.count + machines - 1) / machines
        return (machines, max(proofs.begin, proofs.due + span * -turns))
    }

    /// A worker of the machine that proves; `nil` where none does.
    private func prover(of machine: Int) -> Int? {
        if provers.revision != topologyRevision {
            var byMachine: [Int: Int] = [:]
            for worker in workers where worker.slotCounts[TaskType.windowPoSt.stage] > 0 {
                guard worker.takes(.windowPoSt) else { continue }
                let own = hosts[worker.hostIndex].machine
                if byMachine[own] == nil { byMachine[own] = worker.index }
            }
            provers = (topologyRevision, byMachine)
        }
        return provers.byMachine[machine]
    }

    /// Machines but one that have now what a proof needs, counted up to a number.
    private func otherRoom(_ proofs: ProofsAhead, than machine: Int, upTo most: Int) -> Int {
        var count = 0
        // The order does not show: it is a count.
        for (other, prover) in provers.byMachine where other != machine && count < most {
            let need = need(.windowPoSt, proof: proofs.proof, on: prover)
            let refusal = ledger.check(
                need, stage: TaskType.windowPoSt.stage, host: other, worker: workers[prover].infoBox,
                disk: nil)
            if refusal == nil { count += 1 }
        }
        return count
    }

    /// The machine has enough for the task and a proof at once: the proof is leased for the question.
    private func hasRoomForBoth(
        _ task: WaitingTask, _ index: Int, _ prover: Int, _ proofs: ProofsAhead
    ) -> Bool {
        let machine = hosts[workers[index].hostIndex].machine
        let trial = UInt64.max
        do {
            try ledger.lease(
                trial, need(.windowPoSt, proof: proofs.proof, on: prover), stage: TaskType.windowPoSt.stage,
                host: machine, worker: workers[prover].info, workerIndex: prover, force: true)
        } catch { preconditionFailure("a forced lease was refused: \(error)") }
        defer { ledger.release(trial) }
        let own = need(task.id.type, proof: task.request.proof, on: index)
        return ledger.check(
            own, stage: task.id.type.stage, host: machine, worker: workers[index].infoBox, disk: nil) == nil
    }
}
