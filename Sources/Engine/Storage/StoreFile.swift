// SPDX-License-Identifier: Apache-2.0
private import Foundation
internal import Kernel
package import Scheduler

/// The file in a store's root that says what it is: `sectorstore.json`, with the keys that operators know.
package struct StoreFile: Sendable, Hashable {
    package static let name = "sectorstore.json"

    /// Unique in the cluster.
    package var id: String
    package var settings: StoreSettings

    package init(id: String, settings: StoreSettings) {
        self.id = id
        self.settings = settings
    }

    /// Sectors may be read and nothing written.
    package var isReadOnly: Bool { !settings.canSeal && !settings.canStore }

    private static let keys: Set<String> = [
        "ID", "Weight", "CanSeal", "CanStore", "MaxStorage", "Groups", "AllowTo", "AllowTypes", "DenyTypes",
        "AllowMiners", "DenyMiners",
    ]

    /// Reads the file of a store.
    ///
    /// - Throws: ``EngineError`` with `fileFailed` where it is missing or cannot be read, or `badOption` that
    ///   names the key that is wrong.
    package init(in root: String) throws(EngineError) {
        let path = "\(root)/\(Self.name)"
        guard let bytes = try DiskFile.settings(path) else {
            throw EngineError(
                code: .fileFailed,
                message: "\(path) is not there: \(root) is no store, or its disk is not mounted; "
                    + "'storage attach --init' makes it one")
        }
        try self.init(parsing: bytes, path)
    }

    /// Reads the file's content; `path` names it in errors.
    ///
    /// - Throws: ``EngineError`` with `fileFailed` or `badOption`.
    init(parsing bytes: [UInt8], _ path: String) throws(EngineError) {
        let value: Any
        do { value = try JSONSerialization.jsonObject(with: Data(bytes)) } catch {
            throw EngineError(code: .fileFailed, message: "\(path) is no JSON: \(error)")
        }
        try self.init(value, path)
    }

    private init(_ value: Any, _ path: String) throws(EngineError) {
        func refuse(_ what: String) -> EngineError {
            EngineError(code: .badOption, message: "\(path): \(what)")
        }
        guard let table = value as? [String: Any] else { throw refuse("it is no JSON object") }
        if let key = table.keys.sorted().first(where: { !Self.keys.contains($0) }) {
            throw refuse(
                "'\(key.prefix(64))' is no key; known are \(Self.keys.sorted().joined(separator: ", "))")
        }
        for key in ["AllowMiners", "DenyMiners"] {
            guard let list = table[key], !(list is NSNull), (list as? [Any])?.isEmpty != true else {
                continue
            }
            throw refuse("\(key) is not supported; one cluster serves one miner: leave it out")
        }
        // Numbers and truths are one class; this is what the latter are made of.
        func isTruth(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
        func flag(_ key: String) throws(EngineError) -> Bool {
            guard let value = table[key] else { return false }
            guard let number = value as? NSNumber, isTruth(number) else {
                throw refuse("\(key) must be true or false")
            }
            return number.boolValue
        }
        func number(_ key: String, or fallback: UInt64) throws(EngineError) -> UInt64 {
            guard let value = table[key] else { return fallback }
            guard let number = value as? NSNumber, !isTruth(number),
                let exact = UInt64("\(number)")
            else { throw refuse("\(key) must be a whole number, 0 or more") }
            return exact
        }
        func names(_ key: String) throws(EngineError) -> [String] {
            guard let value = table[key], !(value is NSNull) else { return [] }
            guard let list = value as? [String] else { throw refuse("\(key) must be a list of names") }
            return list
        }
        func types(_ key: String) throws(EngineError) -> [SectorFileType] {
            var types: [SectorFileType] = []
            for name in try names(key) {
                guard let type = SectorFileType(rawValue: name) else {
                    let known = SectorFileType.allCases.map(\.rawValue).joined(separator: ", ")
                    throw refuse("\(key) has '\(name.prefix(64))'; kinds of files are \(known)")
                }
                types.append(type)
            }
            return types
        }
        guard let id = table["ID"] as? String, Self.isWellFormed(id) else {
            throw refuse("ID must be a name of 1 to 64 letters, digits, '-', '_', '.' or ':'")
        }
        let weight = try number("Weight", or: 10)
        guard weight <= 1_000_000 else { throw refuse("Weight must be 0 to 1000000") }
        self.id = id
        settings = StoreSettings(
            weight: Int(weight), canSeal: try flag("CanSeal"), canStore: try flag("CanStore"),
            bytesMax: try number("MaxStorage", or: 0), groups: try names("Groups"),
            allowTo: try names("AllowTo"), allowTypes: try types("AllowTypes"),
            denyTypes: try types("DenyTypes"))
    }

    private static func isWellFormed(_ id: String) -> Bool {
        (1...64).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "."), UInt8(ascii: ":"):
                    true
                default: false
                }
            }
    }

    // MARK: Making

    /// Writes the file of a new store, and makes its directory.
    ///
    /// - Returns: what is there now: where several workers begin at once, the first one's.
    /// - Throws: ``EngineError`` with `fileFailed`.
    package static func make(_ settings: StoreSettings, in root: String) throws(EngineError) -> StoreFile {
        let path = "\(root)/\(name)"
        if try DiskFile.facts(path) != nil { return try StoreFile(in: root) }
        let file = fresh(settings, root)
        let temporary = "\(path).\(file.id)"
        do {
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            try DiskFile.make(temporary, try file.bytes())
            defer {
                do { try FileManager.default.removeItem(atPath: temporary) } catch {
                    // It was the second name of the file, or its write has failed, which is told.
                }
            }
            // Unlike a rename it never takes the place of one that was there first.
            if link(temporary, path) != 0, errno != EEXIST {
                throw DiskFile.failure("\(path) cannot be made")
            }
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError(code: .fileFailed, message: "\(path) cannot be made: \(error)")
        }
        try DiskFile.synchronizeDirectory(root)
        return try StoreFile(in: root)
    }

    /// The file of a new store; `root` helps to make its name one of its own.
    static func fresh(_ settings: StoreSettings, _ root: String) -> StoreFile {
        StoreFile(id: freshID(root), settings: settings)
    }

    /// The file's content.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    func bytes() throws(EngineError) -> [UInt8] {
        do {
            return [UInt8](
                try JSONSerialization.data(
                    withJSONObject: [
                        "ID": id, "Weight": settings.weight, "CanSeal": settings.canSeal,
                        "CanStore": settings.canStore, "MaxStorage": settings.bytesMax,
                        "Groups": settings.groups, "AllowTo": settings.allowTo,
                        "AllowTypes": settings.allowTypes.map(\.rawValue),
                        "DenyTypes": settings.denyTypes.map(\.rawValue),
                    ] as [String: Any], options: [.prettyPrinted, .sortedKeys]))
        } catch {
            throw EngineError(code: .fileFailed, message: "\(Self.name) cannot be written: \(error)")
        }
    }

    /// An identifier in the usual form; the clock and the place make it one of its own.
    private static func freshID(_ root: String) -> String {
        var random = RandomStream(
            seed: UInt64(bitPattern: SystemClock.wallNanoseconds),
            name: "\(root) \(ProcessInfo.processInfo.hostName) \(ProcessInfo.processInfo.processIdentifier)")
        let hex = (0..<2).map { _ in
            let text = String(random.next(), radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        let digits = Array(hex)
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }
}
