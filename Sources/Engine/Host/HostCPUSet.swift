// SPDX-License-Identifier: Apache-2.0

/// A set of processing units, by the numbers that the operating system gives them.
///
/// Written and read as `taskset` and the kernel write it: `0-7,16-23`. The empty set is the empty text.
package struct HostCPUSet: Sendable, Hashable {
    /// The numbers, ascending and without duplicates, each in `0 ..< HostLimits.processingUnitCountMax`.
    package let units: [Int]

    package static let empty = HostCPUSet(sortedUnits: [])

    private init(sortedUnits: [Int]) {
        units = sortedUnits
    }

    /// Collects numbers in any order; duplicates count once.
    ///
    /// - Parameter units: numbers of processing units.
    /// - Throws: ``HostError`` with `.limitExceeded` if a number is negative or over the limit.
    package init(_ units: some Sequence<Int>) throws(HostError) {
        var distinct: [Int] = []
        for unit in units.sorted() where unit != distinct.last {
            try HostCPUSet.check(unit)
            distinct.append(unit)
        }
        self.init(sortedUnits: distinct)
    }

    /// Reads the text form.
    ///
    /// - Parameter text: such as `0-7,16-23`; blanks at both ends are ignored.
    /// - Throws: ``HostError`` with `.malformedCPUSet` or `.limitExceeded`.
    package init(text: String) throws(HostError) {
        guard text.utf8.count <= HostLimits.cpuSetTextBytesMax else {
            throw HostError(
                code: .limitExceeded,
                message: "a CPU list of \(text.utf8.count) bytes; at most "
                    + "\(HostLimits.cpuSetTextBytesMax) are read")
        }
        guard let first = text.firstIndex(where: { !$0.isWhitespace }),
            let last = text.lastIndex(where: { !$0.isWhitespace })
        else {
            self = .empty
            return
        }
        // A mark for each unit: ranges that overlap ten thousand times cost time, but no memory.
        var present = [Bool](repeating: false, count: HostLimits.processingUnitCountMax)
        for part in text[first...last].split(separator: ",", omittingEmptySubsequences: false) {
            let range = try HostCPUSet.range(of: part)
            for unit in range {
                present[unit] = true
            }
        }
        self.init(sortedUnits: present.indices.filter { present[$0] })
    }

    package var count: Int { units.count }
    package var isEmpty: Bool { units.isEmpty }

    /// - Complexity: O(log count).
    package func contains(_ unit: Int) -> Bool {
        var low = 0
        var high = units.count
        while low < high {
            let middle = (low + high) / 2
            if units[middle] < unit { low = middle + 1 } else { high = middle }
        }
        return low < units.count && units[low] == unit
    }

    /// Whether every unit of this set is in `other`.
    package func isSubset(of other: HostCPUSet) -> Bool {
        units.allSatisfy(other.contains)
    }

    /// Whether no unit is in both sets.
    package func isDisjoint(with other: HostCPUSet) -> Bool {
        !units.contains(where: other.contains)
    }

    private static func check(_ unit: Int) throws(HostError) {
        guard unit >= 0, unit < HostLimits.processingUnitCountMax else {
            throw HostError(
                code: .limitExceeded,
                message: "processing unit \(unit); the largest number that is supported is "
                    + "\(HostLimits.processingUnitCountMax - 1)")
        }
    }

    private static func range(of part: Substring) throws(HostError) -> ClosedRange<Int> {
        let ends = part.split(separator: "-", omittingEmptySubsequences: false)
        var numbers: [Int] = []
        for end in ends {
            guard !end.isEmpty, end.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(end)
            else { throw malformed(part) }
            try check(number)
            numbers.append(number)
        }
        guard let first = numbers.first, let last = numbers.last, numbers.count <= 2, first <= last else {
            throw malformed(part)
        }
        return first...last
    }

    private static func malformed(_ part: Substring) -> HostError {
        HostError(
            code: .malformedCPUSet,
            message: "'\(part.prefix(40))' is neither a number nor a range such as 0-7; "
                + "a CPU list looks like 0-7,16-23")
    }
}

extension HostCPUSet: CustomStringConvertible {
    package var description: String {
        var parts: [String] = []
        var start = 0
        while start < units.count {
            var end = start
            while end + 1 < units.count, units[end + 1] == units[end] + 1 {
                end += 1
            }
            parts.append(start == end ? "\(units[start])" : "\(units[start])-\(units[end])")
            start = end + 1
        }
        return parts.joined(separator: ",")
    }
}

extension HostCPUSet: Codable {
    /// Reads the text form, so that a file for people and one for programs agree.
    ///
    /// - Throws: `DecodingError` naming what is wrong with the text.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do throws(HostError) {
            try self.init(text: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
