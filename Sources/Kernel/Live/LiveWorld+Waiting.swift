// SPDX-License-Identifier: Apache-2.0
private import CKernel
private import Synchronization

extension LiveWorld {
    /// Waits for `duration` of real time; for the edges (command line, RPC) only.
    public func sleep(for duration: Duration) async {
        await withCheckedContinuation { continuation in
            _ = timers.schedule(atMonotonic: monotonic(now + duration)) { continuation.resume() }
        }
    }
}

/// Signals that end a program, and the end of its standard input, as one event to wait for.
public enum Shutdown {
    /// Why a program is to end.
    public enum Cause: Sendable, Hashable {
        /// SIGINT or SIGTERM, by number.
        case signal(Int32)
        /// Standard input ended: the process that started this one is gone.
        case inputEnded
    }

    /// Keeps SIGINT and SIGTERM from ending the process at once. Call it once, before
    /// ``wait(watchesInput:again:)``.
    public static func holdSignals() { ckernel_hold_signals() }

    /// Waits for the first cause to end; each further signal calls `again`.
    ///
    /// - Parameter watchesInput: whether the end of standard input counts.
    /// - Throws: ``KernelError`` with `threadFailed`.
    public static func wait(
        watchesInput: Bool, again: @escaping @Sendable () -> Void = {}
    ) async throws -> Cause {
        let (causes, continuation) = AsyncStream<Cause>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let isFirst = Atomic(true)
        _ = try KernelThread(name: "signals") {
            while true {
                let signal = ckernel_wait_signal()
                if isFirst.exchange(false, ordering: .relaxed) {
                    continuation.yield(.signal(signal))
                } else {
                    again()
                }
            }
        }
        if watchesInput {
            _ = try KernelThread(name: "input") {
                ckernel_wait_input_end()
                continuation.yield(.inputEnded)
            }
        }
        for await cause in causes { return cause }
        return .inputEnded
    }
}
