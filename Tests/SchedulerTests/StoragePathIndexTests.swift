// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

// Safety: written by one simulated world and read by the thread that runs it.
private final class Heard: @unchecked Sendable {
    var events: [StorageEvent] = []
    var orders: [String] = []
}

private actor Owner: Component {
    nonisolated let home: Home
    private let heard: Heard

    init(home: Home, heard: Heard) {
        self.home = home
        self.heard = heard
    }

    func receive(_ message: StorageEvent, _ context: Context<StorageEvent>) { heard.events.append(message) }
}

private actor Keeper: Component {
    nonisolated let home: Home
    private let heard: Heard

    init(home: Home, heard: Heard) {
        self.home = home
        self.heard = heard
    }

    func receive(_ message: KeeperMessage, _ context: Context<KeeperMessage>) {
        switch message {
        case .drop(let sector, let store): heard.orders.append("drop \(sector.number) at \(store)")
        case .list(let store): heard.orders.append("list \(store)")
        case .unknown(let store): heard.orders.append("unknown \(store)")
        case .order(let number, _): heard.orders.append("order \(number)")
        case .indexLost, .lookDue, .looked: break
        }
    }
}

@Suite("Stores that are directories")
struct StoragePathIndexTests {
    private let world = SimulatedWorld()
    private let heard = Heard()
    private let index: Ref<StorageMessage>
    private let owner: Ref<StorageEvent>
    private let workers: [SimulatedNode]
    private let keepers: [Ref<KeeperMessage>]

    init() throws {
        let heard = heard
        let node = try world.addNode("miner")
        index = try node.spawn("storage") { StorageIndex(home: $0) }
        owner = try node.spawn("owner") { Owner(home: $0, heard: heard) }
        var workers: [SimulatedNode] = []
        var keepers: [Ref<KeeperMessage>] = []
        for name in ["w0", "w1", "w2"] {
            let node = try world.addNode(name)
            workers.append(node)
            keepers.append(try node.spawn("stores") { Keeper(home: $0, heard: heard) })
        }
        self.workers = workers
        self.keepers = keepers
    }

    private func key(_ number: UInt64) -> SectorKey { SectorKey(miner: 1000, number: number) }

    private func open(
        _ name: String, on worker: Int, weight: Int = 10, canSeal: Bool = false, canStore: Bool = false,
        available: UInt64 = 1_000, health: StoreHealth? = nil, path: StorePath? = nil,
        _ files: [SectorFiles]? = []
    ) {
        let info = StoreInfo(
            name: name, host: "w\(worker)", capacityBytes: 0, sealingCountMax: 0, weight: weight,
            canSeal: canSeal, canStore: canStore, isReadOnly: !canSeal && !canStore)
        let path = path ?? StorePath(path: "/\(name)", url: "sealyard://w\(worker)@127.0.0.1:1")
        let health = health ?? self.health(available)
        index.tell(.path(.open(info, path, health, files, keeper: keepers[worker])))
    }

    private func health(
        _ available: UInt64, disk: String? = nil, error: String? = nil
    ) -> StoreHealth {
        StoreHealth(
            capacityBytes: 10_000, availableBytes: available, usedBytes: 0, fileSystem: disk, error: error)
    }

    private func files(_ number: UInt64, _ bytes: UInt64) -> SectorFiles {
        SectorFiles(sector: key(number), types: [.sealed, .cache], bytes: bytes)
    }

    private func chosen(_ number: UInt64, _ bytes: UInt64, from worker: Int = 0) throws -> String? {
        let answer: StorageEvent = try world.ask(index) {
            .path(.choose(files(number, bytes), host: "w\(worker)", replyTo: $0))
        }
        guard case .path(.place(_, let store, _, _)) = answer else { return nil }
        return store
    }

    private func state(_ name: String) throws -> StoreState {
        let answer: StorageEvent = try world.ask(index) { .list(replyTo: $0) }
        guard case .stores(let states) = answer else { throw CancellationError() }
        return try #require(states.first { $0.info.name == name })
    }

    private func settle() { world.runUntilIdle() }

    @Test("a finished sector goes where weight times free room is largest, never where nothing is stored")
    func choice() throws {
        open("small", on: 0, weight: 10, canStore: true, available: 900)
        open("light", on: 1, weight: 5, canStore: true, available: 1_700)
        open("sealing", on: 1, weight: 100, canSeal: true, available: 9_000)
        open("reading", on: 2, weight: 100, available: 9_000)
        #expect(try chosen(1, 500) == "small")
        #expect(try chosen(1, 500) == "small", "asking again gives the same place")
        // 400 are left there: 4,000 against 8,500.
        #expect(try chosen(2, 500) == "light")
        #expect(try chosen(3, 1_200) == "light")
        #expect(try chosen(4, 1_200) == nil, "no room is promised twice")
        index.tell(.path(.giveBack(key(3))))
        #expect(try chosen(4, 1_200) == "light")
    }

