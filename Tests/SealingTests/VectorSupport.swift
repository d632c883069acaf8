// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

/// A JSON value, for reading known answers without a type for each group.
@dynamicMemberLookup
enum JSONValue: Decodable, Sendable {
    case null
    case bool(Bool)
    case number(UInt64)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    /// What `decode` gives, or nil where the value has another shape: then the next shape is tried.
    private static func tried<T>(_ decode: () throws -> T) -> T? {
        do { return try decode() } catch { return nil }
    }

    init(from decoder: any Decoder) throws {
        if let object = Self.tried({ try decoder.container(keyedBy: Key.self) }) {
            var entries: [String: JSONValue] = [:]
            for key in object.allKeys {
                entries[key.stringValue] = try object.decode(JSONValue.self, forKey: key)
            }
            self = .object(entries)
            return
        }
        let single = try decoder.singleValueContainer()
        if let text = Self.tried({ try single.decode(String.self) }) {
            self = .text(text)
        } else if let number = Self.tried({ try single.decode(UInt64.self) }) {
            self = .number(number)
        } else if let flag = Self.tried({ try single.decode(Bool.self) }) {
            self = .bool(flag)
        } else if let list = Self.tried({ try single.decode([JSONValue].self) }) {
            self = .list(list)
        } else {
            self = .null
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        init?(stringValue: String) { self.stringValue = stringValue }
        var intValue: Int? { nil }
        init?(intValue: Int) { nil }
    }

    subscript(dynamicMember key: String) -> JSONValue { self[key] }

    subscript(key: String) -> JSONValue {
        if case .object(let entries) = self { return entries[key] ?? .null }
        return .null
    }

    subscript(index: Int) -> JSONValue {
        list[index]
    }

    var exists: Bool {
        if case .null = self { return false }
        return true
    }

    var list: [JSONValue] {
        if case .list(let list) = self { return list }
        return []
    }

    var keys: [String] {
        if case .object(let entries) = self { return entries.keys.sorted() }
        return []
    }

    var string: String {
        if case .text(let text) = self { return text }
        return ""
    }

    var uint: UInt64 {
        if case .number(let number) = self { return number }
        return .max
    }

    var int: Int { Int(exactly: uint) ?? -1 }

    var byteList: [UInt8] {
        get throws { try Hex.decode(string) }
    }

    var node: Commitment {
        get throws { try Commitment(hex: string) }
    }

    var nodeList: [Commitment] {
        get throws { try list.map { try $0.node } }
    }

    var apiVersion: ProofAPIVersion {
        get throws { try #require(ProofAPIVersion(rawValue: string + ".0")) }
    }
}

enum Vectors {
    /// Tests/Vectors/sealing.json.
    static let all: JSONValue = {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Vectors/sealing.json")
        do {
            return try JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: path))
        } catch {
            fatalError("\(path.path()): \(error)")
        }
    }()
}

/// A directory that is removed with all it holds when the last reference goes.
final class Scratch: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appending(path: "sealing-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path()
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            Issue.record("remove \(path): \(error)")
        }
    }

    /// Paths, relative to the directory, of all files under it.
    func files() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: path).filter {
            var isDirectory: ObjCBool = false
            let exists = FileManager.default.fileExists(
                atPath: "\(path)/\($0)",
                isDirectory: &isDirectory
            )
            return exists && !isDirectory.boolValue
        }.sorted()
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: path)))
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(filePath: path))
    }
}

/// A small seeded generator (splitmix64), so that random tests repeat.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    /// A node below the modulus.
    mutating func node() -> Commitment {
        Commitment(words: (next(), next(), next(), next())).truncated254
    }
}

func digest(_ bytes: [UInt8]) -> String {
    SHA256.hash(bytes).hex
}

/// The error that `body` throws, which must be one of this module.
func sealingError(_ body: () throws -> Void) -> SealingError? {
    do {
        try body()
        return nil
    } catch {
        return error as? SealingError
    }
}
