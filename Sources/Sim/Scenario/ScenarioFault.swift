// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// Something that breaks: once at a set time, or again and again at drawn ones.
    package struct Fault: Sendable, Hashable {
        package enum Target: Sendable, Hashable {
            /// All hosts of a group.
            case group(String)
            case host(group: String, index: Int)
            /// One process: `worker` is the worker group's name, `instance` counts from 0.
            case worker(group: String, index: Int, worker: String, instance: Int)
            case store(String)
            case chain
            case miner
        }

        /// Again and again: both are the means of exponential draws, for each thing of the target by itself.
        package struct Rhythm: Sendable, Hashable {
            /// From the end of one fault to the next.
            package var between: Duration
            /// How long one lasts; `nil` for kinds that last as long as they do.
            package var repair: Duration?

            package init(between: Duration, repair: Duration?) {
                self.between = between
                self.repair = repair
            }
        }

        /// When, from the start of the run; with a rhythm nothing breaks before.
        package var at: Duration
        package var kind: Kind
        package var target: Target
        /// How long; `nil` for good, or for what the kind says.
        package var duration: Duration?
        /// How many times slower or dearer, for kinds that are a matter of degree; 1 otherwise.
        package var factor: Double
        /// The part of messages or tasks that is hit, for kinds that hit a part; 1 otherwise.
        package var share: Double
        /// How much later, or ahead, or how long one turn is, for kinds that are a matter of time; zero
        /// otherwise.
        package var by: Duration
        /// The card that is lost, by its number on the host; `nil` for one that is drawn, and for other
        /// kinds.
        package var gpu: Int?
        package var rhythm: Rhythm?

        /// Makes a fault; what is left out is the kind's default.
        package init(
            _ kind: Kind, at: Duration, target: Target, duration: Duration? = nil, factor: Double? = nil,
            share: Double? = nil, by: Duration? = nil, gpu: Int? = nil, rhythm: Rhythm? = nil
        ) {
            self.at = at
            self.kind = kind
            self.target = target
            self.duration = duration
            self.factor = factor ?? (kind.measure == .factor ? kind.usualFactor : 1)
            self.share = share ?? (kind.measure == .share ? 0.1 : 1)
            self.by = by ?? (kind.measure == .time ? kind.usualTime : .zero)
            self.gpu = gpu
            self.rhythm = rhythm
        }
    }
}

extension Scenario.Fault {
    /// What breaks.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        // Processes and hosts.
        /// The process dies and is started again at the end.
        case workerKilled
        /// The process stands still, as by SIGSTOP.
        case workerPaused
        /// All processes of the host die; they start together at the end.
        case hostDown
        /// All processes die; after the reboot they start one after another.
        case hostReboot
        /// Every task takes longer, those that run included.
        case hostSlow
        /// A GPU of the host, named or drawn among its cards, has fallen off the bus: the processes that
        /// use it die and start again at the end.
        case gpuLost
        /// An uncorrectable memory error kills one process, drawn among those of the target.
        case memoryError
        /// The kernel kills the process with the most tasks under way.
        case outOfMemory
        /// The processes of the target are restarted one after another.
        case rollingUpgrade
        /// A part of the tasks fails when they are done.
        case taskFailures

        // Disks and stores.
        /// What lies on the host's sealing disks is lost; they are empty afterwards.
        case diskLost
        /// No task can write to the host's sealing disks.
        case diskFull
        case diskSlow
        /// The files of one sector, drawn among those of the target, are damaged; the next task to read them
        /// finds it.
        case fileCorrupt
        /// Transfers to the store stand still.
        case storeDown
        /// The store's mount is gone: transfers fail.
        case storeUnmounted
        case storeSlow
        /// The store takes nothing more.
        case storeFull

        // The network.
        /// The target is cut off from all others.
        case partition
        /// The target hears nothing, and is heard.
        case inboundCut
        /// Nobody hears the target, and it hears all.
        case outboundCut
        /// The card goes down and up: down for the first half of each turn.
        case nicFlapping
        case networkSlow
        case packetLoss
        case messagesDuplicated
        /// Messages come late, half of them out of order.
        case messagesLate

        // Chain, miner and clocks.
        case chainDown
        /// The node hears of no new epoch, and nothing lands that is sent through it.
        case chainOutOfSync
        /// Another fork wins: messages that landed within the confidence are lost.
        case chainReorg
        /// No new message is taken.
        case mempoolFull
        case baseFeeSpike
        case minerKilled
        /// The clock is ahead, and set back at the end.
        case clockSkew
    }

    /// What a kind needs besides its target.
    package enum Measure: Sendable { case none, factor, share, time }

    /// Where a kind may hit.
    package enum Place: Sendable {
        case process, host, store, chain, miner
        /// Hosts, processes, the chain or the miner.
        case node
        /// Those, or a store.
        case link
    }
}

extension Scenario.Fault.Kind {
    package var measure: Scenario.Fault.Measure {
        switch self {
        case .hostSlow, .diskSlow, .storeSlow, .networkSlow, .baseFeeSpike: .factor
        case .taskFailures, .packetLoss, .messagesDuplicated: .share
        case .nicFlapping, .messagesLate, .clockSkew: .time
        default: .none
        }
    }

    package var place: Scenario.Fault.Place {
        switch self {
        case .workerKilled, .workerPaused: .process
        case .hostDown, .hostReboot, .hostSlow, .gpuLost, .memoryError, .outOfMemory, .rollingUpgrade,
            .taskFailures, .diskLost, .diskFull, .diskSlow, .fileCorrupt, .nicFlapping:
            .host
        case .storeDown, .storeUnmounted, .storeSlow, .storeFull: .store
        case .partition, .networkSlow: .link
        case .inboundCut, .outboundCut, .packetLoss, .messagesDuplicated, .messagesLate, .clockSkew: .node
        case .chainDown, .chainOutOfSync, .chainReorg, .mempoolFull, .baseFeeSpike: .chain
        case .minerKilled: .miner
        }
    }

    /// It is over at once, and has no duration.
    package var isMomentary: Bool { self == .fileCorrupt || self == .chainReorg }

    /// How long it lasts where nothing is said; `nil` for good.
    ///
    /// Assumed: a supervisor starts a process again after 10 s, and a host takes 3 minutes to boot.
    package var usualDuration: Duration? {
        switch self {
        case .memoryError, .outOfMemory, .rollingUpgrade: .seconds(10)
        case .hostReboot: .seconds(180)
        default: nil
        }
    }

    /// Assumed, as all defaults of faults.
    var usualFactor: Double { 10 }

    var usualTime: Duration {
        switch self {
        case .messagesLate: .seconds(2)
        case .nicFlapping: .seconds(20)
        default: .seconds(30)
        }
    }
}

extension Scenario.Fault.Target: CustomStringConvertible {
    package var description: String {
        switch self {
        case .group(let name): name
        case .host(let group, let index): "\(group)/\(index)"
        case .worker(let group, let index, let worker, let instance):
            "\(group)/\(index)/\(worker)/\(instance)"
        case .store(let name): name
        case .chain: "chain"
        case .miner: "miner"
        }
    }
}
