// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Scheduler
import Testing

@Suite("Pieces that wait, on disk")
struct WaitingPieceStoreTests {
    private func piece(_ tag: UInt8, start: Int64 = 10) -> PieceDeal {
        PieceDeal(
            commitment: [UInt8](repeating: tag, count: 32), paddedBytes: 1024, startEpoch: start,
            endEpoch: 99,
            path: "/data/\(tag)")
    }

    @Test(
        "a piece is kept once, in order, until a record takes it; both or neither is on disk"
    )
    func keeping() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).sqlite").path()
        var store = try SQLiteSectorStore(path: path)
        for waiting in [piece(2), piece(1), piece(1, start: 11), piece(2)] {
            try store.keep(WaitingPiece(waiting), miner: 1000)
        }
        try store.keep(WaitingPiece(piece(3)), miner: 1001)
        try store.keep(WaitingPiece(piece(1), refusal: "another commitment"), miner: 1000)
        store = try SQLiteSectorStore(path: path)
        let all = try store.waitingPieces(miner: 1000)
        #expect(all.map(\.piece) == [piece(2), piece(1), piece(1, start: 11)])
        #expect(all.map(\.refusal) == [nil, "another commitment", nil])

        let key = SectorKey(miner: 1000, number: 7)
        let record = SectorRecord(key: key, proof: 5, makesSNARK: false)
        let entry = SectorLogEntry(at: .zero, from: .waitDeals, to: .addPiece, event: "addPiece", reason: nil)
        let given = WaitingPiece(piece(9), refusal: nil)
        try store.save(record, entry, PieceChanges(taken: piece(2), returned: [given]))
        store = try SQLiteSectorStore(path: path)
        #expect(try store.find(key) == record)
        #expect(
            try store.waitingPieces(miner: 1000).map(\.piece) == [piece(1), piece(1, start: 11), piece(9)])
        try store.drop(piece(1), miner: 1000)
        #expect(try store.waitingPieces(miner: 1000).map(\.piece) == [piece(1, start: 11), piece(9)])
        #expect(try store.waitingPieces(miner: 1001).count == 1)
        for end in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + end) {
            try FileManager.default.removeItem(atPath: path + end)
        }
    }
}
