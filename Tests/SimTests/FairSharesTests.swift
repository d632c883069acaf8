// SPDX-License-Identifier: Apache-2.0
import Sim
import Testing

/// A random system of flows and resources that changes, with all that is known of it.
private struct Flows {
    struct Flow {
        var uses: [FairShares.Use]
        var limit: Double
    }

    var shares = FairShares()
    var capacities: [Double] = []
    /// By place in `shares`.
    var flows: [Int: Flow] = [:]
    var places: [Int] { flows.keys.sorted() }

    mutating func addResource(_ capacity: Double) {
        let index = shares.addResource(capacity: capacity)
        #expect(index == capacities.count)
        capacities.append(capacity)
    }

    mutating func step(_ generator: inout SeededGenerator) -> [Int] {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<5:
            let count = Int.random(in: 1...min(4, capacities.count), using: &generator)
            let picked = capacities.indices.shuffled(using: &generator).prefix(count)
            let uses = picked.map {
                FairShares.Use($0, weight: Bool.random(using: &generator) ? 1 : Self.amount(&generator))
            }
            let limit = Bool.random(using: &generator) ? .infinity : Self.amount(&generator) * 10
            let (place, changed) = shares.add(uses, limit: limit)
            flows[place] = Flow(uses: uses, limit: limit)
            return changed
        case 5..<7:
            guard let place = places.randomElement(using: &generator) else { return [] }
            flows[place] = nil
            return shares.remove(place)
        case 7:
            guard let place = places.randomElement(using: &generator) else { return [] }
            let limit = Self.amount(&generator) * 10
            flows[place]?.limit = limit
            return shares.setLimit(place, limit)
        default:
            let index = Int.random(in: capacities.indices, using: &generator)
            capacities[index] = Self.capacity(&generator)
            return shares.setCapacity(index, capacities[index])
        }
    }

    static func amount(_ generator: inout SeededGenerator) -> Double {
        Double(Int.random(in: 1...64, using: &generator)) / 16
    }

    static func capacity(_ generator: inout SeededGenerator) -> Double {
        Int.random(in: 0..<8, using: &generator) == 0
            ? 0 : Double(Int.random(in: 1...400, using: &generator)) / 4
    }

    /// The rates by another way: water rises by the smallest step that fills something, for all flows at
    /// once.
    func byWater() -> [Int: Double] {
        var rates: [Int: Double] = [:]
        var open = Set(places)
        for place in places { rates[place] = 0 }
        func taken(_ resource: Int, _ which: Set<Int>, _ one: (Int) -> Double) -> Double {
            which.sorted().reduce(0) { sum, place in
                (flows[place]?.uses ?? []).reduce(sum) {
                    $0 + ($1.resource == resource ? $1.weight * one(place) : 0)
                }
            }
        }
        while !open.isEmpty {
            var step = Double.infinity
            for index in capacities.indices {
                let pull = taken(index, open) { _ in 1 }
                guard pull > 0 else { continue }
                let used = taken(index, Set(places)) { rates[$0] ?? 0 }
                step = min(step, max(0, capacities[index] - used) / pull)
            }
            for place in open.sorted() { step = min(step, (flows[place]?.limit ?? 0) - (rates[place] ?? 0)) }
            for place in open { rates[place, default: 0] += step }
            let full = capacities.indices.filter { index in
                let used = taken(index, Set(places)) { rates[$0] ?? 0 }
                return used >= capacities[index] - 1e-9 * max(1, capacities[index])
            }
            open = open.filter { place in
                guard let flow = flows[place] else { return false }
                return (rates[place] ?? 0) < flow.limit - 1e-9
                    && !flow.uses.contains { full.contains($0.resource) }
            }
        }
        return rates
    }
}

@Suite("Resources are shared max-min fairly")
struct FairSharesTests {
    // Goal: after any change the rates are those of the definition. Method: random systems, random changes;
    // compared with water that rises step by step, and checked for what makes an allocation max-min fair:
    // nothing is above its capacity, and each flow is at its limit or has a full resource on which no other
    // is faster.
    @Test(
        "rates are those of rising water, within capacity, and each flow has its bottleneck",
        arguments: 0..<40)
    func property(_ round: Int) throws {
        let seed = SeededGenerator.seed(standard: 900 + UInt64(round))
        var generator = SeededGenerator(seed: seed)
        var system = Flows()
        for _ in 0..<Int.random(in: 1...7, using: &generator) {
            system.addResource(Flows.capacity(&generator))
        }
        for _ in 0..<60 {
            var before: [Int: Double] = [:]
            for place in system.places { before[place] = system.shares.rate(place) }
            let changed = system.step(&generator)
            let reference = system.byWater()
            for place in system.places {
                let rate = system.shares.rate(place)
                let expected = try #require(reference[place])
                #expect(abs(rate - expected) <= 1e-6 * max(1, expected), "SIM_SEED=\(seed)")
                // What is not named as changed has its rate of before.
                if !changed.contains(place) { #expect(rate == before[place] ?? 0, "SIM_SEED=\(seed)") }
                #expect(hasBottleneck(place, system), "SIM_SEED=\(seed)")
            }
            for index in system.capacities.indices {
                let slack = 1e-9 * max(1, system.capacities[index])
                #expect(system.shares.taken(index) <= system.capacities[index] + slack, "SIM_SEED=\(seed)")
            }
        }
    }

    private func hasBottleneck(_ place: Int, _ system: Flows) -> Bool {
        guard let flow = system.flows[place] else { return false }
        let rate = system.shares.rate(place)
        if rate >= flow.limit * (1 - 1e-9) { return true }
        return flow.uses.contains { use in
            let capacity = system.capacities[use.resource]
            let isFull = system.shares.taken(use.resource) >= capacity - 1e-6 * max(1, capacity)
            let isFastest = system.shares.flows(through: use.resource).allSatisfy {
                system.shares.rate($0) <= rate + 1e-6 * max(1, rate)
            }
            return isFull && isFastest
        }
    }

    @Test("a change visits only what hangs together with it")
    func locality() {
        var shares = FairShares()
        // A hundred hosts with ten flows each, and nothing between them.
        let hosts = (0..<100).map { _ in shares.addResource(capacity: 5) }
        for host in hosts { for _ in 0..<10 { _ = shares.add([.init(host)]) } }
        let before = shares.visitCount
        let (place, changed) = shares.add([.init(hosts[3])])
        #expect(changed.count == 11 && shares.visitCount - before == 11)
        #expect(abs(shares.rate(place) - 5.0 / 11) < 1e-12)
        #expect(shares.rate(0) == 0.5)
        // A flow between two hosts joins them.
        let (_, joined) = shares.add([.init(hosts[0]), .init(hosts[1])])
        #expect(joined.count == 21)
    }

    @Test("one that takes more of a resource for each byte fills it sooner, and byte for byte all are equal")
    func weights() {
        var shares = FairShares()
        let requests = shares.addResource(capacity: 300)
        let bytes = shares.addResource(capacity: 1000)
        let small = shares.add([.init(requests, weight: 1), .init(bytes)]).flow
        let large = shares.add([.init(bytes)]).flow
        #expect(shares.rate(small) == 300 && shares.rate(large) == 700)
        _ = shares.setLimit(small, 100)
        #expect(shares.rate(small) == 100 && shares.rate(large) == 900)
    }
}
