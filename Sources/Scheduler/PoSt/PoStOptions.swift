// SPDX-License-Identifier: Apache-2.0
package import Chain

/// How a miner's sectors are proven. All times are in epochs.
package struct PoStOptions: Sendable, Hashable, Codable {
    package var miner: UInt64
    /// The registered seal proof's number of the sectors.
    package var proof: UInt64
    /// What the proofs hold.
    package var form: ProofForm
    /// Epochs after that of the challenge before it is asked for.
    package var challengeConfidence: Int64
    /// How long before the cutoff the sectors of a deadline begin to be read.
    package var checkLead: Int64
    /// How long before the cutoff it is declared what is known by then.
    package var declareMargin: Int64
    /// How long before the close whatever is proven leaves, in however small messages.
    package var sendMargin: Int64
    /// The time after which an unanswered question or message is said again.
    package var askAgain: Int64
    /// The time after which an accepted message that did not land is sent again: more than the confidence
    /// with which landings are told.
    package var landAgain: Int64
    /// Every sector is read before the cutoff, and not the faulty ones alone.
    package var checksAll: Bool
    /// Tries of one partition at one deadline that fail by the computation.
    package var tryCountMax: Int
    /// Closed deadlines that are remembered.
    package var historyCountMax: Int

    package init(
        miner: UInt64, proof: UInt64, form: ProofForm = .modelled, challengeConfidence: Int64 = 1,
        checkLead: Int64 = 60, declareMargin: Int64 = 10, sendMargin: Int64 = 10, askAgain: Int64 = 3,
        landAgain: Int64 = 12,
        checksAll: Bool = true, tryCountMax: Int = 10, historyCountMax: Int = 96
    ) {
        self.miner = miner
        self.proof = proof
        self.form = form
        self.challengeConfidence = challengeConfidence
        self.checkLead = checkLead
        self.declareMargin = declareMargin
        self.sendMargin = sendMargin
        self.askAgain = askAgain
        self.landAgain = landAgain
        self.checksAll = checksAll
        self.tryCountMax = tryCountMax
        self.historyCountMax = historyCountMax
    }

    /// The same for a network whose deadlines are shorter than the main network's: margins keep their
    /// proportion to a deadline, and are two epochs at least, one in which a message lands included.
    package func fitted(to parameters: ProvingParameters) -> PoStOptions {
        let (length, usual) = (parameters.deadlineEpochs, ProvingParameters.standard.deadlineEpochs)
        guard length < usual else { return self }
        var fitted = self
        fitted.checkLead = max(2, checkLead * length / usual)
        fitted.declareMargin = max(2, declareMargin * length / usual)
        fitted.sendMargin = max(2, sendMargin * length / usual)
        return fitted
    }
}
