// SPDX-License-Identifier: Apache-2.0

/// A place that understands `Other` and hands it, translated, to the component that made it.
// Safety: it has no mutable state.
final class LiveAdapter<Other: Message>: LivePlace, @unchecked Sendable {
    private let forward: @Sendable (Other) -> Delivery

    init(
        address: Address, world: LiveWorld, executor: LiveExecutor,
        forward: @escaping @Sendable (Other) -> Delivery
    ) {
        self.forward = forward
        super.init(address: address, world: world, executor: executor)
    }

    var ref: Ref<Other> {
        Outlet<Other>(address: address, world: worldStorage) { [self] message in
            let outcome = forward(message)
            if world.isRecording { world.recordSent(message, to: address, outcome) }
            return outcome
        }.ref
    }

    override func accept(_ envelope: Envelope, permission: Permission) -> DeadLetterReason? {
        switch decode(envelope, as: Other.self, permission: permission) {
        case .failure(let refusal): return refusal.reason
        case .success(let message):
            if case .rejected(let reason) = forward(message) { return reason }
            return nil
        }
    }
}
