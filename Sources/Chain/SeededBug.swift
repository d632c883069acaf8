// SPDX-License-Identifier: Apache-2.0

/// Bugs that tests put into the components of a simulated cluster, to show that the fault search finds them.
///
/// Only tests set one; without it a component takes one comparison in rare places.
package enum SeededBug: String, Sendable, Hashable, CaseIterable {
    // Workers.
    /// A result that was reported once is not kept until it is confirmed.
    case workerForgetsResults
    /// A call that comes twice is started twice.
    case workerStartsTwice
    /// The loss of the scheduler is not heeded.
    case workerNeverRejoins

    // The scheduler.
    /// An assignment that was not answered is not said again.
    case schedulerNeverSaysAgain
    /// Calls that a worker lost in a restart are waited for.
    case schedulerForgetsDeadCalls
    /// A worker that comes back is told to abort all that it runs.
    case schedulerWelcomesWithNothing
    /// The slot of a task that is cancelled stays taken.
    case schedulerKeepsCancelledCalls
    /// What a call that failed held of its host stays taken.
    case schedulerKeepsLeases
    /// Owners do not hear that their tasks were lost with a worker.
    case schedulerKeepsLossesSecret
    /// A sector that leaves does not give its room back.
    case schedulerKeepsRoom
    /// What is to be done in a held slot is forgotten where its worker is lost just then.
    case schedulerDropsSupplies
    /// The lease of a worker that came back runs out all the same.
    case schedulerEndsRenewedLeases

    // The storage index.
    /// A store that was out of reach stays so.
    case indexKeepsStoresOffline

    // Sectors.
    case sectorNeverAsksAgain
    /// The saved record lacks the sealed commitment.
    case sectorForgetsCommitment
    /// A pause is not gone on with after a restart.
    case sectorForgetsPauses
    /// Sealed anew with the seed in place of the ticket.
    case sectorTakesSeedForTicket
    /// A lost worker costs the sector.
    case sectorGivesUpWithWorker
    /// A refusal that holds for now costs the sector.
    case sectorTakesRefusalForFinal
    /// A finalize that failed is not tried again.
    case sectorFinalizesOnce
    /// A task that finds no files is tried again as it was.
    case sectorIgnoresLostFiles
    /// A sector that waits for its seed does not go on after a restart.
    case sectorSleepsInWaitSeed
    /// No pause ever ends.
    case sectorNeverRetries

    // The manager.
    /// What was pledged before a restart does not count.
    case managerForgetsPledges

    // The chain.
    /// A restarted node does not read proofs.
    case chainForgetsProofs
    /// A proof that is sent again lands again.
    case chainLandsTwice
    /// A proof that was undone is told as landed.
    case chainTellsUndone

    // Statistics.
    /// The time of a task that was lost with its worker is not counted.
    case statisticsForgetLostTasks
}
