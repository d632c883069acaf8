// SPDX-License-Identifier: Apache-2.0

// Safety: the buffer is this value's own; `mask + 1` entries are allocated, every index is masked, and the
// entries from `head` on, `count` of them, are the initialized ones. Only the thread that runs the world
// touches it.
/// The messages that wait in a mailbox, the oldest first.
///
/// A message is moved in and moved out, never copied: a copy costs a retain and a release of all that it
/// holds.
@usableFromInline
struct MailboxRing<M>: ~Copyable {
    @usableFromInline var ring: UnsafeMutablePointer<M>?
    /// Who sent each message, at the same places: the beginning of the buffer, so that with a nearly empty
    /// ring they lie in a line with the messages.
    @usableFromInline var senders: UnsafeMutablePointer<UInt32>?
    @usableFromInline var mask = -1
    @usableFromInline var head = 0
    @usableFromInline var count = 0

    @usableFromInline
    init() {}

    @inlinable
    deinit {
        guard let ring, let senders else { return }
        for offset in 0..<count { (ring + ((head + offset) & mask)).deinitialize(count: 1) }
        UnsafeMutableRawPointer(senders).deallocate()
    }

    @inlinable
    mutating func append(_ message: consuming M, from sender: UInt32) {
        if count > mask { grow() }
        let place = (head + count) & mask
        // Safety: `grow` allocates, and there is room now.
        (ring.unsafelyUnwrapped + place).initialize(to: message)
        (senders.unsafelyUnwrapped + place).initialize(to: sender)
        count += 1
    }

    @inlinable
    mutating func popFirst(_ sender: inout UInt32) -> M? {
        guard count > 0, let ring, let senders else { return nil }
        let message = (ring + head).move()
        sender = senders[head]
        count -= 1
        // A ring that is empty starts over: what is written next is in the cache still.
        head = count == 0 ? 0 : (head + 1) & mask
        return message
    }

    @inlinable
    mutating func removeAll() {
        var sender: UInt32 = 0
        while popFirst(&sender) != nil {}
    }

    @inlinable
    mutating func grow() {
        let capacity = max(4, (mask + 1) * 2)
        let alignment = max(MemoryLayout<M>.alignment, MemoryLayout<UInt32>.alignment)
        let offset = (capacity * MemoryLayout<UInt32>.stride + alignment - 1) / alignment * alignment
        let buffer = UnsafeMutableRawPointer.allocate(
            byteCount: offset + capacity * MemoryLayout<M>.stride, alignment: alignment)
        let bigger = (buffer + offset).bindMemory(to: M.self, capacity: capacity)
        let biggerSenders = buffer.bindMemory(to: UInt32.self, capacity: capacity)
        if let ring, let senders {
            for index in 0..<count {
                let place = (head + index) & mask
                (bigger + index).moveInitialize(from: ring + place, count: 1)
                (biggerSenders + index).initialize(to: senders[place])
            }
            UnsafeMutableRawPointer(senders).deallocate()
        }
        ring = bigger
        senders = biggerSenders
        mask = capacity - 1
        head = 0
    }
}
