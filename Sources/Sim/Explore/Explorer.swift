// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// Searches seeds and the faults drawn from them for a broken invariant, and shrinks what it finds.
package struct Explorer: Sendable {
    /// A case that fails, and why.
    package struct Failure: Sendable, Hashable {
        package var original: ExploreCase
        package var findings: [Finding]
        /// The same failure with as few, as short and as round faults as were found.
        package var shrunk: ExploreCase
        package var shrunkFindings: [Finding]
        /// Runs that shrinking took.
        package var shrinkCount: Int
    }

    package struct Result: Sendable, Hashable {
        /// Seeds that were tried, from the first on without a gap.
        package var triedCount: Int
        /// In order of their seeds.
        package var failures: [Failure]
        /// All seeds were tried, or as many failures found as were wanted.
        package var isComplete: Bool
    }

    /// Draws the faults of a seed.
    package var draw: @Sendable (UInt64) -> [Scenario.Fault]
    /// Runs a case; nothing found means that all invariants hold.
    package var trial: @Sendable (ExploreCase) throws -> [Finding]
    /// Failures after which the search ends.
    package var failureCountMax = 1
    /// Runs that shrinking one failure may take.
    package var shrinkCountMax = 300

    package init(
        draw: @escaping @Sendable (UInt64) -> [Scenario.Fault],
        trial: @escaping @Sendable (ExploreCase) throws -> [Finding]
    ) {
        self.draw = draw
        self.trial = trial
    }

    package init(_ trial: ClusterTrial) {
        self.init(draw: { trial.faults(of: $0) }, trial: { try trial.run($0).findings })
    }

    /// Tries seeds in order; the first that fail are the answer, whatever the number of threads.
    ///
    /// - Parameter shrinkStops: asked while failures are shrunk, which goes on after `control` has stopped
    ///   the search.
    /// - Throws: what a trial throws that cannot be run at all; ``StudyError`` with `invalid`.
    package func search(
        from first: UInt64, count: Int, control: StudyControl = StudyControl(),
        shrinkStops: @escaping @Sendable () -> Bool = { false }
    ) throws -> Result {
        guard (1...100_000_000).contains(count), failureCountMax > 0 else {
            throw StudyError(.invalid, "1 to 100000000 seeds, and one failure at least")
        }
        var result = Result(triedCount: 0, failures: [], isComplete: false)
        var found: [(one: ExploreCase, findings: [Finding])] = []
        let block = max(8, 4 * control.threadCount)
        let began = control.clock()
        while result.triedCount < count, found.count < failureCountMax, !control.shouldStop() {
            let size = min(block, count - result.triedCount)
            let base = first &+ UInt64(result.triedCount)
            let results = try each(size, done: result.triedCount, of: count, since: began, control) { index in
                let seed = base &+ UInt64(index)
                return try trial(ExploreCase(seed: seed, faults: draw(seed)))
            }
            for (index, findings) in results.enumerated() {
                // What was run beyond the last failure that is wanted does not count, so that the answer does
                // not depend on the number of threads.
                guard let findings, found.count < failureCountMax else { break }
                result.triedCount += 1
                guard !findings.isEmpty else { continue }
                let seed = base &+ UInt64(index)
                found.append((ExploreCase(seed: seed, faults: draw(seed)), findings))
            }
        }
        result.isComplete = result.triedCount == count || found.count == failureCountMax
        let cases = found
        let shrunk = try StudyRunner.each(cases.count, StudyControl(threadCount: control.threadCount)) {
            index, _ -> Failure? in
            try shrink(cases[index].one, cases[index].findings, shouldStop: shrinkStops)
        }
        result.failures = shrunk.compactMap(\.self)
        return result
    }

    private func each(
        _ size: Int, done: Int, of count: Int, since began: Int64, _ control: StudyControl,
        _ run: @escaping @Sendable (Int) throws -> [Finding]
    ) throws -> [[Finding]?] {
        var inner = control
        inner.progress = { progress in
            let over = done + progress.done
            let seconds = Double(control.clock() - began) / 1e9
            control.progress(
                StudyProgress(
                    done: over, total: count,
                    secondsLeft: over > 0 ? seconds * Double(count - over) / Double(over) : nil))
        }
        return try StudyRunner.each(size, inner) { index, _ in try run(index) }
    }
}

