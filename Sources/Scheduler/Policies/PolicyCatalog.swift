// SPDX-License-Identifier: Apache-2.0

/// The policies that are shipped.
package enum PolicyCatalog {
    /// All of them, the default first.
    package static let policies: [any SchedulingPolicy.Type] = [
        SealyardPolicy.self, OldestLocalPolicy.self,
        LotusPolicy<LotusRules.Utilization>.self, LotusPolicy<LotusRules.Spread>.self,
        LotusPolicy<LotusRules.SpreadQCount>.self, LotusPolicy<LotusRules.SpreadTasks>.self,
        LotusPolicy<LotusRules.SpreadTasksQCount>.self, LotusPolicy<LotusRules.Random>.self,
        ForkGroupsPolicy.self, CurioPollPolicy.self, CurioEventPolicy.self, RoundRobinPolicy.self,
        ExternalPolicy.self,
    ]

    /// Names in the order of ``policies``.
    package static var names: [String] { policies.map { $0.name } }

    /// The policy where none is named.
    package static var defaultName: String { policies[0].name }

    /// Those of some settings that a policy takes: for one that runs in another's place.
    package static func options(_ options: [String: String], for name: String) -> [String: String] {
        guard let known = policies.first(where: { $0.name == name })?.optionNames else { return options }
        return options.filter { known.contains($0.key) }
    }

    /// Makes the policy of that name; `nil` where there is none.
    package static func make(
        _ name: String, _ context: PolicyContext = PolicyContext()
    ) -> (any SchedulingPolicy)? {
        policies.first { $0.name == name }?.init(context)
    }
}
