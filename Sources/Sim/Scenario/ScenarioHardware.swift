// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// A number of equal hosts.
    package struct HostGroup: Sendable, Hashable {
        /// The group's name; host number i of the group is called `name/i`, from 0.
        package var name: String
        package var count: Int
        package var cpu: CPU
        package var numaNodes: Int
        package var memory: ByteCount
        /// The part of the memory that is set aside as huge pages for PreCommit1.
        package var hugepages: ByteCount
        /// Huge pages of each NUMA node; empty where they are spread evenly.
        package var hugepagesByNode: [ByteCount] = []
        /// What the memory of one NUMA node sustains, reads and writes together; `nil` where tasks do not
        /// slow each other there.
        package var memoryBandwidth: Bandwidth?
        /// What tasks slow each other by where they want more of it than there is.
        package var contention: [Contention] = []
        package var gpus: [GPU]
        package var disks: [Disk]
        package var nic: Bandwidth
        package var workers: [WorkerGroup]
        /// Where the figures are from, those of disks that say nothing included; `nil` where nothing is said.
        package var mark: Mark?

        /// Worker processes on one host.
        package var workersPerHost: Int { workers.reduce(0) { $0 + $1.count } }

        /// GPUs in one host.
        package var gpusPerHost: Int { gpus.reduce(0) { $0 + $1.count } }

        /// How many tasks of a kind can run at once on one host.
        package func slotsPerHost(of kind: TaskKind) -> Int {
            workers.reduce(0) { $0 + $1.count * $1.slots(of: kind) }
        }
    }

    /// What the tasks of a host contend for beyond their slots.
    package enum Contention: String, Sendable, Hashable, CaseIterable {
        case cores, gpus
    }

    package struct CPU: Sendable, Hashable {
        package var model: String
        package var sockets: Int
        /// Cores of one socket.
        package var coresPerSocket: Int
        /// Hardware threads of one core: 1 with hyper-threading off.
        package var threadsPerCore: Int
        /// Groups of cores of one socket that share a third-level cache; `nil` where nothing is said.
        package var l3Groups: Int?
        /// The size of one such cache.
        package var l3: ByteCount?

        /// Cores of the host.
        package var coreCount: Int { sockets * coresPerSocket }
    }

    package struct GPU: Sendable, Hashable {
        package var model: String
        package var count: Int
    }

    package struct Disk: Sendable, Hashable {
        package var name: String
        package var capacity: ByteCount
        package var read: Bandwidth
        package var write: Bandwidth
        /// Sectors are sealed here.
        package var sealing: Bool
        /// At most this many sectors in sealing on this disk; nil for no limit.
        package var maxSealing: Int?
        /// Requests a second, reads and writes together; nil where they set no limit.
        package var iops: Int?
        /// Where the figures are from; `nil` for what the host says.
        package var mark: Mark?
    }

    /// A number of equal worker processes on each host of a group.
    package struct WorkerGroup: Sendable, Hashable {
        /// Which hosts' sectors a worker takes.
        package enum Group: String, Sendable, Hashable, CaseIterable {
            /// Only those that lie on its own host.
            case host
            /// Those of every host.
            case none
        }

        /// A name within the host group.
        package var name: String
        package var roles: [Role]
        package var count: Int
        package var group: Group
        /// How many tasks of each kind one process runs at once, in the order of the kinds; never zero.
        package var slots: [Slot]
        package var memory = Memory.spread
        package var cores = Cores.any
        /// The CPUs on which the processes compute: one list for all, or one for each; empty where the file
        /// names none.
        package var cpuLists: [CPUList] = []
        /// The cards that the processes use, by their numbers on the host, likewise.
        package var cardLists: [CPUList] = []

        /// Where the memory of a process lies.
        package enum Memory: String, Sendable, Hashable, CaseIterable {
            /// On all NUMA nodes evenly.
            case spread
            /// On one: the processes of a host that are bound take the nodes in turn.
            case bound
        }

        /// On which cores a process computes.
        package enum Cores: String, Sendable, Hashable, CaseIterable {
            /// On whichever are free.
            case any
            /// PreCommit1 has the cores of one third-level cache for itself.
            case l3
        }

        /// How many tasks of a kind one process runs at once.
        package func slots(of kind: TaskKind) -> Int {
            slots.first { $0.kind == kind }?.count ?? 0
        }
    }

    package struct Slot: Sendable, Hashable {
        package var kind: TaskKind
        package var count: Int
    }

    /// What a worker process is for.
    package enum Role: String, Sendable, Hashable, CaseIterable {
        /// Adds pieces, makes C1 and moves finished sectors to the long-term store (also written `APx`).
        case ap = "AP"
        case p1 = "P1"
        case p2 = "P2"
        case c1 = "C1"
        case c2 = "C2"
        case post = "PoSt"
        case unseal = "Unseal"
        case any = "any"

        /// The tasks that the role may have slots for.
        package var kinds: [TaskKind] {
            switch self {
            case .ap: [.addPiece, .commit1, .finalize, .fetch]
            case .p1: [.preCommit1]
            case .p2: [.preCommit2]
            case .c1: [.commit1]
            case .c2: [.commit2]
            case .post: [.windowPoSt, .winningPoSt]
            case .unseal: [.unseal]
            case .any: TaskKind.allCases
            }
        }
    }

    /// A long-term store that every host can reach.
    package struct Store: Sendable, Hashable {
        package enum Kind: String, Sendable, Hashable, CaseIterable {
            case local, nfs, ceph, s3, cloud
        }

        package var name: String
        package var kind: Kind
        package var capacity: ByteCount
        /// What all readers share: proofs that say what they read.
        package var read: Bandwidth
        /// What all writers share.
        package var write: Bandwidth
        /// What one host gets at most, in each direction; nil for no such limit.
        package var perClient: Bandwidth?
        /// From a request to its answer; nil where requests take no time of their own.
        package var latency: Duration?
        /// Bytes that one request carries.
        package var requestSize: ByteCount?
        /// Requests that one transfer has under way at once.
        package var streams = 1
        /// Requests a second that the store answers; nil for no such limit.
        package var requestsPerSecond: Int?
        /// Where the figures are from; `nil` where nothing is said.
        package var mark: Mark?

        /// What the requests of one transfer carry at most: a window of `streams` requests each `latency`.
        package var transferBytesPerSecond: Double {
            guard let latency, latency > .zero, let requestSize else { return .infinity }
            return Double(streams * requestSize.bytes) / latency.secondsValue
        }

        /// What all requests that the store answers carry.
        package var requestBytesPerSecond: Double {
            guard let requestsPerSecond, let requestSize else { return .infinity }
            return Double(requestsPerSecond) * Double(requestSize.bytes)
        }
    }

    /// The network: one figure for all pairs, and exceptions.
    package struct Links: Sendable, Hashable {
        /// The one-way delay of a message.
        package var latency: Duration
        /// What a pair may use at most; the hosts' own cards limit it as well.
        package var bandwidth: Bandwidth
        package var exceptions: [Link]
        package var switches: [Switch] = []
        /// Where the figures are from; `nil` where nothing is said.
        package var mark: Mark?
    }

    /// A switch, and what hangs on it; switches hang together by their uplinks, and what is on none of them
    /// hangs on what joins these.
    package struct Switch: Sendable, Hashable {
        package var name: String
        /// Host groups and stores; each on one switch at most.
        package var members: [String]
        /// What passes it in all; nil for no limit.
        package var backplane: Bandwidth?
        /// To the other switches, in each direction; nil for no limit.
        package var uplink: Bandwidth?

        package init(
            name: String, members: [String], backplane: Bandwidth? = nil, uplink: Bandwidth? = nil
        ) {
            self.name = name
            self.members = members
            self.backplane = backplane
            self.uplink = uplink
        }
    }

    /// The link between two host groups, stores or the chain (`chain`), in both directions.
    package struct Link: Sendable, Hashable {
        package var from: String
        package var to: String
        package var latency: Duration
        package var bandwidth: Bandwidth
    }
}
