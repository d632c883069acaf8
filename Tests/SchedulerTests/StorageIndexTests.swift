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

    @Test("room is given where it was asked for, until the store is full, and a refusal says what is full")
    func refusals() throws {
        let (index, owner) = try boot()
        for name in ["a", "b"] {
            index.tell(
                .attach(StoreInfo(name: name, host: "host-\(name)", capacityBytes: 1000, sealingCountMax: 2)))
        }
        for number in 1...3 as ClosedRange<UInt64> {
            index.tell(.reserve(key(number), bytes: 100, at: "a", owner: owner, replyTo: owner))
        }
        index.tell(.reserve(key(4), bytes: 1001, at: "b", owner: owner, replyTo: owner))
        index.tell(.reserve(key(5), bytes: 1, at: "c", owner: owner, replyTo: owner))
        world.runUntilIdle()
        let granted = heard.events.compactMap { event -> UInt64? in
            guard case .reserved(let key, _, _) = event else { return nil }
            return key.number
        }
        #expect(granted == [1, 2])
        let refused = heard.events.compactMap { event -> Refusal.Code? in
            guard case .refused(_, _, let refusal) = event else { return nil }
            return refusal.code
        }
        #expect(refused == [.sealingCount, .storeFull, .storeMissing])
    }

    @Test("stores of one file system share its room, and a store's settings close it")
    func sharedFileSystem() throws {
        let (index, owner) = try boot()
        let pool = HostInfo.FileSystem(id: "pool", capacityBytes: 150, freeBytes: 150)
        for name in ["a", "b"] {
            index.tell(
                .attach(
                    StoreInfo(
                        name: name, host: "h", capacityBytes: 1000, sealingCountMax: 0, fileSystem: pool)))
        }
        index.tell(
            .attach(
                StoreInfo(name: "c", host: "h", capacityBytes: 1000, sealingCountMax: 0, isReadOnly: true)))
        index.tell(.reserve(key(1), bytes: 100, at: "a", owner: owner, replyTo: owner))
        index.tell(.reserve(key(2), bytes: 100, at: "b", owner: owner, replyTo: owner))
        index.tell(.reserve(key(3), bytes: 1, at: "c", owner: owner, replyTo: owner))
        index.tell(.setOnline(store: "b", false))
        index.tell(.reserve(key(4), bytes: 1, at: "b", owner: owner, replyTo: owner))
        world.runUntilIdle()
        let codes = heard.events.compactMap { event -> Refusal.Code? in
            guard case .refused(_, _, let refusal) = event else { return nil }
            return refusal.code
        }
        #expect(codes == [.fileSystemFull, .storeClosed, .storeMissing])
    }

    @Test("a move takes room at both ends until the files are declared at the other, and its owner hears")
    func moves() throws {
        let (index, owner) = try boot()
        for name in ["a", "b"] {
            index.tell(.attach(StoreInfo(name: name, host: name, capacityBytes: 100, sealingCountMax: 0)))
        }
        index.tell(.reserve(key(1), bytes: 100, at: "a", owner: owner, replyTo: nil))
        index.tell(.reserveMove(key(1), to: "b", replyTo: owner))
        index.tell(.reserve(key(2), bytes: 1, at: "b", owner: owner, replyTo: nil))
        #expect(try reservedBytes(index) == [100, 100])
        index.tell(.declare(key(1), store: "b"))
        index.tell(.declare(key(1), store: "b"))
        #expect(try reservedBytes(index) == [0, 100])
        world.runUntilIdle()
        #expect(heard.events.filter { $0 == .moved(key(1), store: "b", host: "b") }.count == 1)
        index.tell(.reserveMove(key(1), to: "a", replyTo: owner))
        index.tell(.cancelMove(key(1), to: "a"))
        index.tell(.cancelMove(key(1), to: "a"))
        #expect(try reservedBytes(index) == [0, 100])
        index.tell(.release(key(1)))
        #expect(try reservedBytes(index) == [0, 0])
    }

    private func reservedBytes(_ index: Ref<StorageMessage>) throws -> [UInt64] {
        let answer: StorageEvent = try world.ask(index) { .list(replyTo: $0) }
        guard case .stores(let states) = answer else { return [] }
        return states.map(\.reservedBytes)
    }

    @Test("asking twice is answered twice and counted once; releasing twice frees once")
    func idempotent() throws {
        let (index, owner) = try boot()
        index.tell(.attach(StoreInfo(name: "a", host: "h", capacityBytes: 150, sealingCountMax: 0)))
        index.tell(.reserve(key(1), bytes: 100, at: "a", owner: owner, replyTo: nil))
        index.tell(.reserve(key(1), bytes: 100, at: "a", owner: owner, replyTo: nil))
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
            index.tell(
                .reserve(key(number), bytes: 1, at: number % 2 == 1 ? "a" : "b", owner: owner, replyTo: nil))
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

    @Test("what one sector has at a store is given up alone, once, and only there")
    func abandon() throws {
        let (index, owner) = try boot()
        index.tell(.attach(StoreInfo(name: "a", host: "a", capacityBytes: 1000, sealingCountMax: 0)))
        for number in 1...2 as ClosedRange<UInt64> {
            index.tell(.reserve(key(number), bytes: 10, at: "a", owner: owner, replyTo: nil))
        }
        index.tell(.setOnline(store: "a", false))
        world.runUntilIdle()
        heard.events = []
        index.tell(.abandon(key(1), store: "b"))
        index.tell(.abandon(key(3), store: "a"))
        world.runUntilIdle()
        #expect(heard.events == [])
        index.tell(.abandon(key(1), store: "a"))
        index.tell(.abandon(key(1), store: "a"))
        world.runUntilIdle()
        #expect(heard.events == [.lost(key(1), store: "a")])
        let stores: StorageEvent = try world.ask(index) { .list(replyTo: $0) }
        guard case .stores(let states) = stores else {
            Issue.record("expected the list of stores")
            return
        }
        #expect(states.map(\.reservedBytes) == [10] && states.map(\.sectorCount) == [1])
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
                let store = "s\(random.index(below: 3))"
                if random.happens(0.7) {
                    let bytes = UInt64(1 + random.index(below: 200))
                    index.tell(.reserve(sector, bytes: bytes, at: store, owner: owner, replyTo: nil))
                } else if random.happens(0.5) {
                    index.tell(.reserveMove(sector, to: store, replyTo: owner))
                } else {
                    index.tell(.cancelMove(sector, to: store))
                }
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
