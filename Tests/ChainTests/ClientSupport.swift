// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Sealing
import Synchronization

enum ClientMessage: Message {
    /// The chain says something.
    case chain(ChainEvent)
    /// Time to ask again.
    case retry

    static var messageName: String { "test.client" }
}

/// What the clients of one world saw.
final class ClientLog: Sendable {
    struct Content {
        var events: [(at: Instant, event: ChainEvent)] = []
    }

    private let content = Mutex(Content())

    func note(_ event: ChainEvent, at time: Instant) {
        content.withLock { $0.events.append((time, event)) }
    }

    var events: [(at: Instant, event: ChainEvent)] { content.withLock { $0.events } }

    /// Epochs at which a sector was said to be pre-committed, and proven; one each where all answers agree.
    func landings(_ key: SectorKey) -> (preCommitted: Set<Int64>, proven: Set<Int64>) {
        var (preCommitted, proven): (Set<Int64>, Set<Int64>) = ([], [])
        for (_, event) in events {
            switch event {
            case .preCommitted(key, let epoch): preCommitted.insert(epoch)
            case .proven(key, let epoch): proven.insert(epoch)
            default: break
            }
        }
        return (preCommitted, proven)
    }

    var refusals: [ChainRefusal] {
        events.compactMap { if case .refused(_, let refusal) = $0.event { refusal } else { nil } }
    }
}

/// Takes one sector from its ticket to its proof, asking again while there is no answer; forgets all in a
/// kill.
actor SectorClient: Component {
    nonisolated let home: Home
    private let key: SectorKey
    private let chain: Address
    private let parameters: NetworkParameters
    private let log: ClientLog
    private let patience: Duration
    private var request: ((Ref<ChainEvent>) -> ChainMessage)?
    private var ticket: Commitment?
    private var isDone = false

    init(
        home: Home, key: SectorKey, chain: Address, parameters: NetworkParameters, log: ClientLog,
        patience: Duration
    ) {
        self.home = home
        self.key = key
        self.chain = chain
        self.parameters = parameters
        self.log = log
        self.patience = patience
    }

    func started(_ context: Context<ClientMessage>) {
        ask(context) { [key] in .ticket(key, replyTo: $0) }
        context.schedule(after: patience, .retry)
    }

    func receive(_ message: ClientMessage, _ context: Context<ClientMessage>) {
        switch message {
        case .retry:
            guard !isDone else { return }
            if let request { ask(context, request) }
            context.schedule(after: patience, .retry)
        case .chain(let event):
            log.note(event, at: context.now)
            advance(event, context)
        }
    }

    private func ask(
        _ context: Context<ClientMessage>, _ request: @escaping (Ref<ChainEvent>) -> ChainMessage
    ) {
        self.request = request
        let me = context.adapter("chain", from: ChainEvent.self) { .chain($0) }
        context.ref(at: chain, as: ChainMessage.self).tell(request(me))
    }

    private func advance(_ event: ChainEvent, _ context: Context<ClientMessage>) {
        switch event {
        case .ticket(key, let randomness, let epoch, _):
            guard ticket == nil else { return }
            ticket = Commitment(in: randomness)
            let message = SectorPreCommit(
                key: key, proof: 8, sealedCommitment: commitment(key, 1),
                unsealedCommitment: commitment(key, 2), ticket: randomness, ticketEpoch: epoch,
                expiration: parameters.defaultExpiration(head: epoch + parameters.sealLookback))
            ask(context) { .preCommit(message, replyTo: $0) }
        case .preCommitted(key, _):
            ask(context) { [key] in .seed(key, replyTo: $0) }
        case .seed(key, let randomness, _):
            guard let ticket else { return }
            let claim = SealClaim(
                key: key, proof: RegisteredSealProof.all[8], commD: Commitment(in: commitment(key, 2)),
                commR: Commitment(in: commitment(key, 1)), ticket: ticket, seed: Commitment(in: randomness))
            let proof = SectorProveCommit(
                key: key, form: .modelled, proof: ModelProofVerifier.proof(of: claim))
            ask(context) { .proveCommit(proof, replyTo: $0) }
        case .proven(key, _):
            isDone = true
        default: break
        }
    }
}

/// A world with a chain on one node and a client for each of some sectors on another.
struct ChainWorld {
    let world: SimulatedWorld
    let chain: SimulatedNode
    let miner: SimulatedNode
    let store = MemoryChainStore()
    let log = ClientLog()
    let parameters: NetworkParameters
    let keys: [SectorKey]
    var chainRef: Ref<ChainMessage> {
        world.ref(at: Address(node: "chain", name: "node"), as: ChainMessage.self)
    }

    init(
        seed: UInt64 = 1, sectorCount: Int = 1, link: LinkModel = LinkModel(),
        parameters: NetworkParameters = .mainnet, patience: Duration = .seconds(300)
    ) throws {
        self.parameters = parameters
        world = SimulatedWorld(options: .init(seed: seed, link: link, encodesNetworkMessages: true))
        let keys = (0..<sectorCount).map { SectorKey(miner: 1000 + UInt64($0 % 3), number: UInt64($0)) }
        self.keys = keys
        let (store, log) = (store, log)
        chain = try world.addNode("chain") { node in
            try node.spawn("node") { home in
                try ChainNode(
                    home: home, parameters: parameters, beacon: beacon, verifier: ModelProofVerifier(.bound),
                    store: store)
            }
        }
        miner = try world.addNode("miner") { node in
            for key in keys {
                try node.spawn("sector-\(key)") { home in
                    SectorClient(
                        home: home, key: key, chain: Address(node: "chain", name: "node"),
                        parameters: parameters, log: log, patience: patience)
                }
            }
        }
    }

    var head: Int64 { world.now.nanoseconds / parameters.epochDuration.nanoseconds }

    /// The state to which the stored entries lead.
    func state() throws -> ChainState { try ChainState.replayed(store, parameters) }
}
