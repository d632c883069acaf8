// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// The addresses that never leave this machine.
enum Loopback {
    /// Tells whether a host name or address is this machine's own, without asking a name server.
    static func contains(host: String) -> Bool {
        if host == "localhost" { return true }
        do { return contains(try SocketAddress(ipAddress: host, port: 0)) } catch {
            // Another name may lead anywhere.
            return false
        }
    }

    static func contains(_ address: SocketAddress) -> Bool {
        switch address {
        case .v4: address.ipAddress?.hasPrefix("127.") == true
        case .v6: address.ipAddress == "::1"
        case .unixDomainSocket: true
        }
    }

    static func refusal(_ place: String) -> Refusal {
        Refusal(
            code: .notLoopback,
            message: "\(place) is not on this machine, and plaintext stays on this machine; use TLS")
    }
}
