// SPDX-License-Identifier: Apache-2.0

/// Imports go down only: Kernel ← Sealing, Chain ← Scheduler ← Sim, Engine ← sealyard.
///
/// The build enforces the targets of the manifest; this table is what the manifest may say.
enum ImportRules {
    /// What the files of one folder may import; the longest folder that matches a path counts.
    struct Row: Sendable {
        var folder: String
        /// Names of modules; a `*` at the end stands for any rest.
        var modules: [String]
    }

    /// The language's own, and data structures: allowed everywhere.
    private static let everywhere = [
        "Synchronization", "Glibc", "Musl", "Darwin", "DequeModule", "OrderedCollections", "HeapModule",
        "Logging",
    ]
    private static let foundation = ["Foundation", "FoundationEssentials", "CoreFoundation"]
    private static let network = ["NIO*", "JWTKit", "Crypto", "X509", "SwiftASN1"]
    private static let machine = ["CHwloc", "CNuma", "CSQLite"]
    private static let tests = ["Testing", "FoundationNetworking"] + foundation

    static let rows: [Row] = [
        Row(folder: "Sources/Kernel", modules: ["CKernel"]),
        Row(folder: "Sources/Kernel/Journal", modules: ["Kernel", "GRDB"] + foundation),
        Row(folder: "Sources/Kernel/TCP", modules: ["Kernel"] + network + foundation),
        Row(folder: "Sources/Sealing", modules: ["Kernel", "CSealing", "COpenCL"] + foundation),
        Row(folder: "Sources/Chain", modules: ["Kernel", "Sealing"] + foundation),
        Row(folder: "Sources/Scheduler", modules: ["Kernel", "Sealing", "Chain"] + foundation),
        Row(
            folder: "Sources/Sim", modules: ["Kernel", "Sealing", "Chain", "Scheduler", "Yams"] + foundation),
        Row(
            folder: "Sources/Engine",
            modules: [
                "Kernel", "KernelTCP", "KernelJournal", "Sealing", "Chain", "Scheduler", "ObjectStore",
                "GRDB", "TOMLKit",
            ] + machine + network + foundation),
        Row(
            folder: "Sources/Engine/ObjectStore",
            modules: ["Kernel", "KernelTCP", "FoundationXML", "Crypto"] + foundation),
        Row(
            folder: "Sources/sealyard",
            modules: [
                "Kernel", "KernelTCP", "KernelJournal", "Sealing", "Chain", "Scheduler", "Sim", "Engine",
                "ArgumentParser",
            ] + network + foundation),
        Row(folder: "Tests/KernelTests", modules: ["Kernel", "CKernel", "KernelJournal", "GRDB"] + tests),
        Row(folder: "Tests/KernelTCPTests", modules: ["Kernel", "KernelTCP"] + network + tests),
        Row(
            folder: "Tests/SealingTests",
            modules: ["Kernel", "Sealing", "CSealing", "COpenCL", "CGoRandom"] + tests),
        Row(folder: "Tests/ChainTests", modules: ["Kernel", "Sealing", "Chain"] + tests),
        Row(folder: "Tests/SchedulerTests", modules: ["Kernel", "Sealing", "Chain", "Scheduler"] + tests),
        Row(
            folder: "Tests/SimTests",
            modules: ["Kernel", "Sealing", "Chain", "Scheduler", "Sim", "Yams"] + tests),
        Row(
            folder: "Tests/SimulationTests",
            modules: ["Kernel", "Sealing", "Chain", "Scheduler", "Sim"] + tests),
        Row(
            folder: "Tests/EngineTests",
            modules: [
                "Kernel", "KernelTCP", "KernelJournal", "Sealing", "Chain", "Scheduler", "Engine",
                "ObjectStore", "ObjectServer", "GRDB",
            ] + machine + network + tests),
        Row(folder: "Tests/ObjectServer", modules: tests),
        Row(
            folder: "Tests/IntegrationTests",
            modules: [
                "Kernel", "KernelTCP", "KernelJournal", "Sealing", "Chain", "Scheduler", "Sim", "Engine",
                "ObjectStore", "ObjectServer", "sealyard",
            ] + tests),
        Row(folder: "Tests/TidyTests", modules: ["CSQLite"] + tests),
    ]

