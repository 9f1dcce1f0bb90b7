// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON
public import FloodgateSpecs

/// The specs of one environment, compiled once to be read by any number of threads; immutable, without locks or I/O.
public final class Ruleset: Sendable {
    /// When the document last changed, in Unix milliseconds.
    public let time: UInt64
    /// The document's checksum, as it came.
    public let checksum: String?
    /// When the document was received, in Unix milliseconds.
    public let receivedAt: Int64
    /// The tier of users and clients that name none.
    public let defaultEnvironment: String?
    /// Runtime settings that the document has for SDKs, such as `sampling_mode`.
    public let sdkConfigs: JSONObject
    /// Runtime switches that the document has for SDKs.
    public let sdkFlags: JSONObject
    /// Sampling rates of diagnostics, per 10 000.
    public let diagnostics: JSONObject
    /// Names of feature gates, without segments and holdouts.
    public let gateNames: [String]
    /// Names of dynamic configs.
    public let dynamicConfigNames: [String]
    /// Names of experiments.
    public let experimentNames: [String]
    /// Names of autotunes.
    public let autotuneNames: [String]
    /// Names of layers.
    public let layerNames: [String]

    let specs: Pool<CompiledSpec>
    let gateSpecs: Range<Int32>
    let configSpecs: Range<Int32>
    let layerSpecs: Range<Int32>
    let gateTable: ByteTable
    let configTable: ByteTable
    let layerTable: ByteTable
    let rules: Pool<CompiledRule>
    let ruleConditions: Pool<Int32>
    let conditions: Pool<CompiledCondition>
    let texts: Pool<String>
    let values: Pool<JSONValue>
    let targets: Pool<Target>
    let fields: Pool<FieldName>
    let unitTypes: Pool<(name: String, lowercased: String)>
    let saltBytes: Pool<UInt8>
    let textLists: Pool<[String]>
    let mappings: [ExactText: [CompiledMapping]]
    let bandits: [ExactText: Bandit]
    let apps: AppIDs
    let parameterStores: JSONObject
    let sessionReplay: JSONObject?

    /// Compiles `document`: names become numbers, literals are parsed, salts are joined, so that nothing is left to fail.
    ///
    /// Whatever the document says, evaluation gives an answer; what no evaluator knows answers `Unsupported`.
    /// - Parameters:
    ///   - document: what was read; conditions may be in its table or in place.
    ///   - receivedAt: when the document arrived, in Unix milliseconds; reported in exposures.
    public init(compiling document: SpecDocument, receivedAt: Int64) {
        var compiler = RulesetCompiler(document)
        compiler.compile()
        time = document.time
        checksum = document.checksum
        self.receivedAt = receivedAt
        defaultEnvironment = document.others["default_environment"]?.stringValue
        sdkConfigs = document.others["sdk_configs"]?.objectValue ?? JSONObject()
        sdkFlags = document.others["sdk_flags"]?.objectValue ?? JSONObject()
        diagnostics = document.others["diagnostics"]?.objectValue ?? JSONObject()
        gateNames = document.gates.lazy.filter { $0.entity != "segment" && $0.entity != "holdout" }.map(\.name)
        dynamicConfigNames = document.dynamicConfigs.lazy.filter { $0.entity == "dynamic_config" }.map(\.name)
        experimentNames = document.dynamicConfigs.lazy.filter { $0.entity == "experiment" }.map(\.name)
        autotuneNames = document.dynamicConfigs.lazy.filter { $0.entity == "autotune" }.map(\.name)
        layerNames = document.layers.map(\.name)
        specs = Pool(compiler.specs)
        gateSpecs = compiler.gateSpecs
        configSpecs = compiler.configSpecs
        layerSpecs = compiler.layerSpecs
        gateTable = compiler.gateTable
        configTable = compiler.configTable
        layerTable = compiler.layerTable
        rules = Pool(compiler.rules)
        ruleConditions = Pool(compiler.ruleConditions)
        conditions = Pool(compiler.conditions)
        texts = Pool(compiler.texts)
        values = Pool(compiler.values)
        targets = Pool(compiler.targets)
        fields = Pool(compiler.fields)
        unitTypes = Pool(compiler.unitTypes)
        saltBytes = Pool(compiler.saltBytes)
        textLists = Pool(compiler.textLists)
        mappings = compiler.mappings
        bandits = compiler.bandits
        apps = AppIDs(document)
        parameterStores = document.others["param_stores"]?.objectValue ?? JSONObject()
        sessionReplay = document.others["session_replay_info"]?.objectValue
    }

    @inline(__always)
    func find(_ name: String, in nameSpace: NameSpace) -> Int32 {
        switch nameSpace {
        case .gates: gateTable.find(name)
        case .configs: configTable.find(name)
        case .layers: layerTable.find(name)
        }
    }

    @inline(__always)
    func text(_ index: TextIndex) -> String { index.index < 0 ? "" : texts[Int(index.index)] }

    func optionalText(_ index: TextIndex) -> String? { index.index < 0 ? nil : texts[Int(index.index)] }
}

/// Which app a key belongs to, as the document says.
struct AppIDs: Sendable {
    let own: JSONValue?
    let byHashedKey: JSONObject?
    let byKey: JSONObject?

    init(_ document: SpecDocument) {
        own = document.others["app_id"].flatMap { $0.isNull ? nil : $0 }
        byHashedKey = document.others["hashed_sdk_keys_to_app_ids"]?.objectValue
        byKey = document.others["sdk_keys_to_app_ids"]?.objectValue
    }

    /// The app of a client key; the map of hashed keys decides alone if it is there.
    func app(ofClientKey key: String) -> JSONValue? {
        if let byHashedKey { return byHashedKey[String(NameHash.djb2(key))] }
        if let byKey { return byKey[key] }
        return own
    }
}
