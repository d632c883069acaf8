// SPDX-License-Identifier: Apache-2.0

/// A second entrance of a component, for messages of another vocabulary.
// Safety: see `SimulatedPlace`.
@usableFromInline
class SimulatedEntrance: @unchecked Sendable {
    @usableFromInline let address: Address
    /// What stands behind the component's own name in the address; empty for a door of the world.
    let tag: String

    init(address: Address, tag: String) {
        self.address = address
        self.tag = tag
    }

    /// Closes the entrance; what is told to it from now on is a dead letter.
    @usableFromInline
    func close() {}
}

/// An entrance that translates `Other` at the sender, so that it costs no hop.
///
/// The object outlives a kill of its node: references held elsewhere work again when the next incarnation
/// opens the same tag.
// Safety: see `SimulatedPlace`.
@usableFromInline
final class SimulatedAdapter<Other: Message>: SimulatedEntrance, @unchecked Sendable {
    @usableFromInline let core: SimulatedCore
    @usableFromInline var forward: ((Other) -> Delivery)?

    init(address: Address, tag: String = "", core: SimulatedCore) {
        self.core = core
        super.init(address: address, tag: tag)
    }

    var isLive: Bool { forward != nil }

    @inlinable var ref: Ref<Other> { Outlet<Other>(address: address) { [self] message in tell(message) }.ref }

    @inlinable
    func tell(_ message: Other) -> Delivery {
        let outcome = pass(message)
        if core.isRecording { core.recordSent(message, to: address, outcome) }
        return outcome
    }

    /// Hands a message on without recording it as sent.
    @inlinable
    func pass(_ message: Other) -> Delivery {
        if let forward { return forward(message) }
        return passToSuccessor(message)
    }

    @usableFromInline
    func passToSuccessor(_ message: Other) -> Delivery {
        if let successor = core.entrance(at: address) as? SimulatedAdapter<Other>,
            let forward = successor.forward
        {
            return forward(message)
        }
        core.bury(from: core.currentIndex, to: address, Other.messageName, .noRecipient)
        return .rejected(.noRecipient)
    }

    @usableFromInline
    override func close() { forward = nil }
}
