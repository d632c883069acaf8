// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Glibc
internal import Scheduler
private import Synchronization

/// A program on this machine that decides: lines go to its standard input and come from its standard output.
///
/// Its standard error is this process's. It is ended with the peer.
// Safety: `descriptor` and `buffer` are used under the lock of `state`; the process handle is touched in
// `init` and `deinit` alone.
package final class ProcessPolicyPeer: PolicyPeer, @unchecked Sendable {
    private struct State {
        var buffer: [UInt8] = []
        var readCount = 0
    }

    private let process = Process()
    private let descriptor: Int32
    private let name: String
    private let patience: Duration
    private let state = Mutex(State())
    /// One wait for bytes, in milliseconds: the patience is counted in these.
    private static let waitMilliseconds = 20

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - path: the program; it is started without a shell.
    ///   - patience: how long an answer may take to begin and to go on, all pauses together.
    /// - Throws: ``ExternalPolicyError`` with `notStarted`.
    package init(_ path: String, arguments: [String] = [], patience: Duration = .seconds(10)) throws {
        name = path
        self.patience = patience
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0
        else {
            throw ExternalPolicyError(
                .notStarted, "no socket for \(path): \(String(cString: strerror(errno)))")
        }
        descriptor = pair[0]
        let childEnd = FileHandle(fileDescriptor: pair[1], closeOnDealloc: true)
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardInput = childEnd
        process.standardOutput = childEnd
        do { try process.run() } catch {
            close(descriptor)
            throw ExternalPolicyError(
                .notStarted,
                "cannot start \(path): \(error.localizedDescription); name a program that may be run")
        }
        do { try childEnd.close() } catch {
            // The child has its own copy; this one is closed with the handle at the latest.
        }
    }

    deinit {
        close(descriptor)
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    package func ask(_ line: String) throws -> String {
        try state.withLock { state in
            try send(Array((line + "\n").utf8))
            return try receive(&state)
        }
    }

    private func send(_ bytes: [UInt8]) throws {
        var sent = 0
        var waited = 0
        while sent < bytes.count {
            // Safety: the pointer is used within the closure, for at most `bytes.count - sent` bytes from
            // `sent`.
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor, buffer.baseAddress.map { $0 + sent }, bytes.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN || errno == EINTR {
                try wait(for: Int16(POLLOUT), &waited)
            } else {
                throw died()
            }
        }
    }

    private func receive(_ state: inout State) throws -> String {
        var waited = 0
        var scanned = 0
        while true {
            if let end = state.buffer[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: state.buffer[..<end], as: UTF8.self)
                state.buffer.removeFirst(end + 1)
                return line
            }
            scanned = state.buffer.count
            guard scanned <= ExternalPolicyCodec.limits.answerBytesMax else {
                throw ExternalPolicyError(
                    .tooLong,
                    "\(name) has written \(scanned) bytes without a newline; end each answer with one")
            }
            try wait(for: Int16(POLLIN), &waited)
            var chunk = [UInt8](repeating: 0, count: 65_536)
            // Safety: the pointer is used within the closure, for at most the chunk's count of bytes.
            let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            if count > 0 {
                state.buffer += chunk[..<count]
                // A read costs a moment of the patience, so that an answer of single bytes ends too.
                waited += 1
            } else if count == 0 || errno != EINTR {
                throw died()
            }
        }
    }

    /// Waits until the descriptor is ready.
    private func wait(for events: Int16, _ waited: inout Int) throws {
        while true {
            var item = pollfd(fd: descriptor, events: events, revents: 0)
            let ready = poll(&item, 1, Int32(Self.waitMilliseconds))
            if ready > 0 { return }
            if ready < 0, errno != EINTR { throw died() }
            waited += Self.waitMilliseconds
            guard
                waited < Int(patience.components.seconds) * 1000
                    + Int(patience.components.attoseconds / 1_000_000_000_000_000)
            else {
                throw ExternalPolicyError(
                    .hung,
                    "\(name) has not answered within \(patience); answer sooner, or give it more patience")
            }
        }
    }

    private func died() -> ExternalPolicyError {
        ExternalPolicyError(
            .died, "\(name) has ended or closed its output; look at what it wrote to standard error")
    }
}
