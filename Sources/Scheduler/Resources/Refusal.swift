// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// Why a task may not start on a worker now, for machines and for people.
package struct Refusal: Sendable, Hashable, Codable, Error, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable, Codable {
        /// The worker does not accept the kind.
        case notAccepted
        /// It is lost, or was never there.
        case unavailable
        /// An operator paused the kind there.
        case paused
        /// An operator takes nothing new there.
        case cordoned
        /// All its slots for the kind are taken.
        case noSlot
        /// The limit on starts of the kind holds it back until ``Refusal/until``.
        case pace
        /// Physical memory.
        case memory
        /// Memory and swap at the peak.
        case virtualMemory
        /// The memory of the NUMA node that the worker is bound to.
        case numaMemory
        case cores
        /// No core group is free for it alone.
        case coreGroup
        case gpu
        /// What the disk of the files reads and writes in a second.
        case disk
        /// Tasks of the kind on one worker.
        case maxConcurrent
        /// The files are elsewhere and the worker cannot fetch.
        case filesElsewhere
        /// The files are on a store that is out of reach for now.
        case filesOutOfReach
        /// The last try failed for want of something around it: the next is at ``Refusal/until``.
        case setback
        /// The files are elsewhere, and the store of this worker has no room for them.
        case noRoom
        /// As many sectors as allowed are on their way to or from the host.
        case link
        /// What the host's card sends or receives in a second.
        case bandwidth
        /// No such store, or it is out of reach.
        case storeMissing
        /// The store takes no new sectors by its settings.
        case storeClosed
        /// The store's own limit on bytes.
        case storeFull
        /// The store's limit on sectors in sealing.
        case sealingCount
        /// The room of the file system, which several stores share.
        case fileSystemFull
        /// A proof of spacetime waits for what the host has.
        case poStFirst
        /// It would still run when the proofs of a deadline need what it takes; over at ``Refusal/until``.
        case poStAhead
        /// The policy holds it back, for the reason in ``Refusal/limit``.
        case held
        /// Nothing stands against it: others go first.
        case notChosen
    }

    package var code: Code
    /// The thing that limits: a host, a store, a file system, a policy's reason.
    package var limit: String
    /// In the unit of the code: bytes, bytes a second, cores, GPUs, tasks.
    package var needed: Double
    package var free: Double
    /// When it may be tried again, where that is known.
    package var until: Instant?

    package init(
        _ code: Code, _ limit: String = "", needed: Double = 0, free: Double = 0, until: Instant? = nil
    ) {
        self.code = code
        self.limit = limit
        self.needed = needed
        self.free = free
        self.until = until
    }

    /// A sentence without its full stop.
    package var description: String {
        switch code {
        case .notAccepted: "does not accept it"
        case .unavailable: "is lost"
        case .paused: "is paused for it"
        case .cordoned: "takes nothing new: it is cordoned or drains"
        case .noSlot: "all its \(Int(needed)) slots are taken"
        case .pace: "the pace limit of \(limit) allows the next start at \(until?.seconds ?? 0) s"
        case .memory: "needs \(bytes(needed)) of memory and \(limit) has \(left)"
        case .virtualMemory:
            "may need \(bytes(needed)) of memory and swap and \(limit) has \(left)"
        case .numaMemory: "needs \(bytes(needed)) on \(limit), which has \(left)"
        case .cores: "needs \(Int(needed)) processors and \(limit) has \(Int(free)) left"
        case .coreGroup: "no core group of \(limit) is free"
        case .gpu: "needs \(needed) GPU and no GPU of \(limit) has more than \(free) free"
        case .disk:
            "needs \(bytes(needed)) a second of the disk of \(limit), which has \(bytes(free)) a second left"
        case .maxConcurrent: "runs the most at once that its settings allow (\(Int(needed)))"
        case .filesElsewhere: "its files are on \(limit) and the worker does not fetch"
        case .filesOutOfReach: "its files are on \(limit), which is out of reach for now"
        case .setback:
            "\(Int(needed)) tries in a row failed for want of something around the task; the next begins at "
                + "\(until?.seconds ?? 0) s"
        case .noRoom: "its files are elsewhere, need \(bytes(needed)), and \(limit) has \(left)"
        case .link: "as many transfers as \(limit) may have at once (\(Int(needed))) are under way"
        case .bandwidth:
            "its files are elsewhere, need \(bytes(needed)) a second of the link of \(limit), and that has "
                + "\(bytes(free)) a second left"
        case .storeMissing: "the store \(limit) is not there or out of reach"
        case .storeClosed: "the store \(limit) takes no new sectors by its settings"
        case .storeFull: "needs \(bytes(needed)) and the store \(limit) has \(left)"
        case .sealingCount: "the store \(limit) has the \(Int(needed)) sectors in sealing that it may have"
        case .fileSystemFull: "needs \(bytes(needed)) and the file system \(limit) has \(left)"
        case .poStFirst: "a proof of spacetime goes first, and waits for what \(limit) has not left"
        case .poStAhead:
            "would still hold at \(needed) s what \(limit) needs for the proofs of a deadline, which are due "
                + "at \(until?.seconds ?? 0) s"
        case .held: limit
        case .notChosen: "another task goes first"
        }
    }

    /// What is left in bytes; where that reads like what is needed, by how much it is too little.
    private var left: String {
        let isAlike = bytes(needed) == bytes(free) && needed > free
        return "\(bytes(free)) left" + (isAlike ? ", \(bytes(needed - free)) too little" : "")
    }

    private func bytes(_ count: Double) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var (value, unit) = (count, 0)
        while value.magnitude >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\((value * 10).rounded() / 10) \(units[unit])"
    }
}
