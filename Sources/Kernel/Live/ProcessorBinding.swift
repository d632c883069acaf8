// SPDX-License-Identifier: Apache-2.0
private import CKernel

/// Where a thread may run.
public enum ProcessorBinding {
    /// Runs `body` on these logical processors only; threads that it starts inherit that.
    ///
    /// Afterwards the calling thread may run where it might before.
    ///
    /// - Parameter processors: numbers as the system counts them; where there are none, nothing is bound.
    /// - Throws: ``KernelError`` with `threadFailed` where the system does not let the thread run there,
    ///   before `body` has begun.
    public static func bound<T>(to processors: [Int], _ body: () -> T) throws(KernelError) -> T {
        guard !processors.isEmpty else { return body() }
        var saved: UnsafeMutableRawPointer?
        let numbers = processors.map { UInt32(exactly: $0) ?? .max }
        let status = ckernel_bind(numbers, numbers.count, &saved)
        guard status == 0 else {
            throw KernelError(
                code: .threadFailed,
                message: "a thread could not be bound to the processors \(processors) (errno \(status))")
        }
        defer { ckernel_unbind(saved) }
        return body()
    }
}
