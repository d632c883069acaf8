// SPDX-License-Identifier: Apache-2.0
private import Chain
package import Kernel
package import Scheduler

/// An invariant that does not hold.
package struct Finding: Sendable, Hashable, CustomStringConvertible {
    /// Which invariant; shrinking keeps to it.
    package var invariant: String
    package var detail: String

    package init(invariant: String, detail: String) {
        self.invariant = invariant
        self.detail = detail
    }

    package var description: String { "\(invariant): \(detail)" }
}

/// What a cluster must satisfy when its faults are over and it had its time to recover.
package struct ClusterEnd: Sendable {
    package var expected: Int
    package var pledged: Int
    package var proven: Int
    package var failed: Int
    /// Saved records of sectors that are not proving.
    package var left: [SectorRecord]
    /// Components that threw or broke an assumption of their own.
    package var componentFailures: Int
    /// What is still reserved on sealing stores; `nil` where nobody answered.
    package var stores: [StoreState]?
    /// Sectors that infrastructure alone may cost: 0 where tasks do not fail by themselves.
    package var mayGiveUp: Bool

    package init(
        expected: Int, pledged: Int, proven: Int, failed: Int, left: [SectorRecord], componentFailures: Int,
        stores: [StoreState]?, mayGiveUp: Bool
    ) {
        self.expected = expected
        self.pledged = pledged
        self.proven = proven
        self.failed = failed
        self.left = left
        self.componentFailures = componentFailures
        self.stores = stores
        self.mayGiveUp = mayGiveUp
    }

    package var findings: [Finding] {
        var findings: [Finding] = []
        func find(_ invariant: String, _ detail: String) {
            findings.append(Finding(invariant: invariant, detail: detail))
        }
        let unfinished = left.filter { $0.state.isSealing }
        if !unfinished.isEmpty {
            let named = unfinished.prefix(5).map { "\($0.key) in \($0.state.rawValue)" }
            find("every sector ends", named.joined(separator: ", "))
        }
        if pledged != expected { find("every sector is pledged once", "\(pledged) of \(expected)") }
        if proven + failed != pledged {
            find("sectors add up", "\(pledged) pledged, \(proven) proven, \(failed) given up")
        }
        for record in left where record.state == .failedUnrecoverable {
            guard !mayGiveUp || record.lastError == nil else { continue }
            find("no fault costs a sector", "\(record.key): \(record.lastError ?? "no reason given")")
        }
        if componentFailures > 0 { find("no component fails", "\(componentFailures) failed") }
        if let stores, unfinished.isEmpty {
            for state in stores where state.reservedBytes > 0 || state.sectorCount > 0 {
                find(
                    "room is given back",
                    "\(state.info.name): \(state.sectorCount) sectors, \(state.reservedBytes) bytes")
            }
        } else if stores == nil {
            find("the storage index answers", "nobody answered within an hour")
        }
        return findings
    }
}

/// Watches what the chain says: a message lands once, so every word on it names the same epoch.
// Safety: touched only by the components of one simulated world, which runs on one thread.
package final class LandingWatch: JournalSink, @unchecked Sendable {
    private struct Landing: Hashable {
        var key: SectorKey
        var isProof: Bool
    }

    private var epochs: [Landing: Int64] = [:]
    package private(set) var findings: [Finding] = []
    package private(set) var landingCount = 0

    package init() {}

    package func record(_ record: JournalRecord) {
        guard record.kind == .sent, record.messageName == ChainEvent.messageName else { return }
        do {
            see(try WireDecoder.decode(ChainEvent.self, from: record.bytes))
        } catch {
            findings.append(Finding(invariant: "messages can be read", detail: "\(error)"))
        }
    }

    private func see(_ event: ChainEvent) {
        switch event {
        case .preCommitted(let key, let epoch): see(Landing(key: key, isProof: false), epoch)
        case .proven(let key, let epoch): see(Landing(key: key, isProof: true), epoch)
        default: break
        }
    }

    private func see(_ landing: Landing, _ epoch: Int64) {
        guard let known = epochs.updateValue(epoch, forKey: landing) else {
            landingCount += 1
            return
        }
        if known != epoch {
            let what = landing.isProof ? "proof" : "pre-commitment"
            findings.append(
                Finding(
                    invariant: "no chain message lands twice",
                    detail: "the \(what) of \(landing.key) at epochs \(known) and \(epoch)"))
        }
    }
}
