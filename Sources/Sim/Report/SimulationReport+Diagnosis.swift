// SPDX-License-Identifier: Apache-2.0

extension SimulationReport {
    /// From this share of its slots on, what was away is worth a word.
    static var notableAway: Double { 0.05 }

    /// Why sectors go slowly through PreCommit1, in words; `nil` where the cluster seals nothing.
    package var preCommit1Diagnosis: String? {
        let figure = SimulatedCluster.figure
        guard let stage = stages.first(where: { $0.name == "PreCommit1" }), stage.slots > 0,
            let busy = stage.utilization
        else { return nil }
        let taken = "\(figure(busy * 100)) % of the PreCommit1 slots are taken"
        if busy >= 0.95 {
            if let name = bottleneck?.name, SimulatedCluster.sharedLimits.contains(name) {
                return "\(taken), and they slow each other: more slots seal nothing more, \(name) does"
            }
            return "\(taken): nothing blocks them, there are too few or they are slow"
        }
        let away = stage.awayShare
        let gone =
            "\(figure(away * 100)) % were on hosts or processes that were down, stood still or were cut off"
            + (faultWords(of: stage.name).map { " (\($0))" } ?? "")
        // What was there was full: the share of slots that are gone is what is missing.
        if away > 0, away < 1, busy / (1 - away) >= 0.95 {
            return "\(taken); \(gone), and what was there was full"
        }
        if let why = whyBehind(stage) { return "\(taken), because \(why)" }
        if let why = whyBefore(stage) { return "\(taken), \(why)" }
        if let name = bottleneck?.name, name.hasPrefix("pledge") {
            return "\(taken): too little is pledged"
        }
        if away >= Self.notableAway { return "\(taken), and \(gone)" }
        return "\(taken): no work was held back by them"
    }

    /// What keeps sectors, and with them their room, behind PreCommit1 or in AddPiece.
    private func whyBehind(_ stage: Stage) -> String? {
        let figure = SimulatedCluster.figure
        if let why = whyFailing { return why }
        let later = stages.drop { $0.name != stage.name }.dropFirst()
        if let name = bottleneck?.name, faults.contains(where: { $0.kind.rawValue == name }),
            let hit = later.max(by: { $0.awayShare < $1.awayShare }), hit.awayShare >= Self.notableAway
        {
            return "\(awayWords(hit)), and what waits keeps its room on the sealing disks"
        }
        if let blocker = later.filter({ ($0.utilization ?? 0) >= 0.95 }).max(by: {
            ($0.queueMean ?? 0) < ($1.queueMean ?? 0)
        }) {
            return "\(blocker.name) does not keep up (\(figure((blocker.utilization ?? 0) * 100)) % busy, "
                + "\(figure(blocker.queueMean ?? 0)) sectors wait for it) and what waits keeps its room "
                + "on the sealing disks"
        }
        if let first = stages.first, let load = first.utilization, load >= 0.95 {
            return "\(first.name) does not keep up (\(figure(load * 100)) % busy, "
                + "\(figure(first.queueMean ?? 0)) sectors wait for it)"
        }
        // Disks, links and stores are no stage's: their limit alone tells that they are full.
        if let bottleneck, bottleneck.reached >= 0.95, !isBeforePreCommit1(bottleneck.name) {
            return
                "no more passes by \(bottleneck.name) (\(figure(bottleneck.reached * 100)) % of that limit "
                + "is reached), and what waits for it keeps its room on the sealing disks"
        }
        return nil
    }

    /// A limit that lets no sectors in, or one of stages or faults, for which there are other words.
    private func isBeforePreCommit1(_ name: String) -> Bool {
        name.hasPrefix("pledge") || name.hasPrefix("room on") || name.hasSuffix(" tickets")
            || stages.contains { $0.name == name } || faults.contains { $0.kind.rawValue == name }
    }

    /// Sectors whose tasks fail again and again.
    private var whyFailing: String? {
        let figure = SimulatedCluster.figure
        let failing = stateMeans.filter { $0.state.hasSuffix("Failed") }.max { $0.mean < $1.mean }
        guard let failing, failing.mean >= max(1, 0.05 * (sealingMean ?? 0)) else { return nil }
        var why =
            "\(figure(failing.mean)) sectors are in \(failing.state) in the mean and keep their room "
            + "on the sealing disks"
        if let stage = stages.max(by: { $0.failed < $1.failed }), stage.failed > 0 {
            why += "; \(stage.name) failed \(stage.failed) times"
        }
        let full = fullStores.map(\.text)
        return full.isEmpty ? why : why + ": " + full.joined(separator: ", ")
    }

    /// What keeps sectors from PreCommit1 before it.
    private func whyBefore(_ stage: Stage) -> String? {
        let figure = SimulatedCluster.figure
        let packing = stateMeans.first { $0.state == "Packing" }?.mean ?? 0
        let queue = stage.queueMean ?? 0
        if queue >= 1, bottleneck?.name.hasSuffix(" tickets") == true {
            return "while \(figure(queue)) sectors wait for them: tickets hold them back"
        }
        if let room, room.waiting >= 1, room.isFull {
            return "while \(figure(room.waiting)) sectors wait in Packing: the sealing disks have no room, "
                + "\(figure(room.taken)) of \(room.count) places are taken in the mean"
        }
        let free = room.map { max(0, Double($0.count) - $0.taken) } ?? 0
        if packing >= 1 {
            // No more are let in where those that are in get no slot: what they lack is the cause.
            let isBlocked = queue >= 0.5 && stage.waitsFor.first.map { !$0.isPolicy } ?? false
            let places = free >= 1 ? " though the sealing disks have \(figure(free)) places left" : ""
            return "while \(figure(packing)) sectors wait in Packing\(places)"
                + (queue >= 0.5 ? " and \(figure(queue)) for a slot of PreCommit1" : "")
                + ": " + holderWords(isBlocked ? stage.waitsFor : room?.waitsFor ?? stage.waitsFor)
        }
        if queue >= 1 {
            return "while \(figure(queue)) sectors wait for them: " + holderWords(stage.waitsFor)
        }
        return nil
    }

    /// The slots that were away, and for what.
    func awayWords(_ stage: Stage) -> String {
        "\(SimulatedCluster.figure(stage.awayShare * 100)) % of the \(stage.name) slots were away"
            + (faultWords(of: stage.name).map { " (\($0))" } ?? "")
    }

    /// The faults that took slots of a stage, the worst first.
    private func faultWords(of stage: String) -> String? {
        let worst = faults.compactMap { tally in
            tally.slotHours.first { $0.stage == stage }.map { (tally, $0.hours) }
        }.sorted { $0.1 > $1.1 }.prefix(3)
        return worst.isEmpty
            ? nil
            : worst.map { "\($0.0.kind.rawValue) of \($0.0.targetText)" }
                .joined(separator: ", ")
    }
}

extension SimulationReport.Stage {
    /// The share of its slots that was away, 0…1.
    package var awayShare: Double { slots > 0 ? min(1, (awaySlots ?? 0) / Double(slots)) : 0 }
}
