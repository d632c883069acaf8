// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Logging
import Scheduler
import Sealing

/// One run of `cluster up`: start, pledge, watch, kill, check, report, clean up.
struct ClusterRun: Sendable {
    let workerCount: Int
    let sectorCount: Int
    let size: SectorSize
    let killAt: Duration?
    let killedWorker: Int
    let timeout: Duration
    let isJSON: Bool
    let payload: ClusterPayload?

    init(command: ClusterUp, payload: ClusterPayload?) {
        workerCount = command.workers
        sectorCount = command.sectors
        size = command.size
        killAt = command.killWorkerAt?.value
        killedWorker = command.killWorker
        timeout = command.timeout.value
        isJSON = command.json
        self.payload = payload
    }

    func perform(_ options: LocalCluster.Options) async throws {
        Console.note("starting chain, miner and \(workerCount) workers in \(options.directory)")
        let cluster = try await LocalCluster(options, log: daemonLog("operator"))
        defer { cluster.shutDown() }
        for worker in cluster.workers { Console.note("\(worker.name) is process \(worker.number)") }
        Console.note(
            "ask it: sealyard sealing workers --miner \(cluster.minerEndpoint) --secret \(cluster.secretPath)"
        )
        try await cluster.waitForWorkers()
        var numbers: [UInt64] = []
        if let payload { numbers += try await cluster.pledge(count: 1, payloadPath: payload.path) }
        if numbers.count < sectorCount {
            numbers += try await cluster.pledge(count: sectorCount - numbers.count)
        }
        let (sectors, killed) = try await watch(cluster)
        let chain = try await cluster.chainSectors()
        try check(sectors, chain, options)
        try summarize(sectors, chain, seconds: cluster.age.inSeconds, killed: killed, options)
    }

    // MARK: Watching

    private func watch(_ cluster: LocalCluster) async throws -> ([SectorSummary], String?) {
        var killed: String?
        var shown: [UInt64: String] = [:]
        while true {
            try Task.checkCancellation()
            if let killAt, killed == nil, cluster.age >= killAt {
                let victim = cluster.workers[killedWorker - 1]
                victim.killHard()
                killed = victim.name
                Console.note("kill -9 \(victim.number): \(victim.name) is gone")
            }
            let sectors = try await cluster.list()
            for sector in sectors {
                let line = describe(sector)
                if shown[sector.key.number] != line {
                    shown[sector.key.number] = line
                    Console.note("\(secondsText(cluster.age)) \(line)")
                }
            }
            if sectors.count >= sectorCount, sectors.allSatisfy({ !$0.state.isSealing }) {
                // A kill that is asked for after the end would show nothing.
                if let killAt, killed == nil {
                    throw EngineError(
                        code: .badOption,
                        message:
                            "all sectors were done before \(killAt); "
                            + "choose an earlier --kill-worker-at or more sectors"
                    )
                }
                return (sectors, killed)
            }
            let unexpected = cluster.ended.filter { $0 != killed }
            guard unexpected.isEmpty else {
                throw EngineError(
                    code: .processFailed,
                    message:
                        "\(unexpected.joined(separator: ", ")) ended unasked; "
                        + "see the logs in \(cluster.options.directory)"
                )
            }
            guard cluster.age < timeout else {
                let waiting = try await cluster.diagnosis().waiting.map { "\($0.task): \($0.reason)" }
                throw EngineError(
                    code: .timedOut,
                    message: "not done after \(timeout); waiting: \(waiting.joined(separator: "; "))")
            }
            await cluster.wait(.milliseconds(100))
        }
    }

    private func describe(_ sector: SectorSummary) -> String {
        var line = "\(sector.key) \(sector.state.rawValue)"
        if sector.state.isSealing, let host = sector.host { line += " on \(host)" }
        if let error = sector.lastError { line += " (\(error))" }
        return line
    }

    // MARK: The end

