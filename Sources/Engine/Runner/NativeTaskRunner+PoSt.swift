// SPDX-License-Identifier: Apache-2.0
internal import Chain
private import Foundation
package import Kernel
private import Logging
internal import Scheduler
internal import Sealing

/// Proving a partition of a deadline: its replicas are opened where they lie, here or at another worker, at
/// the chain's challenge.
///
/// The proof is the openings themselves, as JSON, in order of the sectors' numbers: what a chain takes that
/// checks vanilla proofs. Each opening is checked here against the sector's CommR as the chain has it, so
/// that a damaged file costs its own sector and not the partition.
extension NativeTaskRunner {
    /// How partitions are proven.
    package struct Proving: Sendable {
        package static let usualReadCount = 32

        /// Threads of their own, so that no proof waits behind hours of sealing.
        let pool: WorkPool
        /// Sectors that are read at once.
        let readCount: Int

        package init(pool: WorkPool, readCount: Int = usualReadCount) {
            precondition((1...1024).contains(readCount), "1 to 1024 sectors are read at once")
            self.pool = pool
            self.readCount = readCount
        }
    }

    /// Proves a partition, or reads it only, and reports.
    func prove(_ waiting: Waiting, _ challenge: PartitionChallenge) {
        Task { [self] in
            beginCompute([waiting])
            let result: TaskResult
            do { result = .done(try await outcome(of: challenge, waiting.call, waiting.request)) } catch {
                result = self.result { throw error }
            }
            endCompute([waiting], isDone: result.isDone)
            finish(waiting, result)
        }
    }

    private func outcome(
        of challenge: PartitionChallenge, _ call: CallID, _ request: TaskRequest
    ) async throws -> TaskOutcome {
        let proof = try sector(of: request).proof
        let statement = try statement(challenge, miner: request.id.sector.miner, proof)
        let questions = zip(challenge.sectors, challenge.commitments).map { number, commitment in
            ReplicaQuestion(
                sector: SectorKey(miner: request.id.sector.miner, number: number), proof: proof.number,
                sealedCommitment: commitment, randomness: challenge.randomness)
        }.sorted { $0.sector < $1.sector }
        for question in questions { stores.hold(question.sector) }
        defer { for question in questions { stores.letGo(question.sector) } }

        var looks = try await near(questions, call)
        if looks.contains(where: { !$0.isOpened }) {
            looks = try await far(questions, looks, statement, call)
            // Files that were moved meanwhile, from where they were sealed to where they are kept, lie here.
            for (index, look) in zip(questions.indices, try await near(questions, call, unless: looks))
            where look.isOpened { looks[index] = look }
        }
        return try outcome(questions, looks, call, isCheck: challenge.isCheck)
    }

    private func statement(
        _ challenge: PartitionChallenge, miner: UInt64, _ proof: RegisteredSealProof
    ) throws -> PoStStatement {
        let name = "deadline \(challenge.deadline), partition \(challenge.partition)"
        let limit = proof.sectorSize.shape.windowSectorCount
        guard (1...limit).contains(challenge.sectors.count),
            challenge.commitments.count == challenge.sectors.count
        else {
            throw TaskFailure(
                cause: .invalidRequest,
                message: "\(name): \(challenge.sectors.count) sectors with \(challenge.commitments.count) "
                    + "commitments; a partition of \(proof.sectorSize.name) sectors has 1 to \(limit) of each"
            )
        }
        let sectors = try zip(challenge.sectors, challenge.commitments).map { number, bytes in
            do { return PoStSector(number: number, commR: try Commitment(bytes: bytes)) } catch {
                throw TaskFailure(
                    cause: .invalidRequest, message: "\(name): the chain has no CommR of sector \(number)")
            }
        }
        do throws(SealingError) {
            return try PoStStatement(
                kind: .windowV1_2, sectorSize: proof.sectorSize, proverID: Commitment(proverOf: miner),
                randomness: try Commitment(bytes: challenge.randomness), sectors: sectors)
        } catch {
            throw TaskFailure(cause: .invalidRequest, message: "\(name): \(error.message)")
        }
    }

    // MARK: Looking

    /// Opens what lies in this worker's own stores; what is opened already is left alone.
    private func near(
        _ questions: [ReplicaQuestion], _ call: CallID, unless known: [ReplicaLook] = []
    ) async throws -> [ReplicaLook] {
        let readCount = min(proving.readCount, questions.count)
        return try await proving.pool.run { [self] in
            let looks = try WorkPool.each(questions.count, threadCount: readCount) { [self] index in
                if known.indices.contains(index), known[index].isOpened { return known[index] }
                return isCancelled(call) ? .away("the call was aborted") : look(questions[index])
            }
            try stopIfCancelled(call)
            return looks
        }
    }

