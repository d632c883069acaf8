// SPDX-License-Identifier: Apache-2.0
import Sim
import Testing

@Suite("The chain's money by known answers")
struct CostFormulaTests {
    private static let sector = 32 << 30

    private func big(_ digits: String) throws -> BigNumber { try #require(BigNumber(digits)) }

    /// The estimates with which the network began.
    private func genesis() throws -> ChainEconomics.NetworkState {
        ChainEconomics.NetworkState(
            reward: .init(position: try big("36266260308195979333"), velocity: -109_897_758_509),
            power: .init(position: BigNumber(750_000) << 30, velocity: BigNumber(3_840) << 30),
            baselinePower: 0, circulatingSupply: 0)
    }

    /// Nothing moves: 80 FIL an epoch, 20 EiB, baseline 40 EiB, 600 M FIL in circulation.
    private func steady() -> ChainEconomics.NetworkState {
        ChainEconomics.NetworkState(
            reward: .init(position: ChainEconomics.fil * 80), power: .init(position: BigNumber(20) << 60),
            baselinePower: BigNumber(40) << 60, circulatingSupply: ChainEconomics.fil * 600_000_000)
    }

    @Test("arithmetic is exact and rounds toward minus infinity")
    func arithmetic() throws {
        let large = try big("340282366920938463463374607431768211456")
        #expect(large == BigNumber(1) << 128 && "\(large * large)".count == 78)
        #expect((large * large - 1) / large == large - 1 && large >> 128 == 1)
        #expect(BigNumber(-7) / 2 == -4 && BigNumber(7) / -2 == -4 && BigNumber(-8) / 2 == -4)
        #expect(BigNumber(-7) >> 1 == -4 && BigNumber(-1) >> 200 == -1 && BigNumber(5) >> 200 == 0)
        #expect("\(BigNumber(-1_000_000_007) * 1_000_000_009)" == "-1000000016000000063")
        #expect(BigNumber("") == nil && BigNumber("1x") == nil && BigNumber("--1") == nil)
    }

    @Test("the logarithm of 2 has the bits of the rational method, that of 1.5 its precision")
    func logarithms() throws {
        #expect(
            ChainEconomics.ln(BigNumber(2) << 128) == (try big("235865763225513294137944142764154485277")))
        // The method is a rational approximation: good to 17 digits between powers of two.
        let published = try big("137972626690900381720361578432555383141")
        let distance = ChainEconomics.ln(BigNumber(3) << 127) - published
        let digit = try big("3402823669209384634634")
        #expect(max(distance, -distance) < digit)
    }

    @Test("deposit, reward and fault fee under the network's first estimates")
    func atGenesis() throws {
        let state = try genesis()
        let bytes = BigNumber(Self.sector)
        let twentyDays = ChainEconomics.expectedReward(
            bytes: bytes, epochs: 57_600, reward: state.reward, power: state.power)
        #expect(twentyDays == (try big("1719592214803615659")))
        #expect(
            ChainEconomics.preCommitDeposit(sectorBytes: Self.sector, state)
                == (try big("17195922148036156594")))
        #expect(ChainEconomics.faultFee(bytes: bytes, state) == (try big("1198476477405897429")))
    }

    @Test("pledge and daily fee in a steady network")
    func inSteadyState() throws {
        let state = steady()
        let bytes = BigNumber(Self.sector)
        #expect(
            ChainEconomics.expectedReward(
                bytes: bytes, epochs: 57_600, reward: state.reward, power: state.power)
                == (try big("6866455078125000")))
        #expect(
            ChainEconomics.initialPledge(bytes: bytes, gamma: 1000, state) == (try big("140976905822753906")))
        #expect(ChainEconomics.initialPledge(bytes: bytes, state) == (try big("181210041046142577")))
        #expect(
            ChainEconomics.dailyFee(bytes: bytes, circulatingSupply: state.circulatingSupply)
                == (try big("3335993870096")))
    }

    @Test("terminations at 70 and at 10 days; aggregates before they were free of the fee")
    func fees() throws {
        let pledge = ChainEconomics.fil / 5
        #expect(
            ChainEconomics.terminationFee(pledge: pledge, ageEpochs: 70 * 2880, faultFee: 0)
                == 8_500_000_000_000_000)
        #expect(
            ChainEconomics.terminationFee(pledge: pledge, ageEpochs: 10 * 2880, faultFee: 0)
                == 4_000_000_000_000_000)
        #expect(
            ChainEconomics.aggregateFee(sectorCount: 10, baseFee: 100, isPreCommit: false)
                == 123_249_932_500_000_000)
        #expect(
            ChainEconomics.aggregateFee(sectorCount: 10, baseFee: 100, isPreCommit: true)
                == 41_083_310_000_000_000)
    }

    @Test("the reward filter after one observation of 40 FIL")
    func filter() throws {
        var estimate = try genesis().reward
        estimate.observe(ChainEconomics.fil * 40, after: 1)
        #expect(estimate.position >> 128 == (try big("36269713894564112575")))
        #expect(estimate.velocity >> 128 == 950_483_333_451)
    }

    @Test(
        "gas allowed and not used",
        arguments: [(100, 125, 22, 3), (100, 110, 10, 0), (100, 300, 0, 200), (80, 100, 17, 3)])
    func overestimation(_ used: Int, _ limit: Int, _ refund: Int, _ burn: Int) {
        let answer = GasFees.overestimation(used: used, limit: limit)
        #expect(answer.refund == refund && answer.burn == burn)
    }

    @Test("the base fee rises and falls by an eighth, by both rules")
    func baseFee() {
        let base: BigNumber = 100_000_000
        #expect(GasFees.nextBaseFee(base, gasLimit: 10_000_000_000, blocks: 1) == 112_500_000)
        #expect(GasFees.nextBaseFee(base, gasLimit: 0, blocks: 1) == 87_500_000)
        #expect(GasFees.nextBaseFee(base, gasLimit: 5_000_000_000, blocks: 1) == base)
        #expect(GasFees.nextBaseFee(100, gasLimit: 10_000_000_000, blocks: 1) == 112)
        #expect(GasFees.nextBaseFee(1000, gasLimit: 0, blocks: 1) == 875)
        #expect(GasFees.nextBaseFee(1001, gasLimit: 0, blocks: 1) == 875)
        #expect(GasFees.nextBaseFee(base, premium: 0) == 87_500_000)
        #expect(GasFees.nextBaseFee(base, premium: 12_500_000) == base)
        #expect(GasFees.nextBaseFee(base, premium: 1_000_000_000) == 112_500_000)
        #expect(GasFees.nextBaseFee(100, premium: 1000) == 113)
    }

    @Test("batches save gas, and never more than the part that is paid once")
    func batches() {
        let alone = GasFees.gasPerSector(preCommitBatch: 1, commitBatch: 1)
        #expect(alone == 164_900_000)
        let many = GasFees.gasPerSector(preCommitBatch: 256, commitBatch: 819)
        #expect(many < alone / 2 && many > 65_733_297)
    }

    @Test("a message pays for what it used, what it burnt and the tip on its limit")
    func message() {
        #expect(GasFees.cost(used: 100, limit: 125, baseFee: 10, feeCap: 15, premium: 2) == 1280)
        #expect(GasFees.cost(used: 100, limit: 110, baseFee: 20, feeCap: 15, premium: 2) == 1500)
    }
}
