// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Scheduler
import Testing

@Suite("A miner's config.toml")
struct MinerConfigTests {
    private func problem(_ text: String, _ environment: [String: String] = [:]) -> String {
        do {
            _ = try MinerConfig.read(text, named: "config.toml")
            return ""
        } catch {
            return error.message
        }
    }

    @Test("the commented file says what holds where it is empty, and it can be read back without its marks")
    func commentedDefault() throws {
        let text = MinerConfig.commentedDefault
        #expect(try MinerConfig.read(text, named: "a").config == MinerConfig())
        let bare = text.split(separator: "\n").filter { !$0.hasPrefix("  # ") }
            .map { $0.replacing("  #", with: "  ") }.joined(separator: "\n")
        #expect(try MinerConfig.read(bare, named: "b").config == MinerConfig())
        // The field's own numbers, as its file has them.
        for line in [
            "MaxWaitDealsSectors = 2", "WaitDealsDelay = \"6h0m0s\"", "AlwaysKeepUnsealedCopy = true",
            "FinalizeEarly = false", "MaxPreCommitBatch = 256", "PreCommitBatchWait = \"24h0m0s\"",
            "PreCommitBatchSlack = \"3h0m0s\"", "MinCommitBatch = 4", "MaxCommitBatch = 819",
            "CommitBatchSlack = \"1h0m0s\"", "AggregateAboveBaseFee = \"0.32 nFIL\"",
            "TerminateBatchWait = \"5m0s\"", "StartEpochSealingBuffer = 480", "PerSector = \"0.02 FIL\"",
            "PerSector = \"0.03 FIL\"", "MaxTerminateGasFee = \"0.5 FIL\"",
        ] {
            #expect(text.contains("  #\(line)\n"), "\(line)")
        }
    }

    @Test("every key is read from the file, and its variable goes before it")
    func values() throws {
        let reading = try MinerConfig.read(
            """
            [Sealing]
            MaxSealingSectors = 12
            WaitDealsDelay = "1h30m"
            FinalizeEarly = true
            MinCommitBatch = 2
            BatchPreCommitAboveBaseFee = "0 FIL"
            [Fees.MaxCommitBatchGasFee]
            Base = "0.001 FIL"
            PerSector = "1500 nFIL"
            [API]
            ListenAddress = "/ip4/127.0.0.1/tcp/2345/http"
            """, named: "a")
        let config = reading.config
        #expect(config.maxSealingSectors == 12 && config.waitDealsDelay == .seconds(5400))
        #expect(config.finalizesEarly && config.commit.countMin == 2)
        #expect(config.preCommit.baseFeeThreshold == nil)
        #expect(config.commit.feeMax(2) == 1_000_000_000_000_000 + 2 * 1_500_000_000_000)
        #expect(reading.unused == ["API"], "another's section is taken and named")

        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appending(path: "config.toml").path()
        try config.text.write(toFile: path, atomically: true, encoding: .utf8)
        let over = try MinerConfig.load(
            path,
            environment: [
                "LOTUS_SEALING_MAXSEALINGSECTORS": "7",
                "LOTUS_FEES_MAXCOMMITBATCHGASFEE_PERSECTOR": "0.5 FIL",
                "LOTUS_SEALING_FINALIZEEARLY": "false",
            ]
        ).config
        #expect(over.maxSealingSectors == 7 && !over.finalizesEarly)
        #expect(over.commit.feePerSector == 500_000_000_000_000_000)
        #expect(over.waitDealsDelay == config.waitDealsDelay, "the rest is the file's, as it was written")
        try FileManager.default.removeItem(at: folder)
    }

