// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import Foundation
import Kernel
import Scheduler
import Sealing

/// `sealyard sectors`: clients' pieces, and what is gathered for the chain.
extension SectorsCommand {
    struct AddPiece: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add-piece", abstract: "Put a client's piece into a sector.",
            discussion: """
                The commitment is computed here, and again where the piece is written; both must agree. The \
                workers that write pieces must find the file at the same path. Offered again, a piece is not \
                taken twice.
                """)

        @OptionGroup var connection: OperatorArguments
        @Argument(help: "The file with the piece's data.", completion: .file()) var file: String
        @Option(help: "The epoch at which its deal begins; the sector is proven before.")
        var startEpoch: Int64
        @Option(help: "The epoch at which its deal ends; the sector lasts until then.") var endEpoch: Int64
        @Option(help: "Padded size of the piece, 128B to the sector's; the smallest that holds the file.")
        var pieceSize: BytesArgument?
        @Flag(inversion: .prefixedNo, help: "Keep an unsealed copy for retrievals.") var keepUnsealed = true

        private struct Report: Encodable {
            let piece: String
            let paddedBytes: UInt64
            let sector: UInt64
        }

        func validate() throws {
            guard startEpoch < endEpoch else {
                throw ValidationError("--end-epoch comes after --start-epoch")
            }
        }

        func run() async throws {
            let path = URL(filePath: file).absoluteURL.path()
            let progress = ProgressLine()
            let info: PieceInfo
            do {
                defer { progress.finish() }
                info = try CommP.compute(
                    .wholeFile(path), paddedSize: pieceSize?.bytes, observer: progress.observer)
            } catch {
                throw CommandError.failure(error.description)
            }
            let piece = PieceDeal(
                commitment: info.commP.bytes, paddedBytes: info.size, startEpoch: startEpoch,
                endEpoch: endEpoch, keepsUnsealed: keepUnsealed, path: path)
            let number = try await connection.ask(.admin) { try await $0.addPiece(piece) }
            let view = PieceView(WaitingPiece(piece))
            if connection.json {
                return try Console.write(
                    json: Report(piece: view.piece, paddedBytes: info.size, sector: number))
            }
            Console.write("piece \(view.piece) of \(info.size) bytes goes into sector \(number)")
        }
    }

    struct Pieces: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the pieces that no sector holds, those that were refused among them.")

        @OptionGroup var connection: OperatorArguments

        func run() async throws {
            let pieces = try await connection.ask(.read) {
                try await $0.waitingPieces().map { PieceView($0) }
            }
            if connection.json { return try Console.write(json: pieces) }
            Console.write(PieceView.text(pieces))
        }
    }

    struct Seal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a sector that takes pieces begin to seal.")

        @OptionGroup var connection: OperatorArguments
        @Argument(help: "The sector's number.") var number: UInt64

        func run() async throws {
            let state = try await connection.ask(.write) { try await $0.seal(number) }
            try SectorsCommand.tell(number, state, connection)
        }
    }

    struct Batching: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell what is gathered for the chain and why it waits, or send it.")

        enum Kind: String, ExpressibleByArgument, CaseIterable {
            case precommit, commit, terminate

            var batch: BatchKind {
                switch self {
                case .precommit: .preCommit
                case .commit: .commit
                case .terminate: .terminate
                }
            }
        }

        @OptionGroup var connection: OperatorArguments
        @Argument(help: "Messages of which kind.") var kind: Kind
        @Flag(help: "Send what is gathered now.") var publishNow = false

        private struct Report: Encodable {
            let messages: [String]
        }

        func run() async throws {
            if publishNow {
                let names = try await connection.ask(.admin) { try await $0.publish(kind.batch) }
                if connection.json { return try Console.write(json: Report(messages: names)) }
                Console.write(
                    names.isEmpty ? "nothing is gathered" : "sent: \(names.joined(separator: ", "))")
                return
            }
            let view = try await connection.ask(.read) { BatchView(try await $0.gathered(kind.batch)) }
            if connection.json { return try Console.write(json: view) }
            Console.write(view.text)
        }
    }
}
