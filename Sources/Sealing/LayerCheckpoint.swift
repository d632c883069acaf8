// SPDX-License-Identifier: Apache-2.0
import Foundation

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
        let data: Data
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            data = try encoder.encode(self)
        } catch {
            throw SealingError(.malformed, "encode \(path): \(error)")
        }
        try Files.write(Array(data), to: path)
    }
}
