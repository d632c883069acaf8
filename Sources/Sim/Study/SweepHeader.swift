// SPDX-License-Identifier: Apache-2.0

/// The first line of a sweep's file: of which sweep it is, and which part of it.
struct SweepHeader: Codable, Hashable {
    /// The digest of all that decides the results, the program aside.
    var sweep: String
    /// What the digest is made of as far as a person gave it; `nil` in a file of an early version.
    var given: Given?
    var runs: Int
    var shard: Int
    var of: Int

    struct Given: Codable, Hashable {
        /// Of the program that runs it: another one may come to other results.
        var version: String
        var scenario: String
        var vary: [String]
        var replications: Int
        var seed: String
        var until: String?
    }

    var line: String {
        var entries: [ScenarioDocument.Entry] = [.init(key: "sweep", value: .text(sweep))]
        if let given {
            entries.append(
                .init(
                    key: "given",
                    value: .object([
                        .init(key: "version", value: .text(given.version)),
                        .init(key: "scenario", value: .text(given.scenario)),
                        .init(key: "vary", value: .list(given.vary.map { .text($0) })),
                        .init(key: "replications", value: .integer(given.replications)),
                        .init(key: "seed", value: .text(given.seed)),
                        .init(key: "until", value: given.until.map { .text($0) } ?? .null),
                    ])))
        }
        entries += [
            .init(key: "runs", value: .integer(runs)), .init(key: "shard", value: .integer(shard)),
            .init(key: "of", value: .integer(of)),
        ]
        return ScenarioDocument.object(entries).jsonLine
    }

    /// In which words this one is of another sweep, or cut otherwise, than `other`; `nil` where both are
    /// parts of one.
    func difference(from other: SweepHeader) -> String? {
        func differ(_ what: String, _ own: some Equatable, _ its: some Equatable) -> String? {
            "\(own)" == "\(its)" ? nil : "its \(what) is \(own), not \(its)"
        }
        var all: [String?] = []
        switch (given, other.given) {
        case (nil, nil): break
        case (nil, _?), (_?, nil):
            return "one of them was written by an early version, which did not say its own"
        case (let own?, let its?):
            all = [
                differ("version", own.version, its.version), differ("scenario", own.scenario, its.scenario),
                differ("--vary", own.vary.joined(separator: " "), its.vary.joined(separator: " ")),
                differ("number of replications", own.replications, its.replications),
                differ("seed", own.seed, its.seed),
                differ("--until", own.until ?? "the scenario's", its.until ?? "the scenario's"),
            ]
        }
        all += [differ("number of shards", of, other.of), differ("number of runs", runs, other.runs)]
        let found = all.compactMap { $0 }
        if !found.isEmpty { return found.joined(separator: ", ") }
        return sweep == other.sweep
            ? nil : "something in the scenario, in what it includes or in --set differs"
    }
}
