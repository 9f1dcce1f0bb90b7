// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Floodgate

/// What a provider is by its client's account, at one moment.
struct ProviderState: Sendable, Hashable {
    /// Which specs flags are resolved from.
    struct Specs: Sendable, Hashable {
        var time: UInt64?
        var checksum: String?
    }

    var status: ProviderStatus
    var specs: Specs
    var age: Duration
    /// Why there are no specs, where there are none.
    var source: SpecSource

    init(_ client: FloodgateClient, staleAfter: Duration?) {
        let specs = client.specsStatus
        self.specs = Specs(time: specs.time, checksum: specs.checksum)
        age = specs.age ?? .zero
        source = specs.source
        if !client.isInitialized {
            status = .notReady
        } else if !client.isReady {
            status = .error
        } else if let staleAfter, age > staleAfter, !specs.isStreaming, client.asksForSpecs {
            status = .stale
        } else {
            status = .ready
        }
    }
}