    static let rule = Rule(
        name: "imports",
        planted: [
            Rule.Sample("import Foundation\n", at: "Sources/Kernel/Planted.swift"),
            Rule.Sample("package import Sealing\n", at: "Sources/Kernel/Planted.swift"),
            Rule.Sample("import NIOCore\n", at: "Sources/Kernel/Planted.swift"),
            Rule.Sample("import NIOCore\n", at: "Sources/Kernel/Journal/Planted.swift"),
            Rule.Sample("import Chain\n", at: "Sources/Kernel/TCP/Planted.swift"),
            Rule.Sample("public import Chain\n", at: "Sources/Sealing/Planted.swift"),
            Rule.Sample("import Scheduler\n", at: "Sources/Chain/Planted.swift"),
            Rule.Sample(
                "@preconcurrency import struct NIOPosix.Planted\n", at: "Sources/Scheduler/Planted.swift"),
            Rule.Sample("import Engine\n", at: "Sources/Sim/Planted.swift"),
            Rule.Sample("  internal  import Sim // why not\n", at: "Sources/Engine/HTTP/Planted.swift"),
            Rule.Sample("import Engine\n", at: "Tests/SimTests/Planted.swift"),
            Rule.Sample("import Kernel\n", at: "Sources/Unknown/Planted.swift"),
            Rule.Sample("import XCTest\n", at: "Tests/ChainTests/Planted.swift"),
            Rule.Sample("import KernelTCP; import Testing\n", at: "Tests/ChainTests/Planted.swift"),
        ],
        innocent: [
            Rule.Sample("// import Engine\nlet a = \"\"\"\n    import Engine\n    \"\"\"\n"),
            Rule.Sample("import NIOCore\nprivate import Kernel\n", at: "Sources/Kernel/TCP/Planted.swift"),
            Rule.Sample(
                "package import Chain\nimport func Glibc.open\n", at: "Sources/Scheduler/Planted.swift"),
            Rule.Sample("import NIOHTTP1\nimport CHwloc\n", at: "Sources/Engine/Host/Planted.swift"),
            Rule.Sample("import Sim\nimport Engine\n", at: "Sources/sealyard/Planted.swift"),
            Rule.Sample("#include \"Engine.h\"\n", at: "Sources/Kernel/Native/planted.c"),
        ]
    ) { file in
        guard file.language == .swift else { return [] }
        let row = rows.filter { file.path.hasPrefix($0.folder + "/") }
            .max { $0.folder.utf8.count < $1.folder.utf8.count }
        guard let row else {
            return [(1, "no row of Tests/TidyTests/ImportRules.swift is for this folder; add one")]
        }
        let allowed = row.modules + everywhere
        return imports(in: file).compactMap { line, module in
            guard !allowed.contains(where: { matches(module, $0) }) else { return nil }
            return (line, "files in \(row.folder) may not import \(module): imports go down only")
        }
    }

    private static func matches(_ module: String, _ pattern: String) -> Bool {
        pattern.hasSuffix("*") ? module.hasPrefix(pattern.dropLast()) : module == pattern
    }

    /// The modules that a file imports, with their lines.
    private static func imports(in file: SourceFile) -> [(line: Int, module: String)] {
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "typealias", "func", "let", "var",
        ]
        let before: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
        var found: [(line: Int, module: String)] = []
        let lines = String(decoding: file.source.code, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where line.contains("import") {
            for statement in line.split(separator: ";") {
                var words = statement.split(whereSeparator: \.isWhitespace)[...]
                words = words.drop { $0.hasPrefix("@") || before.contains($0) }
                guard words.popFirst() == "import" else { continue }
                words = words.drop { kinds.contains($0) }
                guard let path = words.first, let module = path.split(separator: ".").first else { continue }
                found.append((index + 1, String(module)))
            }
        }
        return found
    }
}
