// SPDX-License-Identifier: Apache-2.0
private import Glibc
private import Synchronization

/// Ctrl-C and SIGTERM as a question that long work asks from time to time.
enum Interrupts {
    private static let requested = Atomic(false)

    /// Whether the user or the system asked this process to stop.
    static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Turns the first interrupt into a request; a second one ends the process at once.
    static func listen() {
        // Reading it once here makes sure that the handler does not have to initialize anything.
        requested.store(false, ordering: .relaxed)
        // Who started this process may have held them back on the thread that did.
        var wanted = sigset_t()
        sigemptyset(&wanted)
        for number in [SIGINT, SIGTERM] {
            sigaddset(&wanted, number)
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { _ in Interrupts.request() }
            action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND) | UInt32(SA_RESTART))
            sigaction(number, &action, nil)
        }
        pthread_sigmask(SIG_UNBLOCK, &wanted, nil)
    }

    private static func request() { requested.store(true, ordering: .relaxed) }
}
