// SPDX-License-Identifier: Apache-2.0
private import Logging

// Safety: subclasses lock what several threads touch; the rest belongs to the place's executor.
/// A place in a live world: a component's mailbox or a waiting question.
public class LivePlace: @unchecked Sendable {
    /// Where this is.
    public let address: Address
    // Strong, so that references that outlive their world stay safe; the cycle is cut at the world's end.
    let worldStorage: LiveWorld
    @usableFromInline let executor: LiveExecutor
    @usableFromInline let recording: RecordingSwitch

    init(address: Address, world: LiveWorld, executor: LiveExecutor) {
        self.address = address
        worldStorage = world
        recording = world.recording
        self.executor = executor
    }

    /// The world this place belongs to.
    @usableFromInline var world: LiveWorld { worldStorage }

    /// Takes a message in its wire form.
    ///
    /// - Returns: `nil`, or why it was not taken.
    func accept(_ envelope: Envelope, permission: Permission) -> DeadLetterReason? { .notUnderstood }

    /// The peer sent the answer that a message from here could not be delivered.
    func bounced(_ reason: DeadLetterReason) {}

    /// Handles what waits; called by the executor.
    func turn() {}

    /// Asks the component to stop after its current message.
    func requestStop(_ reason: Termination = .stopped) {}

    /// Fails the component as if it had thrown, because a child escalated.
    func fail(_ error: any Error) {}

    /// Ends the component at once; called on its own thread.
    func finish(_ reason: Termination) {}

    /// The executor ended before it gave this place the turn it was promised.
    func abandoned() {}

    /// The world has ended and with it the thread that ran this place: gives up all that waits.
    func worldEnded() {}

    /// The component has asked to be told of another's end.
    @usableFromInline var hasWatched = false
    var adapters: [String] = []
    var children: [LivePlace] = []
    weak var parent: LivePlace?

    /// Decodes a message for this world and checks what its sender may do.
    func decode<M: Message>(
        _ envelope: Envelope, as type: M.Type, permission: Permission
    ) -> Result<M, Refusal> {
        guard envelope.messageName == M.messageName else { return .failure(Refusal(reason: .notUnderstood)) }
        do {
            var reader = try WireReader(envelope.payload)
            reader.context = worldStorage
            let message = try M.decode(from: &reader)
            try reader.finish()
            guard message.permission <= permission else { return .failure(Refusal(reason: .forbidden)) }
            return .success(message)
        } catch {
            let sender = envelope.from?.description ?? "outside"
            worldStorage.log.warning("a \(envelope.messageName) from \(sender) does not decode: \(error)")
            return .failure(Refusal(reason: .notUnderstood))
        }
    }

    struct Refusal: Error { let reason: DeadLetterReason }
}