    @Test("groups and kinds of files close a path, and equals go to the near one")
    func rules() throws {
        open(
            "origin", on: 0, canSeal: true,
            path: StorePath(path: "/o", url: "u", allowTo: ["red"]), [files(1, 100)])
        open("blue", on: 1, canStore: true, path: StorePath(path: "/b", url: "u", groups: ["blue"]))
        open(
            "picky", on: 1, weight: 99, canStore: true,
            path: StorePath(path: "/p", url: "u", groups: ["red"], denyTypes: [.cache]))
        #expect(try chosen(1, 100) == nil)
        open("red", on: 1, canStore: true, path: StorePath(path: "/r", url: "u", groups: ["red"]))
        #expect(try chosen(1, 100) == "red")
        open("near", on: 2, canStore: true)
        open("near-not", on: 1, canStore: true)
        #expect(try chosen(2, 100, from: 2) == "near")
        // Nor may a task's files go there.
        index.tell(.reserve(key(1), bytes: 100, at: "origin", owner: owner, replyTo: nil))
        index.tell(.reserveMove(key(1), to: "blue", replyTo: owner))
        settle()
        let refused = heard.events.contains { event in
            guard case .moveRefused(_, "blue", let refusal) = event else { return false }
            return refusal.code == .storeClosed
        }
        #expect(refused)
    }

    @Test("stores on one disk promise its room once, to sectors under way and to finished ones")
    func sharedDisk() throws {
        let disk = health(1_000, disk: "box/1")
        open("a", on: 0, canSeal: true, health: disk)
        open("b", on: 1, canSeal: true, canStore: true, health: disk)
        open("other", on: 2, canSeal: true, available: 1_000)
        index.tell(.reserve(key(1), bytes: 600, at: "a", owner: owner, replyTo: owner))
        index.tell(.reserve(key(2), bytes: 600, at: "b", owner: owner, replyTo: owner))
        index.tell(.reserve(key(3), bytes: 600, at: "other", owner: owner, replyTo: owner))
        settle()
        let refused = heard.events.compactMap { event -> Refusal? in
            guard case .refused(_, _, let refusal) = event else { return nil }
            return refusal
        }
        #expect(refused.map(\.code) == [.storeFull] && refused.map(\.limit) == ["b"])
        #expect(refused.map(\.free) == [400])
        #expect(try chosen(4, 500) == nil)
        #expect(try chosen(5, 300) == "b")
        // 100 are left, whichever of the two is asked.
        #expect(try state("a").info.fileSystem?.freeBytes == 100)
        #expect(try state("b").info.fileSystem?.freeBytes == 100)
        index.tell(.path(.giveBack(key(5))))
        index.tell(.release(key(1)))
        index.tell(.reserve(key(2), bytes: 600, at: "b", owner: owner, replyTo: owner))
        settle()
        #expect(try state("b").reservedBytes == 600)
    }

    @Test("what is written is not counted beside its reservation, and what others write is")
    func account() throws {
        open("s", on: 0, canSeal: true, available: 1_000)
        index.tell(.reserve(key(1), bytes: 600, at: "s", owner: owner, replyTo: nil))
        settle()
        func free() throws -> UInt64 {
            let state = try state("s")
            return state.info.capacityBytes - state.reservedBytes
        }
        index.tell(.path(.health(store: "s", host: "w0", health(1_000), keeper: keepers[0])))
        #expect(try free() == 400)
        // Half is written: the disk has less, and the promise is smaller by as much.
        index.tell(.path(.holds(store: "s", [files(1, 300)])))
        index.tell(.path(.health(store: "s", host: "w0", health(700), keeper: keepers[0])))
        #expect(try free() == 400)
        index.tell(.path(.health(store: "s", host: "w0", health(650), keeper: keepers[0])))
        #expect(try free() == 350, "somebody else wrote 50")
        index.tell(.reserve(key(2), bytes: 351, at: "s", owner: owner, replyTo: owner))
        settle()
        let isFull = heard.events.contains { event in
            if case .refused(_, "s", let refusal) = event { refusal.code == .storeFull } else { false }
        }
        #expect(isFull)
    }

    @Test("what a fetch has written so far is not counted beside the promise of its room")
    func fetchAccount() throws {
        open("a", on: 0, canSeal: true, available: 1_000, [files(1, 600)])
        open("b", on: 1, canSeal: true, available: 1_000)
        index.tell(.reserve(key(1), bytes: 600, at: "a", owner: owner, replyTo: nil))
        index.tell(.reserveMove(key(1), to: "b", replyTo: owner))
        for written in [0, 250, 600] as [UInt64] {
            var health = health(1_000 - written)
            health.fetchingBytes = written
            index.tell(.path(.health(store: "b", host: "w1", health, keeper: keepers[1])))
            let state = try state("b")
            #expect(state.info.capacityBytes - state.reservedBytes == 400, "after \(written)")
        }
        index.tell(.path(.holds(store: "b", [files(1, 600)])))
        index.tell(.path(.health(store: "b", host: "w1", health(400), keeper: keepers[1])))
        let state = try state("b")
        #expect(state.info.capacityBytes - state.reservedBytes == 400)
    }

