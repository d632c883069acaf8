// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Scheduler
import Testing

/// What operators read: tables, blocks and figures.
@Suite("Operator views")
struct OperatorViewTests {
    private let sector = SectorKey(miner: 1000, number: 4)

    @Test("columns that are empty in all rows are left out, the others line up, extras follow their row")
    func table() {
        var table = TextTable("ID", "State", "Deals", "Tries")
        #expect(table.text == "ID  State  Deals  Tries")
        table.add(["1", "PreCommit1", "", "AP 1"])
        table.add(["12", "Proving", "", ""], extras: [("Error", "first\nsecond")])
        #expect(
            table.text == """
                ID  State       Tries
                1   PreCommit1  AP 1
                12  Proving
                  Error: first second
                """)
    }

    @Test(
        "durations are written as operators write them",
        arguments: [
            (Duration.zero, "0s"), (.milliseconds(1_540), "1.5s"), (.seconds(62), "1m2s"),
            (.milliseconds(6_699_200), "1h51m39.2s"), (.seconds(-3), "0s"),
        ])
    func durations(duration: Duration, text: String) { #expect(OperatorText.duration(duration) == text) }

    @Test(
        "bytes have four digits that count",
        arguments: [
            (UInt64(0), "0 B"), (1 << 35, "32 GiB"), (135_077_593_088, "125.8 GiB"), (1 << 40, "1 TiB"),
        ])
    func bytes(count: UInt64, text: String) { #expect(OperatorText.bytes(count) == text) }

    @Test("a task's compact form is read again, and so is the long one")
    func taskNames() {
        let id = TaskID(sector: sector, type: .preCommit1, attempt: 2)
        #expect(id.compact == "f01000-4/PC1/2")
        #expect(TaskID(parsing: id.compact) == id)
        #expect(TaskID(parsing: id.description) == id)
        for wrong in [
            "", "f01000-4", "f01000-4/PC1", "f01000-4/PC9/1", "1000-4/PC1/1", "f01000-4/PC1/0", "f0-/PC1/1",
            "f01000-4 PC1 try", "f01000-4/PC1/1/",
        ] {
            #expect(TaskID(parsing: wrong) == nil, "\(wrong)")
        }
    }

    @Test("a sector shows its state, its deals and its tries, and no column that says nothing")
    func sectors() {
        var record = SectorRecord(key: sector, proof: 5, makesSNARK: false)
        record.state = .preCommit1
        record.host = "w1"
        record.attempts[TaskType.addPiece.stage] = 2
        record.lastError = "the worker was lost"
        var proving = SectorRecord(key: SectorKey(miner: 1000, number: 5), proof: 5, makesSNARK: false)
        proving.state = .proving
        let text = SectorView.text([record, proving].map { SectorView(SectorSummary($0)) })
        #expect(
            text == """
                ID  State       OnChain  Host  Deals  Tries
                4   PreCommit1  NO       w1    CC     AP 2
                  Error: the worker was lost
                5   Proving     YES            CC
                """)
    }

    @Test("the status of a sector has a label a line, and the log where it was asked for")
    func status() {
        var record = SectorRecord(key: sector, proof: 5, makesSNARK: false)
        record.state = .preCommit2
        record.ticket = [0, 171]
        record.ticketEpoch = 12
        let entry = SectorLogEntry(
            at: Instant(seconds: 61.5), from: .preCommit1, to: .preCommit2, event: "taskDone", reason: "why")
        let view = SectorStatusView(record, log: [entry])
        #expect(view.text.hasPrefix("SectorID:\t4\nStatus:\t\tPreCommit2\nCIDcommD:\t<nil>\n"))
        #expect(view.text.contains("\nTicket:\t\t00ab\nTicketH:\t12\nSeed:\t\t<nil>\n"))
        #expect(
            view.text.hasSuffix(
                "--------\nEvent Log:\n0.\t1m1.5s:\t[event;taskDone]\tPreCommit1 -> PreCommit2\twhy"))
        #expect(!SectorStatusView(record, log: nil).text.contains("Event Log"))
    }

    // MARK: The scheduler

    @Test("workers come by name, with slots, pauses and what is taken of their host")
    func workers() throws {
        let workers = WorkerView.all(try OperatorSample.diagnosis())
        #expect(workers.map(\.name) == ["w1", "w2"])
        let bar = "[" + String(repeating: "|", count: 16) + String(repeating: " ", count: 48) + "]"
        let full = "[" + String(repeating: "|", count: 64) + "]"
        #expect(
            workers[0].text.split(separator: "\n") == [
                "Worker w1, host h1", "\tTASK: AP(0) PC1(1/4)", "\tPAUSED: PC1",
                "\tCPU:  \(bar) 2/8 core(s) in use", "\tRAM:  \(bar) 25% 1 KiB/4 KiB",
                "\tVMEM: \(full) 100% 4 KiB/4 KiB", "\tGPU: GPU X, not used",
                "\tPC1 of 32 GiB: 72 GiB and 10 MiB shared by measurement, 56 GiB by the table",
            ])
        #expect(workers[1].text == "Worker w2, host h2, group g (lost) (disabled)")
    }

    @Test("jobs tell where they run and for how long")
    func jobs() throws {
        #expect(
            JobView.text(JobView.all(try OperatorSample.diagnosis())) == """
                ID              Sector  Worker  Hostname  Task  State    Time
                f01000-4/PC1/1  4       w1      h1        PC1   running  1m10s
                """)
    }

    @Test("a proof of spacetime shows its deadline's opening and its partition in place of a sector")
    func provingJobs() throws {
        let times = ProvingPeriod(parameters: .standard, offset: 0).times(10, notElapsedAt: 0)
        var diagnosis = try OperatorSample.diagnosis()
        for (index, isCheck) in [false, true].enumerated() {
            var job = diagnosis.running[0]
            job.task = PoStTasks.id(miner: 1000, times, partition: 2, attempt: 1, isCheck: isCheck)
            diagnosis.running[0] = job
            let text = JobView.text(JobView.all(diagnosis))
            #expect(text.contains(["  600/2  ", "  check 600/2  "][index]), "\(text)")
        }
    }

    @Test("a diagnosis gives each waiting task the word of each worker")
    func diagnosisText() throws {
        #expect(
            DiagnosisView(try OperatorSample.diagnosis()).text == """
                policy sealyard, 1 workers
                f01000-4/PC1/1 on w1: running for 1m10s
                f01000-4/PC1/2 waits for 1m0s: the workers are paused
                  w1: is paused for it
                sector 4 waits for room for 1s: full
                """)
    }

    @Test("decisions show rule and figure, and a refusal where there was one")
    func decisions() {
        let id = TaskID(sector: sector, type: .preCommit1, attempt: 1)
        let started = PlacementRecord(
            at: Instant(seconds: 3), event: .started, sector: sector, task: id, place: "w1",
            reason: PlacementReason("local", score: 1.23456))
        #expect(
            RecordedDecision.table([RecordedDecision(started)]) == """
                Time  Event    Sector  Task            Place  Rule   Figure
                3s    started  4       f01000-4/PC1/1  w1     local  1.235
                """)
    }

    @Test("a decision says in JSON who else was asked, or nothing of it where nobody knows any more")
    func decisionDocument() throws {
        let id = TaskID(sector: sector, type: .preCommit1, attempt: 1)
        let record = PlacementRecord(
            at: Instant(seconds: 3), event: .started, sector: sector, task: id, place: "w1",
            reason: PlacementReason("local", score: 2))
        func keys(_ decision: RecordedDecision) throws -> Set<String> {
            let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(decision))
            return Set(try #require(object as? [String: Any]).keys)
        }
        let kept: Set = ["seconds", "event", "sector", "task", "place", "rule", "figure", "reason"]
        #expect(try keys(RecordedDecision(record)) == kept)
        #expect(try keys(RecordedDecision(record, others: [])) == kept.union(["others"]))
    }

    @Test("reading needs the least, and what changes something needs an administrator")
    func permissions() throws {
        let world = try LiveWorld(name: "permissions")
        defer { world.shutDown() }
        let events = world.ref(at: Address(node: "permissions", name: "x"), as: ManagerEvent.self)
        let tasks = world.ref(at: Address(node: "permissions", name: "x"), as: TaskEvent.self)
        #expect(ManagerMessage.list(from: 0, limit: 1, replyTo: events).permission == .read)
        #expect(ManagerMessage.find(number: 1, replyTo: events).permission == .read)
        #expect(ManagerMessage.pledge(count: 1, payloadPath: nil, replyTo: events).permission == .write)
        #expect(ManagerMessage.pledge(count: 1, payloadPath: "f", replyTo: events).permission == .admin)
        #expect(ManagerMessage.operate(number: 1, .terminate, replyTo: events).permission == .admin)
        #expect(SchedulerMessage.diagnose(replyTo: tasks).permission == .read)
        #expect(SchedulerMessage.control(ControlOrder(.pause), replyTo: tasks).permission == .admin)
    }
}
