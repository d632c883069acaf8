// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// A seed and what breaks under it: all that a run of the search depends on.
package struct ExploreCase: Sendable, Hashable, Codable {
    package var seed: UInt64
    package var faults: FaultSchedule

    package init(seed: UInt64, faults: FaultSchedule) {
        self.seed = seed
        self.faults = faults
    }
}

/// Searches seeds and fault schedules for a broken invariant, and shrinks what it finds.
package struct Explorer: Sendable {
    /// A case that fails, and why.
    package struct Failure: Sendable {
        package var original: ExploreCase
        package var findings: [Finding]
        /// The same failure with as few and as short faults as were found.
        package var shrunk: ExploreCase
        package var shrunkFindings: [Finding]
        /// Runs that shrinking took.
        package var shrinkCount: Int
    }

    package struct Result: Sendable {
        package var triedCount: Int
        package var failure: Failure?
        package var isComplete: Bool
    }

    /// Draws the faults of a seed.
    package var draw: @Sendable (UInt64) -> FaultSchedule
    /// Runs a case; nothing found means that all invariants hold.
    package var trial: @Sendable (ExploreCase) throws -> [Finding]
    package var shrinkCountMax = 300

    package init(
        draw: @escaping @Sendable (UInt64) -> FaultSchedule,
        trial: @escaping @Sendable (ExploreCase) throws -> [Finding]
    ) {
        self.draw = draw
        self.trial = trial
    }

    /// Tries seeds in order; the first that fails is the answer, whatever the number of threads.
    ///
    /// - Throws: what a trial throws that cannot be run at all.
    package func search(
        from first: UInt64, count: Int, control: StudyControl = StudyControl()
    ) throws -> Result {
        guard (1...10_000_000).contains(count) else {
            throw StudyError(.invalid, "--seeds: 1 to 10000000, not \(count)")
        }
        let (draw, trial) = (draw, trial)
        let began = control.clock()
        var tried = 0
        let block = max(8, 4 * control.threadCount)
        while tried < count, !control.shouldStop() {
            let (base, offset) = (first &+ UInt64(tried), tried)
            var inner = control
            inner.progress = { progress in
                let done = offset + progress.done
                let seconds = Double(control.clock() - began) / 1e9
                control.progress(
                    StudyProgress(
                        done: done, total: count,
                        secondsLeft: done > 0 ? seconds * Double(count - done) / Double(done) : nil))
            }
            let results = try StudyRunner.each(min(block, count - tried), inner) {
                index, _ -> [Finding]? in
                let seed = base &+ UInt64(index)
                return try trial(ExploreCase(seed: seed, faults: draw(seed)))
            }
            for (index, findings) in results.enumerated() {
                guard let findings else { return Result(triedCount: tried, isComplete: false) }
                tried += 1
                guard !findings.isEmpty else { continue }
                let seed = base &+ UInt64(index)
                let failing = ExploreCase(seed: seed, faults: draw(seed))
                return Result(
                    triedCount: tried, failure: try shrink(failing, findings, control: control),
                    isComplete: true)
            }
        }
        return Result(triedCount: tried, isComplete: tried == count)
    }

    /// Makes a failing case small: first faults are left out (delta debugging: A. Zeller, R. Hildebrandt,
    /// "Simplifying and isolating failure-inducing input", 2002), then the rest is made short and round.
    ///
    /// A fault and its end go together, so that no node stays dead that would have come back.
    package func shrink(
        _ failing: ExploreCase, _ findings: [Finding], control: StudyControl = StudyControl()
    ) throws -> Failure {
        var runs = 0
        var latest = findings
        let invariants = Set(findings.map(\.invariant))
        func fails(_ groups: [[FaultSchedule.Entry]]) throws -> Bool {
            guard runs < shrinkCountMax, !control.shouldStop() else { return false }
            runs += 1
            let found = try trial(ExploreCase(seed: failing.seed, faults: .init(groups.flatMap(\.self))))
            guard found.contains(where: { invariants.contains($0.invariant) }) else { return false }
            latest = found
            return true
        }
        var groups = Self.grouped(failing.faults.entries)
        var parts = 2
        if try groups.isEmpty || fails([]) {
            groups = []
        } else {
            while groups.count > 1 {
                let size = (groups.count + parts - 1) / parts
                var isSmaller = false
                for begin in stride(from: 0, to: groups.count, by: size) {
                    var rest = groups
                    rest.removeSubrange(begin..<min(begin + size, groups.count))
                    if try fails(rest) {
                        groups = rest
                        parts = max(2, parts - 1)
                        isSmaller = true
                        break
                    }
                }
                if !isSmaller {
                    if size == 1 { break }
                    parts = min(groups.count, parts * 2)
                }
            }
        }
        for index in groups.indices {
            for change in Self.shorter {
                while true {
                    var candidate = groups
                    candidate[index] = change(groups[index])
                    guard candidate[index] != groups[index], try fails(candidate) else { break }
                    groups = candidate
                }
            }
        }
        return Failure(
            original: failing, findings: findings,
            shrunk: ExploreCase(seed: failing.seed, faults: .init(groups.flatMap(\.self))),
            shrunkFindings: latest, shrinkCount: runs)
    }

    private typealias Change = @Sendable ([FaultSchedule.Entry]) -> [FaultSchedule.Entry]

    private static let shorter: [Change] = [
        // The fault lasts half as long, a second at least.
        { entries in
            guard entries.count == 2 else { return entries }
            let span = entries[1].at.nanoseconds - entries[0].at.nanoseconds
            guard span >= 2_000_000_000 else { return entries }
            var changed = entries
            changed[1].at = entries[0].at.advanced(byNanoseconds: span / 2)
            return changed
        },
        // It begins at a whole minute, or at a whole second, and lasts whole seconds.
        { rounded($0, to: 60_000_000_000) },
        { rounded($0, to: 1_000_000_000) },
    ]

    private static func rounded(
        _ entries: [FaultSchedule.Entry], to unit: Int64
    ) -> [FaultSchedule.Entry] {
        guard let first = entries.first else { return entries }
        let begin = first.at.nanoseconds / unit * unit
        return entries.map { entry in
            let span = entry.at.nanoseconds - first.at.nanoseconds
            let whole = (span + 999_999_999) / 1_000_000_000 * 1_000_000_000
            return .init(at: Instant(nanoseconds: begin + whole), entry.fault)
        }
    }

    /// Each fault with its end, where it has one.
    static func grouped(_ entries: [FaultSchedule.Entry]) -> [[FaultSchedule.Entry]] {
        var groups: [[FaultSchedule.Entry]] = []
        for entry in entries {
            let open = groups.lastIndex { group in
                group.count == 1 && group[0].at <= entry.at && ends(group[0].fault, with: entry.fault)
            }
            if let open { groups[open].append(entry) } else { groups.append([entry]) }
        }
        return groups
    }

    private static func ends(_ fault: FaultSchedule.Fault, with other: FaultSchedule.Fault) -> Bool {
        switch (fault, other) {
        case (.kill(let one), .restart(let two)), (.pause(let one), .resume(let two)): one == two
        case (.partition(let one), .heal(let two)): one == two
        case (.cut(let from, let to), .mend(let otherFrom, let otherTo)): from == otherFrom && to == otherTo
        case (.degrade(let from, let to, .some), .degrade(let otherFrom, let otherTo, nil)):
            from == otherFrom && to == otherTo
        default: false
        }
    }
}
