// SPDX-License-Identifier: Apache-2.0
import KernelTCP
import Testing

@Suite("The transport's benchmark", .serialized, .timeLimit(.minutes(3)))
struct BenchmarkTests {
    // A thousand of the longest are more bytes than an outbound queue takes: the mirror's answers were
    // refused, and the benchmark waited for them.
    @Test("every figure is measured", arguments: [(64, 20_000), (1_000, 20_000), (60_000, 1_000)])
    func runs(payloadBytes: Int, count: Int) async throws {
        var options = TransportBenchmark.Options()
        options.messageCount = count
        options.roundTripCount = 200
        options.payloadBytes = payloadBytes
        let result = try await TransportBenchmark.run(options)
        #expect(result.payloadBytes == payloadBytes)
        #expect(result.frameBytes > payloadBytes + 4)
        #expect(result.oneWayMessagesPerSecond > 0)
        #expect(result.echoMessagesPerSecond > 0)
        #expect(result.nioEchoMessagesPerSecond > 0)
        #expect(result.roundTripMicrosecondsP50 > 0)
        #expect(result.roundTripMicrosecondsP99 >= result.roundTripMicrosecondsP50)
        #expect(result.nioEchoRoundTripMicrosecondsP50 > 0)
    }

    @Test("a payload that no message can have is refused") func badPayload() async throws {
        var options = TransportBenchmark.Options()
        options.payloadBytes = 4
        await #expect(throws: TransportError.self) { try await TransportBenchmark.run(options) }
    }
}