/// Makes failing cases small.
extension Explorer {
    /// First faults are left out (delta debugging: A. Zeller, R. Hildebrandt, "Simplifying and isolating
    /// failure-inducing input", 2002), then each that is left is made short, and its times round.
    ///
    /// A case counts as the same failure where one of the first invariants is broken.
    package func shrink(
        _ failing: ExploreCase, _ findings: [Finding], shouldStop: @Sendable () -> Bool = { false }
    ) throws -> Failure {
        var runs = 0
        var latest = findings
        let invariants = Set(findings.map(\.invariant))
        func fails(_ faults: [Scenario.Fault]) throws -> Bool {
            guard runs < shrinkCountMax, !shouldStop() else { return false }
            runs += 1
            let found = try trial(ExploreCase(seed: failing.seed, faults: faults))
            guard found.contains(where: { invariants.contains($0.invariant) }) else { return false }
            latest = found
            return true
        }
        var faults = try fewer(failing.faults, fails)
        for index in faults.indices {
            for change in Self.simpler {
                while true {
                    var candidate = faults
                    candidate[index] = change(faults[index])
                    guard candidate[index] != faults[index], try fails(candidate) else { break }
                    faults = candidate
                }
            }
        }
        return Failure(
            original: failing, findings: findings, shrunk: ExploreCase(seed: failing.seed, faults: faults),
            shrunkFindings: latest, shrinkCount: runs)
    }

    private func fewer(
        _ all: [Scenario.Fault], _ fails: ([Scenario.Fault]) throws -> Bool
    ) throws -> [Scenario.Fault] {
        if try all.isEmpty || fails([]) { return [] }
        var faults = all
        var parts = 2
        while faults.count > 1 {
            let size = (faults.count + parts - 1) / parts
            var isSmaller = false
            for begin in stride(from: 0, to: faults.count, by: size) {
                var rest = faults
                rest.removeSubrange(begin..<min(begin + size, faults.count))
                guard !rest.isEmpty, try fails(rest) else { continue }
                faults = rest
                parts = max(2, parts - 1)
                isSmaller = true
                break
            }
            if !isSmaller {
                if size == 1 { break }
                parts = min(faults.count, parts * 2)
            }
        }
        return faults
    }

    private typealias Change = @Sendable (Scenario.Fault) -> Scenario.Fault

    private static let simpler: [Change] = [
        // One host in place of a group.
        { fault in
            guard case .group(let group) = fault.target else { return fault }
            var changed = fault
            changed.target = .host(group: group, index: 0)
            return changed
        },
        // Half as long, a second at least.
        { fault in
            guard let duration = fault.duration, duration >= .seconds(2) else { return fault }
            var changed = fault
            changed.duration = rounded(duration / 2, to: .milliseconds(1))
            return changed
        },
        // Round lengths and times.
        { fault in
            guard let duration = fault.duration, duration > .seconds(1) else { return fault }
            var changed = fault
            changed.duration = rounded(duration, to: .seconds(1))
            return changed
        },
        { fault in
            var changed = fault
            changed.at = rounded(fault.at, to: .seconds(60))
            return changed
        },
        { fault in
            var changed = fault
            changed.at = rounded(fault.at, to: .seconds(1))
            return changed
        },
    ]

    private static func rounded(_ duration: Duration, to unit: Duration) -> Duration {
        .nanoseconds(duration.nanoseconds / unit.nanoseconds * unit.nanoseconds)
    }
}

extension Explorer {
    /// Runs one case as it is.
    ///
    /// - Throws: what a trial throws that cannot be run at all.
    package func replay(_ one: ExploreCase) throws -> Result {
        let findings = try trial(one)
        let failure = Failure(
            original: one, findings: findings, shrunk: one, shrunkFindings: findings, shrinkCount: 0)
        return Result(triedCount: 1, failures: findings.isEmpty ? [] : [failure], isComplete: true)
    }
}
