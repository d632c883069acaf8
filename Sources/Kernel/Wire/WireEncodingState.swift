// SPDX-License-Identifier: Apache-2.0

/// One item of a value that is being encoded.
///
/// `Codable` may fill several containers by turns and names keys in any order, so that nothing can be
/// written out before all is known. The items form a tree, whose scalars and keys lie encoded in one array.
struct WireEncodingNode {
    enum Kind: UInt8 {
        /// Nothing was encoded yet.
        case empty
        case scalar
        case map
        case array
        /// An array whose elements are to be sorted.
        case unorderedArray
        /// An array whose pairs of elements are to be sorted.
        case unorderedPairs
    }

    /// Marks the end of a list of nodes.
    static let none: Int32 = -1

    var kind: Kind
    var parent: Int32
    /// The next child of the same parent.
    var next = none
    var firstChild = none
    var lastChild = none
    var childCount: Int32 = 0
    /// How many containers enclose the item.
    var depth: Int32
    /// The encoded key in the scratch array; empty in arrays.
    var key: Range<Int>
    /// The encoded scalar in the scratch array.
    var value = 0..<0
}

/// The tree of items of one value, while it is encoded.
final class WireEncodingState {
    let limits: WireLimits
    var nodes: [WireEncodingNode] = []
    var scratch = WireWriter(capacity: 256)
    /// The first failure that could not be thrown where it arose.
    private var failure: WireError?

    init(limits: WireLimits) {
        self.limits = limits
        nodes.reserveCapacity(16)
    }

    // MARK: Growing the tree

    func encodeRoot<T: Encodable>(_ value: T) throws {
        try encode(value, parent: WireEncodingNode.none, key: nil)
        try check()
    }

    /// Encodes a value as a new child of `parent`.
    func encode<T: Encodable>(_ value: T, parent: Int32, key: String?) throws {
        if T.self == [UInt8].self, let bytes = value as? [UInt8] {
            try checkString(bytes.count)
            return try addScalar(parent: parent, key: key) { $0.write(bytes: bytes) }
        }
        let node = addNode(parent: parent, key: key)
        try check()
        try value.encode(to: WireEncoding(state: self, node: node, type: T.self))
    }

    /// Encodes a value in the place of a node that exists.
    func encode<T: Encodable>(_ value: T, node: Int32) throws {
        if T.self == [UInt8].self, let bytes = value as? [UInt8] {
            try checkString(bytes.count)
            return try fill(node) { $0.write(bytes: bytes) }
        }
        try check()
        try value.encode(to: WireEncoding(state: self, node: node, type: T.self))
    }

    /// Adds a scalar, which `body` writes, as a new child of `parent`.
    @inline(__always)
    func addScalar(parent: Int32, key: String?, _ body: (inout WireWriter) -> Void) throws {
        let node = addNode(parent: parent, key: key)
        try check()
        let start = scratch.count
        body(&scratch)
        nodes[Int(node)].kind = .scalar
        nodes[Int(node)].value = start..<scratch.count
    }

    /// Makes a node that exists a scalar, which `body` writes.
    @inline(__always)
    func fill(_ node: Int32, _ body: (inout WireWriter) -> Void) throws {
        try check()
        guard nodes[Int(node)].kind == .empty else { throw encodedTwice(node) }
        let start = scratch.count
        body(&scratch)
        nodes[Int(node)].kind = .scalar
        nodes[Int(node)].value = start..<scratch.count
    }

    /// Adds an empty node as the last child of `parent`.
    func addNode(parent: Int32, key: String?) -> Int32 {
        let keyStart = scratch.count
        if let key {
            if key.utf8.count > limits.itemBytesMax {
                fail(stringTooLarge(key.utf8.count))
            }
            scratch.write(text: key)
        }
        let node = Int32(truncatingIfNeeded: nodes.count)
        var depth: Int32 = 0
        if parent != WireEncodingNode.none {
            let previous = nodes[Int(parent)].lastChild
            if previous == WireEncodingNode.none {
                nodes[Int(parent)].firstChild = node
            } else {
                nodes[Int(previous)].next = node
            }
            nodes[Int(parent)].lastChild = node
            nodes[Int(parent)].childCount += 1
            depth = nodes[Int(parent)].depth + 1
            if nodes[Int(parent)].childCount > limits.itemCountMax {
                fail(
                    failure(
                        .tooLarge,
                        "more than \(limits.itemCountMax) items in a container",
                        at: parent
                    )
                )
            }
        }
        nodes.append(
            WireEncodingNode(
                kind: .empty,
                parent: parent,
                depth: depth,
                key: keyStart..<scratch.count
            )
        )
        // Each node comes to at least one byte, so that this bounds the nodes as well.
        if scratch.count > limits.totalBytesMax || nodes.count > limits.totalBytesMax {
            fail(totalTooLarge())
        }
        return node
    }

