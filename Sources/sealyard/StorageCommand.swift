// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import Kernel
import Scheduler

/// `sealyard storage`: the paths of a running miner's workers, and what lies there.
struct StorageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage", abstract: "Storage paths of a running miner's workers.",
        subcommands: [List.self, Find.self, Attach.self, Detach.self, Redeclare.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the paths, the largest first.")

        @OptionGroup var connection: OperatorArguments

        func run() async throws {
            let stores = try await connection.ask(.read) { client in
                try await client.stores().map { StoragePathView($0) }
            }
            if connection.json { return try Console.write(json: stores) }
            if !stores.isEmpty { Console.write(StoragePathView.text(stores)) }
        }
    }

    struct Find: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Tell where a sector's files are.")

        @OptionGroup var connection: OperatorArguments
        @Argument(help: "The sector's number.") var number: UInt64

        func run() async throws {
            let copies = try await connection.ask(.read) { client in
                try await client.copies(of: number).map { SectorCopyView($0) }
            }
            if connection.json { return try Console.write(json: copies) }
            if !copies.isEmpty { Console.write(SectorCopyView.text(copies)) }
        }
    }

    /// Which worker an order is for.
    struct WorkerArguments: ParsableArguments {
        @Option(help: "The worker whose path it is.") var worker: String
    }

    struct Attach: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a worker use a directory or a bucket, now and after each start.",
            discussion: """
                With --init the directory becomes a path first: its sectorstore.json is written with what \
                the other options say. Without --seal and --store it is read only.

                A bucket of an S3-compatible store keeps finished sectors: \
                s3://BUCKET[/PREFIX][?endpoint=https://HOST:PORT&region=NAME&style=path|virtual]. Its keys \
                are those of the worker's own environment (AWS_ACCESS_KEY_ID and the others) or \
                ~/.aws/credentials; they are never sent.
                """)

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var target: WorkerArguments
        @Argument(help: "The directory on the worker's host, from the root; or s3://BUCKET/PREFIX.") var path:
            String
        @Flag(name: .customLong("init"), help: "Make the directory a path.") var initializes = false
        @Option(help: "How much the path is preferred, 0 to 1000000.") var weight: Int?
        @Flag(help: "Sectors may be sealed here.") var seal = false
        @Flag(help: "Finished sectors may be kept here.") var store = false
        @Option(help: "Bytes that sectors may take here in all, as 10TiB; no limit unless given.")
        var maxStorage: BytesArgument?
        @Option(help: "Groups the path belongs to, with commas between.") var groups: String?
        @Option(help: "Groups whose paths may take what lies here, with commas between; all unless given.")
        var allowTo: String?
        @Option(help: "The only kinds of files that may lie here, with commas between.")
        var allowTypes: String?
        @Option(help: "Kinds of files that may not lie here, with commas between.") var denyTypes: String?

        private static func list(_ text: String?) -> [String] {
            text?.split(separator: ",").map(String.init) ?? []
        }

        private static func types(_ text: String?, _ option: String) throws -> [SectorFileType] {
            try list(text).map { name in
                guard let type = SectorFileType(rawValue: name) else {
                    throw ValidationError(
                        "\(option) '\(name.prefix(64))' is no kind of files; known are "
                            + SectorFileType.allCases.map(\.rawValue).joined(separator: ", "))
                }
                return type
            }
        }

        private func settings() throws -> StoreSettings? {
            let isSet =
                weight != nil || seal || store || maxStorage != nil || groups != nil || allowTo != nil
                || allowTypes != nil || denyTypes != nil
            guard initializes else {
                guard !isSet else {
                    throw ValidationError("what a path is stands in its sectorstore.json; --init writes it")
                }
                return nil
            }
            let weight = weight ?? 10
            guard (0...1_000_000).contains(weight) else {
                throw ValidationError("--weight takes 0 to 1000000")
            }
            return StoreSettings(
                weight: weight, canSeal: seal, canStore: store, bytesMax: maxStorage?.bytes ?? 0,
                groups: Self.list(groups), allowTo: Self.list(allowTo),
                allowTypes: try Self.types(allowTypes, "--allow-types"),
                denyTypes: try Self.types(denyTypes, "--deny-types"))
        }

        func validate() throws {
            guard StoreOpener.isPlace(path) else {
                throw ValidationError(
                    "'\(path)' must be a path from the root of the worker's host, or s3://BUCKET/PREFIX")
            }
            _ = try settings()
        }

        func run() async throws {
            let order = StoreOrder.attach(path: path, settings: try settings())
            let word = try await connection.ask(.admin) { try await $0.order(order, worker: target.worker) }
            // Silent, as operators know it.
            if connection.json { try Console.write(json: Word(done: word)) }
        }
    }

    struct Detach: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a worker use a directory no longer; nothing is deleted.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var consent: ConsentArguments
        @OptionGroup var target: WorkerArguments
        @Argument(help: "The directory on the worker's host.") var path: String

        func run() async throws {
            let word = try await connection.ask(.admin) {
                try await $0.order(.detach(path: path), worker: target.worker)
            }
            if connection.json { try Console.write(json: Word(done: word)) }
        }
    }

    struct Redeclare: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a worker look at what lies in its paths; what is gone is forgotten.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var target: WorkerArguments
        @Argument(help: "One directory; all unless given.") var path: String?

        func run() async throws {
            let word = try await connection.ask(.admin) {
                try await $0.order(.redeclare(path: path), worker: target.worker)
            }
            if connection.json { return try Console.write(json: Word(done: word)) }
            Console.write(word)
        }
    }

    /// What a worker says of an order, as JSON tells it.
    private struct Word: Encodable {
        let done: String
    }
}