    private func stopIfCancelled(_ call: CallID) throws {
        guard isCancelled(call) else { return }
        throw TaskFailure(cause: .aborted, message: "\(call) was aborted")
    }

    private func look(_ question: ReplicaQuestion) -> ReplicaLook {
        var (damage, away): ([String], [String]) = ([], [])
        for store in stores.all {
            if let error = store.error {
                away.append("\(store.root) is out of use: \(error)")
                continue
            }
            switch store.place.look(question) {
            case .opened(let proof)?: return .opened(proof)
            case .damaged(let reason)?: damage.append(reason)
            case .away(let reason)?: away.append(reason)
            case nil: break
            }
        }
        guard damage.isEmpty else { return .damaged(damage.joined(separator: "; ")) }
        return .away((["no path of this worker has its replica"] + away).joined(separator: "; "))
    }

    /// Has other workers open what could not be opened here, and checks what they say.
    private func far(
        _ questions: [ReplicaQuestion], _ near: [ReplicaLook], _ statement: PoStStatement, _ call: CallID
    ) async throws -> [ReplicaLook] {
        guard let transfers else { return near }
        var looks = near
        let missing = near.indices.filter { !near[$0].isOpened }
        for start in stride(from: 0, to: missing.count, by: proving.readCount) {
            let some = missing[start..<min(missing.count, start + proving.readCount)]
            await withTaskGroup(of: (Int, ReplicaLook).self) { group in
                for index in some {
                    // Files that are here and damaged have another copy or have none: no waiting helps.
                    let waits = if case .away = near[index] { true } else { false }
                    group.addTask { [self] in
                        let look = await transfers.open(questions[index], waits: waits) { [self] in
                            isCancelled(call)
                        }
                        return (index, look)
                    }
                }
                for await (index, look) in group { looks[index] = joined(near[index], look) }
            }
            try stopIfCancelled(call)
        }
        let found = looks
        return try await proving.pool.run {
            found.enumerated().map { index, look in
                guard case .opened(let proof) = look else { return look }
                do throws(VanillaRejection) {
                    try PoStVanilla.verify(proof, statement, sectorAt: index)
                    return look
                } catch { return .damaged("another worker's openings do not hold: \(error)") }
            }
        }
    }

    /// What is known after a look elsewhere: damage here is no secret because others are silent.
    private func joined(_ near: ReplicaLook, _ far: ReplicaLook) -> ReplicaLook {
        if case .damaged = near, case .away = far { return near }
        if case .away(let here) = near, case .away(let there) = far { return .away("\(here); \(there)") }
        return far
    }

    // MARK: The answer

    private func outcome(
        _ questions: [ReplicaQuestion], _ looks: [ReplicaLook], _ call: CallID, isCheck: Bool
    ) throws -> TaskOutcome {
        var proofs: [PoStVanillaProof] = []
        var skipped: [(number: UInt64, reason: String)] = []
        var isKnown = false
        for (question, look) in zip(questions, looks) {
            let number = question.sector.number
            switch look {
            case .opened(let proof): proofs.append(proof)
            case .damaged(let reason):
                isKnown = true
                skipped.append((number, "sector \(number): \(reason)"))
            case .away(let reason): skipped.append((number, "sector \(number): \(reason)"))
            }
        }
        guard isKnown || !proofs.isEmpty else {
            throw TaskFailure(
                cause: .computeFailed,
                message: "none of \(questions.count) replicas is in reach, and none is called faulty for it: "
                    + (skipped.first?.reason ?? ""))
        }
        for sector in skipped { log.error("\(call): cannot be read: \(sector.reason)") }
        return .windowPoSt(
            proof: isCheck || proofs.isEmpty ? [] : try encoded(proofs, call), skipped: skipped.map(\.number),
            reasons: skipped.prefix(Self.reasonCountMax).map {
                String($0.reason.prefix(Self.reasonLengthMax))
            })
    }

    private func encoded(_ proofs: [PoStVanillaProof], _ call: CallID) throws -> [UInt8] {
        let bytes = try JSONEncoder().encode(proofs)
        let limit = VanillaProofVerifier.windowByteCountMax
        guard bytes.count <= limit else {
            throw TaskFailure(
                cause: .invalidRequest,
                message: "\(call): openings of \(proofs.count) sectors take \(bytes.count) bytes, "
                    + "and a message takes \(limit); this size needs a SNARK, which this build lacks")
        }
        return [UInt8](bytes)
    }

    private static let reasonCountMax = 64
    private static let reasonLengthMax = 512
}