    @Test("a path in trouble is out of use with its error, and in use when it reads again")
    func trouble() throws {
        open("s", on: 0, canStore: true, [files(1, 10)])
        index.tell(
            .path(.health(store: "s", host: "w0", health(0, error: "no such disk"), keeper: keepers[0])))
        #expect(try !state("s").isOnline)
        #expect(try chosen(2, 1) == nil)
        let overview: StorageEvent = try world.ask(index) { .path(.overview(replyTo: $0)) }
        guard case .path(.overview(let stores)) = overview else { throw CancellationError() }
        #expect(stores.map(\.health.error) == ["no such disk"])
        index.tell(.path(.health(store: "s", host: "w0", health(1_000), keeper: keepers[0])))
        #expect(try state("s").isOnline)
        #expect(try chosen(2, 1) == "s")
        index.tell(.path(.health(store: "t", host: "w0", health(1), keeper: keepers[0])))
        settle()
        #expect(heard.orders == ["unknown t"])
    }

    @Test("a shared path stays in reach with its second worker")
    func shared() throws {
        for worker in 0...1 { open("nfs", on: worker, canStore: true) }
        settle()
        world.kill(workers[0])
        settle()
        #expect(try state("nfs").isOnline)
        #expect(try state("nfs").info.host == "w1")
        world.kill(workers[1])
        settle()
        #expect(try !state("nfs").isOnline)
    }

    @Test("what one worker brings while another reads the list is not forgotten with the older list")
    func lists() throws {
        func held() throws -> [UInt64] {
            try (1...5).filter { number in
                let answer: StorageEvent = try world.ask(index) { .path(.whereIs(key(number), replyTo: $0)) }
                guard case .path(.copies(_, let copies)) = answer else { throw CancellationError() }
                return !copies.isEmpty
            }
        }
        open("nfs", on: 0, canStore: true, [files(1, 10), files(2, 10)])
        index.tell(.path(.listing(store: "nfs", host: "w1", keeper: keepers[1])))
        settle()
        #expect(heard.orders == ["list nfs"])
        // The second worker reads 1, 2 and 5; meanwhile the first brings 3 and 4 and deletes 2.
        index.tell(.path(.holds(store: "nfs", [files(3, 10), files(4, 10)])))
        index.tell(.path(.holds(store: "nfs", [SectorFiles(sector: key(2), types: [], bytes: 0)])))
        open("nfs", on: 1, canStore: true, [files(1, 10)])
        index.tell(.path(.lists(store: "nfs", host: "w1", [files(2, 10), files(5, 10)])))
        index.tell(.path(.listed(store: "nfs", host: "w1")))
        #expect(try held() == [1, 3, 4, 5])
        // The next list is the whole truth again.
        index.tell(.path(.listing(store: "nfs", host: "w1", keeper: keepers[1])))
        open("nfs", on: 1, canStore: true, [files(1, 10)])
        #expect(try held() == [1])
    }

    @Test("what is told of a store that nobody has opened yet counts with its list")
    func listsOfNewStore() throws {
        index.tell(.path(.listing(store: "new", host: "w0", keeper: keepers[0])))
        // The worker tells what it finds while it reads, and a third file is gone before it is done.
        index.tell(.path(.holds(store: "new", [files(1, 10), files(2, 10), files(3, 10)])))
        index.tell(.path(.holds(store: "new", [SectorFiles(sector: key(3), types: [], bytes: 0)])))
        open("new", on: 0, canSeal: true, [files(1, 10), files(2, 10), files(3, 10)])
        index.tell(.path(.listed(store: "new", host: "w0")))
        for (number, count) in [(1, 1), (2, 1), (3, 0)] as [(UInt64, Int)] {
            let answer: StorageEvent = try world.ask(index) { .path(.whereIs(key(number), replyTo: $0)) }
            guard case .path(.copies(_, let copies)) = answer else { throw CancellationError() }
            #expect(copies.count == count, "sector \(number)")
        }
    }

    @Test("a list that could not be read takes nothing from what is known")
    func unread() throws {
        open("nfs", on: 0, canStore: true, [files(1, 10)])
        open("nfs", on: 1, canStore: true, health: health(0, error: "stale handle"), nil)
        let answer: StorageEvent = try world.ask(index) { .path(.whereIs(key(1), replyTo: $0)) }
        guard case .path(.copies(_, let copies)) = answer else { throw CancellationError() }
        #expect(copies.map(\.host) == ["w0"])
    }

