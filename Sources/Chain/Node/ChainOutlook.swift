// SPDX-License-Identifier: Apache-2.0

/// What the network knows of a simulated chain whose own node is behind it, or down.
package enum ChainOutlook {
    /// What the ends of deadlines came to up to an epoch, by what has landed: the network closes deadlines
    /// whether the node hears of it or not.
    ///
    /// - Parameters:
    ///   - head: the epoch that the network has reached.
    ///   - adopted: what the node was made with.
    /// - Throws: ``ChainError`` where the store cannot be read.
    package static func charges(
        at head: Int64, parameters: NetworkParameters, beacon: DevnetBeacon, form: ProofForm,
        store: some ChainStore, adopted: ChainNode.AdoptedSectors?
    ) throws(ChainError) -> ProvingCharges {
        var state = try ChainNode.beginning(parameters, beacon, .init(), adopted)
        let identity = ChainIdentity(parameters: parameters, beacon: beacon.fingerprint, form: form)
        try ChainNode.load(&state, from: store, identity, nil)
        state.advance(to: head)
        return state.charges
    }
}
