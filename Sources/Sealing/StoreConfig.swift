// SPDX-License-Identifier: Apache-2.0

/// The reference's description of one store: a file of labels or of a tree.
package struct StoreConfig: Hashable, Sendable, Codable {
    /// The cache directory.
    package let path: String
    /// `layer-1`, `tree-d`, `tree-c`, …; the file is `sc-02-data-<id>.dat`.
    package let id: String
    /// Nodes of the store with all its rows; of one base tree where there are several.
    package let size: UInt64
    /// Rows above the leaf row that are not stored.
    package let rowsToDiscard: UInt64

    package init(path: String, id: String, size: UInt64, rowsToDiscard: UInt64) {
        self.path = path
        self.id = id
        self.size = size
        self.rowsToDiscard = rowsToDiscard
    }

    private enum CodingKeys: String, CodingKey {
        case path, id, size
        case rowsToDiscard = "rows_to_discard"
    }

    /// Length-prefixed path and name, a mark that the size is there, size, discarded rows.
    var bincode: [UInt8] {
        var bytes: [UInt8] = []
        for text in [path, id] {
            let utf8 = Array(text.utf8)
            bytes += UInt64(utf8.count).littleEndianBytes + utf8
        }
        return bytes + [1] + size.littleEndianBytes + rowsToDiscard.littleEndianBytes
    }
}

/// The stores of one sector, as its file `t_aux` lists them.
package struct TemporaryAux: Hashable, Sendable {
    package let labels: [StoreConfig]
    package let treeD: StoreConfig
    package let treeRLast: StoreConfig
    package let treeC: StoreConfig

    /// The stores of a sector of `sectorSize` whose cache directory is `cachePath`.
    package init(cachePath: String, sectorSize: SectorSize) {
        let shape = sectorSize.shape
        let nodes = sectorSize.nodeCount
        let base = TreeHasher.poseidon8.nodeCount(leafCount: sectorSize.baseTreeLeafCount)
        labels = (1...shape.layerCount).map {
            StoreConfig(path: cachePath, id: "layer-\($0)", size: nodes, rowsToDiscard: 0)
        }
        treeD = StoreConfig(path: cachePath, id: "tree-d", size: 2 * nodes - 1, rowsToDiscard: 0)
        treeRLast = StoreConfig(
            path: cachePath,
            id: "tree-r-last",
            size: base,
            rowsToDiscard: UInt64(shape.discardedRowCount)
        )
        treeC = StoreConfig(path: cachePath, id: "tree-c", size: base, rowsToDiscard: 0)
    }

    /// The bytes of `t_aux`.
    package var bytes: [UInt8] {
        var bytes = UInt64(labels.count).littleEndianBytes
        for config in labels + [treeD, treeRLast, treeC] {
            bytes += config.bincode
        }
        return bytes
    }
}

/// CommC and CommRLast: the file `p_aux`.
package struct PersistentAux: Hashable, Sendable, Codable {
    package let commC: Commitment
    package let commRLast: Commitment

    package init(commC: Commitment, commRLast: Commitment) {
        self.commC = commC
        self.commRLast = commRLast
    }

    /// Reads the 64 bytes of `p_aux`.
    ///
    /// - Throws: ``SealingError`` `.malformed` for another length or nodes outside the field.
    package init(bytes: [UInt8]) throws(SealingError) {
        guard bytes.count == 64, Field.isCanonical(bytes) else {
            throw SealingError(.malformed, "p_aux does not hold two field elements")
        }
        self.init(commC: Commitment(in: bytes), commRLast: Commitment(in: bytes, at: 32))
    }

    /// Reads a file.
    ///
    /// - Throws: ``SealingError`` `.missingFile`, `.inputOutput`, `.wrongFileSize`, `.malformed`.
    package init(
        file path: String, in files: any ReplicaFiles = LocalFiles()
    ) throws(SealingError) {
        let bytes = try files.open(path, size: 64, "the auxiliary file").read(at: 0, count: 64)
        do throws(SealingError) {
            try self.init(bytes: bytes)
        } catch {
            throw SealingError(error.code, "\(path): \(error.message)")
        }
    }

    package var bytes: [UInt8] {
        commC.bytes + commRLast.bytes
    }

    /// The sector's commitment: the hash of both.
    ///
    /// - Throws: ``SealingError`` `.notCanonical`.
    package func commR() throws(SealingError) -> Commitment {
        try Poseidon.arity2.hash([commC, commRLast])
    }
}
