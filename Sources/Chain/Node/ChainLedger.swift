// SPDX-License-Identifier: Apache-2.0
private import Synchronization

/// What landed on a simulated chain and what it is charged for, for whoever reckons money. A live chain has
/// none: its miner's books are on the real one.
package final class ChainLedger: Sendable {
    /// What a message is about.
    package enum Kind: String, Sendable, Hashable, CaseIterable, Comparable {
        case preCommit
        case proveCommit
        case windowPoSt
        case faults
        case recoveries
        case terminate
        case replicaUpdate

        package static func < (left: Self, right: Self) -> Bool { left.place < right.place }

        private var place: Int {
            switch self {
            case .preCommit: 0
            case .proveCommit: 1
            case .windowPoSt: 2
            case .faults: 3
            case .recoveries: 4
            case .terminate: 5
            case .replicaUpdate: 6
            }
        }
    }

    /// Messages that cost the same.
    package struct Group: Sendable, Hashable {
        package var kind: Kind
        /// Sectors of a message, or partitions where it proves or declares.
        package var itemCount: Int
        /// attoFIL for a unit of gas.
        package var baseFee: UInt64
        package var messageCount: Int
    }

    /// What is known at one moment.
    package struct Snapshot: Sendable, Hashable {
        /// In order of kind, items and fee.
        package var groups: [Group]
        /// Pre-committed and not proven yet, with time left.
        package var openPreCommitCount: Int
        /// Pre-committed and not proven in time: their deposits are burnt.
        package var expiredPreCommitCount: Int
        package var charges: ProvingCharges
    }

    private struct Cost: Hashable {
        var kind: Kind
        var itemCount: Int
        var baseFee: UInt64
    }

    /// A message that a reorganization may take back.
    private struct Landing {
        var epoch: Int64
        var cost: Cost
        /// Sectors with the epochs of their pre-commitments.
        var preCommits: [(number: UInt64, epoch: Int64)]
    }

    private struct State {
        var counts: [Cost: Int] = [:]
        var open: [UInt64: Int64] = [:]
        var recent: [Landing] = []
        var head: Int64 = 0
        var charges = ProvingCharges()
    }

    /// Nothing older than this is ever undone: the chain's finality.
    private static let undoEpochsMax: Int64 = 900
    /// Landings kept before old ones are looked for.
    private static let recentCountMax = 4096

    /// From a pre-commitment until its deposit is burnt, in epochs.
    private let preCommitEpochs: Int64
    private let state = Mutex(State())

    package init(parameters: NetworkParameters) {
        preCommitEpochs = parameters.maxProveCommitDuration + 960
    }

    /// What is known, where the network is at `epoch`: deposits are burnt there also while this chain hears
    /// of no message and no deadline ends.
    package func snapshot(at epoch: Int64) -> Snapshot {
        state.withLock { state in
            let head = max(state.head, epoch)
            let groups = state.counts.filter { $0.value > 0 }.map {
                Group(
                    kind: $0.key.kind, itemCount: $0.key.itemCount, baseFee: $0.key.baseFee,
                    messageCount: $0.value)
            }
            let expired = state.open.values.count { $0 + preCommitEpochs < head }
            return Snapshot(
                groups: groups.sorted {
                    ($0.kind, $0.itemCount, $0.baseFee) < ($1.kind, $1.itemCount, $1.baseFee)
                }, openPreCommitCount: state.open.count - expired, expiredPreCommitCount: expired,
                charges: state.charges)
        }
    }

    /// One message landed.
    func landed(_ entries: [ChainEntry], baseFee: UInt64) {
        guard let first = entries.first, let kind = first.messageKind else { return }
        state.withLock { state in
            let epoch = first.epoch
            var landing = Landing(
                epoch: epoch, cost: Cost(kind: kind, itemCount: 0, baseFee: baseFee), preCommits: [])
            for entry in entries {
                switch entry {
                case .preCommitted(let key, let record):
                    landing.preCommits.append((key.number, record.epoch))
                    state.open[key.number] = record.epoch
                case .proven(let key, _):
                    if let since = state.open.removeValue(forKey: key.number) {
                        landing.preCommits.append((key.number, since))
                    }
                default: break
                }
                landing.cost.itemCount += entry.itemCount
            }
            state.counts[landing.cost, default: 0] += 1
            state.head = max(state.head, epoch)
            state.recent.append(landing)
            guard state.recent.count > Self.recentCountMax else { return }
            let (head, count) = (state.head, state.recent.count)
            state.recent.removeAll { $0.epoch + Self.undoEpochsMax < head }
            // All of one busy hour: the older half is as good as final.
            if state.recent.count == count { state.recent.removeFirst(count / 2) }
        }
    }

    /// What landed after an epoch has not.
    func undo(after epoch: Int64) {
        state.withLock { state in
            while let last = state.recent.last, last.epoch > epoch {
                state.recent.removeLast()
                state.counts[last.cost, default: 0] -= 1
                for (number, since) in last.preCommits {
                    state.open[number] = last.cost.kind == .proveCommit ? since : nil
                }
            }
        }
    }

    /// The chain has reached `head`, and its deadlines came to this.
    func reached(_ head: Int64, _ charges: ProvingCharges) {
        state.withLock { state in
            state.head = max(state.head, head)
            state.charges = charges
        }
    }
}

extension ChainEntry {
    fileprivate var messageKind: ChainLedger.Kind? {
        switch self {
        case .genesis: nil
        case .preCommitted: .preCommit
        case .proven: .proveCommit
        case .updated: .replicaUpdate
        case .terminated: .terminate
        case .windowPoSt: .windowPoSt
        case .faultsDeclared: .faults
        case .recoveries: .recoveries
        }
    }

    fileprivate var itemCount: Int {
        switch self {
        case .genesis: 0
        case .preCommitted, .proven, .updated, .terminated: 1
        case .windowPoSt(let record), .faultsDeclared(let record), .recoveries(let record):
            record.items.count
        }
    }
}