    /// Believes nobody: the chain must know each sector as active under the miner's CommR, the files must be
    /// there and give CommR again, and the first sector must give the file back.
    private func check(
        _ sectors: [SectorSummary], _ chain: [ChainSectorRecord], _ options: LocalCluster.Options
    ) throws {
        let proof = try RegisteredSealProof.forSize(size, family: .v1_1)
        let store = try SectorDirectory(root: "\(options.directory)/store")
        for sector in sectors {
            guard sector.state == .proving, let commR = sector.sealedCommitment else {
                throw EngineError(
                    code: .checkFailed,
                    message:
                        "\(sector.key) ended as \(sector.state.rawValue): "
                        + (sector.lastError ?? "no reason kept")
                )
            }
            guard let record = chain.first(where: { $0.key == sector.key }), case .active = record.state,
                record.sealedCommitment == commR
            else {
                throw EngineError(
                    code: .checkFailed,
                    message: "the chain does not know \(sector.key) as active under the miner's CommR")
            }
            let identity = SectorIdentity(minerID: sector.key.miner, number: sector.key.number, proof: proof)
            let pipeline = SealPipeline(identity, paths: store.paths(of: identity))
            try pipeline.verifySector(commR: try Commitment(bytes: commR))
        }
        guard let payload, let first = sectors.first else { return }
        let identity = SectorIdentity(minerID: first.key.miner, number: first.key.number, proof: proof)
        let held = try Data(contentsOf: URL(fileURLWithPath: store.paths(of: identity).unsealed))
        let back = try Fr32.unpad([UInt8](held)).prefix(payload.bytes.count)
        guard Data(back) == payload.bytes else {
            throw EngineError(code: .checkFailed, message: "\(first.key) does not give back \(payload.path)")
        }
        Console.note("\(first.key) gives back \(payload.path), byte for byte")
    }

    private func summarize(
        _ sectors: [SectorSummary], _ chain: [ChainSectorRecord], seconds: Double, killed: String?,
        _ options: LocalCluster.Options
    ) throws {
        let epochs = Dictionary(uniqueKeysWithValues: chain.map { ($0.key, $0.state) })
        let rows = try sectors.map { sector -> ClusterReport.Row in
            var proven: Int64?
            if case .active(let epoch, _)? = epochs[sector.key] { proven = epoch }
            return ClusterReport.Row(
                sector: sector.key.description, state: sector.state.rawValue,
                commR: try Commitment(bytes: sector.sealedCommitment ?? []).sealedCID, provenEpoch: proven,
                tries: zip(TaskType.allCases, sector.attempts).filter { $0.1 > 0 }.map {
                    "\($0.0.short) \($0.1)"
                })
        }
        let result = ClusterReport(
            sectorSize: size.name, workers: workerCount, killedWorker: killed, seconds: seconds,
            proofForm: ProofForm.vanilla.rawValue, isSNARK: false, sectors: rows)
        if isJSON {
            try Console.write(json: result)
        } else {
            result.printTable()
        }
    }
}

/// What `cluster up` says in the end.
struct ClusterReport: Codable {
    struct Row: Codable {
        var sector: String
        var state: String
        var commR: String
        var provenEpoch: Int64?
        var tries: [String]
    }

    var sectorSize: String
    var workers: Int
    var killedWorker: String?
    var seconds: Double
    var proofForm: String
    var isSNARK: Bool
    var sectors: [Row]

    func printTable() {
        Console.write("")
        Console.write(
            padded("SECTOR", 12) + padded("STATE", 10) + padded("PROVEN AT", 11) + padded("COMMR", 67)
                + "TRIES")
        for row in sectors {
            Console.write(
                padded(row.sector, 12) + padded(row.state, 10)
                    + padded(row.provenEpoch.map { "\($0)" } ?? "-", 11) + padded(row.commR, 67)
                    + row.tries.joined(separator: ", "))
        }
        let kill = killedWorker.map { ", \($0) killed with -9 on the way" } ?? ""
        Console.write("")
        Console.write(
            "\(sectors.count) sectors of \(sectorSize) by \(workers) workers\(kill): all in Proving after "
                + "\(Int(seconds.rounded())) s. Proof form: vanilla proof, no SNARK.")
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
