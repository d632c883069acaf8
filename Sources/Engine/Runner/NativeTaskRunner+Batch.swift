// SPDX-License-Identifier: Apache-2.0
internal import Kernel
private import Logging
internal import Scheduler
internal import Sealing

/// Pre-commit 1 of several sectors on one core: their labels fill the gaps in each other's chains.
///
/// Tasks of one kind of proof that come within a short time are run by one `preCommit1Batch`. It has one end
/// for all, so a task that is aborted, or fails, stops it; the others then begin again behind the layers that
/// all of them have complete. Each task reports by itself.
extension NativeTaskRunner {
    /// How tasks of pre-commit 1 are put together.
    package struct Batching: Sendable {
        /// Sectors labeled side by side; 1 runs each alone.
        package var countMax: Int
        /// How long the first task waits for others.
        package var wait: Duration

        package init(countMax: Int = 1, wait: Duration = .seconds(2)) {
            precondition((1...SealPipeline.batchCountMax).contains(countMax), "a batch has 1 to 16 sectors")
            self.countMax = countMax
            self.wait = wait
        }
    }

    /// A task that waits to be run with others.
    struct Waiting: Sendable {
        let call: CallID
        let request: TaskRequest
        let reportTo: Ref<WorkerMessage>
    }

    /// A task with what its sector's files say.
    private struct Member {
        let waiting: Waiting
        let sector: SectorIdentity
        let ticket: Commitment
        let notes: SectorNotes
        let sealing: SectorDirectory
    }

    /// Puts the task into a group that waits, or opens one.
    func gather(_ waiting: Waiting) {
        let group = gatherer.add(waiting) { others in
            others.allSatisfy {
                $0.request.proof == waiting.request.proof && $0.request.id.sector != waiting.request.id.sector
            }
        }
        guard let group else { return }
        pool.submit { [self] in runBatch(gatherer.take(group)) }
    }

    private func runBatch(_ group: [Waiting]) {
        var members = group.compactMap(member)
        while true {
            let wanted = members.filter { !isDropped($0) }
            guard wanted.count > 1 else { return runAlone(wanted) }
            members = wanted
            let all = members.map(\.waiting)
            beginCompute(all)
            do throws(SealingError) {
                let outputs = try onOwnProcessors(all) {
                    Result { () throws(SealingError) in try SealPipeline.preCommit1Batch(jobs(members)) }
                }.get()
                endCompute(all, isDone: true)
                for (member, output) in zip(members, outputs) {
                    finish(member.waiting, result { try note(output, of: member) })
                }
                return
            } catch {
                endCompute(all, isDone: false)
                if error.code == .cancelled { continue }
                log.warning("pre-commit 1 of \(members.count) sectors together: \(error)")
                let sound = members.filter(isSound)
                // Where it is no sector's own fault, each tells by itself what is wrong.
                guard sound.count < members.count else { return runAlone(members) }
                members = sound
            }
        }
    }

    /// Reads what belongs to a task; where that fails, the task has failed.
    private func member(_ waiting: Waiting) -> Member? {
        do {
            guard case .preCommit1(let ticket) = waiting.request.work else {
                preconditionFailure("only pre-commit 1 is run in batches")
            }
            let sector = try sector(of: waiting.request)
            let sealing = try sealing(sector)
            return Member(
                waiting: waiting, sector: sector, ticket: try Commitment(bytes: ticket),
                notes: try SectorNotes.load(sealing.notes(of: sector)), sealing: sealing)
        } catch {
            finish(waiting, result { throw error })
            return nil
        }
    }

    private func jobs(_ members: [Member]) -> [PreCommit1Job] {
        let calls = Set(members.map(\.waiting.call))
        return members.map { member in
            PreCommit1Job(
                pipeline: pipeline(
                    member.sector, member.waiting.call, stoppedBy: calls, in: member.sealing),
                ticket: member.ticket, pieces: member.notes.pieces)
        }
    }

    /// Ends the task if it was aborted.
    private func isDropped(_ member: Member) -> Bool {
        let call = member.waiting.call
        guard isCancelled(call) else { return false }
        let failure = TaskFailure(cause: .aborted, message: "\(call) was aborted")
        finish(member.waiting, .failed(failure))
        return true
    }

    /// Looks at one sector's data and layers; where they are wrong, the task has failed.
    private func isSound(_ member: Member) -> Bool {
        let call = member.waiting.call
        do throws(SealingError) {
            try pipeline(member.sector, call, stoppedBy: [call], in: member.sealing)
                .checkPreCommit1(ticket: member.ticket, pieces: member.notes.pieces)
            return true
        } catch {
            finish(member.waiting, result { throw error })
            return false
        }
    }

    /// Goes on with the first task here and now, and with the others on threads that are free.
    private func runAlone(_ members: [Member]) {
        for waiting in members.dropFirst().map(\.waiting) {
            pool.submit { [self] in finish(waiting, run(waiting)) }
        }
        guard let first = members.first?.waiting else { return }
        finish(first, run(first))
    }

    private func note(_ output: PreCommit1Output, of member: Member) throws -> TaskOutcome {
        try note(output, ticket: member.ticket, member.notes, of: member.sector, in: member.sealing)
    }
}
