// SPDX-License-Identifier: Apache-2.0

/// Logical processors, or cards, by their numbers, written as `taskset` and cpusets have them: `0-15,32-47`.
package struct CPUList: Sendable, Hashable, CustomStringConvertible {
    /// The largest number that can be written.
    package static let numberMax = 65_535

    /// Ascending, each once, at least one.
    package let numbers: [Int]

    /// Reads numbers and ranges with commas between them.
    ///
    /// - Parameter thing: what has the numbers, in one word.
    /// - Throws: ``QuantityError`` for what is neither, runs backward, is empty or stands twice.
    package init(_ text: String, of thing: String = "CPU") throws(QuantityError) {
        var found: Set<Int> = []
        for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = piece.split(separator: "-", omittingEmptySubsequences: false).map { end in
                end.allSatisfy { $0.isASCII && $0.isNumber } ? Int(end) : nil
            }
            guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1],
                high <= Self.numberMax
            else {
                let example = thing == "CPU" ? "0-15,32-47" : "0 or 0-1"
                throw QuantityError(
                    message:
                        "\"\(Quantity.shown(String(piece)))\" is no \(thing) and no range of \(thing)s; "
                        + "write numbers from 0 to \(Self.numberMax) such as \(example)")
            }
            guard low <= high else {
                throw QuantityError(message: "the range \(piece) runs backward; write \(high)-\(low)")
            }
            for number in low...high where !found.insert(number).inserted {
                throw QuantityError(message: "\(thing) \(number) stands twice in the list")
            }
        }
        numbers = found.sorted()
    }

    package var description: String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound == number - 1 {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}

extension Scenario.CPU {
    /// Logical processors of the host: CPUs 0 up to this number.
    package var cpuCount: Int { coreCount * threadsPerCore }

    /// The cores of some CPUs, ascending.
    ///
    /// Numbered as Linux does: the first threads of all cores, then the second ones.
    package func cores(of list: CPUList) -> [Int] { Set(list.numbers.map { $0 % coreCount }).sorted() }
}

extension Scenario.HostGroup {
    /// The cores on which one process of a worker group computes; all of them where the file names none.
    package func cores(of workers: Scenario.WorkerGroup, instance: Int) -> [Int] {
        guard let first = workers.cpuLists.first else { return Array(0..<cpu.coreCount) }
        return cpu.cores(of: workers.cpuLists.count > 1 ? workers.cpuLists[instance] : first)
    }

    /// The CPUs that a process of a worker group names; `nil` where it names none.
    func cpus(of workers: Scenario.WorkerGroup, instance: Int) -> [Int]? {
        guard let first = workers.cpuLists.first else { return nil }
        return (workers.cpuLists.count > 1 ? workers.cpuLists[instance] : first).numbers
    }

    /// Tasks slow each other where they want more cores than there are.
    package var contendsForCores: Bool {
        contention.contains(.cores) || workers.contains { !$0.cpuLists.isEmpty }
    }
}

extension Scenario {
    /// CPU lists must name what the host has, and lie so that what they share can be told.
    func checkProcessors(of host: HostGroup, _ path: String, _ findings: inout [Finding]) {
        var known: [(cores: Set<Int>, words: String)] = []
        for (index, worker) in host.workers.enumerated() {
            let lists = worker.cpuLists
            if lists.count > 1, lists.count != worker.count {
                findings.append(
                    Finding(
                        path: "\(path).workers[\(index)].cores",
                        message: "\(lists.count) lists for \(worker.count) processes; write one for each, or "
                            + "one for all"))
            }
            for (place, list) in lists.enumerated() {
                let own = "\(path).workers[\(index)].cores" + (lists.count > 1 ? "[\(place)]" : "")
                if let most = list.numbers.last, most >= host.cpu.cpuCount {
                    findings.append(
                        Finding(
                            path: own,
                            message: "there is no CPU \(most): \(host.cpu.sockets) sockets × "
                                + "\(host.cpu.coresPerSocket) cores × \(host.cpu.threadsPerCore) threads are "
                                + "CPUs 0 to \(host.cpu.cpuCount - 1)"))
                    continue
                }
                let cores = Set(host.cpu.cores(of: list))
                // Of lists that cross nobody can say by formula who has how much of what they share.
                if let other = known.first(where: {
                    !$0.cores.isDisjoint(with: cores) && !$0.cores.isSubset(of: cores)
                        && !cores.isSubset(of: $0.cores)
                }) {
                    findings.append(
                        Finding(
                            path: own,
                            message: "\(list) has some cores of \(other.words) and not all: make two lists "
                                + "equal, apart, or one a part of the other (CPU n and CPU n + "
                                + "\(host.cpu.coreCount) are threads of one core)"))
                }
                known.append((cores, "\(worker.name)'s \(list)"))
            }
        }
    }
}
