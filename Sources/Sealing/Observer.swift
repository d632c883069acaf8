// SPDX-License-Identifier: Apache-2.0

/// How far a step has come.
package struct SealProgress: Hashable, Sendable {
    /// What is being done, such as `layer 3`.
    package let step: String
    /// Units done, of `total`; nodes or bytes, as the step counts.
    package let done: UInt64
    package let total: UInt64
}

/// The caller's ear during long work: it hears of progress and may stop it.
///
/// The callbacks run on a thread that does the work, `progress` and `isCancelled` several times a
/// second; they must be quick.
package struct SealObserver: Sendable {
    package let progress: @Sendable (SealProgress) -> Void
    package let isCancelled: @Sendable () -> Bool
    /// Told what went differently from what was asked, and what to do about it; the work goes on.
    package let warn: @Sendable (String) -> Void

    /// Hears nothing and never stops.
    package static let none = SealObserver()

    package init(
        progress: @escaping @Sendable (SealProgress) -> Void = { _ in },
        isCancelled: @escaping @Sendable () -> Bool = { false },
        warn: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.progress = progress
        self.isCancelled = isCancelled
        self.warn = warn
    }

    /// Reports, then asks whether to go on.
    ///
    /// - Throws: ``SealingError`` `.cancelled`.
    func step(_ step: String, _ done: UInt64, _ total: UInt64) throws(SealingError) {
        progress(SealProgress(step: step, done: done, total: total))
        if isCancelled() {
            throw SealingError(.cancelled, "stopped during \(step), at \(done) of \(total)")
        }
    }
}
