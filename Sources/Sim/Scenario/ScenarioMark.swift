// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// Where the figures of a piece of hardware are from.
    package struct Mark: Sendable, Hashable {
        package var provenance = Provenance.assumed
        /// In words; empty where the file says nothing.
        package var source = ""

        package init(provenance: Provenance = .assumed, source: String = "") {
            self.provenance = provenance
            self.source = source
        }
    }
}

extension Scenario.Keys {
    /// What every piece of hardware may say of its figures.
    static let mark = ["provenance", "source"]
}

extension Scenario.Mark {
    /// The mark among a section's fields; `nil` where it has none.
    static func decode(_ fields: ConfigFields) -> Scenario.Mark? {
        guard fields["provenance"] != nil || fields["source"] != nil else { return nil }
        let provenance =
            fields["provenance"]?.choice("provenance", of: Scenario.names()) as Scenario.Provenance?
        return Scenario.Mark(
            provenance: provenance ?? Scenario.Defaults.provenance, source: fields["source"]?.text() ?? "")
    }

    func add(to object: inout ScenarioDocument.Builder) {
        object.add("provenance", provenance.rawValue)
        object.add("source", source)
    }

    static var schema: [String: ScenarioDocument] {
        [
            "provenance": Schema.words(Scenario.Provenance.allCases.map(\.rawValue)), "source": Schema.text,
        ]
    }
}

extension Scenario {
    /// Where each figure is from that a run goes by: durations, and the hardware that it models.
    package var origins: [SimulationReport.Origin] {
        func origin(_ what: String, _ figure: String, _ mark: Mark) -> SimulationReport.Origin {
            .init(what: what, figure: figure, provenance: mark.provenance, source: mark.source)
        }
        var all = tasks.map { task in
            origin(
                "tasks.\(task.kind.rawValue)", task.duration.words,
                Mark(provenance: task.provenance, source: task.source))
        }
        for host in hosts {
            let path = "hosts.\(host.name)"
            let memory = host.memoryBandwidth.map { ", \($0) a node" } ?? ""
            all.append(origin(path, "memory \(host.memory)\(memory), card \(host.nic)", host.mark ?? Mark()))
            for disk in host.disks where disk.sealing {
                let requests = disk.iops.map { ", \($0) requests/s" } ?? ""
                all.append(
                    origin(
                        "\(path).disks.\(disk.name)", "read \(disk.read), write \(disk.write)\(requests)",
                        disk.mark ?? host.mark ?? Mark()))
            }
        }
        for store in stores {
            all.append(
                origin(
                    "stores.\(store.name)", "read \(store.read), write \(store.write)\(store.requestWords)",
                    store.mark ?? Mark()))
        }
        all.append(
            origin("links", "\(links.bandwidth), \(links.latency.scenarioText)", links.mark ?? Mark()))
        return all
    }
}
