// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// The config-specs document of one environment, as SDKs download it.
public struct SpecDocument: Sendable, Hashable {
    /// How the document is laid out on the wire; the path of the request chooses.
    public enum Shape: String, Sendable, CaseIterable {
        /// Lists of specs with conditions written out; read by Statsig's older SDKs.
        case v1
        /// Maps of specs that share a table of conditions; read by Statsig's Rust core and all SDKs built on it.
        case v2
    }

    /// When the content last changed, in Unix milliseconds; only rises from document to document.
    public var time: UInt64
    /// Changes whenever the content does; SDKs send it back with the next request.
    public var checksum: String?
    /// Gates, segments and holdouts.
    public var gates: [Spec] = []
    /// Dynamic configs, experiments and autotunes.
    public var dynamicConfigs: [Spec] = []
    /// Layers.
    public var layers: [Spec] = []
    /// The conditions that rules name, by id; order as in the document.
    public var conditions: ConditionTable = ConditionTable()
    /// Experiments and the layers they live in.
    public var experimentToLayer: [String: String] = [:]
    /// All other top-level members in their order: those that evaluation reads have been checked, the rest is kept.
    public var others = JSONObject()
    /// Specs that could not be read and are left out, as Statsig's Rust core does.
    public var dropped: [SpecError] = []

    /// Makes a document without entities.
    public init(time: UInt64, checksum: String? = nil) {
        self.time = time
        self.checksum = checksum
    }

    /// The condition that `reference` stands for, if the document holds it.
    public func condition(_ reference: ConditionReference) -> Condition? {
        switch reference {
        case .id(let id): conditions[id]
        case .inline(let condition): condition
        }
    }
}
