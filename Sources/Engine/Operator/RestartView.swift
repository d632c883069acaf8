// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
package import Scheduler

/// Whether the miner, or one of its workers, may be restarted now, as `sealing restart-check` tells it.
///
/// A restart loses nothing: tasks go on in their workers, and a worker's own go on behind what is complete on
/// disk. But a proof that is not on the chain when its deadline closes costs money, and a finished sector
/// that is on its way has to begin its way anew.
package struct RestartView: Sendable, Encodable {
    package struct Obstacle: Sendable, Encodable, Equatable {
        package enum Code: String, Sendable, Encodable {
            /// The open deadline has partitions without a proof on the chain.
            case deadlineOpen
            /// A deadline with sectors opens before a restart would be over.
            case deadlineSoon
            /// A proof of spacetime is being made.
            case proof
            case finalize
            /// A worker's own task of another kind.
            case task
        }

        package var code: Code
        package var text: String
    }

    /// `miner`, or the worker's name.
    package var what: String
    package var isSafe: Bool
    package var obstacles: [Obstacle]
    /// Tasks that run and are no obstacle.
    package var otherTasks: Int
    /// Until the next deadline with sectors opens, in seconds; `nil` where there is none.
    package var secondsToDeadline: Double?

    /// - Parameters:
    ///   - standing: of all deadlines.
    ///   - worker: the worker that is to be restarted; `nil` for the miner.
    ///   - margin: how long a restart may take.
    package init(
        _ diagnosis: SchedulerDiagnosis, _ standing: MinerClient.ProvingStanding, worker: String?,
        margin: Duration
    ) {
        what = worker ?? "miner"
        obstacles = []
        otherTasks = 0
        let known = diagnosis.workers.first { $0.name == worker }
        if worker == nil || known?.slots.contains(where: { $0.type.isPoSt && $0.count > 0 }) == true {
            let next = Self.nextDeadline(standing)
            secondsToDeadline = next?.seconds
            obstacles = Self.deadlines(standing, next, margin)
        }
        for item in diagnosis.running.sorted(by: { $0.task < $1.task }) {
            guard worker == nil || item.worker == worker else { continue }
            if let code = Self.code(item.task, ofWorker: worker != nil) {
                obstacles.append(
                    .init(code: code, text: "\(item.task.compact) runs on \(item.worker)"))
            } else {
                otherTasks += 1
            }
        }
        isSafe = obstacles.isEmpty
    }

    private static func code(_ task: TaskID, ofWorker: Bool) -> Obstacle.Code? {
        // Reading for an operator's question is no proof.
        if task.type.isPoSt { return PoStTasks.parse(task)?.isCheck == true && !ofWorker ? nil : .proof }
        if task.type == .finalize { return .finalize }
        return ofWorker ? .task : nil
    }

    /// The first deadline with sectors that opens from now on.
    private static func nextDeadline(
        _ standing: MinerClient.ProvingStanding
    ) -> (index: Int, seconds: Double)? {
        let head = standing.status.head
        let coming = standing.deadlines.filter { deadline in
            deadline.times.open > head && deadline.partitions.contains { !$0.live.numbers.isEmpty }
        }
        guard let next = coming.min(by: { $0.times.open < $1.times.open }) else { return nil }
        return (next.times.index, Double(next.times.open - head) * standing.epochDuration.inSeconds)
    }

    private static func deadlines(
        _ standing: MinerClient.ProvingStanding, _ next: (index: Int, seconds: Double)?, _ margin: Duration
    ) -> [Obstacle] {
        var obstacles: [Obstacle] = []
        if let open = DeadlineView.all(standing).first(where: \.isCurrent) {
            let unproven = open.partitions.filter {
                !$0.isProven && $0.sectors.count > $0.faulty.count - $0.recovering.count
            }
            if !unproven.isEmpty {
                let list = unproven.map { "\($0.partition)" }.joined(separator: ", ")
                let close = OperatorText.distance(
                    of: open.close, from: standing.status.head, standing.epochDuration)
                obstacles.append(
                    .init(
                        code: .deadlineOpen,
                        text: "deadline \(open.deadline) is open until \(open.close) (\(close)), and "
                            + "partitions without a proof on the chain are \(list)"))
            }
        }
        if let next, next.seconds < margin.inSeconds {
            let time = OperatorText.duration(.nanoseconds(Int64(next.seconds * 1e9)))
            obstacles.append(
                .init(
                    code: .deadlineSoon,
                    text: "deadline \(next.index) opens in \(time), and a restart may take "
                        + OperatorText.duration(margin)))
        }
        return obstacles
    }

    /// A line, and one for each obstacle.
    package var text: String {
        var title = isSafe ? "\(what): safe to restart" : "\(what): do not restart now"
        if otherTasks > 0 { title += "; \(otherTasks) other tasks go on in their workers" }
        if let secondsToDeadline {
            let time = OperatorText.duration(.nanoseconds(Int64(secondsToDeadline * 1e9)))
            title += "; the next deadline opens in \(time)"
        }
        return ([title] + obstacles.map { "  \($0.text)" }).joined(separator: "\n")
    }
}

extension MinerClient {
    /// Looks whether a restart of the miner or of a worker would do harm; where `wait` is given every two
    /// seconds, until it would not.
    ///
    /// - Parameter news: told what stands in the way, whenever that has changed.
    /// - Throws: ``EngineError`` with `refused` for a worker that is not known, `timedOut` where it would
    ///   still do harm after `wait`, or ``KernelError``.
    package func restartCheck(
        worker: String?, margin: Duration, wait: Duration?, news: (RestartView) -> Void
    ) async throws -> RestartView {
        let began = now
        var last: [RestartView.Obstacle]?
        while true {
            let diagnosis = try await diagnosis()
            if let worker, !diagnosis.workers.contains(where: { $0.name == worker }) {
                throw refused(
                    "no worker '\(worker.prefix(128))' is known; 'sealyard sealing workers' lists them")
            }
            let view = RestartView(diagnosis, try await proving(), worker: worker, margin: margin)
            guard let wait, !view.isSafe else { return view }
            if view.obstacles != last { news(view) }
            last = view.obstacles
            guard now - began < wait else {
                throw EngineError(
                    code: .timedOut,
                    message: "still not safe after \(OperatorText.duration(wait)): "
                        + view.obstacles.map(\.text).joined(separator: "; "))
            }
            await pause(.seconds(2))
        }
    }
}
