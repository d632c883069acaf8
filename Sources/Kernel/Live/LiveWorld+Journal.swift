// SPDX-License-Identifier: Apache-2.0
private import Logging

/// What a live world writes into its journal.
extension LiveWorld {
    @usableFromInline
    func recordSent<M: Message>(_ message: M, to: Address) {
        guard let sender = CurrentPlace.place else { return }
        record(.sent, message, from: sender.address.description, to: to)
    }

    func recordDelivery<M: Message>(_ message: M, to: Address) {
        record(.delivered, message, from: "", to: to)
    }

    func recordSpawn(_ address: Address, messageName: String) {
        guard isRecording else { return }
        append(
            JournalRecord(
                time: now, kind: .spawned, from: "", to: address.description, messageName: messageName,
                bytes: []))
    }

    func recordEnd(_ address: Address) {
        guard isRecording else { return }
        append(
            JournalRecord(
                time: now, kind: .ended, from: "", to: address.description, messageName: "", bytes: []))
    }

    private func record<M: Message>(
        _ kind: JournalRecord.Kind, _ message: M, from: String, to: Address
    ) {
        do {
            append(
                JournalRecord(
                    time: now, kind: kind, from: from, to: to.description, messageName: M.messageName,
                    bytes: try message.wireBytes()))
        } catch {
            log.error("a \(M.messageName) for \(to) cannot be recorded: \(error)")
        }
    }
}
