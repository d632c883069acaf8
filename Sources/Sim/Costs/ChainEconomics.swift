// SPDX-License-Identifier: Apache-2.0

/// The chain's money: pledge, deposits, fees and penalties as pure functions, in attoFIL. Rules of network
/// version 25 and later unless said; fixed point has 128 fractional bits.
package enum ChainEconomics {
    /// A smoothed quantity: where it is and how fast it moves by epoch, both in fixed point.
    package struct Estimate: Sendable, Hashable {
        package var position: BigNumber
        package var velocity: BigNumber

        /// Whole units at rest or moving by whole units.
        package init(position: BigNumber, velocity: BigNumber = 0) {
            self.position = position << 128
            self.velocity = velocity << 128
        }

        /// Takes an observation in, `epochs` after the last.
        package mutating func observe(_ value: BigNumber, after epochs: Int) {
            let expected = position + velocity * BigNumber(epochs)
            let residual = (value << 128) - expected
            position = expected + (alpha * residual) >> 128
            velocity = velocity + (beta * residual) / (BigNumber(epochs) << 128)
        }
    }

    /// What the network looks like when money is reckoned.
    package struct NetworkState: Sendable, Hashable {
        /// The reward of an epoch, attoFIL.
        package var reward: Estimate
        /// Quality-adjusted power, bytes.
        package var power: Estimate
        /// Bytes.
        package var baselinePower: BigNumber
        /// AttoFIL.
        package var circulatingSupply: BigNumber

        package init(
            reward: Estimate, power: Estimate, baselinePower: BigNumber, circulatingSupply: BigNumber
        ) {
            self.reward = reward
            self.power = power
            self.baselinePower = baselinePower
            self.circulatingSupply = circulatingSupply
        }
    }

    package static let epochsPerDay = 2880
    package static let fil: BigNumber = 1_000_000_000_000_000_000
    private static let alpha = number("314760000000000000000000000000000000")
    private static let beta = number("96640100000000000000000000000000")
    private static let ln2 = number("235865763225513294137944142764154484399")
    private static let velocityFloor = number("302231454903657293676544")
    private static let numerator = [
        "261417938209272870992496419296200268025", "7266615505142943436908456158054846846897",
        "32458783941900493142649393804518050491988", "17078670566130897220338060387082146864806",
        "-35150353308172866634071793531642638290419", "-20351202052858059355702509232125230498980",
        "-1563932590352680681114104005183375350999",
    ].map(number)
    private static let denominator = [
        "49928077726659937662124949977867279384", "2508163877009111928787629628566491583994",
        "21757751789594546642737445330202599887121", "53400635271583923415775576342898617051826",
        "41248834748603606604000911015235164348839", "9015227820322455780436733526367238305537",
        "340282366920938463463374607431768211456",
    ].map(number)

    /// A constant of this file.
    private static func number(_ digits: String) -> BigNumber {
        guard let value = BigNumber(digits) else { preconditionFailure("\(digits) is no number") }
        return value
    }

    /// The natural logarithm of a number above zero, both in fixed point.
    package static func ln(_ value: BigNumber) -> BigNumber {
        let exponent = value.bitCount - 129
        let mantissa = exponent >= 0 ? value >> exponent : value << -exponent
        func horner(_ coefficients: [BigNumber]) -> BigNumber {
            coefficients.dropFirst().reduce(coefficients[0]) { ($0 * mantissa) >> 128 + $1 }
        }
        return BigNumber(exponent) * ln2 + (horner(numerator) << 128) / horner(denominator)
    }

    /// What power of `bytes` will earn in `epochs` from now on, attoFIL.
    package static func expectedReward(
        bytes: BigNumber, epochs: Int, reward: Estimate, power: Estimate
    ) -> BigNumber {
        guard power.position > 0 else { return max(0, reward.position >> 128) }
        let length = BigNumber(epochs) << 128
        let squared = (power.velocity * power.velocity) >> 128
        let ratio: BigNumber
        if squared > velocityFloor {
            let from = ln(power.position)
            let to = ln(power.position + (power.velocity * length) >> 128)
            let first = ((((to - from) * reward.position) >> 128) * power.velocity) >> 128
            let second =
                ((((from - to) * power.position) >> 128 + (power.velocity * length) >> 128) * reward.velocity)
                >> 128
            ratio = ((first + second) << 128) / squared
        } else {
            let mean = (reward.velocity * (length >> 1)) >> 128 + reward.position
            ratio = (mean * length) / power.position
        }
        return max(0, (bytes * ratio) >> 128)
    }

    /// The deposit of a pre-commit: twenty days at ten times the power, whatever the deals.
    package static func preCommitDeposit(sectorBytes: Int, _ state: NetworkState) -> BigNumber {
        max(1, reward(of: BigNumber(sectorBytes) * 10, epochs: 57_600, state))
    }

    /// The initial pledge of a sector.
    ///
    /// - Parameters:
    ///   - bytes: the sector's quality-adjusted power.
    ///   - gamma: thousandths of the consensus pledge that refer to the baseline: 1000 before FIP-81,
    /// 700 after.
    package static func initialPledge(
        bytes: BigNumber, gamma: Int = 700, _ state: NetworkState
    ) -> BigNumber {
        let storage = max(1, reward(of: bytes, epochs: 57_600, state))
        let network = max(state.power.position >> 128, bytes)
        let weight = state.circulatingSupply * 3 * bytes
        let first = BigNumber(gamma) * weight / (10_000 * max(network, state.baselinePower))
        let second = BigNumber(1000 - gamma) * weight / (10_000 * network)
        let cap = bytes * (fil / BigNumber(32 << 30))
        return min(storage + first + second, cap)
    }

    /// The fee for power that stays faulty, at each deadline's end.
    package static func faultFee(bytes: BigNumber, _ state: NetworkState) -> BigNumber {
        reward(of: bytes, epochs: 10_108, state)
    }

    /// The penalty for a window PoSt that a dispute shows to be false.
    package static func invalidPoStPenalty(bytes: BigNumber, _ state: NetworkState) -> BigNumber {
        reward(of: bytes, epochs: 15_868, state) + fil * 20
    }

    /// The fee for ending a sector early.
    package static func terminationFee(pledge: BigNumber, ageEpochs: Int, faultFee: BigNumber) -> BigNumber {
        let simple = pledge * 85 / 1000
        let byAge = BigNumber(ageEpochs) * simple / BigNumber(140 * epochsPerDay)
        return max(min(simple, byAge), max(pledge * 2 / 100, faultFee * 105 / 100))
    }

    /// What a sector pays each day while it is proven.
    package static func dailyFee(bytes: BigNumber, circulatingSupply: BigNumber) -> BigNumber {
        161_817 * circulatingSupply * bytes / (fil * 1_000_000_000_000)
    }

    /// The network fee of an aggregate, network versions 13 to 24: by then a reason not to aggregate.
    package static func aggregateFee(sectorCount: Int, baseFee: BigNumber, isPreCommit: Bool) -> BigNumber {
        let gas = BigNumber(isPreCommit ? 16_433_324 : 49_299_973)
        return BigNumber(sectorCount) * max(baseFee, 5_000_000_000) * gas / 20
    }

    private static func reward(of bytes: BigNumber, epochs: Int, _ state: NetworkState) -> BigNumber {
        expectedReward(bytes: bytes, epochs: epochs, reward: state.reward, power: state.power)
    }
}