    /// Makes an empty node a container; one that is of the same kind already will be added to.
    func open(_ node: Int32, as kind: WireEncodingNode.Kind) {
        let present = nodes[Int(node)].kind
        guard present == .empty || present == kind else { return fail(encodedTwice(node)) }
        nodes[Int(node)].kind = kind
        if nodes[Int(node)].depth >= limits.depthMax {
            fail(tooDeep(node))
        }
    }

    /// Opens an array, of a kind that depends on the type of the value that fills it.
    func openArray(_ node: Int32, type: (any Any.Type)?) {
        guard let unordered = type as? any WireUnorderedCollection.Type else {
            return open(node, as: .array)
        }
        open(node, as: unordered.wireStride == 1 ? .unorderedArray : .unorderedPairs)
    }

    // MARK: Failures

    func fail(_ error: WireError) {
        if failure == nil {
            failure = error
        }
    }

    @inline(__always)
    func check() throws {
        if let failure {
            throw failure
        }
    }

    @inline(__always)
    func checkString(_ count: Int) throws {
        guard count <= limits.itemBytesMax else { throw stringTooLarge(count) }
    }

    func stringTooLarge(_ count: Int) -> WireError {
        failure(
            .tooLarge,
            "a string of \(count) bytes is over the limit of \(limits.itemBytesMax)",
            at: 0
        )
    }

    func totalTooLarge() -> WireError {
        failure(
            .tooLarge,
            "the value takes more than the limit of \(limits.totalBytesMax) bytes",
            at: 0
        )
    }

    /// What to throw for an error of a type's own `encode(to:)`.
    func wireError(_ error: any Error, at offset: Int) -> WireError {
        switch error {
        case var error as WireError:
            error.offset = offset
            return error
        case EncodingError.invalidValue(let value, let context):
            let path = context.codingPath.wireDescription
            return WireError(
                code: .malformed,
                message:
                    "a \(type(of: value)) at '\(path)' has no encoding: \(context.debugDescription)",
                offset: offset
            )
        default:
            return WireError(
                code: .malformed,
                message: "the value would not be encoded: \(error)",
                offset: offset
            )
        }
    }

    func tooDeep(_ node: Int32) -> WireError {
        failure(.tooDeep, "more than \(limits.depthMax) containers are nested", at: node)
    }

    func encodedTwice(_ node: Int32) -> WireError {
        failure(.malformed, "a value is encoded twice in one place", at: node)
    }

    func failure(_ code: WireError.Code, _ message: String, at node: Int32) -> WireError {
        let path = path(of: node).wireDescription
        return WireError(
            code: code,
            message: path.isEmpty ? message : "\(message) (at '\(path)')",
            offset: 0
        )
    }

    /// The keys and indices that lead to a node.
    func path(of node: Int32) -> [any CodingKey] {
        var path: [any CodingKey] = []
        var current = node
        while current > 0 {
            let parent = nodes[Int(current)].parent
            if nodes[Int(current)].key.isEmpty {
                path.append(WireCodingKey(intValue: index(of: current, in: parent)))
            } else {
                path.append(WireCodingKey(stringValue: keyText(of: current)))
            }
            current = parent
        }
        return path.reversed()
    }

    private func index(of node: Int32, in parent: Int32) -> Int {
        var index = 0
        var sibling = nodes[Int(parent)].firstChild
        while sibling != node, sibling != WireEncodingNode.none {
            index += 1
            sibling = nodes[Int(sibling)].next
        }
        return index
    }

    func keyText(of node: Int32) -> String {
        let key = nodes[Int(node)].key
        let info = scratch.storage[key.lowerBound] & 0x1f
        let headCount = info < 24 ? 1 : 1 + (1 << Int(info - 24))
        return String(
            decoding: scratch.storage[(key.lowerBound + headCount)..<key.upperBound],
            as: UTF8.self
        )
    }
}
