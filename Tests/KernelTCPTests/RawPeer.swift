// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kernel
import KernelTCP
import Testing

/// A peer that is only a socket, and does what no good transport would.
final class RawPeer {
    struct Failure: Error { let what: String }

    private var file: Int32

    /// Connects to a port of this machine.
    init(port: Int, receiveBytes: Int32? = nil) throws {
        file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { throw Failure(what: "socket") }
        if var receiveBytes {
            setsockopt(file, SOL_SOCKET, SO_RCVBUF, &receiveBytes, socklen_t(MemoryLayout<Int32>.size))
        }
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            close()
            throw Failure(what: "connect: \(errno)")
        }
    }

    deinit { close() }

    func close() {
        if file >= 0 { Glibc.close(file) }
        file = -1
    }

    /// Writes as far as the other end lets it; a closed connection is no error here.
    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    func send(_ frame: Frame) { send(frame.framed) }

    /// The next frame; `nil` at the end of the connection.
    func frame() throws -> Frame? {
        guard let head = try read(4) else { return nil }
        let length = head.reduce(0) { $0 << 8 | Int($1) }
        guard length <= 1 << 24, let body = try read(length) else { throw Failure(what: "frame") }
        return try Frame(decoding: body)
    }

    /// The next frame that is no sign of life.
    func answer() throws -> Frame? {
        while let frame = try frame() {
            switch frame {
            case .ping, .pong: continue
            default: return frame
            }
        }
        return nil
    }

    /// Reads to the end of the connection and gives the refusal or the goodbye that came before it.
    func ending() throws -> Frame? {
        var last: Frame?
        while let frame = try answer() { last = frame }
        return last
    }

    private func read(_ count: Int) throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes[filled...].withUnsafeMutableBytes { recv(file, $0.baseAddress, $0.count, 0) }
            if got < 0 && errno == ECONNRESET { return nil }
            guard got >= 0 else { throw Failure(what: "nothing came: \(errno)") }
            if got == 0 { return nil }
            filled += got
        }
        return bytes
    }

    /// Becomes a session in the name of `name`.
    func greet(
        _ target: String, as name: String, permission: Permission = .admin, incarnation: UInt64 = 1,
        epoch: UInt64 = 0, version: UInt64 = HandshakeStateMachine.version
    ) async throws -> Frame? {
        let token = try await TokenAuthority(secret: TestNode.secret).token(for: permission)
        send(
            .hello(
                .init(
                    version: version, versionMin: version, nodeName: name, target: target,
                    incarnation: incarnation, epoch: epoch, token: token, frameBytesMax: 1 << 24)))
        return try answer()
    }
}

extension Optional where Wrapped == Frame {
    var isWelcome: Bool { if case .welcome = self { true } else { false } }

    func isRefusal(_ code: Refusal.Code) -> Bool {
        if case .refuse(let refusal) = self { refusal.code == code } else { false }
    }
}

/// Lets another thread run.
func giveWay() { sched_yield() }
