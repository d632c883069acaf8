// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// Collects what an owner of reservations hears.
private actor Owner: Component {
    nonisolated let home: Home
    private let heard: Heard

    init(home: Home, heard: Heard) {
        self.home = home
        self.heard = heard
    }

    func receive(_ message: StorageEvent, _ context: Context<StorageEvent>) { heard.events.append(message) }
}

// Safety: written by one simulated world and read by the thread that runs it.
private final class Heard: @unchecked Sendable {
    var events: [StorageEvent] = []
}

@Suite("Storage index")
struct StorageIndexTests {
    private let world = SimulatedWorld()
    private let heard = Heard()

    private func boot() throws -> (index: Ref<StorageMessage>, owner: Ref<StorageEvent>) {
        let node = try world.addNode("miner")
        let heard = heard
        return (
            try node.spawn("storage") { StorageIndex(home: $0) },
            try node.spawn("owner") { Owner(home: $0, heard: heard) }
        )
    }

    private func key(_ number: UInt64) -> SectorKey { SectorKey(miner: 1000, number: number) }

    @Test("sectors spread over the least loaded stores, in order of arrival, and wait when all are full")
    func spread() throws {
        let (index, owner) = try boot()
        for name in ["a", "b"] {
            index.tell(
                .attach(StoreInfo(name: name, host: "host-\(name)", capacityBytes: 1000, sealingCountMax: 2)))
        }
        for number in 1...6 as ClosedRange<UInt64> {
            index.tell(.reserve(key(number), bytes: 100, replyTo: owner))
        }
        world.runUntilIdle()
        let granted = heard.events.compactMap { event -> String? in
            guard case .reserved(let key, let store, _) = event else { return nil }
            return "\(key.number)\(store)"
        }
        #expect(granted == ["1a", "2b", "3a", "4b"])
        index.tell(.release(key(2)))
        world.runUntilIdle()
        #expect(heard.events.last == .reserved(key(5), store: "b", host: "host-b"))
    }

    @Test("asking twice is answered twice and counted once; releasing twice frees once")
    func idempotent() throws {
        let (index, owner) = try boot()
        index.tell(.attach(StoreInfo(name: "a", host: "h", capacityBytes: 150, sealingCountMax: 0)))
        index.tell(.reserve(key(1), bytes: 100, replyTo: owner))
        index.tell(.reserve(key(1), bytes: 100, replyTo: owner))
        world.runUntilIdle()
        #expect(heard.events.count == 2)
        var stores: StorageEvent = try world.ask(index) { .list(replyTo: $0) }
        #expect(
            stores
                == .stores([
                    StoreState(
                        info: StoreInfo(name: "a", host: "h", capacityBytes: 150, sealingCountMax: 0),
                        reservedBytes: 100, sectorCount: 1)
                ]))
        index.tell(.release(key(1)))
        index.tell(.release(key(1)))
        stores = try world.ask(index) { .list(replyTo: $0) }
        guard case .stores(let states) = stores else {
            Issue.record("expected the list of stores")
            return
        }
        #expect(states[0].reservedBytes == 0)
        #expect(states[0].sectorCount == 0)
    }

    @Test("a lost store tells the owners of its sectors, and only them")
    func lose() throws {
        let (index, owner) = try boot()
        for name in ["a", "b"] {
            index.tell(.attach(StoreInfo(name: name, host: name, capacityBytes: 1000, sealingCountMax: 0)))
        }
        for number in 1...4 as ClosedRange<UInt64> {
            index.tell(.reserve(key(number), bytes: 1, replyTo: owner))
        }
        world.runUntilIdle()
        heard.events = []
        index.tell(.lose(store: "a"))
        index.tell(.lose(store: "a"))
        world.runUntilIdle()
        #expect(heard.events == [.lost(key(1), store: "a"), .lost(key(3), store: "a")])
        let found: StorageEvent = try world.ask(index) { .find(key(1), replyTo: $0) }
        #expect(found == .location(key(1), store: nil, host: nil))
    }

    @Test("room is never granted beyond the capacity, whatever the order", arguments: 0..<20)
    func conservation(seed: UInt64) throws {
        let (index, owner) = try boot()
        var random = RandomStream(seed: seed)
        for number in 0..<3 {
            index.tell(
                .attach(
                    StoreInfo(
                        name: "s\(number)", host: "h", capacityBytes: 500,
                        sealingCountMax: number == 0 ? 3 : 0)))
        }
        for _ in 0..<300 {
            let sector = key(UInt64(random.index(below: 40)))
            if random.happens(0.6) {
                index.tell(.reserve(sector, bytes: UInt64(1 + random.index(below: 200)), replyTo: owner))
            } else {
                index.tell(.release(sector))
            }
            let answer: StorageEvent = try world.ask(index) { .list(replyTo: $0) }
            guard case .stores(let states) = answer else {
                Issue.record("expected the list of stores")
                return
            }
            for state in states {
                #expect(state.reservedBytes <= state.info.capacityBytes)
                #expect(state.info.sealingCountMax == 0 || state.sectorCount <= state.info.sealingCountMax)
            }
        }
        for number in 0..<40 as Range<UInt64> { index.tell(.release(key(number))) }
        let answer: StorageEvent = try world.ask(index) { .list(replyTo: $0) }
        guard case .stores(let states) = answer else {
            Issue.record("expected the list of stores")
            return
        }
        #expect(states.allSatisfy { $0.reservedBytes == 0 && $0.sectorCount == 0 })
    }
}