    @Test(
        "what is wrong is named with its place, and what would be right",
        arguments: [
            (
                "[Sealing]\nMaxSealingSectros = 1", "config.toml:2: Sealing.MaxSealingSectros",
                "MaxSealingSectors"
            ),
            ("[Sealnig]\nX = 1", "config.toml:1: Sealnig", "no such key"),
            ("[Sealing]\n\nWaitDealsDelay = \"6 hours\"", "config.toml:3: Sealing.WaitDealsDelay", "24h0m0s"),
            ("[Sealing]\nWaitDealsDelay = 6", "config.toml:2: Sealing.WaitDealsDelay", "not 6"),
            ("[Sealing]\nFinalizeEarly = \"yes\"", "config.toml:2: Sealing.FinalizeEarly", "true or false"),
            ("[Sealing]\nMaxPreCommitBatch = 257", "Sealing.MaxPreCommitBatch", "1 to 256"),
            ("[Sealing]\nMaxSealingSectors = -1", "Sealing.MaxSealingSectors", "0 to"),
            ("[Fees]\nMaxTerminateGasFee = \"20 FIL\"", "Fees.MaxTerminateGasFee", "below 18 FIL"),
            ("[Fees]\nMaxTerminateGasFee = \"0.5 ETH\"", "Fees.MaxTerminateGasFee", "0.5 ETH"),
            ("[Fees]\nMaxTerminateGasFee = \"1e3 FIL\"", "Fees.MaxTerminateGasFee", "1e3"),
            ("[Sealing]\nMinCommitBatch = 9\nMaxCommitBatch = 8", "MinCommitBatch is 9", "MaxCommitBatch 8"),
            ("[Sealing\nX = 1", "config.toml:1:", "expected"),
            ("[Sealing]\nMaxSealingSectors = [1]", "Sealing.MaxSealingSectors", "array"),
        ])
    func mistakes(text: String, place: String, right: String) {
        let message = problem(text)
        #expect(message.contains(place) && message.contains(right), "\(message)")
    }

    @Test("a variable's mistake names the variable; a file that is not there, too long or no text is refused")
    func otherMistakes() throws {
        func load(_ path: String?, _ environment: [String: String] = [:]) -> String {
            do {
                _ = try MinerConfig.load(path, environment: environment)
                return ""
            } catch {
                return error.message
            }
        }
        #expect(
            load(nil, ["LOTUS_SEALING_MAXCOMMITBATCH": "many"]).hasPrefix(
                "LOTUS_SEALING_MAXCOMMITBATCH: takes"))
        #expect(load("/nowhere/config.toml").contains("/nowhere/config.toml cannot be read"))
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path()
        _ = FileManager.default.createFile(atPath: path, contents: Data([0xff, 0xfe, 0x00]))
        #expect(load(path).contains("UTF-8"))
        _ = FileManager.default.createFile(atPath: path, contents: Data(repeating: 0x20, count: 1 << 21))
        #expect(load(path).contains("longer than"))
        try FileManager.default.removeItem(atPath: path)
    }

    @Test("without a file each sector sends its own messages; a lifetime must be one of the network's")
    func meaning() throws {
        let plain = try MinerConfig.load(nil, environment: [:]).config
        #expect(plain.batching == nil)
        #expect(MinerConfig().batching?[.preCommit] == BatchPolicy.usual(.preCommit))
        var config = MinerConfig()
        config.batchesPreCommits = false
        #expect(config.batching?[.preCommit]?.countMax == 1)
        #expect(config.batching?[.commit] == BatchPolicy.usual(.commit))
        #expect(try config.lifetimeEpochs(.mainnet) == NetworkParameters.mainnet.defaultSectorLifetime)
        config.sectorLifetime = .seconds(12_960 * 3600)
        #expect(try config.lifetimeEpochs(.mainnet) == 12_960 * 120)
        config.sectorLifetime = .seconds(9 * 365 * 86_400)
        #expect(throws: EngineError.self) { try config.lifetimeEpochs(.mainnet) }
        config.autoPledgeInterval = .seconds(60)
        let manager = config.manager(miner: 1000, proof: 5, sectorBytes: 2048)
        #expect(manager.autoPledge == AutoPledge(interval: .seconds(60), packingCountMax: 4))
        #expect(manager.packing?.sectorBytes == 2048 && !manager.takesUpdates)
    }
}
