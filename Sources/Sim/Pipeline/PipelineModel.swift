// SPDX-License-Identifier: Apache-2.0
private import DequeModule
package import Kernel

/// The five-station sealing pipeline on which general simulators are compared: a tandem of M/M/c queues.
///
/// Sectors arrive by a Poisson process and visit AddPiece, PreCommit1, PreCommit2, Commit1 and Commit2, each
/// a station with several servers, exponential service and an unbounded queue in order of arrival. Draws are
/// counter based: a value depends on (seed, sector, slot) alone, so every correct engine walks the same path.
package enum PipelineModel {
    /// Names of the stations, in order.
    package static let stationNames = ["AP", "PC1", "PC2", "C1", "C2"]
    /// Servers of each station.
    package static let serverCounts = [8, 240, 18, 2, 24]
    /// Mean service of each station, seconds.
    package static let meanSeconds: [Double] = [300, 12_600, 900, 60, 1_200]
    /// Mean time between arrivals, seconds.
    package static let gapSeconds: Double = 60

    /// What a run of the model says.
    package struct Result: Sendable, Hashable {
        /// Sectors that passed.
        package var sectorCount = 0
        /// Time at which the last sector left, seconds.
        package var makespanSeconds = 0.0
        /// Mean time from arrival to leaving, seconds.
        package var meanSojournSeconds = 0.0
        /// Mean time in each station's queue, seconds.
        package var meanWaitSeconds: [Double] = []
        /// Arrivals and service ends: six a sector.
        package var timedEventCount = 0
        /// Deliveries of the kernel.
        package var messageCount = 0
        /// The world's trace hash.
        package var traceHash = ""
    }

    /// Runs the model with stations as components of a simulated world.
    ///
    /// - Parameters:
    ///   - gap: mean time between arrivals, seconds; small for a burst.
    ///   - counted: the sectors, by their number, over which times are averaged; all where it is nil.
    /// - Throws: ``KernelError`` where a station cannot start.
    package static func run(
        sectorCount: Int, seed: UInt64, gap: Double = gapSeconds, counted: Range<Int>? = nil,
        tieBreak: SimulatedWorld.TieBreak = .fifo
    ) throws -> Result {
        let counted = (counted ?? 0..<sectorCount).clamped(to: 0..<max(0, sectorCount))
        let world = SimulatedWorld(
            options: .init(seed: seed, tieBreak: tieBreak, traceDetail: .route))
        let node = try world.addNode("pipeline")
        let draws = PipelineDraws(seed: seed, gap: gap)
        var next: Ref<StationMessage>?
        let tally = PipelineTally(counted: counted)
        for index in stationNames.indices.reversed() {
            let successor = next
            next = try node.spawn(
                stationNames[index], options: SpawnOptions(mailboxCountMax: .max)
            ) { home in
                Station(home: home, index: index, draws: draws, next: successor, tally: tally)
            }
        }
        guard let first = next else { return Result() }
        try node.spawn("source") { home in
            Source(home: home, draws: draws, sectorCount: sectorCount, first: first)
        }
        world.runUntilIdle()
        return tally.result(
            sectorCount: sectorCount, end: world.now.seconds,
            messageCount: world.statistics.delivered, traceHash: world.traceHash.hex)
    }
}

/// The counter-based draws of the model.
package struct PipelineDraws: Sendable {
    private let seedWord: UInt64
    private let gap: Double

    package init(seed: UInt64, gap: Double) {
        seedWord = mixed(seed)
        self.gap = gap
    }

    /// Seconds drawn from the exponential distribution of `mean` for one slot of one sector.
    @inline(__always)
    func seconds(sector: Int, slot: Int, mean: Double) -> Double {
        let word = mixed(seedWord ^ UInt64(sector * 8 + slot))
        let uniform = (Double(word >> 11) + 0.5) * 0x1p-53
        return -mean * DeterministicMath.log(uniform)
    }

    @inline(__always)
    func gapSeconds(sector: Int) -> Double { seconds(sector: sector, slot: 0, mean: gap) }
}

/// A sector on its way: its number and the time of its arrival.
struct Visit: Sendable, Codable, Hashable {
    let sector: Int
    let arrival: Instant
}

enum StationMessage: Message {
    /// A sector comes in.
    case enter(Visit)
    /// A service is over.
    case served(Visit)

    static var messageName: String { "pipeline.station" }
}

