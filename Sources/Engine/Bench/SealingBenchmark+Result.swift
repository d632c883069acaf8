// SPDX-License-Identifier: Apache-2.0
package import Sealing

extension SealingBenchmark {
    /// Times of one sector or their sum, nanoseconds; 0 where a step was not run.
    package struct Times: Sendable, Hashable, Codable {
        package var addPiece: Int64 = 0
        package var preCommit1: Int64 = 0
        package var preCommit2: Int64 = 0
        package var commit1: Int64 = 0
        package var commit2: Int64 = 0
        package var verify: Int64 = 0
        package var unseal: Int64 = 0

        private enum CodingKeys: String, CodingKey {
            case addPiece = "AddPiece"
            case preCommit1 = "PreCommit1"
            case preCommit2 = "PreCommit2"
            case commit1 = "Commit1"
            case commit2 = "Commit2"
            case verify = "Verify"
            case unseal = "Unseal"
        }

        mutating func add(_ other: Times) {
            addPiece += other.addPiece
            preCommit1 += other.preCommit1
            preCommit2 += other.preCommit2
            commit1 += other.commit1
            commit2 += other.commit2
            verify += other.verify
            unseal += other.unseal
        }
    }

    /// Times of the proofs of space-time, nanoseconds.
    package struct SpaceTime: Sendable, Hashable {
        /// Cold, then hot.
        package var winning: [Int64] = [0, 0]
        package var winningCheck: [Int64] = [0, 0]
        package var window: [Int64] = [0, 0]
        package var windowCheck: [Int64] = [0, 0]

        mutating func note(_ kind: PoStKind, isHot: Bool, open: Int64, check: Int64) {
            let place = isHot ? 1 : 0
            if kind == .winning {
                winning[place] = open
                winningCheck[place] = check
            } else {
                window[place] = open
                windowCheck[place] = check
            }
        }
    }

    /// What was measured, in the shape that `lotus-bench sealing --json-out` writes.
    package struct Result: Sendable, Hashable, Encodable {
        package var environment: [String: String]
        package var sectorSize: UInt64
        package var sectorCount: Int
        package var sum: Times
        package var sectors: [Times]
        package var spaceTime = SpaceTime()
        /// What the times are not, in words.
        package var notes: [String]
        /// The labels of the first sectors, layer by layer.
        package var layers: [Layer] = []
        /// Rates of the kernels alone, where they were measured.
        package var rates: KernelRates?

        private enum CodingKeys: String, CodingKey {
            case environment = "EnvVar"
            case sectorSize = "SectorSize"
            case sectorCount = "SectorNumber"
            case sum = "SealingSum"
            case sectors = "SealingResults"
            case generateCandidates = "PostGenerateCandidates"
            case winningCold = "PostWinningProofCold"
            case winningHot = "PostWinningProofHot"
            case winningCheckCold = "VerifyWinningPostCold"
            case winningCheckHot = "VerifyWinningPostHot"
            case windowCold = "PostWindowProofCold"
            case windowHot = "PostWindowProofHot"
            case windowCheckCold = "VerifyWindowPostCold"
            case windowCheckHot = "VerifyWindowPostHot"
            case notes = "Notes"
            case rates = "sealyard"
        }

        package func encode(to encoder: any Encoder) throws {
            var box = encoder.container(keyedBy: CodingKeys.self)
            try box.encode(environment, forKey: .environment)
            try box.encode(sectorSize, forKey: .sectorSize)
            try box.encode(sectorCount, forKey: .sectorCount)
            try box.encode(sum, forKey: .sum)
            try box.encode(sectors, forKey: .sectors)
            // Choosing the winning sector is one hash; the key is there for those who read the shape.
            try box.encode(0, forKey: .generateCandidates)
            try box.encode(spaceTime.winning[0], forKey: .winningCold)
            try box.encode(spaceTime.winning[1], forKey: .winningHot)
            try box.encode(spaceTime.winningCheck[0], forKey: .winningCheckCold)
            try box.encode(spaceTime.winningCheck[1], forKey: .winningCheckHot)
            try box.encode(spaceTime.window[0], forKey: .windowCold)
            try box.encode(spaceTime.window[1], forKey: .windowHot)
            try box.encode(spaceTime.windowCheck[0], forKey: .windowCheckCold)
            try box.encode(spaceTime.windowCheck[1], forKey: .windowCheckHot)
            try box.encode(notes, forKey: .notes)
            if let rates {
                let own = box.superEncoder(forKey: .rates)
                try rates.encode(to: own)
                var more = own.container(keyedBy: OwnKeys.self)
                try more.encode(preCommit1FractionOfBound(rates), forKey: .fraction)
                try more.encode(layers, forKey: .layers)
            }
        }

        private enum OwnKeys: String, CodingKey {
            case fraction = "preCommit1FractionOfBound"
            case layers = "preCommit1Layers"
        }

        /// Compressions of all layers in the time that they took, over those of a bare chain; of the
        /// kernel alone where layers were too short to be timed.
        package func preCommit1FractionOfBound(_ rates: KernelRates) -> Double {
            guard !layers.isEmpty else { return rates.labelFractionOfBound }
            let compressions = layers.reduce(0) { $0 + $1.compressions }
            let seconds = layers.reduce(0) { $0 + $1.seconds }
            return Double(compressions) / seconds / rates.sha256CompressionsPerSecond
        }
    }
}
