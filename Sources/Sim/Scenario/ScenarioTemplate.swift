// SPDX-License-Identifier: Apache-2.0

/// A new scenario from a few answers: one group of sealing hosts, one of provers, one store, with
/// comments that
/// say which figures are assumed.
package struct ScenarioTemplate: Sendable, Hashable {
    package var name = "my-cluster"
    package var sectorSize = "32GiB"
    package var hosts = 1
    /// PreCommit1 slots of one host.
    package var slots = 14
    package var preCommit1 = "3h30m"
    package var preCommit2 = "20m"
    package var commit2 = "12m"
    /// Commit2 processes in all.
    package var provers = 1

    package init() {}

    /// The file's text.
    package var yaml: String {
        let isLarge = sectorSize == "64GiB"
        let memory = slots * (isLarge ? 128 : 64) + 256
        let room = slots * 2 + 2
        return """
            # A scenario of sealyard; 'sealyard scenario schema' prints all keys. Check it with
            # 'sealyard scenario validate FILE', run it with 'sealyard simulate FILE'.
            name: \(name)
            description: \(hosts) sealing hosts with \(slots) PreCommit1 slots each.
            sectorSize: \(sectorSize)
            network: mainnet

            hosts:
              - name: p1                  # hosts that hold sectors while they are sealed
                count: \(hosts)
                memory: \(memory)GiB         # two layers for each PreCommit1 slot, and room for the rest
                disks:
                  # Assumed: room for \(room) sectors under way.
                  - {name: nvme, capacity: \(room * (isLarge ? 900 : 450))GiB, read: 6GB/s, write: 4GB/s, \
            maxSealing: \(room)}
                nic: 25Gbps
                workers:
                  - {name: p1, role: P1, count: \(slots), group: host, slots: {PreCommit1: 1}}
                  - {name: p2, role: P2, count: 1, group: host, slots: {PreCommit2: 1}}
                  - {name: ap, role: AP, count: 1, group: host, slots: {AddPiece: 1, Commit1: 1, Finalize: 1}}
              - name: c2                  # hosts that prove
                count: \(provers)
                memory: 256GiB
                gpus: [{model: yours, count: 1}]
                workers:
                  - {name: c2, role: C2, count: 1, group: none, slots: {Commit2: 1}}

            stores:
              - {name: store, kind: nfs, capacity: 1PiB, read: 2GB/s, write: 2GB/s}   # assumed

            # Replace what is assumed by what you measured: 'sealyard scenario durations FILE' prints this
            # section; 'duration: {measured: FILE}' takes a bench, sector log, task history or journal.
            tasks:
              AddPiece: {duration: 1s, provenance: assumed, source: empty sectors linked from a template}
              PreCommit1: {duration: \(preCommit1), provenance: assumed, source: given when this file \
              was made}
              PreCommit2: {duration: \(preCommit2), provenance: assumed, source: given when this file \
              was made}
              Commit1: {duration: \(isLarge ? 90 : 45)s, provenance: assumed, source: a bench machine}
              Commit2: {duration: \(commit2), provenance: assumed, source: given when this file was made}
              Finalize: {duration: 30s, transfer: \(sectorSize), provenance: assumed, source: removing layers}

            workload:
              pledge: {every: 4m, packingMax: 14, initialPerHost: \(slots)}

            # costs:                      # prices, power and space, to see what a TiB costs
            #   currency: USD
            #   electricityPerKilowattHour: 0.12
            #   rackUnitMonth: 25
            #   hosts: {p1: {price: 40000, power: 1200, rackUnits: 2}}   # power in watts
            #   chain: {filPrice: 5}      # and the network's state: baseFee, networkPower, …

            """
    }
}
