// SPDX-License-Identifier: Apache-2.0

/// Keeps what operators said of workers beyond the end of the miner's process.
///
/// Whoever starts a scheduler says the loaded orders to it again, in their order, as an operator would: so
/// they are in its journal like all it hears.
package protocol OrderStore: Sendable {
    /// The orders that hold, in the order in which they were said.
    ///
    /// - Throws: what the medium says.
    func load() throws -> [ControlOrder]
    /// Replaces them; they are durable when this returns.
    ///
    /// - Throws: what the medium says; the orders then hold until the process ends.
    func save(_ orders: [ControlOrder]) throws
}
