// SPDX-License-Identifier: Apache-2.0

extension SimulationReport {
    /// What the faults of one kind did, over the whole run.
    package struct FaultTally: Sendable, Hashable {
        /// Slots of a stage that could not work, by their time.
        package struct Loss: Sendable, Hashable {
            package var stage: String
            package var hours: Double
        }

        package var kind: Scenario.Fault.Kind
        package var count: Int
        /// Whom they hit, in order of the first times; at most ``FaultLog/targetCountMax`` of them.
        package var targets: [String]
        package var firstSeconds: Double
        /// How long they lasted within the run, all together.
        package var seconds: Double
        /// Stages without a loss are left out.
        package var slotHours: [Loss]

        /// The targets for people.
        package var targetText: String {
            targets.count > 3
                ? targets.prefix(3).joined(separator: ", ") + " and others" : targets.joined(separator: ", ")
        }

        /// What it took of a stage.
        func hours(of stage: String) -> Double { slotHours.first { $0.stage == stage }?.hours ?? 0 }

        /// One line for people.
        package var text: String {
            let span = SimulatedCluster.span
            let often = count == 1 ? "once, at " : "\(count) times, first at "
            let lasting = kind.isMomentary ? "" : ", \(span(seconds)) in all"
            let lost = slotHours.map { "\($0.stage) \(SimulatedCluster.figure($0.hours))" }
            return
                "\(kind.rawValue) of \(targetText): \(often)\(SimulationReport.days(firstSeconds))\(lasting)"
                + (lost.isEmpty ? "" : "; slot hours lost: " + lost.joined(separator: ", "))
        }
    }

    /// One fault in a picture.
    package struct FaultMark: Sendable, Hashable {
        package var kind: Scenario.Fault.Kind
        package var target: String
        package var beginSeconds: Double
        /// The run's end for one that lasts longer.
        package var endSeconds: Double
    }

    /// A long-term store that had no room for a sector that was done.
    package struct FullStore: Sendable, Hashable {
        package var name: String
        package var capacityBytes: Int
        /// When a sector found no room first.
        package var sinceSeconds: Double

        /// One clause for people.
        package var text: String {
            let tebibytes = SimulatedCluster.figure(Double(capacityBytes) / 0x1p40)
            return "the long-term store \(name) (\(tebibytes) TiB) is full since "
                + SimulationReport.days(sinceSeconds) + " after the start"
        }
    }

    /// Room for sectors on the sealing stores, and who had it after the warm-up.
    package struct Room: Sendable, Hashable {
        package var count: Int
        /// Sectors that hold it, in the mean.
        package var taken: Double
        /// Sectors that wait for it, in the mean.
        package var waiting: Double
        /// What they wait for, the most frequent first.
        package var waitsFor: [Obstacle] = []

        /// As good as all of it is taken.
        package var isFull: Bool { taken >= 0.95 * Double(count) }
    }

    /// What is said where the run did not outlast its warm-up; `nil` where it did.
    package var warmUpText: String? {
        guard tebibytesPerDay == nil, simulatedSeconds > 0 else { return nil }
        return "the run of \(Self.days(simulatedSeconds)) ends within the warm-up of "
            + "\(Self.days(warmUpSeconds)): there is no throughput, no bottleneck and no check by formula; "
            + "simulate longer, or set report.warmUp lower"
    }
}

extension SimulationReport.FaultTally {
    var document: ScenarioDocument {
        .object([
            .init(key: "kind", value: .text(kind.rawValue)),
            .init(key: "targets", value: .list(targets.map { .text($0) })),
            .init(key: "count", value: .integer(count)),
            .init(key: "firstSeconds", value: .rounded(firstSeconds)),
            .init(key: "seconds", value: .rounded(seconds)),
            .init(
                key: "slotHoursLost",
                value: .object(slotHours.map { .init(key: $0.stage, value: .rounded($0.hours)) })),
        ])
    }
}

extension SimulationReport.FullStore {
    var document: ScenarioDocument {
        .object([
            .init(key: "name", value: .text(name)),
            .init(key: "capacityBytes", value: .integer(capacityBytes)),
            .init(key: "sinceSeconds", value: .rounded(sinceSeconds)),
        ])
    }
}

extension SimulationReport.Room {
    var document: ScenarioDocument {
        .object([
            .init(key: "sectors", value: .integer(count)), .init(key: "taken", value: .rounded(taken)),
            .init(key: "waiting", value: .rounded(waiting)),
            .init(key: "waitsFor", value: .list(waitsFor.map(\.document))),
        ])
    }
}
