// SPDX-License-Identifier: Apache-2.0

/// A set of sector numbers, kept as runs: a partition of thousands of sectors that were sealed one after the
/// other takes a few words.
package struct SectorNumbers: Sendable, Hashable, Codable, ExpressibleByArrayLiteral {
    /// Numbers that follow each other, both ends included.
    package struct Run: Sendable, Hashable {
        package var first: UInt64
        package var last: UInt64
    }

    /// Ascending; between two runs at least one number is missing.
    package private(set) var runs: [Run] = []

    package init() {}

    package init(arrayLiteral elements: UInt64...) { self.init(elements) }

    /// Makes a set of numbers below 2^63, in any order.
    package init(_ numbers: some Sequence<UInt64>) {
        for number in numbers.sorted() { insert(number) }
    }

    /// Makes a set of numbers that follow each other.
    package init(_ numbers: Range<UInt64>) {
        precondition(numbers.upperBound <= 1 << 63, "a sector's number is below 2^63")
        if !numbers.isEmpty { runs = [Run(first: numbers.lowerBound, last: numbers.upperBound - 1)] }
    }

    private init(runs: [Run]) { self.runs = runs }

    package var isEmpty: Bool { runs.isEmpty }

    package var count: Int { runs.reduce(0) { $0 + Int(clamping: $1.last - $1.first) + 1 } }

    /// All numbers, ascending.
    package var numbers: [UInt64] {
        var all: [UInt64] = []
        all.reserveCapacity(count)
        // A partition's two thousand, each time it is proven: a closed range is several times slower.
        for run in runs { for number in run.first..<run.last + 1 { all.append(number) } }
        return all
    }

    package func contains(_ number: UInt64) -> Bool {
        let place = position(of: number)
        return place < runs.count && runs[place].first <= number
    }

    package mutating func insert(_ number: UInt64) {
        precondition(number < 1 << 63, "a sector's number is below 2^63")
        let place = position(of: number)
        if place < runs.count, runs[place].first <= number { return }
        let joinsLeft = place > 0 && runs[place - 1].last + 1 == number
        let joinsRight = place < runs.count && runs[place].first == number + 1
        switch (joinsLeft, joinsRight) {
        case (true, true):
            runs[place - 1].last = runs[place].last
            runs.remove(at: place)
        case (true, false): runs[place - 1].last = number
        case (false, true): runs[place].first = number
        case (false, false): runs.insert(Run(first: number, last: number), at: place)
        }
    }

    package mutating func remove(_ number: UInt64) { self = subtracting([number]) }

    package func union(_ other: SectorNumbers) -> SectorNumbers { combined(with: other) { $0 || $1 } }

    package func subtracting(_ other: SectorNumbers) -> SectorNumbers { combined(with: other) { $0 && !$1 } }

    package func intersection(_ other: SectorNumbers) -> SectorNumbers { combined(with: other) { $0 && $1 } }

    package func isSubset(of other: SectorNumbers) -> Bool { subtracting(other).isEmpty }

    package static func == (lhs: SectorNumbers, rhs: SectorNumbers) -> Bool { lhs.runs == rhs.runs }

    /// The index of the first run that does not end before `number`.
    private func position(of number: UInt64) -> Int {
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].last < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Walks over the ends of the runs of both, and keeps where `keep` says so.
    private func combined(with other: SectorNumbers, _ keep: (Bool, Bool) -> Bool) -> SectorNumbers {
        if other.isEmpty { return keep(true, false) ? self : SectorNumbers() }
        func end(_ runs: [Run], _ index: Int) -> UInt64? {
            guard index < runs.count * 2 else { return nil }
            let run = runs[index / 2]
            return index.isMultiple(of: 2) ? run.first : run.last + 1
        }
        var kept: [Run] = []
        var (mine, theirs) = (0, 0)
        var (isMine, isTheirs) = (false, false)
        var start: UInt64?
        while true {
            let (left, right) = (end(runs, mine), end(other.runs, theirs))
            guard let next = left.map({ min($0, right ?? $0) }) ?? right else { break }
            if left == next {
                isMine.toggle()
                mine += 1
            }
            if right == next {
                isTheirs.toggle()
                theirs += 1
            }
            if keep(isMine, isTheirs) {
                if start == nil { start = next }
            } else if let first = start {
                kept.append(Run(first: first, last: next - 1))
                start = nil
            }
        }
        return SectorNumbers(runs: kept)
    }

    // MARK: Coding

    /// The ends of all runs, one after the other.
    package func encode(to encoder: any Encoder) throws {
        try runs.flatMap { [$0.first, $0.last] }.encode(to: encoder)
    }

    package init(from decoder: any Decoder) throws {
        let ends = try [UInt64](from: decoder)
        var previous: UInt64?
        for index in stride(from: 0, to: ends.count - 1, by: 2) {
            let run = Run(first: ends[index], last: ends[index + 1])
            let isApart = previous.map { run.first > $0 && run.first - $0 > 1 } ?? true
            guard run.first <= run.last, run.last < 1 << 63, isApart else { break }
            runs.append(run)
            previous = run.last
        }
        guard runs.count * 2 == ends.count else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not ascending runs of numbers"))
        }
    }
}

extension SectorNumbers: CustomStringConvertible {
    /// As people write it: `1-3, 7`.
    package var description: String {
        runs.map { $0.first == $0.last ? "\($0.first)" : "\($0.first)-\($0.last)" }.joined(separator: ", ")
    }
}
