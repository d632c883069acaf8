// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import Kernel
import KernelTCP
import Sim

/// Speeds of this machine.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how fast this machine simulates, delivers, transports, seals and decides.",
        subcommands: [
            BenchMessagesCommand.self, BenchSimulationCommand.self, BenchTransportCommand.self,
            BenchTransferCommand.self, BenchSealingCommand.self, BenchDecisionCommand.self,
            BenchExploreCommand.self, BenchScenarioCommand.self,
        ])
}

/// Actor messages a second, simulated and live.
struct BenchMessagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "messages",
        abstract: "Measure actor messages a second, in a simulated and in a live world.",
        discussion: """
            Each message carries the reference to answer to. Simulated: pairs and a ring in one world \
            on one thread. \
            Live: a pair on each thread, and pairs across threads. The median of the runs is printed.
            """)

    @Option(help: "Round trips of each pair in a run; two messages each.") var roundTrips = 1_000_000
    @Option(help: "Runs, of which the median counts.") var runs = 3
    @Option(help: "Threads of the live world; all processors unless given.") var threads: Int?
    @Option(help: "Seed of the simulated world.") var seed: UInt64 = 1
    @Flag(help: "Print one JSON document.") var json = false

    /// What the command prints; the field names are the keys of the JSON form.
    private struct Report: Encodable {
        var runs: Int
        var simulatedMessages: Int
        var simulatedMessagesPerSecond: Double
        var simulatedRingMessagesPerSecond: Double
        var simulatedTraceHash: String
        var liveThreads: Int
        var liveMessages: Int
        /// A pair on each thread, all together.
        var liveMessagesPerSecond: Double
        /// One pair on one thread.
        var liveOneThreadMessagesPerSecond: Double
        /// Pairs whose two components live on two threads.
        var liveAcrossThreadsMessagesPerSecond: Double?
    }

    func validate() throws {
        guard (1...1_000_000_000).contains(roundTrips) else {
            throw ValidationError("--round-trips takes 1 to 1000000000")
        }
        guard (1...1_000).contains(runs) else { throw ValidationError("--runs takes 1 to 1000") }
        guard (1...1_024).contains(threads ?? 1) else { throw ValidationError("--threads takes 1 to 1024") }
    }

    func run() async throws {
        let threadCount = threads ?? SystemClock.processorCount
        var pairs: [SimulatedMessageBenchmark.Result] = []
        var rings: [Double] = []
        var live: [LiveMessageBenchmark.Result] = []
        var one: [Double] = []
        var across: [Double] = []
        for _ in 0..<runs {
            pairs.append(
                try SimulatedMessageBenchmark.pingPong(
                    pairCount: 1, roundTripCount: roundTrips, seed: seed))
            rings.append(
                try SimulatedMessageBenchmark.ring(
                    memberCount: 1_000, tokenCount: 100, hopCount: max(1, roundTrips / 50), seed: seed
                ).messagesPerSecond)
            live.append(
                try await LiveMessageBenchmark.pingPong(
                    .sameThread, roundTripCount: roundTrips, threadCount: threadCount))
            one.append(
                try await LiveMessageBenchmark.pingPong(
                    .sameThread, roundTripCount: roundTrips, threadCount: 1
                ).messagesPerSecond)
            if threadCount > 1 {
                across.append(
                    try await LiveMessageBenchmark.pingPong(
                        .acrossThreads, roundTripCount: max(1, roundTrips / 10), threadCount: threadCount
                    ).messagesPerSecond)
            }
        }
        guard Set(pairs.map(\.traceHash)).count == 1 else {
            throw CommandError.failure("runs of seed \(seed) have different traces; this is a defect")
        }
        let report = Report(
            runs: runs, simulatedMessages: pairs[0].messageCount,
            simulatedMessagesPerSecond: Statistics.median(pairs.map(\.messagesPerSecond)),
            simulatedRingMessagesPerSecond: Statistics.median(rings),
            simulatedTraceHash: pairs[0].traceHash, liveThreads: threadCount,
            liveMessages: live[0].messageCount,
            liveMessagesPerSecond: Statistics.median(live.map(\.messagesPerSecond)),
            liveOneThreadMessagesPerSecond: Statistics.median(one),
            liveAcrossThreadsMessagesPerSecond: across.isEmpty ? nil : Statistics.median(across))
        if json { return try Console.write(json: report) }
        var table = BenchTable()
        table.add("simulated, pairs", report.simulatedMessagesPerSecond, "messages/s")
        table.add("simulated, ring", report.simulatedRingMessagesPerSecond, "messages/s")
        table.add("live, \(threadCount) threads", report.liveMessagesPerSecond, "messages/s")
        table.add("live, one thread", report.liveOneThreadMessagesPerSecond, "messages/s")
        if let figure = report.liveAcrossThreadsMessagesPerSecond {
            table.add("live, across threads", figure, "messages/s")
        }
        Console.write(table.text)
    }
}

/// Messages between two live worlds over loopback.
struct BenchTransportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transport",
        abstract:
            "Measure messages between two nodes over TCP on this machine, and NIO's own echo beside them.")

    @Option(help: "Messages that flow one way, and as many that are echoed.") var messages = 1_000_000
    @Option(help: "Round trips, one after another.") var roundTrips = 20_000
    @Option(help: "Bytes of a message, 8 to 60000.") var payload = 64
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (1...1_000_000_000).contains(messages), (1...1_000_000_000).contains(roundTrips) else {
            throw ValidationError("--messages and --round-trips take 1 to 1000000000")
        }
        guard (8...60_000).contains(payload) else { throw ValidationError("--payload takes 8 to 60000") }
    }

    func run() async throws {
        var options = TransportBenchmark.Options()
        options.messageCount = messages
        options.roundTripCount = roundTrips
        options.payloadBytes = payload
        let result = try await TransportBenchmark.run(options)
        if json { return try Console.write(json: result) }
        var table = BenchTable()
        table.add("one way", result.oneWayMessagesPerSecond, "messages/s")
        table.add("echo", result.echoMessagesPerSecond, "messages/s")
        table.add("round trip, half", result.roundTripMicrosecondsP50, "µs", digits: 1)
        table.add("round trip, 99 %", result.roundTripMicrosecondsP99, "µs", digits: 1)
        table.add("NIO echo", result.nioEchoMessagesPerSecond, "messages/s")
        table.add("NIO round trip, half", result.nioEchoRoundTripMicrosecondsP50, "µs", digits: 1)
        table.add("NIO round trip, 99 %", result.nioEchoRoundTripMicrosecondsP99, "µs", digits: 1)
        Console.write(table.text)
    }
}
