// SPDX-License-Identifier: Apache-2.0
import Sim
import Testing

@Suite("Spoilt scenarios")
struct RefusalBenchmarkTests {
    @Test(
        "every misspelled key of a new scenario is refused with its line, and hardly a spoilt file is taken")
    func refusals() throws {
        let benchmark = RefusalBenchmark(ScenarioTemplate().yaml)
        var time: Int64 = 0
        let rows = benchmark.run {
            time += 500
            return time
        }
        #expect(rows.count >= 100 && rows.allSatisfy { $0.nanoseconds == 500 })
        let misspelled = rows.filter { $0.what.hasSuffix("a key misspelled") }
        #expect(misspelled.count > 20)
        for row in misspelled {
            let message = row.message ?? ""
            #expect(message.hasPrefix("wrong.yaml:"), "\(row.what): \(message)")
        }
        // Leaving an optional line out is no mistake.
        #expect(rows.filter { $0.message == nil }.count < rows.count / 4)
    }
}
