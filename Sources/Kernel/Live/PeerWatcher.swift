// SPDX-License-Identifier: Apache-2.0

/// What kernels tell each other about watches across nodes.
enum PeerWatchMessage: Message {
    /// `watcher` wants to know when `target` is gone.
    case watch(target: Address, watcher: Address)
    /// It no longer wants to.
    case unwatch(target: Address, watcher: Address)
    /// `target`, which `watcher` watched, is gone.
    case terminated(target: Address, watcher: Address, reason: Termination)

    static var messageName: String { "kernel.watch" }
    var permission: Permission { .read }
}

/// The kernel's own mailbox on each live node; it answers the kernels of peers.
// Safety: it has no state.
final class PeerWatcher: LivePlace, @unchecked Sendable {
    static let name = "$kernel"

    override func accept(_ envelope: Envelope, permission: Permission) -> DeadLetterReason? {
        switch decode(envelope, as: PeerWatchMessage.self, permission: permission) {
        case .failure(let refusal): return refusal.reason
        case .success(let message): handle(message)
        }
        return nil
    }

    private func handle(_ message: PeerWatchMessage) {
        let world = worldStorage
        switch message {
        case .watch(let target, let watcher):
            guard target.node == world.name, watcher.node != world.name else { return }
            world.watch(target, by: watcher) { [weak world] reason in
                world?.tellPeer(
                    watcher.node, .terminated(target: target, watcher: watcher, reason: reason))
            }
        case .unwatch(let target, let watcher):
            guard target.node == world.name else { return }
            world.unwatch(target, by: watcher)
        case .terminated(let target, _, let reason):
            guard target.node != world.name else { return }
            world.notifyWatchers(of: target, reason)
        }
    }
}

extension LiveWorld {
    func watchOverPeers() {
        enter(
            PeerWatcher(
                address: Address(node: name, name: PeerWatcher.name), world: self, executor: firstExecutor))
    }
}
