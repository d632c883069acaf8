// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// The miner is cut off from the chain while a pre-commitment lands; then the sector's files are lost, and
/// the ticket has grown old. A number that the chain knows with one CommR never takes another.
@Suite("A ticket that is too old, of a sector that the chain may know")
struct OldTicketTests {
    private static let key = SectorKey(miner: 1000, number: 7)
    private static let commR = [UInt8](repeating: 4, count: 32)
    private let network = NetworkParameters.mainnet
    private var last: Int64 { network.preCommitDeadline(ticketEpoch: 10) }

    private func machine(_ state: SectorState, sealed: [UInt8]? = commR) -> SectorStateMachine {
        var record = SectorRecord(key: Self.key, proof: 5, makesSNARK: false)
        record.state = state
        (record.host, record.store) = ("h1", "h1:s")
        (record.ticket, record.ticketEpoch) = ([UInt8](repeating: 1, count: 32), 10)
        (record.unsealedCommitment, record.sealedCommitment) = ([3], sealed)
        return SectorStateMachine(record: record, limits: .init(network: network))
    }

    private func standing(_ preCommitted: Int64?, commR: [UInt8]? = commR, head: Int64) -> SectorEvent {
        .standing(
            ChainStanding(
                key: Self.key, preCommitEpoch: preCommitted,
                sealedCommitment: preCommitted == nil ? nil : commR,
                head: head))
    }

    /// The slot is granted, and the chain's answer comes when the old ticket is of no use any more.
    private func granted(_ machine: inout SectorStateMachine, head: Int64) -> [SectorAction] {
        _ = machine.handle(.resume)
        _ = machine.handle(
            .granted(
                TaskID(
                    sector: Self.key, type: .preCommit1,
                    attempt: machine.record.attempts[TaskType.preCommit1.stage])))
        return machine.handle(.ticket([9], epoch: head - 900, head: head))
    }

    @Test("it landed: the old ticket holds, and the same replica is made again")
    func landed() {
        var machine = machine(.getTicket)
        let actions = granted(&machine, head: last + 100)
        #expect(actions.last == .askStanding && machine.record.state == .getTicket)
        #expect(machine.record.ticketEpoch == 10, "nothing is given up before the chain has told")
        _ = machine.handle(standing(500, head: last + 101))
        #expect(machine.record.state == .preCommit1 && machine.record.ticketEpoch == 10)
        #expect(machine.record.preCommitEpoch == 500 && machine.record.sealedCommitment == Self.commR)
    }

    @Test("it did not land and cannot any more: another ticket is drawn")
    func unknown() {
        var machine = machine(.getTicket)
        _ = granted(&machine, head: last + 100)
        _ = machine.handle(standing(nil, head: last))
        #expect(machine.record.state == .getTicket && machine.record.ticket == nil)
        #expect(machine.record.sealedCommitment == nil && machine.record.failureCount(.ticketAge) == 1)
    }

    @Test("it may land yet: the sector waits until it cannot, and asks again")
    func onItsWay() {
        var machine = machine(.getTicket)
        // Too late for another PreCommit1, in time for a message that has left.
        #expect(granted(&machine, head: last - 2).last == .askStanding)
        #expect(machine.handle(standing(nil, head: last - 1)) == [.waitForEpoch(last)])
        #expect(machine.record.ticketEpoch == 10)
        #expect(machine.handle(.epochReached(last)) == [.askStanding])
        _ = machine.handle(standing(last - 1, head: last))
        #expect(machine.record.state == .preCommit1 && machine.record.preCommitEpoch == last - 1)
    }

    @Test(
        "a ticket that runs out later leads back to where the sector was, if the chain knows it",
        arguments: [
            (SectorState.preCommit2, SectorState.preCommit2), (.submitPreCommitBatch, .waitSeed),
            (.preCommitBatchWait, .waitSeed),
        ])
    func later(state: SectorState, next: SectorState) {
        var machine = machine(state)
        let actions = machine.handle(.ticketExpired("its ticket is too old"))
        #expect(actions.last == .askStanding && machine.record.ticketEpoch == 10)
        _ = machine.handle(standing(500, head: last + 1))
        #expect(machine.record.state == next && machine.record.preCommitEpoch == 500)
        #expect(machine.record.returnState == nil)
    }

    @Test("before there was a CommR nobody is asked")
    func first() {
        var machine = machine(.preCommit2, sealed: nil)
        let actions = machine.handle(.ticketExpired("its ticket is too old"))
        #expect(!actions.contains(.askStanding))
        #expect(machine.record.state == .getTicket && machine.record.ticket == nil)
        // A late answer to an earlier question changes nothing.
        let before = machine.record
        #expect(machine.handle(standing(nil, head: last + 500)) == [] && machine.record == before)
    }

    @Test("another CommR on the chain ends the sector with words, whatever was made here")
    func other() {
        var machine = machine(.getTicket)
        _ = granted(&machine, head: last + 100)
        _ = machine.handle(standing(500, commR: [UInt8](repeating: 8, count: 32), head: last + 101))
        #expect(machine.record.state == .failedUnrecoverable)
        #expect(machine.record.lastError?.contains("another CommR") == true)
    }
}
