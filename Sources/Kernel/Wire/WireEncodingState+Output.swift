// SPDX-License-Identifier: Apache-2.0

extension WireEncodingState {
    /// Writes a node with all below it, in canonical order.
    func write(_ index: Int32, into writer: inout WireWriter) throws {
        let node = nodes[Int(index)]
        switch node.kind {
        case .scalar:
            writer.write(encoded: scratch.storage[node.value])
        case .empty:
            guard node.depth < limits.depthMax else { throw tooDeep(index) }
            writer.writeMapHead(count: 0)
        case .map:
            try sortEntries(of: index)
            writer.writeMapHead(count: Int(node.childCount))
            try writeEntries(of: index, into: &writer)
        case .array:
            writer.writeArrayHead(count: Int(node.childCount))
            var child = node.firstChild
            while child != WireEncodingNode.none {
                try write(child, into: &writer)
                child = nodes[Int(child)].next
            }
        case .unorderedArray:
            try writeSorted(index, stride: 1, into: &writer)
        case .unorderedPairs:
            try writeSorted(index, stride: 2, into: &writer)
        }
    }

    private func writeEntries(of index: Int32, into writer: inout WireWriter) throws {
        var child = nodes[Int(index)].firstChild
        while child != WireEncodingNode.none {
            let (key, value) = (nodes[Int(child)].key, nodes[Int(child)].value)
            if nodes[Int(child)].kind == .scalar, key.upperBound == value.lowerBound {
                writer.write(encoded: scratch.storage[key.lowerBound..<value.upperBound])
            } else {
                writer.write(encoded: scratch.storage[key])
                try write(child, into: &writer)
            }
            child = nodes[Int(child)].next
        }
    }

    /// Writes the children of a node in the order of their bytes, `stride` of them at a time.
    private func writeSorted(_ index: Int32, stride: Int, into writer: inout WireWriter) throws {
        writer.writeArrayHead(count: Int(nodes[Int(index)].childCount))
        let start = writer.count
        // Where each group's first element, which decides the order, and the group itself end.
        var groups: [(first: Range<Int>, end: Int)] = []
        var child = nodes[Int(index)].firstChild
        while child != WireEncodingNode.none {
            let groupStart = writer.count
            try write(child, into: &writer)
            let firstEnd = writer.count
            child = nodes[Int(child)].next
            if stride == 2, child != WireEncodingNode.none {
                try write(child, into: &writer)
                child = nodes[Int(child)].next
            }
            groups.append((groupStart..<firstEnd, writer.count))
        }
        let written = writer.storage
        groups.sort { written[$0.first].lexicographicallyPrecedes(written[$1.first]) }
        writer.truncate(to: start)
        var previous: Range<Int>?
        for group in groups {
            if let previous, written[previous] == written[group.first] {
                throw failure(.notCanonical, "two elements have the same encoding", at: index)
            }
            previous = group.first
            writer.write(encoded: written[group.first.lowerBound..<group.end])
        }
    }

    // MARK: Order of keys

    /// Sorts the children of a map by their encoded keys; throws if two are equal.
    private func sortEntries(of index: Int32) throws {
        let first = nodes[Int(index)].firstChild
        guard first != WireEncodingNode.none, try !isSorted(from: first) else { return }
        var rest = first
        nodes[Int(index)].firstChild = sort(&rest, count: Int(nodes[Int(index)].childCount))
        _ = try isSorted(from: nodes[Int(index)].firstChild)
    }

    private func isSorted(from first: Int32) throws -> Bool {
        var node = first
        while true {
            let next = nodes[Int(node)].next
            if next == WireEncodingNode.none {
                return true
            }
            let order = compareKeys(node, next)
            if order == 0 {
                throw failure(.notCanonical, "a key is encoded twice", at: next)
            }
            if order > 0 {
                return false
            }
            node = next
        }
    }

    /// Sorts the first `count` nodes of the list `rest` by merging, takes them off it, and returns the first.
    private func sort(_ rest: inout Int32, count: Int) -> Int32 {
        if count == 1 {
            let node = rest
            rest = nodes[Int(node)].next
            nodes[Int(node)].next = WireEncodingNode.none
            return node
        }
        var left = sort(&rest, count: count / 2)
        var right = sort(&rest, count: count - count / 2)
        var first = WireEncodingNode.none
        var last = WireEncodingNode.none
        while left != WireEncodingNode.none || right != WireEncodingNode.none {
            let takesLeft =
                right == WireEncodingNode.none
                || (left != WireEncodingNode.none && compareKeys(left, right) <= 0)
            let node = takesLeft ? left : right
            if takesLeft {
                left = nodes[Int(node)].next
            } else {
                right = nodes[Int(node)].next
            }
            if last == WireEncodingNode.none {
                first = node
            } else {
                nodes[Int(last)].next = node
            }
            last = node
        }
        nodes[Int(last)].next = WireEncodingNode.none
        return first
    }

    /// Below zero, zero or above as the key of one node comes before, equals or comes after another's.
    private func compareKeys(_ left: Int32, _ right: Int32) -> Int {
        let (one, other) = (nodes[Int(left)].key, nodes[Int(right)].key)
        let commonCount = min(one.count, other.count)
        for index in 0..<commonCount {
            let difference =
                Int(scratch.storage[one.lowerBound + index])
                - Int(scratch.storage[other.lowerBound + index])
            if difference != 0 {
                return difference
            }
        }
        return one.count - other.count
    }
}