    @Test("a worker that has lost a shared path takes it from no other; work goes to who reaches it")
    func lostByOne() throws {
        for worker in 0...1 { open("nfs", on: worker, canStore: true, available: 1_000) }
        let lost = health(0, error: "stale handle")
        index.tell(.path(.health(store: "nfs", host: "w0", lost, keeper: keepers[0])))
        #expect(try state("nfs").isOnline)
        #expect(try state("nfs").info.host == "w1")
        #expect(try chosen(1, 900) == "nfs", "the room is what the second sees")
        index.tell(.path(.health(store: "nfs", host: "w1", lost, keeper: keepers[1])))
        #expect(try !state("nfs").isOnline)
        index.tell(.path(.health(store: "nfs", host: "w0", health(1_000), keeper: keepers[0])))
        #expect(try state("nfs").isOnline)
        #expect(try state("nfs").info.host == "w0")
    }

    @Test("a copy goes when the sector's record names another, not before; what is out of reach goes later")
    func copies() throws {
        open("a", on: 0, canSeal: true, [files(1, 10)])
        open("b", on: 1, canSeal: true)
        index.tell(.reserve(key(1), bytes: 100, at: "a", owner: owner, replyTo: nil))
        index.tell(.reserveMove(key(1), to: "b", replyTo: owner))
        index.tell(.path(.holds(store: "b", [files(1, 10)])))
        index.tell(.declare(key(1), store: "b"))
        settle()
        #expect(heard.events.contains(.moved(key(1), store: "b", host: "w1", wantsWord: true)))
        #expect(heard.orders.isEmpty)
        index.tell(.path(.settled(key(1), store: "a")))
        settle()
        #expect(heard.orders.isEmpty, "a word about another place is late")
        index.tell(.path(.settled(key(1), store: "b")))
        settle()
        #expect(heard.orders == ["drop 1 at a"])
        // It was not deleted before the worker went: it is told again.
        open("a", on: 0, canSeal: true, [files(1, 10)])
        settle()
        #expect(heard.orders == ["drop 1 at a", "drop 1 at a"])
        // Nor before its next sign of life: somebody may have been at work there.
        index.tell(.path(.health(store: "a", host: "w0", health(1_000), keeper: keepers[0])))
        settle()
        #expect(heard.orders.count == 3)
        // The sector comes back: what lies there is not to be deleted any more.
        index.tell(.reserveMove(key(1), to: "a", replyTo: owner))
        open("a", on: 0, canSeal: true, [files(1, 10)])
        index.tell(.path(.health(store: "a", host: "w0", health(1_000), keeper: keepers[0])))
        // A late word about the other place must not take what is on its way here.
        index.tell(.path(.settled(key(1), store: "b")))
        settle()
        #expect(heard.orders.count == 3)
    }

    @Test("a finished sector's sealing copy goes when it leaves the pipeline")
    func stored() throws {
        open("a", on: 0, canSeal: true, [files(1, 10)])
        open("keep", on: 1, canStore: true)
        index.tell(.reserve(key(1), bytes: 100, at: "a", owner: owner, replyTo: nil))
        #expect(try chosen(1, 10) == "keep")
        index.tell(.path(.holds(store: "keep", [files(1, 10)])))
        index.tell(.path(.stored(key(1), store: "keep")))
        settle()
        #expect(heard.orders.isEmpty)
        index.tell(.release(key(1)))
        settle()
        #expect(heard.orders == ["drop 1 at a"])
        index.tell(.path(.holds(store: "a", [SectorFiles(sector: key(1), types: [], bytes: 0)])))
        let answer: StorageEvent = try world.ask(index) { .path(.whereIs(key(1), replyTo: $0)) }
        guard case .path(.copies(_, let copies)) = answer else { throw CancellationError() }
        #expect(copies.map(\.store) == ["keep"])
        #expect(copies.map(\.isPrimary) == [true])
    }

    @Test("an order reaches the worker's keeper, and its answer the operator")
    func orders() throws {
        index.tell(.path(.enlist(host: "w0", keepers[0])))
        index.tell(.path(.order(host: "w0", .redeclare(path: nil), replyTo: owner)))
        index.tell(.path(.order(host: "w9", .redeclare(path: nil), replyTo: owner)))
        settle()
        #expect(heard.orders == ["order 1"])
        index.tell(.path(.ordered(1, .done("seen"))))
        index.tell(.path(.ordered(1, .done("twice"))))
        settle()
        #expect(
            heard.events == [
                .path(.ordered(.refused("no worker 'w9' is here; those that are here: w0"))),
                .path(.ordered(.done("seen"))),
            ])
    }
}
