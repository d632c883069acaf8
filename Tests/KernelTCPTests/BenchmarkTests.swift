// SPDX-License-Identifier: Apache-2.0
import KernelTCP
import Testing

@Suite("The transport's benchmark", .serialized, .timeLimit(.minutes(3)))
struct BenchmarkTests {
    @Test("every figure is measured", arguments: [64, 1_000]) func runs(payloadBytes: Int) async throws {
        var options = TransportBenchmark.Options()
        options.messageCount = 20_000
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
