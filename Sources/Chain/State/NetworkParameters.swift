// SPDX-License-Identifier: Apache-2.0

/// The numbers in which networks differ, as far as sealing sees them.
///
/// All durations but the first are in epochs.
package struct NetworkParameters: Sendable, Hashable, Codable {
    /// The network's name; a store of one network is refused by another.
    package var name: String
    /// The letter with which addresses are shown.
    package var addressPrefix: ActorAddress.Prefix
    /// Real time of one epoch.
    package var epochDuration: Duration
    /// Epochs from a pre-commitment's landing to the epoch of its interactive seed.
    package var preCommitChallengeDelay: Int64
    /// How far behind the head tickets are drawn.
    package var sealLookback: Int64
    /// The greatest age of a ticket when its pre-commitment lands.
    package var maxTicketAge: Int64
    /// Epochs after the landing of a message until it is reported.
    package var messageConfidence: Int64
    /// Epochs after the seed's epoch until the seed is given out.
    package var seedConfidence: Int64
    /// Epochs after the pre-commitment's landing within which the proof must land.
    package var maxProveCommitDuration: Int64
    /// The least time that a sector is committed for, from its latest possible activation.
    package var minSectorLifetime: Int64
    /// The most time that a sector may be committed for, from its latest possible activation.
    package var maxSectorLifetime: Int64
    /// How far in the future a sector may be set to end.
    package var maxExpirationAhead: Int64
    /// Lifetime of a sector without deals where nobody chose one.
    package var defaultSectorLifetime: Int64
    /// Sizes of the sectors that the network takes, bytes.
    package var sectorSizes: [UInt64]
    /// When sectors are to be proven again.
    package var proving = ProvingParameters.standard

    /// The main network.
    package static let mainnet = NetworkParameters(
        name: "mainnet", addressPrefix: .f, epochDuration: .seconds(30), preCommitChallengeDelay: 150,
        messageConfidence: 5, seedConfidence: 6, sectorSizes: [32 << 30, 64 << 30])

    /// The calibration network: the main network's rules and test money.
    package static let calibration = NetworkParameters(
        name: "calibrationnet", addressPrefix: .t, epochDuration: .seconds(30), preCommitChallengeDelay: 150,
        messageConfidence: 5, seedConfidence: 6, sectorSizes: [32 << 30, 64 << 30])

    /// A network of small sectors on one's own machines.
    ///
    /// An epoch of a fifth of a second makes a quick demonstration. The usual sector sizes, in bytes, are
    /// the 2 KiB and 8 MiB of the reference's own small network.
    package static func devnet(
        epochDuration: Duration = .seconds(4), preCommitChallengeDelay: Int64 = 10,
        messageConfidence: Int64 = 5, seedConfidence: Int64 = 6,
        sectorSizes: [UInt64] = [2 << 10, 8 << 20]
    ) -> NetworkParameters {
        NetworkParameters(
            name: "2k", addressPrefix: .t, epochDuration: epochDuration,
            preCommitChallengeDelay: preCommitChallengeDelay, messageConfidence: messageConfidence,
            seedConfidence: seedConfidence, sectorSizes: sectorSizes)
    }

    /// Makes parameters; what all networks share has its usual value.
    package init(
        name: String, addressPrefix: ActorAddress.Prefix, epochDuration: Duration,
        preCommitChallengeDelay: Int64, messageConfidence: Int64, seedConfidence: Int64,
        sectorSizes: [UInt64]
    ) {
        self.name = name
        self.addressPrefix = addressPrefix
        self.epochDuration = epochDuration
        self.preCommitChallengeDelay = preCommitChallengeDelay
        self.messageConfidence = messageConfidence
        self.seedConfidence = seedConfidence
        self.sectorSizes = sectorSizes
        sealLookback = 900
        maxTicketAge = 2880 + 900
        maxProveCommitDuration = 30 * 2880 + preCommitChallengeDelay
        minSectorLifetime = 180 * 2880
        maxSectorLifetime = 5_259_485
        maxExpirationAhead = 1278 * 2880
        defaultSectorLifetime = 540 * 2880
    }

    /// The epoch at which tickets are drawn while the head is `head`.
    package func ticketEpoch(head: Int64) -> Int64 { max(0, head - sealLookback) }

    /// The last epoch at which a pre-commitment with a ticket of `ticketEpoch` may land.
    package func preCommitDeadline(ticketEpoch: Int64) -> Int64 { ticketEpoch + maxTicketAge }

    /// The epoch of the interactive seed of a pre-commitment that landed at `epoch`.
    package func seedEpoch(preCommitted epoch: Int64) -> Int64 { epoch + preCommitChallengeDelay }

    /// The last epoch at which the proof of a pre-commitment that landed at `epoch` may land.
    package func proveDeadline(preCommitted epoch: Int64) -> Int64 { epoch + maxProveCommitDuration }

    /// The expiration of a sector without deals that is pre-committed around `head` where nobody chose one.
    package func defaultExpiration(head: Int64) -> Int64 {
        // The pre-commitment may land as late as its ticket allows and must then still be long enough.
        let least = head + maxTicketAge + maxProveCommitDuration + minSectorLifetime
        return min(max(head + defaultSectorLifetime, least), head + maxExpirationAhead)
    }

    /// Epochs and durations beyond this are refused, so that sums of them cannot overflow.
    static let epochMax: Int64 = 1 << 40

    /// Checks that the parameters make sense together.
    ///
    /// - Throws: ``ChainError`` with `invalidParameters` that names the parameter.
    package func validate() throws(ChainError) {
        let durations = [
            ("preCommitChallengeDelay", preCommitChallengeDelay), ("sealLookback", sealLookback),
            ("maxTicketAge", maxTicketAge), ("messageConfidence", messageConfidence),
            ("seedConfidence", seedConfidence), ("maxProveCommitDuration", maxProveCommitDuration),
            ("minSectorLifetime", minSectorLifetime), ("maxSectorLifetime", maxSectorLifetime),
            ("maxExpirationAhead", maxExpirationAhead), ("defaultSectorLifetime", defaultSectorLifetime),
        ]
        for (label, value) in durations where !(0...NetworkParameters.epochMax).contains(value) {
            throw refusal("\(label) is \(value); it takes 0 to 2^40 epochs")
        }
        guard !name.isEmpty, name.utf8.count <= 64 else { throw refusal("the name takes 1 to 64 bytes") }
        guard epochDuration >= .milliseconds(1), epochDuration <= .seconds(86_400) else {
            throw refusal("epochDuration is \(epochDuration); it takes 1 ms to 1 day")
        }
        guard maxTicketAge > sealLookback else {
            throw refusal("maxTicketAge (\(maxTicketAge)) must exceed sealLookback (\(sealLookback))")
        }
        guard maxProveCommitDuration > preCommitChallengeDelay else {
            throw refusal("maxProveCommitDuration must exceed preCommitChallengeDelay")
        }
        guard minSectorLifetime <= maxSectorLifetime,
            maxProveCommitDuration + minSectorLifetime < maxExpirationAhead
        else {
            throw refusal("no expiration satisfies the bounds on a sector's lifetime")
        }
        if let flaw = proving.flaw { throw refusal("proving: \(flaw)") }
        guard !sectorSizes.isEmpty, sectorSizes.count <= 16 else {
            throw refusal("sectorSizes takes 1 to 16 sizes")
        }
    }

    private func refusal(_ reason: String) -> ChainError {
        ChainError(.invalidParameters, "network '\(name.prefix(64))': \(reason)")
    }
}
