// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Sealing
import Testing

@Suite struct ParameterTests {
    @Test("the networks differ where they should and nowhere else")
    func networks() throws {
        for network in [NetworkParameters.mainnet, .calibration, .devnet()] {
            try network.validate()
            #expect(network.sealLookback == 900 && network.maxTicketAge == 3780)
            #expect(network.messageConfidence == 5 && network.seedConfidence == 6)
            #expect(network.minSectorLifetime == 518_400 && network.maxExpirationAhead == 3_680_640)
            #expect(network.maxSectorLifetime == 5_259_485)
            #expect(network.maxProveCommitDuration == 86_400 + network.preCommitChallengeDelay)
        }
        #expect(NetworkParameters.mainnet.preCommitChallengeDelay == 150)
        #expect(NetworkParameters.mainnet.addressPrefix == .f)
        #expect(NetworkParameters.calibration.epochDuration == .seconds(30))
        #expect(devnet.preCommitChallengeDelay == 10 && devnet.epochDuration == .seconds(4))
        let demo = NetworkParameters.devnet(epochDuration: .milliseconds(200), messageConfidence: 1)
        #expect(demo.epochDuration == .milliseconds(200) && demo.messageConfidence == 1)
        #expect(try WireDecoder.decode(NetworkParameters.self, from: WireEncoder.encode(demo)) == demo)
    }

    @Test(
        "parameters out of range are refused by name",
        arguments: [
            "epochDuration", "maxTicketAge", "seedConfidence", "preCommitChallengeDelay", "lifetime",
            "sectorSizes",
        ])
    func invalid(_ field: String) throws {
        var parameters = devnet
        switch field {
        case "epochDuration": parameters.epochDuration = .zero
        case "maxTicketAge": parameters.maxTicketAge = 900
        case "seedConfidence": parameters.seedConfidence = -1
        case "preCommitChallengeDelay": parameters.preCommitChallengeDelay = .max
        case "lifetime": parameters.minSectorLifetime = parameters.maxSectorLifetime + 1
        default: parameters.sectorSizes = []
        }
        #expect { try parameters.validate() } throws: { error in
            let error = error as? ChainError
            return error?.code == .invalidParameters && error?.message.contains(field) == true
        }
    }

    @Test("a default expiration lands wherever its ticket may land", arguments: [0, 1000, 1_000_000])
    func defaultExpiration(_ head: Int64) throws {
        let key = SectorKey(miner: 1000, number: 1)
        let state = try ChainState(parameters: devnet, beacon: beacon)
        let message = try preCommit(key, head: head)
        #expect(state.consider(message, head: head).isNew)
        #expect(state.consider(message, head: message.ticketEpoch + devnet.maxTicketAge - 1).isNew)
    }

    @Test("a draw is that of the network's rule")
    func knownDraw() throws {
        let miner = try ActorAddress(id: 1000)
        #expect(ChainRandomness.entropy(of: miner) == [0x43, 0x00, 0xe8, 0x07])
        let drawn = ChainRandomness.draw(
            base: [UInt8](repeating: 1, count: 32), purpose: .electionProof, epoch: 1000,
            entropy: ChainRandomness.entropy(of: miner))
        #expect(drawn.hex == "752f82fdcf551dc735d115dfee1e95de8dba2573a639be9cacc3b4ac530652e5")
    }

    @Test("draws differ by network, seed, purpose, epoch and miner, and by nothing else")
    func draws() throws {
        let miners = try [ActorAddress(id: 1000), ActorAddress(id: 1001)]
        var seen: Set<Commitment> = []
        for source in [beacon, DevnetBeacon(network: "2k", seed: 8), DevnetBeacon(network: "other", seed: 7)]
        {
            for purpose in ChainRandomness.Purpose.allCases {
                for epoch in [0, 1, 1 << 33] as [Int64] {
                    for miner in miners { seen.insert(source.draw(purpose, epoch: epoch, miner: miner)) }
                }
            }
        }
        #expect(seen.count == 3 * 6 * 3 * 2)
        let same = DevnetBeacon(network: "2k", seed: 7)
        #expect(same == beacon && same.fingerprint == beacon.fingerprint)
        #expect(beacon.fingerprint != DevnetBeacon(network: "2k", seed: 8).fingerprint)
    }

    @Test("a draw that is remembered, or was forgotten for another, is what it was")
    func rememberedDraws() throws {
        let (miner, other) = (try ActorAddress(id: 1000), try ActorAddress(id: 1001))
        let epochs = Int64(0)..<9_000
        for round in 0..<2 {
            for epoch in epochs {
                let drawer = epoch % 3 == 0 ? other : miner
                let drawn = beacon.draw(.sealRandomness, epoch: epoch, miner: drawer)
                guard epoch % 250 == 0 || epoch > 8_990 else { continue }
                let rule = ChainRandomness.draw(
                    base: beacon.value(at: epoch), purpose: .sealRandomness, epoch: epoch,
                    entropy: ChainRandomness.entropy(of: drawer))
                #expect(drawn == rule, "round \(round)")
                #expect(beacon.draw(.interactiveSeal, epoch: epoch, miner: drawer) != rule)
                #expect(beacon.draw(.sealRandomness, epoch: epoch, miner: drawer) == rule)
            }
        }
    }

    @Test("challenges of PoSt are elements of the field; some tickets are not")
    func fieldElements() throws {
        let miner = try ActorAddress(id: 1000)
        let posts = (0..<64).map { beacon.draw(.windowPoStChallenge, epoch: $0, miner: miner) }
        #expect(posts.allSatisfy { $0 == $0.truncated254 })
        let tickets = (0..<64).map { beacon.draw(.sealRandomness, epoch: $0, miner: miner) }
        #expect(tickets.contains { $0 != $0.truncated254 })
    }
}

@Suite struct ActorAddressTests {
    @Test(
        "an address is read and written in both letters",
        arguments: [
            ("f00", 0), ("f01000", 1000), ("t01000", 1000), ("f09223372036854775807", UInt64(Int64.max)),
        ])
    func reads(_ text: String, _ id: UInt64) throws {
        let address = try ActorAddress(parsing: text)
        #expect(address.id == id)
        #expect(address.text(text.hasPrefix("f") ? .f : .t) == text)
        #expect(try WireDecoder.decode(ActorAddress.self, from: WireEncoder.encode(address)) == address)
    }

    @Test("an address has the known bytes")
    func bytes() throws {
        #expect(try ActorAddress(parsing: "f01234").bytes == [0x00, 0xd2, 0x09])
        #expect(try ActorAddress(parsing: "f00").bytes == [0, 0])
    }

    @Test(
        "what is no address is refused in words",
        arguments: [
            "", "f", "f0", "x01000", "F01000", "f5abc", "f01x", "f0-1", "f0+1", "f0 1", "f001", "f00 ",
            "f09223372036854775808", "f018446744073709551616", "f0\u{0661}",
            "f0" + String(repeating: "1", count: 10_000),
        ])
    func malformed(_ text: String) {
        #expect { try ActorAddress(parsing: text) } throws: { error in
            let error = error as? ChainError
            return error?.code == .malformedAddress && (error?.message.utf8.count ?? .max) < 200
        }
    }

    @Test("addresses by key or creation are refused as not supported", arguments: ["1", "2", "3", "4"])
    func unsupported(_ digit: String) {
        #expect { try ActorAddress(parsing: "f\(digit)i4llai5x72clnz643iydyplvjmni74x4vyme7ny") } throws: {
            ($0 as? ChainError)?.code == .unsupportedAddress
        }
    }
}
