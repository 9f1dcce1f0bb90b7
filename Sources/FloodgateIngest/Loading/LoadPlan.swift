// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Where a loader keeps which stretches are being loaded, so that they are loaded under the same names whoever goes on.
package protocol LoadPlan: Sendable {
    /// The pieces in order; none if there is no plan that can be read.
    /// - Throws: `EventLogError` if it is not known whether there is one.
    func read() async throws(EventLogError) -> [LoadPiece]

    /// Keeps `pieces`; on return they are durable.
    /// - Throws: `.overtaken` if another loader has changed the plan since it was read; `.storage` if they are not kept.
    func write(_ pieces: [LoadPiece]) async throws(EventLogError)
}

extension LoadPlanFile: LoadPlan {}
