// SPDX-License-Identifier: Apache-2.0

// Safety: the buffer is this value's own; `mask + 1` entries are allocated, every index is masked, and the
// entries from `head` on, `count` of them, are the initialized ones. Only the thread that runs the world
// touches it.
/// The messages that wait in a mailbox, the oldest first.
///
/// A message is moved in and moved out, never copied: a copy costs a retain and a release of all that it
/// holds.
@usableFromInline
struct MailboxRing<Entry>: ~Copyable {
    @usableFromInline var ring: UnsafeMutablePointer<Entry>?
    @usableFromInline var mask = -1
    @usableFromInline var head = 0
    @usableFromInline var count = 0

    @usableFromInline
    init() {}

    @inlinable
    deinit {
        guard let ring else { return }
        for offset in 0..<count { (ring + ((head + offset) & mask)).deinitialize(count: 1) }
        ring.deallocate()
    }

    @inlinable
    mutating func append(_ entry: consuming Entry) {
        if count > mask { grow() }
        // Safety: `grow` allocates, and there is room now.
        (ring.unsafelyUnwrapped + ((head + count) & mask)).initialize(to: entry)
        count += 1
    }

    @inlinable
    mutating func popFirst() -> Entry? {
        guard count > 0, let ring else { return nil }
        let entry = (ring + head).move()
        head = (head + 1) & mask
        count -= 1
        return entry
    }

    @inlinable
    mutating func removeAll() {
        while popFirst() != nil {}
    }

    @inlinable
    mutating func grow() {
        let bigger = UnsafeMutablePointer<Entry>.allocate(capacity: max(4, (mask + 1) * 2))
        if let ring {
            for offset in 0..<count {
                (bigger + offset).moveInitialize(from: ring + ((head + offset) & mask), count: 1)
            }
            ring.deallocate()
        }
        ring = bigger
        mask = max(4, (mask + 1) * 2) - 1
        head = 0
    }
}
