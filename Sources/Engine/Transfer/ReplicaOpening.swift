// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import Scheduler
package import Sealing

/// What came of a try to open a replica.
package enum ReplicaLook: Sendable, Hashable {
    case opened(PoStVanillaProof)
    /// Its files are there, and not sound.
    case damaged(String)
    /// Nobody can tell: a store or a worker is out of reach, or nothing is known of the sector.
    case away(String)

    var isOpened: Bool {
        if case .opened = self { true } else { false }
    }
}

extension FileShelf {
    /// Opens a replica in one of this worker's stores.
    func open(_ question: ReplicaQuestion, _ store: String) throws -> FileEvent {
        let place = try place(of: store)
        switch place.look(question) {
        case .opened(let proof)?: return .opened(proof.binary)
        case .damaged(let reason)?: throw FetchProblem(.damaged, reason)
        case .away(let reason)?: throw FetchProblem(.unreadable, reason)
        case nil: throw FetchProblem(.missing, "\(place.root) has no files of \(question.sector)")
        }
    }
}

extension ReplicaQuestion {
    /// Opens the replica under a store's root.
    func open(in root: String, _ files: any ReplicaFiles) throws(SealingError) -> PoStVanillaProof {
        let proof = try RegisteredSealProof(number: proof)
        let identity = SectorIdentity(minerID: sector.miner, number: sector.number, proof: proof)
        let statement = try PoStStatement(
            kind: .windowV1_2, sectorSize: proof.sectorSize, proverID: identity.proverID,
            randomness: try Commitment(bytes: randomness),
            sectors: [
                PoStSector(number: sector.number, commR: try Commitment(bytes: sealedCommitment))
            ])
        return try PoStVanilla.prove(
            statement, sectorAt: 0, paths: SectorPaths(root: root, sector: identity), in: files)
    }
}

extension SectorTransfers {
    /// Has a replica opened by a worker whose store holds it.
    ///
    /// - Parameter waits: one that is out of reach is looked for again until the patience of proving is over.
    func open(
        _ question: ReplicaQuestion, waits: Bool, isCancelled: @Sendable () -> Bool
    ) async -> ReplicaLook {
        let began = world.now
        while true {
            let look = await look(question)
            guard case .away = look, waits, world.now - began < options.provingPatience, !isCancelled() else {
                return look
            }
            await world.sleep(for: .milliseconds(250))
        }
    }

    private func look(_ question: ReplicaQuestion) async -> ReplicaLook {
        let copies: [SectorCopy]
        do { copies = try await self.copies(of: question.sector) } catch {
            return .away("the storage index does not say where it lies: \(error)")
        }
        let whole = copies.filter {
            $0.types.contains(.sealed) && $0.types.contains(.cache) && stores.store($0.store) == nil
        }
        var reason = "no store that the index knows of has its replica"
        var damage: String?
        for copy in whole.sorted(by: { $0.isPrimary && !$1.isPrimary }) {
            let place = "\(copy.host):\(copy.path)"
            guard copy.isOnline, !copy.url.isEmpty else {
                reason = "\(place) is out of reach"
                continue
            }
            do {
                let answer: FileEvent = try await server(copy).ask(timeout: Self.askMax) {
                    .open(question, store: copy.store, replyTo: $0)
                }
                switch answer {
                case .opened(let bytes): return .opened(try PoStVanillaProof(binary: bytes))
                case .problem(let problem) where problem.code == .damaged:
                    damage = "\(place): \(problem.message)"
                case .problem(let problem): reason = "\(place): \(problem.message)"
                default: reason = "\(place) gave another answer than was asked for"
                }
            } catch {
                reason = "\(place) does not answer: \(error)"
            }
        }
        return damage.map { .damaged($0) } ?? .away(reason)
    }
}
