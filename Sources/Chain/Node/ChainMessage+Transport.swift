// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// What the transport asks of the chain's messages.
extension ChainMessage {
    /// A proof is as large as it is; everything else is small.
    package var wireByteEstimate: Int {
        switch self {
        case .proveCommit(let message, _): 256 + message.proof.count
        case .proveCommitBatch(_, let messages, _): messages.reduce(256) { $0 + 64 + $1.proof.count }
        case .preCommitBatch(_, let messages, _): 256 + 256 * messages.count
        case .terminateBatch(_, let keys, _), .standings(let keys, _): 256 + 16 * keys.count
        case .submitWindowPoSt(let message, _):
            message.partitions.reduce(256) { $0 + 64 + $1.proof.count + 16 * $1.skipped.runs.count }
        case .declare(let message, _): message.items.reduce(256) { $0 + 32 + 16 * $1.sectors.runs.count }
        case .replicaUpdate(let message, _): 256 + message.proof.count
        default: 256
        }
    }

    /// Questions need no more than reading.
    package var permission: Permission {
        switch self {
        case .head, .ticket, .seed, .sector, .sectors, .baseFee, .standings, .reach, .proving, .deadline:
            .read
        case .preCommit, .proveCommit, .preCommitBatch, .proveCommitBatch, .terminateBatch, .replicaUpdate,
            .epochReached, .submitWindowPoSt, .declare:
            .admin
        }
    }
}
