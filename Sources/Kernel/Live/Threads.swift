// SPDX-License-Identifier: Apache-2.0
private import CKernel

/// The machine's clocks; only the kernel and those it hands them to read them.
public enum SystemClock {
    /// Nanoseconds of the monotonic clock; the zero is arbitrary.
    public static var monotonicNanoseconds: Int64 { ckernel_monotonic_nanoseconds() }

    /// Nanoseconds since the Unix epoch; may jump, for display only.
    public static var wallNanoseconds: Int64 { ckernel_wall_nanoseconds() }

    /// Logical processors this process may use.
    public static var processorCount: Int { Int(ckernel_processor_count()) }
}

/// A thread of the kernel.
struct KernelThread: Sendable {
    // Safety: the handle is written once, before the thread's body can end, and consumed by `join` once.
    private nonisolated(unsafe) let handle: OpaquePointer

    /// Starts a thread that runs `body`.
    ///
    /// - Throws: ``KernelError`` with `threadFailed`.
    init(name: String, _ body: @escaping @Sendable () -> Void) throws(KernelError) {
        let box = Unmanaged.passRetained(Body(body))
        var made: OpaquePointer?
        let status = ckernel_thread_start(
            { raw in
                guard let raw else { return }
                Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run()
            }, box.toOpaque(), name, &made)
        guard status == 0, let made else {
            box.release()
            throw KernelError(
                code: .threadFailed, message: "thread '\(name)' could not be started (errno \(status))")
        }
        handle = made
    }

    /// Waits for the thread's end.
    func join() { ckernel_thread_join(handle) }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}

/// A place where one thread sleeps until another wakes it.
// Safety: the C object has its own lock; it lives as long as this one.
final class Parker: @unchecked Sendable {
    private let handle: OpaquePointer

    init() {
        guard let made = ckernel_parker_make() else {
            preconditionFailure("out of memory for a thread's parker")
        }
        handle = made
    }

    deinit { ckernel_parker_free(handle) }

    func park() { ckernel_park(handle) }
    func park(untilMonotonic nanoseconds: Int64) { ckernel_park_until(handle, nanoseconds) }
    func unpark() { ckernel_unpark(handle) }
}

/// The place on whose behalf this thread runs, kept per thread.
enum CurrentPlace {
    static var place: LivePlace? {
        guard let raw = ckernel_current() else { return nil }
        return Unmanaged<LivePlace>.fromOpaque(raw).takeUnretainedValue()
    }

    /// The executor of that place, without touching the place's reference count.
    static var executor: LiveExecutor? {
        guard let raw = ckernel_current() else { return nil }
        // Safety: whoever set the place keeps it alive until it sets another, on this very thread.
        return Unmanaged<LivePlace>.fromOpaque(raw)._withUnsafeGuaranteedRef { $0.executor }
    }

    // Safety: the caller keeps `place` alive until it sets another.
    static func set(_ place: LivePlace?) {
        ckernel_set_current(place.map { UnsafeRawPointer(Unmanaged.passUnretained($0).toOpaque()) })
    }
}

/// Tells threads apart.
struct ThreadToken: Equatable, Sendable {
    private let address: UInt

    /// The calling thread's token.
    static var current: ThreadToken { ThreadToken(address: UInt(bitPattern: ckernel_thread_token())) }
}

/// Waits a moment without giving up the processor.
func relax() { ckernel_relax() }
