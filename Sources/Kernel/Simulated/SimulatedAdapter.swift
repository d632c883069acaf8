// SPDX-License-Identifier: Apache-2.0

/// A second entrance of a component, for messages of another vocabulary.
// Safety: see `SimulatedPlace`.
class SimulatedEntrance: @unchecked Sendable {
    /// Closes the entrance; what is told to it from now on is a dead letter.
    func close() {}
}

/// An entrance that translates `Other` at the sender, so that it costs no hop.
///
/// The object outlives a kill of its node: references held elsewhere work again when the next incarnation
/// opens the same tag.
// Safety: see `SimulatedPlace`.
final class SimulatedAdapter<Other: Message>: SimulatedEntrance, @unchecked Sendable {
    let address: Address
    let core: SimulatedCore
    var forward: ((Other) -> Delivery)?

    init(address: Address, core: SimulatedCore) {
        self.address = address
        self.core = core
    }

    var isLive: Bool { forward != nil }

    var ref: Ref<Other> { Outlet<Other>(address: address) { [self] message in tell(message) }.ref }

    private func tell(_ message: Other) -> Delivery {
        let outcome = pass(message)
        if core.isRecording { core.recordSent(message, to: address, outcome) }
        return outcome
    }

    /// Hands a message on without recording it as sent.
    func pass(_ message: Other) -> Delivery {
        if let forward { return forward(message) }
        if let successor = core.adapters[address] as? SimulatedAdapter<Other>,
            let forward = successor.forward
        {
            return forward(message)
        }
        core.bury(from: core.currentIndex, to: address, Other.messageName, .noRecipient)
        return .rejected(.noRecipient)
    }

    override func close() { forward = nil }
}
