import KernelTCP
import Foundation
var options = TransportBenchmark.Options()
if CommandLine.arguments.count > 1 { options.messageCount = Int(CommandLine.arguments[1])! }
let result = try await TransportBenchmark.run(options)
let encoder = JSONEncoder(); encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
print(String(decoding: try encoder.encode(result), as: UTF8.self))
