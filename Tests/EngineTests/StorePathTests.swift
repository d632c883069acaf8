// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Logging
import Scheduler
import Synchronization
import Testing

@Suite("Storage paths")
struct StorePathTests {
    private func with(_ body: (String) throws -> Void) throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "sealyard-path-\(UUID())").path
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(atPath: root) } catch {
                Issue.record("\(root) stays behind: \(error)")
            }
        }
        try body(root)
    }

    private func write(_ text: String, in root: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(root)/sectorstore.json"))
    }

    @Test("a file of settings that is far too large is refused by its size, before it is read")
    func tooLarge() throws {
        try with { root in
            try write("{}" + String(repeating: " ", count: 1 << 20), in: root)
            #expect {
                _ = try StoreFile(in: root)
            } throws: { "\($0)".contains("1048578 bytes") }
        }
    }

    @Test("the file of a path says what operators know, and what is left out has the usual value")
    func read() throws {
        try with { root in
            try write(
                """
                {"ID": "76a1a8bb", "Weight": 0, "CanSeal": false, "CanStore": true,
                 "MaxStorage": 1099511627776,
                 "Groups": ["a", "b"], "AllowTo": null, "AllowTypes": ["sealed", "update-cache"],
                 "DenyTypes": [], "AllowMiners": null, "DenyMiners": []}
                """, in: root)
            #expect(
                try StoreFile(in: root)
                    == StoreFile(
                        id: "76a1a8bb",
                        settings: StoreSettings(
                            weight: 0, canStore: true, bytesMax: 1 << 40, groups: ["a", "b"],
                            allowTypes: [.sealed, .updateCache])))
            try write("{\"ID\": \"x\"}", in: root)
            #expect(try StoreFile(in: root).settings == StoreSettings(weight: 10))
            #expect(try StoreFile(in: root).isReadOnly)
        }
    }

    @Test(
        "a bad file is refused with the place and the key",
        arguments: [
            ("", "is no JSON"), ("[1]", "no JSON object"), ("{}", "ID must be"),
            ("{\"ID\": \"a b\"}", "ID must be"),
            ("{\"ID\": 5}", "ID must be"), ("{\"ID\": \"x\", \"Weight\": -1}", "Weight must be"),
            ("{\"ID\": \"x\", \"Weight\": 1.5}", "Weight must be"),
            ("{\"ID\": \"x\", \"Weight\": true}", "Weight must be"),
            ("{\"ID\": \"x\", \"Weight\": 99999999}", "Weight must be"),
            ("{\"ID\": \"x\", \"CanSeal\": 1}", "CanSeal must be true or false"),
            ("{\"ID\": \"x\", \"CanStore\": \"yes\"}", "CanStore must be true or false"),
            ("{\"ID\": \"x\", \"MaxStorage\": \"1TiB\"}", "MaxStorage must be"),
            ("{\"ID\": \"x\", \"Groups\": \"a\"}", "Groups must be a list"),
            ("{\"ID\": \"x\", \"AllowTypes\": [\"seeled\"]}", "AllowTypes has 'seeled'"),
            ("{\"ID\": \"x\", \"AllowMiners\": [\"t01000\"]}", "AllowMiners is not supported"),
            ("{\"ID\": \"x\", \"CanSeel\": true}", "'CanSeel' is no key"),
        ])
    func bad(text: String, complaint: String) throws {
        try with { root in
            try write(text, in: root)
            do {
                _ = try StoreFile(in: root)
                Issue.record("\(text) was taken")
            } catch let error as EngineError {
                #expect(error.message.contains("\(root)/sectorstore.json"), "\(error)")
                #expect(error.message.contains(complaint), "\(error)")
            }
        }
    }

    @Test("a path is made once: who comes second gets what is there")
    func make() throws {
        try with { root in
            let first = try StoreFile.make(StoreSettings(canStore: true), in: "\(root)/deep/path")
            let second = try StoreFile.make(StoreSettings(canSeal: true), in: "\(root)/deep/path")
            #expect(first == second)
            #expect(first.id.utf8.count == 36)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: "\(root)/deep/path") == [
                    "sectorstore.json"
                ])
            let stores = StorePaths()
            try stores.open("\(root)/deep/path")
            #expect(throws: EngineError.self) { try stores.open("\(root)/deep/path") }
        }
    }

    @Test("stores of one disk name the same file system, and those of another another")
    func disks() throws {
        try with { root in
            let stores = StorePaths(machine: "box")
            let paths = ["\(root)/a", "\(root)/b"]
            let ids = try paths.map { path in
                let file = try StoreFile.make(StoreSettings(canSeal: true), in: path)
                try stores.open(path)
                return file.id
            }
            let disks = ids.compactMap { stores.look(at: $0)?.fileSystem }
            #expect(disks.count == 2 && Set(disks).count == 1 && disks[0].hasPrefix("box/"))
            let kernel = try SectorDirectory(readingAt: "/proc").fileSystem()
            #expect(kernel.map { "box/\($0)" } != disks[0])
        }
    }

    @Test("a path that disappears is out of use until it is there again; another disk in its place is none")
    func lost() throws {
        try with { root in
            let path = "\(root)/disk"
            let file = try StoreFile.make(StoreSettings(canSeal: true), in: path)
            let stores = StorePaths()
            try stores.open(path)
            let sector = SectorKey(miner: 1000, number: 1)
            try Data([1, 2, 3]).write(to: URL(filePath: "\(path)/sealed/s-t01000-1"))
            #expect(try stores.scan(file.id) == [SectorFiles(sector: sector, types: [.sealed], bytes: 3)])
            let health = try #require(stores.look(at: file.id))
            #expect(health.error == nil && health.capacityBytes > 0 && health.usedBytes == 3)

            try FileManager.default.moveItem(atPath: path, toPath: "\(root)/away")
            #expect(try #require(stores.look(at: file.id)?.error).contains("is not there"))
            for name in [file.id, nil] {
                // Not the files are lost, but the way to them.
                #expect(throws: EngineError.self) { try stores.sealing(sector, named: name) }
            }

            _ = try StoreFile.make(StoreSettings(canSeal: true), in: path)
            #expect(try #require(stores.look(at: file.id)?.error).contains("another disk"))

            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: "\(root)/away", toPath: path)
            #expect(stores.look(at: file.id)?.error == nil)
            #expect(try stores.sealing(sector, named: file.id).id == file.id)
        }
    }

    @Test("what is looked at while the whole store is read is newer than the list, and is told last")
    func scanning() throws {
        try with { root in
            let file = try StoreFile.make(StoreSettings(canStore: true), in: root)
            let stores = StorePaths()
            try stores.open(root)
            let told = Mutex<[SectorKey: [SectorFileType]]>([:])
            stores.onChange { _, files in
                told.withLock { told in for file in files { told[file.sector] = file.types } }
            }
            let keys = (1...200).map { SectorKey(miner: 1000, number: $0) }
            func url(_ key: SectorKey) -> URL { URL(filePath: "\(root)/sealed/s-t01000-\(key.number)") }
            let isDone = Mutex(false)
            let group = DispatchGroup()
            DispatchQueue.global().async(group: group) {
                while !isDone.withLock({ $0 }) { _ = Result { try stores.scan(file.id) } }
            }
            for key in keys {
                try Data([1]).write(to: url(key))
                try stores.refresh(key, at: file.id)
                guard key.number % 2 == 0 else { continue }
                try FileManager.default.removeItem(at: url(key))
                try stores.refresh(key, at: file.id)
            }
            isDone.withLock { $0 = true }
            group.wait()
            for key in keys {
                let types: [SectorFileType] = key.number % 2 == 0 ? [] : [.sealed]
                #expect(stores.held(key, at: file.id).types == types)
                #expect(told.withLock { $0[key] } == types)
            }
        }
    }

    @Test("nothing is written on a path that is read only")
    func readOnly() throws {
        try with { root in
            try write("{\"ID\": \"old\"}", in: root)
            let stores = StorePaths()
            try stores.open(root)
            #expect(stores.look(at: "old")?.error == nil)
            try stores.scan("old")
            #expect(try FileManager.default.contentsOfDirectory(atPath: root) == ["sectorstore.json"])
            #expect(throws: EngineError.self) {
                try stores.sealing(SectorKey(miner: 1000, number: 1), named: "old")
            }
        }
    }

    @Test("an attached directory stays attached, and a damaged list is told")
    func list() throws {
        try with { root in
            let list = StoreList(path: "\(root)/storage.json")
            #expect(try list.read() == [])
            try list.write(["/a", "/b"])
            #expect(try list.read() == ["/a", "/b"])
            let text = try String(contentsOfFile: "\(root)/storage.json", encoding: .utf8)
            #expect(text.contains("\"StoragePaths\"") && text.contains("\"Path\" : \"/a\""))
            try Data("{".utf8).write(to: URL(filePath: "\(root)/storage.json"))
            #expect(throws: EngineError.self) { try list.read() }
        }
    }

    @Test("a worker uses an attached path that was away as soon as it is there")
    func away() throws {
        try with { root in
            let path = "\(root)/late"
            let list = StoreList(path: "\(root)/storage.json")
            try list.write([path])
            let stores = StorePaths()
            let pool = try WorkPool(name: "disk", threadCount: 1)
            defer { pool.shutDown() }
            let caretaker = StoreCaretaker(
                stores: stores, list: list, pool: pool,
                log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            caretaker.openListed()
            #expect(stores.all.isEmpty)
            let file = try StoreFile.make(StoreSettings(canStore: true), in: path)
            caretaker.openListed()
            caretaker.openListed()
            #expect(stores.all.map(\.id) == [file.id])
        }
    }

    @Test("what is left of a fetch goes when nobody went on with it, and not before")
    func leftovers() throws {
        try with { root in
            let file = try StoreFile.make(StoreSettings(canSeal: true), in: root)
            let stores = StorePaths()
            try stores.open(root)
            let sector = SectorKey(miner: 1000, number: 1)
            let folder = "\(root)/fetching/s-t01000-1"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            #expect(try stores.discardFetches(at: file.id, idleFor: .seconds(86_400)) == [])
            stores.hold(sector)
            #expect(try stores.discardFetches(at: file.id, idleFor: .zero) == [])
            stores.letGo(sector)
            #expect(try stores.discardFetches(at: file.id, idleFor: .zero) == [sector])
            #expect(!FileManager.default.fileExists(atPath: folder))
        }
    }

    @Test("a copy is not deleted while somebody works on its sector")
    func drops() {
        let stores = StorePaths()
        let sector = SectorKey(miner: 1000, number: 1)
        stores.hold(sector)
        stores.hold(sector)
        #expect(!stores.beginDrop(sector))
        stores.letGo(sector)
        #expect(!stores.beginDrop(sector))
        stores.letGo(sector)
        #expect(stores.beginDrop(sector))
        #expect(stores.isDropping(sector) && !stores.beginDrop(sector))
        stores.endDrop(sector)
        #expect(!stores.isDropping(sector))
    }

    @Test("a finished sector is where it was sealed, and only without that where it was kept before")
    func finishing() throws {
        try with { root in
            let (seal, keep) = ("\(root)/seal", "\(root)/keep")
            let sealing = try StoreFile.make(StoreSettings(canSeal: true), in: seal)
            let keeping = try StoreFile.make(StoreSettings(canStore: true), in: keep)
            let stores = StorePaths()
            try stores.open(seal)
            try stores.open(keep)
            let sector = SectorKey(miner: 1000, number: 1)
            for path in [seal, keep] { try Data([1]).write(to: URL(filePath: "\(path)/sealed/s-t01000-1")) }
            #expect(try stores.finishing(sector, named: nil).id == sealing.id)
            try FileManager.default.removeItem(atPath: "\(seal)/sealed/s-t01000-1")
            #expect(try stores.finishing(sector, named: nil).id == keeping.id)
        }
    }
}
