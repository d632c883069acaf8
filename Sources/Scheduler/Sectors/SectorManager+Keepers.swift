// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
private import Logging

/// How often the keeper of a sector was given up, and since when it is there again.
struct KeeperFailures {
    var count = 0
    var madeAt: Instant = .zero

    /// A minute, doubling to an hour.
    var pause: Duration { min(.seconds(60 << Int64(min(max(count, 1), 7) - 1)), .seconds(3600)) }
}

/// Keepers that their supervision gave up, as where the database could not be written for a while.
extension SectorManager {
    func keeperGone(_ key: SectorKey, _ reason: Termination, _ context: Context<ManagerMessage>) {
        guard reason == .failed else { return }
        keepers[key.number] = nil
        guard sectors[key.number]?.state.isSealing == true else { return }
        makeKeeperLater(key, "failed for good", context)
    }

    func keeperDue(_ key: SectorKey, _ context: Context<ManagerMessage>) {
        // Who told it something meanwhile has woken it.
        guard keepers[key.number] == nil, sectors[key.number]?.state.isSealing == true else { return }
        do {
            guard let record = try services.store.find(key), record.state.isSealing else { return }
            keeperFailures[key.number]?.madeAt = context.now
            _ = try keep(record, context)
        } catch {
            makeKeeperLater(key, "cannot be made anew: \(error)", context)
        }
    }

    private func makeKeeperLater(_ key: SectorKey, _ what: String, _ context: Context<ManagerMessage>) {
        var failures = keeperFailures[key.number] ?? KeeperFailures()
        // One that went on for longer than it had been waited for has mended what was wrong.
        if failures.count > 0, context.now - failures.madeAt > failures.pause { failures.count = 0 }
        failures.count += 1
        keeperFailures[key.number] = failures
        let pause = failures.pause
        context.log.error("the keeper of \(key) \(what); it is tried again in \(Int(pause.inSeconds)) s")
        context.schedule(after: pause, .keeperDue(key))
    }
}
