// SPDX-License-Identifier: Apache-2.0
private import Chain
internal import Kernel
internal import Scheduler

/// Clients that offer deals.
extension SimulatedCluster {
    /// Arranges for every deal of the scenario to be offered. When each comes and when it starts depends on
    /// the seed, its stream and its number alone, so that all policies meet the same.
    func scheduleDeals() {
        for stream in scenario.workload.deals.indices {
            offerNext(stream, 0, after: .zero)
        }
    }

    private func offerNext(_ stream: Int, _ number: UInt64, after last: Instant) {
        let deals = scenario.workload.deals[stream]
        let pause = deals.every.sample(u: uniform(stream, number, slot: 0))
        let at = last + max(pause, .milliseconds(1))
        world.at(at) { [unowned self] in
            offer(deals, stream, number, at)
            offerNext(stream, number + 1, after: at)
        }
    }

    private func offer(_ deals: Scenario.DealStream, _ stream: Int, _ number: UInt64, _ now: Instant) {
        let epoch = scenario.network.epochDuration
        // The chain is older than the run by what its genesis says.
        let age = Double(plan.network.sealLookback + 1)
        let ahead = now + deals.startAfter.sample(u: uniform(stream, number, slot: 1))
        let start = Int64(ahead.seconds / epoch.inSeconds + age)
        let end = start + Int64((deals.lasts.inSeconds / epoch.inSeconds).rounded(.up))
        let piece = PieceDeal(
            commitment: Self.commitment(stream, number), paddedBytes: UInt64(deals.pieceSize.bytes),
            startEpoch: start, endEpoch: end, keepsUnsealed: deals.keepsUnsealedCopy)
        metrics.deals.offered(
            piece.commitment, start: Instant(seconds: (Double(start) - age) * epoch.inSeconds))
        world.ref(
            at: Address(node: Self.minerNode, name: MinerAssembly.sectorsName), as: ManagerMessage.self
        ).tell(.addPiece(piece, replyTo: nil))
    }

    private func uniform(_ stream: Int, _ number: UInt64, slot: UInt64) -> Double {
        var word = mixed(options.seed ^ 0x6465_616c_6472_6177)
        word = mixed(word ^ UInt64(stream) << 1 ^ slot)
        word = mixed(word ^ number)
        return (Double(word >> 11) + 0.5) * 0x1p-53
    }

    /// 32 bytes that are a piece's alone.
    private static func commitment(_ stream: Int, _ number: UInt64) -> [UInt8] {
        [UInt64(stream), number, mixed(number), 0].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
        }
    }
}