enum SourceMessage: Message {
    /// The next sector arrives.
    case arrive

    static var messageName: String { "pipeline.source" }
}

/// Where the last station reports; one world's thread writes it.
// Safety: touched only by the components of one simulated world, which runs on one thread.
final class PipelineTally: @unchecked Sendable {
    /// Whose times are added up.
    let counted: Range<Int>
    // A burst of sectors adds up to more than 292 years.
    var sojournNanoseconds: Int128 = 0
    var waits = [Int128](repeating: 0, count: PipelineModel.stationNames.count)

    init(counted: Range<Int>) { self.counted = counted }

    func result(sectorCount: Int, end: Double, messageCount: Int, traceHash: String) -> PipelineModel.Result {
        let count = Double(max(1, counted.count))
        return PipelineModel.Result(
            sectorCount: sectorCount, makespanSeconds: end,
            meanSojournSeconds: Double(sojournNanoseconds) / 1e9 / count,
            meanWaitSeconds: waits.map { Double($0) / 1e9 / count },
            timedEventCount: sectorCount * (PipelineModel.stationNames.count + 1),
            messageCount: messageCount, traceHash: traceHash)
    }

    func waited(_ visit: Visit, at index: Int, _ nanoseconds: Int64) {
        if counted.contains(visit.sector) { waits[index] += Int128(nanoseconds) }
    }

    func left(_ visit: Visit, after nanoseconds: Int64) {
        if counted.contains(visit.sector) { sojournNanoseconds += Int128(nanoseconds) }
    }
}

/// One station: `serverCount` servers and a queue.
actor Station: Component {
    nonisolated let home: Home
    private let index: Int
    private let mean: Double
    private let draws: PipelineDraws
    private let next: Ref<StationMessage>?
    private let tally: PipelineTally
    private var freeCount: Int
    private var queue: Deque<(visit: Visit, since: Int64)> = []

    init(home: Home, index: Int, draws: PipelineDraws, next: Ref<StationMessage>?, tally: PipelineTally) {
        self.home = home
        self.index = index
        self.draws = draws
        self.next = next
        self.tally = tally
        mean = PipelineModel.meanSeconds[index]
        freeCount = PipelineModel.serverCounts[index]
    }

    func receive(_ message: StationMessage, _ context: Context<StationMessage>) {
        switch message {
        case .enter(let visit):
            if freeCount > 0 {
                freeCount -= 1
                serve(visit, context)
            } else {
                queue.append((visit, context.now.nanoseconds))
            }
        case .served(let visit):
            // The freed server takes the head of the queue before the finished sector moves on.
            if let (waiting, since) = queue.popFirst() {
                tally.waited(waiting, at: index, context.now.nanoseconds - since)
                serve(waiting, context)
            } else {
                freeCount += 1
            }
            if let next {
                next.tell(.enter(visit))
            } else {
                tally.left(visit, after: context.now.nanoseconds - visit.arrival.nanoseconds)
            }
        }
    }

    private func serve(_ visit: Visit, _ context: Context<StationMessage>) {
        let seconds = draws.seconds(sector: visit.sector, slot: index + 1, mean: mean)
        let end = context.now.advanced(byNanoseconds: Int64((seconds * 1e9).rounded()))
        context.schedule(at: end, .served(visit))
    }
}

/// Lets sectors in.
actor Source: Component {
    nonisolated let home: Home
    private let draws: PipelineDraws
    private let sectorCount: Int
    private let first: Ref<StationMessage>
    private var sector = 0
    private var arrivalSeconds = 0.0

    init(home: Home, draws: PipelineDraws, sectorCount: Int, first: Ref<StationMessage>) {
        self.home = home
        self.draws = draws
        self.sectorCount = sectorCount
        self.first = first
    }

    func started(_ context: Context<SourceMessage>) {
        if sectorCount > 0 { scheduleNext(context) }
    }

    func receive(_ message: SourceMessage, _ context: Context<SourceMessage>) {
        first.tell(.enter(Visit(sector: sector, arrival: context.now)))
        sector += 1
        if sector < sectorCount { scheduleNext(context) }
    }

    private func scheduleNext(_ context: Context<SourceMessage>) {
        // Arrivals accumulate in floating point, so that rounding to nanoseconds does not.
        arrivalSeconds += draws.gapSeconds(sector: sector)
        context.schedule(at: Instant(seconds: arrivalSeconds), .arrive)
    }
}
