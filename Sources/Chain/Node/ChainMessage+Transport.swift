// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// What the transport asks of the chain's messages.
extension ChainMessage {
    /// A proof is as large as it is; everything else is small.
    package var wireByteEstimate: Int {
        switch self {
        case .proveCommit(let message, _): 256 + message.proof.count
        default: 256
        }
    }

    /// Questions need no more than reading.
    package var permission: Permission {
        switch self {
        case .head, .ticket, .seed, .sector, .sectors: .read
        case .preCommit, .proveCommit, .epochReached: .admin
        }
    }
}
