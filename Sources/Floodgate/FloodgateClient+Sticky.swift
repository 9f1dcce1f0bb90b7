// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation

extension FloodgateClient {
    /// What the application's `stickyStore` keeps for the user's unit of this type, to be handed to checks.
    ///
    /// Nothing without a store, for a user without that unit, and where the store fails.
    /// - Parameters:
    ///   - user: Whose unit it is.
    ///   - idType: The kind of unit of the experiments and layers to check, such as `userID`.
    /// - Returns: What is kept, for `CheckOptions.sticky`.
    public func stickyAssignments(for user: FloodgateUser, idType: String = "userID") -> StickyAssignments {
        guard let key = Evaluator.stickyKey(for: user, idType: idType) else { return StickyAssignments() }
        return state.assignments(under: key)
    }
}
