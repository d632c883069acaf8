// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// Which layers of a sector are complete, with their digests.
///
/// It is bound to the replica identifier, so layers of another ticket or of other data never pass.
struct LayerCheckpoint: Codable {
    let replicaID: String
    /// SHA-256 of the file of tree-d.
    var treeD: String?
    /// SHA-256 of the files of the layers, from layer 1 on.
    var layers: [String] = []

    /// The note in `path` if it belongs to this replica, else an empty one.
    static func load(
        _ path: String,
        replicaID: Commitment
    ) throws(SealingError) -> LayerCheckpoint {
        let fresh = LayerCheckpoint(replicaID: replicaID.hex)
        guard try Files.size(path) != nil else {
            return fresh
        }
        let bytes = try Files.readAll(path, countMax: 1 << 16)
        do {
            let found = try JSONDecoder().decode(LayerCheckpoint.self, from: Data(bytes))
            return found.replicaID == fresh.replicaID && found.layers.count <= 64 ? found : fresh
        } catch {
            /* A note that cannot be read proves nothing: the layers are sampled instead. */
            return fresh
        }
    }

    mutating func forgetLayers(after count: Int) {
        layers = Array(layers.prefix(count))
    }

    func save(_ path: String) throws(SealingError) {
        try Files.write(note: self, to: path)
    }
}

/// The checkpoint of a run, of which layers are noted by whichever thread has written them.
final class CheckpointKeeper: Sendable {
    private let checkpoint: Mutex<LayerCheckpoint>
    private let path: String

    init(_ checkpoint: LayerCheckpoint, _ path: String) {
        self.checkpoint = Mutex(checkpoint)
        self.path = path
    }

    /// Drops layers that will be written again, before they are.
    func forgetLayers(after count: Int) throws(SealingError) {
        try save { $0.forgetLayers(after: count) }
    }

    /// Notes that the next layer is complete on the disk.
    func add(_ digest: String) throws(SealingError) {
        try save { $0.layers.append(digest) }
    }

    private func save(_ change: (inout LayerCheckpoint) -> Void) throws(SealingError) {
        let changed = checkpoint.withLock { checkpoint in
            change(&checkpoint)
            return checkpoint
        }
        try changed.save(path)
    }
}
