// SPDX-License-Identifier: Apache-2.0

/// What lost packets take from transfers that are under way.
extension ModelStores {
    /// A transfer, and what holds it back by itself.
    struct Way {
        let id: FairTransfers.Flow
        /// The sealing hosts at its ends.
        let hosts: [String]
        let roundTripSeconds: Double
        /// Connections over which it goes.
        let connections: Int
        /// Its rate when nobody else is there and nothing is lost.
        let limit: Double
        /// What its process may have; infinite for all that it can get.
        var processLimit = Double.infinity
        /// The share that its process loses besides its hosts.
        var processLoss = 0.0
    }

    /// Lets packets of all connections of a host be lost; `nil` where none is.
    func losePackets(of host: String, _ share: Double?) {
        losses[host] = share
        for way in ways where way.hosts.contains(host) { transfers.setLimit(way.id, rate(way)) }
    }

    /// What a way carries at most.
    func rate(_ way: Way) -> Double {
        min(
            way.limit, way.processLimit,
            lossRate(way.hosts, besides: way.processLoss, way.roundTripSeconds, way.connections))
    }

    /// What so many connections between such hosts carry for the packets that are lost there.
    func lossRate(
        _ hosts: [String], besides other: Double = 0, _ roundTripSeconds: Double, _ connections: Int
    ) -> Double {
        let share = hosts.reduce(other) { PathLoss.joined($0, losses[$1] ?? 0) }
        return Double(connections)
            * PathLoss.bytesPerSecond(share: share, roundTripSeconds: roundTripSeconds)
    }

    /// Remembers a transfer for as long as it is under way.
    func setOut(_ way: Way) {
        ways.append(way)
        let rate = rate(way)
        if rate < way.limit { transfers.setLimit(way.id, rate) }
    }

    func arrived(_ id: FairTransfers.Flow) { ways.removeAll { $0.id == id } }
}
