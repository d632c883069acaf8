// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import Scheduler

/// How hosts and processes fare, and whose files lie on which sealing disk.
// Safety: touched only by the script and the components of one simulated world, which runs on one thread.
final class ModelHosts: @unchecked Sendable {
    /// A sector's files: on a sealing disk, or moved to a long-term store.
    private struct Files {
        var host: String
        /// It holds no data of clients.
        var isEmpty: Bool
        /// The ticket by which they were sealed; the replica depends on it.
        var ticketWord: UInt64 = 0
        var isDamaged = false
        var finalStore: String?
    }

    /// How the transfers of one process fare beside those of its host.
    struct Restriction {
        var isStuck: Bool
        /// How many times slower than the host's card; `nil` where it has all of it.
        var slowness: Double?
        /// The share of its packets that is lost; `nil` where none is.
        var loss: Double?
    }

    private var restrictions: [String: Restriction] = [:]
    private var slowness: [String: Double] = [:]
    private var paused: Set<String> = []
    private var full: Set<String> = []
    private var failing: [String: Double] = [:]
    /// The live runner of each process, by the process's node.
    private var runners: [String: ModelTaskRunner] = [:]
    private var files: [SectorKey: Files] = [:]
    /// Calls that a process was told to start while it ran them: nobody may ever do that.
    private(set) var doubleStarts: [CallID] = []

    // MARK: Processes

    func began(_ runner: ModelTaskRunner) {
        runners.updateValue(runner, forKey: runner.node)?.retire()
    }

    /// The process of a node was killed.
    func died(_ node: String) { runners[node]?.stopSharing() }

    /// Tasks that each live process has, those whose files come included.
    func taskCount(_ node: String) -> Int { runners[node]?.taskCount ?? 0 }

    /// The calls of a live process, in order.
    func calls(_ node: String) -> [CallID] { runners[node]?.calls ?? [] }

    func startedTwice(_ call: CallID) { doubleStarts.append(call) }

    /// Work done in a second of the usual: 0 where the process stands still.
    func pace(_ node: String, on host: String) -> Double {
        paused.contains(node) ? 0 : 1 / (slowness[host] ?? 1)
    }

    /// What the transfers of a process may have; `nil` for all that there is.
    func restriction(_ node: String) -> Restriction? { restrictions[node] }

    func restrict(_ node: String, _ restriction: Restriction) {
        let isUsual = !restriction.isStuck && restriction.slowness == nil && restriction.loss == nil
        restrictions[node] = isUsual ? nil : restriction
        runners[node]?.restrictTransfers()
    }

    func slow(_ host: String, by factor: Double?) {
        change(host) { slowness[host] = factor }
    }

    func pause(_ node: String, _ isPaused: Bool) {
        guard let host = runners[node]?.host else { return }
        change(host) { if isPaused { paused.insert(node) } else { paused.remove(node) } }
    }

    private func change(_ host: String, _ body: () -> Void) {
        let touched = runners.values.filter { $0.host == host }.sorted { $0.node < $1.node }
        for runner in touched { runner.settle() }
        body()
        for runner in touched { runner.proceed() }
    }

    /// The part of the tasks that fails on a host, beyond what always fails.
    func failureShare(on host: String) -> Double { failing[host] ?? 0 }

    func setFailureShare(_ host: String, _ share: Double?) { failing[host] = share }

    // MARK: Disks

    func isFull(_ host: String) -> Bool { full.contains(host) }

    func setFull(_ host: String, _ isFull: Bool) {
        guard isFull else {
            full.remove(host)
            return
        }
        full.insert(host)
        for runner in runners.values.filter({ $0.host == host }).sorted(by: { $0.node < $1.node }) {
            runner.failWriters()
        }
    }

    /// All files on a host's sealing disks are gone.
    func wipe(_ host: String) { files = files.filter { $0.value.host != host || $0.value.finalStore != nil } }

    /// Damages the files of one sector that lies on one of the hosts; `false` where there is none.
    @discardableResult
    func damage(on hosts: [String], _ random: inout RandomStream) -> Bool {
        let there = files.filter {
            hosts.contains($0.value.host) && $0.value.finalStore == nil && !$0.value.isDamaged
        }.keys.sorted()
        guard !there.isEmpty else { return false }
        files[there[random.index(below: there.count)]]?.isDamaged = true
        return true
    }

    func written(_ key: SectorKey, on host: String, isEmpty: Bool) {
        files[key] = Files(host: host, isEmpty: isEmpty)
    }

    func sealed(_ key: SectorKey, ticket: [UInt8]) {
        files[key]?.ticketWord = ticket.reduce(1) { mixed($0 ^ UInt64($1)) }
    }

    /// What its outcomes depend on.
    func made(_ key: SectorKey) -> (ticketWord: UInt64, isEmpty: Bool) {
        files[key].map { ($0.ticketWord, $0.isEmpty) } ?? (0, false)
    }

    func moved(_ key: SectorKey, from source: String, to target: String) {
        if files[key]?.host == source { files[key]?.host = target }
    }

    func finalized(_ key: SectorKey, at store: String) { files[key]?.finalStore = store }

    /// Where the sector lies for good; `nil` while it does not.
    func finalStore(_ key: SectorKey) -> String? { files[key]?.finalStore }

    /// The sector needs no more tasks.
    func forget(_ key: SectorKey) { files[key] = nil }

    /// Why a task cannot read the sector's files on a host; `nil` where it can.
    func problem(_ key: SectorKey, on host: String) -> String? {
        guard let known = files[key], known.host == host else {
            return "the files of \(key) are not on \(host)"
        }
        if known.finalStore != nil { return "the layers of \(key) are gone: it is finalized" }
        return known.isDamaged ? "a checksum of the files of \(key) on \(host) does not hold" : nil
    }
}
