// SPDX-License-Identifier: Apache-2.0

/// All that makes a scheduler decide as it does: one place for a miner and for who plays its journal back.
package struct SchedulerSetup: Sendable {
    /// A name of ``PolicyCatalog``.
    package var policy: String
    /// What the policy is made with; sizes and pacing are filled in from the rest.
    package var context: PolicyContext
    package var options: ClusterScheduler.Options
    /// The size of the cluster's sectors; 0 where it is not known.
    package var sectorBytes: UInt64
    /// Bytes that a sector takes on its sealing store from the first byte to finalize.
    package var sealingBytes: UInt64

    package init(
        policy: String, context: PolicyContext = PolicyContext(), options: ClusterScheduler.Options,
        sectorBytes: UInt64, sealingBytes: UInt64
    ) {
        self.policy = policy
        self.context = context
        self.options = options
        self.sectorBytes = sectorBytes
        self.sealingBytes = sealingBytes
    }

    /// The policy, and the options of a scheduler that it decides for.
    ///
    /// - Throws: ``SchedulerError`` with `unknownPolicy`, or `badPolicyOption`.
    package func make() throws -> (policy: any SchedulingPolicy, options: ClusterScheduler.Options) {
        var context = context
        context.sealingBytes = sealingBytes
        context.pacing = options.pacing
        context.sectorBytes = sectorBytes
        try checkOptions()
        guard let made = PolicyCatalog.make(policy, context) else {
            throw SchedulerError(
                code: .unknownPolicy,
                message: "no policy '\(policy)'; choose one of \(PolicyCatalog.names.joined(separator: ", "))"
            )
        }
        var options = options
        options.sealingBytes = sealingBytes
        options.durations = context.durations
        options.resources = context.resources
        if let lease = type(of: made).leaseOfLostWorker {
            options.lease = lease
            options.waitsForWork = false
        }
        return (made, options)
    }

    private func checkOptions() throws {
        guard let kind = PolicyCatalog.policies.first(where: { $0.name == policy }) else { return }
        if kind == ExternalPolicy.self, context.link == nil {
            throw SchedulerError(
                code: .unknownPolicy,
                message: "policy '\(policy)' is a program of your own: name it with --program, or choose a "
                    + "shipped one")
        }
        guard let names = kind.optionNames else { return }
        for (name, value) in context.options.sorted(by: { $0.key < $1.key }) {
            guard names.contains(name) else {
                let known = names.isEmpty ? "it has none" : "it has \(names.joined(separator: ", "))"
                throw SchedulerError(
                    code: .badPolicyOption,
                    message: "policy '\(policy)' has no option '\(name.prefix(64))'; \(known)")
            }
            guard let number = Double(value), number >= 0, number <= Self.optionMax else {
                throw SchedulerError(
                    code: .badPolicyOption,
                    message:
                        "option '\(name)' of policy '\(policy)': '\(value.prefix(64))' is no number of 0 "
                        + "to \(Int(Self.optionMax))")
            }
        }
    }

    private static let optionMax = 1e6
}
