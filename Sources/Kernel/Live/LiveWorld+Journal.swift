// SPDX-License-Identifier: Apache-2.0
private import Logging
public import Synchronization

/// Whether a world keeps a journal; a thing of its own, so that each message can ask without going to the
/// world.
@usableFromInline
final class RecordingSwitch: Sendable {
    @usableFromInline let state = Atomic(false)

    @inlinable var isOn: Bool { state.load(ordering: .acquiring) }

    func set(_ isOn: Bool) { state.store(isOn, ordering: .releasing) }
}

/// What a live world writes into its journal.
extension LiveWorld {
    @usableFromInline
    func recordSent<M: Message>(_ message: M, to: Address, _ outcome: Delivery) {
        guard let sender = CurrentPlace.place else { return }
        var rejection: DeadLetterReason?
        if case .rejected(let reason) = outcome { rejection = reason }
        record(.sent, message, from: sender.address.description, to: to, at: now, rejection)
    }

    func recordDelivery<M: Message>(_ message: M, to: Address, at time: Instant) {
        record(.delivered, message, from: "", to: to, at: time, nil)
    }

    func recordSpawn(_ address: Address, messageName: String, incarnation: UInt64, at time: Instant) {
        append(
            .spawned(address, at: time, messageName: messageName, seed: seed, incarnation: incarnation))
    }

    func recordEnd(_ address: Address) {
        guard isRecording else { return }
        append(
            JournalRecord(
                time: now, kind: .ended, from: "", to: address.description, messageName: "", bytes: []))
    }

    private func record<M: Message>(
        _ kind: JournalRecord.Kind, _ message: M, from: String, to: Address, at time: Instant,
        _ rejection: DeadLetterReason?
    ) {
        do {
            append(
                JournalRecord(
                    time: time, kind: kind, from: from, to: to.description, messageName: M.messageName,
                    bytes: try message.wireBytes(), rejection: rejection))
        } catch {
            log.error("a \(M.messageName) for \(to) cannot be recorded: \(error)")
        }
    }
}
