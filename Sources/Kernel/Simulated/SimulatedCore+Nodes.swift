// SPDX-License-Identifier: Apache-2.0

/// Faults of whole nodes.
extension SimulatedCore {
    func kill(_ node: SimulatedNode) {
        guard node.isUp else { return }
        node.isUp = false
        if node.isPaused { pausedCount -= 1 }
        node.isPaused = false
        network.nodeKilled(node)
        for place in node.places where place.isUp {
            place.dropComponent()
            place.children = []
            place.parent = nil
            place.stopRequested = false
            place.closeEntrances()
            _ = place.drain(.nodeKilled)
        }
        releaseHeld(node)
    }

    func restart(_ node: SimulatedNode) throws {
        if node.isUp { kill(node) }
        node.isUp = true
        node.incarnation += 1
        network.tellOrphans(of: node)
        do {
            try node.boot?(node)
        } catch {
            kill(node)
            throw error
        }
        // Watches that were set while the node was down wait for places that did not come back.
        for place in node.places where !place.isUp && !place.watchers.isEmpty {
            tellWatchers(of: place, .unknown)
        }
    }

    func pause(_ node: SimulatedNode) {
        guard node.isUp, !node.isPaused else { return }
        node.isPaused = true
        pausedCount += 1
    }

    func resume(_ node: SimulatedNode) {
        guard node.isPaused else { return }
        node.isPaused = false
        pausedCount -= 1
        releaseHeld(node)
    }

    private func releaseHeld(_ node: SimulatedNode) {
        // One nanosecond apart, so that no tie-break swaps two timers that ran out one after the other.
        for (offset, entry) in node.held.enumerated() {
            pushEvent(
                at: Instant(nanoseconds: now).advanced(byNanoseconds: Int64(offset)).nanoseconds,
                place: entry.place, slot: entry.slot)
        }
        node.held = []
        let parcels = node.heldParcels
        node.heldParcels = []
        for parcel in parcels { parcel.link.release(parcel.slot) }
    }
}
