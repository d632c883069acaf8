// SPDX-License-Identifier: Apache-2.0

/// Calls that the house does without, each with what stands in its place.
enum BannedCalls {
    /// Where real time and real chance are made, or where a test watches the real world.
    private static let realWorld = [
        "Sources/Kernel", "Tests/KernelTests", "Tests/KernelTCPTests", "Tests/EngineTests",
        "Tests/IntegrationTests", "Tests/ObjectServer",
    ]

    static let rules: [Rule] = [
        ban("Date()", use: "context.clock.now", exceptIn: realWorld),
        ban("Date.now", use: "context.clock.now", exceptIn: realWorld),
        ban("Task.sleep", use: "a timer of the context", exceptIn: realWorld),
        ban("DispatchQueue", use: "an actor, or a world's executor", exceptIn: realWorld),
        // A test may name a temporary folder by it: nothing it expects depends on the name.
        ban(
            "UUID()", use: "an identifier from the context's random source",
            exceptIn: ["Sources/Kernel", "Tests"]),
        ban(
            "SystemRandomNumberGenerator", use: "context.random, or a generator with a seed",
            exceptIn: ["Sources/Kernel"]),
        ban(".shuffled()", use: ".shuffled(using:)"),
        ban(".shuffle()", use: ".shuffle(using:)"),
        ban(".randomElement()", use: ".randomElement(using:)"),
        ban(".random()", use: ".random(using:)"),
        randomWithoutGenerator,
        printing,
        ban("try?", use: "do and catch: name the error that is ignored, and why"),
        ban("try!", use: "try, and a typed error; in a test try #require"),
        ban("as!", use: "as? with a named error; in a test try #require"),
    ]

    private static func ban(_ call: String, use: String, exceptIn folders: [String] = []) -> Rule {
        let word = call.hasPrefix(".") ? "x" + call : call
        var innocent = [
            Rule.Sample("// says \(word)\nlet a = \"\(word)\" /* \(word) /* \(word) */ \(word) */\n"),
            Rule.Sample("let a = #\"a\"\(word)\"#\nlet b = \"\"\"\n    \"\(word)\"\n    \"\"\"\n"),
            Rule.Sample("\(word)\n", at: "Sources/Sim/Native/planted.h"),
        ]
        if let folder = folders.first {
            innocent.append(Rule.Sample("let a = \(word)\n", at: "\(folder)/Planted.swift"))
        }
        return Rule(
            name: call,
            planted: [
                Rule.Sample("let a = \(word)\n"),
                Rule.Sample("let a = \"\\(f(\"(\", \(word)))\"\n"),
                Rule.Sample("let url = \"https://a\"; let b = \(word)\n", at: "Tests/SimTests/Planted.swift"),
            ].filter { sample in !folders.contains { sample.path.hasPrefix($0 + "/") } },
            innocent: innocent
        ) { file in
            guard file.language == .swift, !file.isIn(folders) else { return [] }
            return Search.offsets(of: call, in: file.source.code).map {
                (file.source.line(at: $0), "use \(use)")
            }
        }
    }

    private static let randomWithoutGenerator = Rule(
        name: ".random(in:",
        planted: [
            Rule.Sample("let a = Int.random(in: 0..<f(2))\n"),
            Rule.Sample("let a = Double.random(\n    in: 0...1)\nf(using: 1)\n"),
        ],
        innocent: [
            Rule.Sample("let a = Int.random(in: 0..<f(2), using: &generator)\n"),
            Rule.Sample("let a = Int.random(\n    in: 0..<2,\n    using: &generator\n)\n"),
            Rule.Sample("// Int.random(in: 0..<2)\n"),
        ]
    ) { file in
        guard file.language == .swift else { return [] }
        return Search.offsets(of: ".random(", in: file.source.code).compactMap { offset in
            let argument = Search.argument(at: offset + ".random".utf8.count, in: file.source.code)
            guard argument.dropFirst().drop(while: \.isWhitespace).hasPrefix("in:"),
                !argument.contains("using:")
            else { return nil }
            return (file.source.line(at: offset), "use .random(in:using:)")
        }
    }

    private static let printing = Rule(
        name: "print(",
        planted: [
            Rule.Sample("print(1)\n"), Rule.Sample("Swift.print(\"a\")\n"),
            Rule.Sample("f { print($0) }\n", at: "Tests/SimTests/Planted.swift"),
        ],
        innocent: [
            Rule.Sample("print(1)\n", at: "Sources/sealyard/Planted.swift"),
            Rule.Sample("func print(_ value: Int) {}\nprinter.print(1)\nblueprint(1)\n"),
            Rule.Sample("// print(1)\nlet a = \"print(1)\"\n"),
        ]
    ) { file in
        guard file.language == .swift, !file.isIn(["Sources/sealyard"]) else { return [] }
        return Search.offsets(of: "print(", in: file.source.code).compactMap { offset in
            let before = String(decoding: file.source.code[max(0, offset - 10)..<offset], as: UTF8.self)
            if before.hasSuffix("func ") { return nil }
            if before.hasSuffix("."), !before.hasSuffix("Swift.") { return nil }
            return (file.source.line(at: offset), "use the context's log; in a test Issue.record")
        }
    }
}
