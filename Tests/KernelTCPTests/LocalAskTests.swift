// SPDX-License-Identifier: Apache-2.0
import Kernel
import KernelTCP
import Testing

@Suite("Questions from the edges", .timeLimit(.minutes(2)))
struct LocalAskTests {
    // The only executor of such a world also is the first one, where questions once lived: a
    // question then put its component into a queue that belongs to the executor's own thread, and
    // was sometimes lost there.
    @Test("many questions to a component of the same node are all answered") func local() async throws {
        let node = try await TestNode("a")
        defer { node.world.shutDown() }
        let probe = node.world.ref(at: Address(node: "a", name: "probe"), as: Probe.self)
        for number in 0..<5_000 {
            let reply: ProbeReply = try await probe.ask(timeout: .seconds(20)) { .echo(number, $0) }
            #expect(reply.number == number)
        }
    }
}
