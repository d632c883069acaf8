// SPDX-License-Identifier: Apache-2.0

import Kernel
import Testing

/// Goal: the corners of Codable that the compiler does not write itself: subclasses, containers that are
/// filled by turns, and a context for what is decoded.
struct WireContainerTests {
    @Test("a subclass survives with its superclass's part under its own key, or in the same map")
    func subclasses() throws {
        let bytes = try WireEncoder.encode(Dog(name: "Rex", age: 3))
        // {"age": 3, "super": {"name": "Rex"}}
        #expect(wireHex(bytes) == "a26361676503657375706572a1646e616d6563526578")
        let dog = try WireDecoder.decode(Dog.self, from: bytes)
        #expect(dog.name == "Rex")
        #expect(dog.age == 3)
    }

    @Test("containers may be filled by turns")
    func interleaved() throws {
        let value = Interleaved(left: [1, 2], right: ["x": 3, "y": 4], flags: [true, false])
        let bytes = try WireEncoder.encode(value)
        #expect(
            wireHex(bytes) == "a3646c65667482" + "010265666c61677382f5f4657269676874a2617803617904"
        )
        #expect(try WireDecoder.decode(Interleaved.self, from: bytes) == value)
    }

    @Test("decoded values find the reader's context, and none without one")
    func context() throws {
        let table = Table(names: ["a": 1, "b": 2])
        let bytes = try WireEncoder.encode([Link(name: "b", number: 0), Link(name: "a", number: 0)])
        let links = try WireDecoder.decode([Link].self, from: bytes, context: table)
        #expect(links.map(\.number) == [2, 1])
        let error = #expect(throws: WireError.self) {
            try WireDecoder.decode([Link].self, from: bytes)
        }
        #expect(error?.code == .malformed)
        var reader = try WireReader(bytes)
        reader.context = table
        #expect(try WireDecoder.decode([Link].self, from: &reader).count == 2)
    }

    @Test("coding paths lead to the value, on both sides")
    func paths() throws {
        let error = #expect(throws: WireError.self) {
            try WireEncoder.encode(["outer": [Unwilling(), Unwilling(refuses: true)]])
        }
        #expect(error?.message.contains("'outer[1].refuses'") == true)
        let bytes = try WireEncoder.encode(["outer": [["refuses": false], ["refuses": true]]])
        let decoding = #expect(throws: WireError.self) {
            try WireDecoder.decode([String: [Unwilling]].self, from: bytes)
        }
        #expect(decoding?.message.contains("'outer[1]'") == true)
    }
}

private class Animal: Codable {
    let name: String

    init(name: String) {
        self.name = name
    }
}

private final class Dog: Animal {
    let age: Int

    enum Key: CodingKey { case age }

    init(name: String, age: Int) {
        self.age = age
        super.init(name: name)
    }

    required init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        age = try container.decode(Int.self, forKey: .age)
        try super.init(from: container.superDecoder())
    }

    override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try super.encode(to: container.superEncoder())
        try container.encode(age, forKey: .age)
    }
}

private struct Interleaved: Codable, Equatable {
    var left: [Int]
    var right: [String: Int]
    var flags: [Bool]

    enum Key: String, CodingKey { case right, flags, left, x, y }

    init(left: [Int], right: [String: Int], flags: [Bool]) {
        self.left = left
        self.right = right
        self.flags = flags
    }

    init(from decoder: any Decoder) throws {
        let all = try decoder.container(keyedBy: Key.self)
        var lefts = try all.nestedUnkeyedContainer(forKey: .left)
        let rights = try all.nestedContainer(keyedBy: Key.self, forKey: .right)
        left = []
        right = [:]
        while !lefts.isAtEnd {
            left.append(try lefts.decode(Int.self))
        }
        for key in rights.allKeys {
            right[key.stringValue] = try rights.decode(Int.self, forKey: key)
        }
        flags = try [Bool](from: all.superDecoder(forKey: .flags))
    }

    func encode(to encoder: any Encoder) throws {
        var all = encoder.container(keyedBy: Key.self)
        var rights = all.nestedContainer(keyedBy: Key.self, forKey: .right)
        var lefts = all.nestedUnkeyedContainer(forKey: .left)
        for (index, key) in [Key.y, .x].enumerated() {
            try rights.encodeIfPresent(right[key.stringValue], forKey: key)
            try lefts.encode(left[index])
        }
        try flags.encode(to: all.superEncoder(forKey: .flags))
    }
}

private final class Table: WireContext {
    let names: [String: Int]

    init(names: [String: Int]) {
        self.names = names
    }
}

private struct Link: Codable {
    var name: String
    var number: Int

    init(name: String, number: Int) {
        self.name = name
        self.number = number
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        name = try container.decode(String.self)
        guard let table = decoder.wireContext as? Table, let number = table.names[name] else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no table")
        }
        self.number = number
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }
}

private struct Unwilling: Codable {
    var refuses = false

    enum Key: CodingKey { case refuses }

    init(refuses: Bool = false) {
        self.refuses = refuses
    }

    init(from decoder: any Decoder) throws {
        refuses = try decoder.container(keyedBy: Key.self).decode(Bool.self, forKey: .refuses)
        if refuses {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "refused")
            )
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        if refuses {
            let path = container.codingPath + [Key.refuses]
            throw EncodingError.invalidValue(
                refuses,
                .init(codingPath: path, debugDescription: "refused")
            )
        }
        try container.encode(refuses, forKey: .refuses)
    }
}
