// SPDX-License-Identifier: Apache-2.0

/// A place that runs one closure on an executor while another thread waits for it.
// Safety: `result` is written before `unpark` and read by the waiting thread after `park`.
final class Starter: LivePlace, @unchecked Sendable {
    private let body: () throws -> Void
    private let parker = Parker()
    private var result: Result<Void, any Error>?

    init(
        address: Address,
        world: LiveWorld,
        executor: LiveExecutor,
        body: @escaping () throws -> Void
    ) {
        self.body = body
        super.init(address: address, world: world, executor: executor)
    }

    /// Waits until the closure has run or never will.
    func wait() -> Result<Void, any Error> {
        parker.park()
        return result ?? .failure(LiveWorld.shutDownError(address.node))
    }

    override func turn() {
        result = Result { try body() }
        parker.unpark()
    }

    override func abandoned() {
        result = .failure(LiveWorld.shutDownError(address.node))
        parker.unpark()
    }
}
