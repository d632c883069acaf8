// SPDX-License-Identifier: Apache-2.0
import Kernel
import Logging
import Testing

// The code between the two marks is the example of Sources/Kernel/README.md.
// example begin
enum CounterMessage: Message {
    case add(Int)
    case total(Ref<TotalMessage>)
}

struct TotalMessage: Message { let total: Int }

actor Counter: Component {
    nonisolated let home: Home
    private var total = 0

    init(home: Home) { self.home = home }

    func receive(_ message: CounterMessage, _ context: Context<CounterMessage>) {
        switch message {
        case .add(let amount): total += amount
        case .total(let asker): asker.tell(TotalMessage(total: total))
        }
    }
}
// example end

@Suite("The example of the kernel's page")
struct ReadmeExampleTests {
    @Test("it counts in a simulated world")
    func simulated() throws {
        let world = SimulatedWorld(options: .init(seed: 1))
        let node = try world.addNode("miner")
        let counter = try node.spawn("counter") { Counter(home: $0) }
        counter.tell(.add(2))
        counter.tell(.add(3))
        let answer: TotalMessage = try world.ask(counter) { .total($0) }
        #expect(answer.total == 5)
    }

    @Test("it counts in a live world")
    func live() async throws {
        let world = try LiveWorld(name: "miner", log: Logger(label: "test") { _ in SilentLog() })
        defer { world.shutDown() }
        let counter = try world.spawn("counter") { Counter(home: $0) }
        counter.tell(.add(2))
        counter.tell(.add(3))
        let answer: TotalMessage = try await counter.ask(timeout: .seconds(30)) { .total($0) }
        #expect(answer.total == 5)
    }
}
