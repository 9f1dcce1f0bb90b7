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

    /// How many gates, configs and layers there are.
    package var specCount: Int { specs.count }

    let specs: Pool<CompiledSpec>
    let gateSpecs: Range<Int32>
    let configSpecs: Range<Int32>
    let layerSpecs: Range<Int32>
    let gateTable: ByteTable
    let configTable: ByteTable
    let layerTable: ByteTable
    /// The same tables, for checks: threads that look up at once must not count one reference between them.
    private let uncountedTables:
        (gates: Unmanaged<ByteTable>, configs: Unmanaged<ByteTable>, layers: Unmanaged<ByteTable>)
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
    /// The parameter stores by name, as they came.
    package let parameterStores: JSONObject
    let sessionReplay: JSONObject?
    let pooledAnswers: AnswerPool
    let quickTargets: Pool<QuickTarget>
    let hasBandits: Bool

    /// Reads a document of either shape and compiles it: names become numbers, literals are parsed, salts are joined, so
    /// that nothing is left to fail.
    ///
    /// Whatever the document says, evaluation gives an answer; what no evaluator knows answers `Unsupported`. A broken
    /// spec is left out alone, as in `SpecDocument.read`; nil if the answer says that there is nothing new
    /// (`has_updates: false`).
    /// - Parameters:
    ///   - bytes: the document as it came; not kept.
    ///   - receivedAt: when the document arrived, in Unix milliseconds; reported in exposures.
    ///   - limits: how much is read.
    /// - Throws: `SpecError` if Statsig's Rust core would refuse the whole document.
    public convenience init?(
        reading bytes: [UInt8],
        receivedAt: Int64,
        limits: JSONLimits = .documents
    ) throws(SpecError) {
        guard let compiler = try RulesetCompiler.compile(bytes, limits, isLenient: false) else { return nil }
        self.init(compiler, receivedAt: receivedAt)
    }

    /// Reads a document from parsed JSON and compiles it; see `init(reading:receivedAt:limits:)`.
    public convenience init?(reading json: JSONValue, receivedAt: Int64) throws(SpecError) {
        let limits = JSONLimits(depth: 512, sizeBytes: .max)
        guard let compiler = try RulesetCompiler.compile(json.bytes, limits, isLenient: false) else { return nil }
        self.init(compiler, receivedAt: receivedAt)
    }

    /// Compiles `document`, as it is written out; see `init(reading:receivedAt:limits:)`.
    /// - Parameters:
    ///   - document: what was read; conditions may be in its table or in place.
    ///   - receivedAt: when the document arrived, in Unix milliseconds; reported in exposures.
    /// - Throws: `SpecError` if the document as it is written out is refused, such as for values nested too deeply.
    public convenience init(compiling document: SpecDocument, receivedAt: Int64) throws(SpecError) {
        // The shape with lists, which keeps what a map would not: specs of one name. What the document cannot say in
        // JSON, such as a share that is not a number, is left out as it would be by its readers.
        let limits = JSONLimits(depth: 512, sizeBytes: .max)
        let compiler = try RulesetCompiler.compile(document.selfContainedBytes, limits, isLenient: true)
        self.init(compiler ?? RulesetCompiler(), receivedAt: receivedAt)
    }

    init(_ compiler: consuming RulesetCompiler, receivedAt: Int64) {
        let head = compiler.head
        time = head.time
        checksum = head.checksum
        self.receivedAt = receivedAt
        defaultEnvironment = head.defaultEnvironment
        sdkConfigs = head.sdkConfigs
        sdkFlags = head.sdkFlags
        diagnostics = head.diagnostics
        gateNames = head.gateNames
        dynamicConfigNames = head.dynamicConfigNames
        experimentNames = head.experimentNames
        autotuneNames = head.autotuneNames
        layerNames = head.layerNames
        apps = head.apps
        parameterStores = head.parameterStores
        sessionReplay = head.sessionReplay
        gateSpecs = compiler.gateSpecs
        configSpecs = compiler.configSpecs
        layerSpecs = compiler.layerSpecs
        gateTable = compiler.gateTable
        configTable = compiler.configTable
        layerTable = compiler.layerTable
        uncountedTables = (
            .passUnretained(compiler.gateTable), .passUnretained(compiler.configTable),
            .passUnretained(compiler.layerTable)
        )
        // One list after the other goes as soon as it is copied, the largest pool comes last: what is kept lies where the
        // lists were, and not behind holes that the process holds on to.
        let specs = Pool(moving: &compiler.specs)
        let rules = Pool(moving: &compiler.rules)
        let texts = Pool(moving: &compiler.texts)
        let values = Pool(moving: &compiler.values)
        let targets = Pool(moving: &compiler.targets)
        let textLists = Pool(moving: &compiler.textLists)
        ruleConditions = Pool(moving: &compiler.ruleConditions)
        conditions = Pool(moving: &compiler.conditions)
        fields = Pool(moving: &compiler.fields)
        unitTypes = Pool(moving: &compiler.unitTypes)
        saltBytes = Pool(compiler.salts.bytes)
        compiler.salts = ByteArena()
        mappings = compiler.mappings
        bandits = compiler.bandits
        quickTargets = Pool(targets.buffer.map { QuickTarget($0) })
        pooledAnswers = AnswerPool(
            specs,
            configSpecs: compiler.configSpecs,
            rules,
            ruleConditions,
            conditions,
            texts,
            values,
            textLists
        )
        self.specs = specs
        self.rules = rules
        self.texts = texts
        self.values = values
        self.targets = targets
        self.textLists = textLists
        hasBandits = !compiler.bandits.isEmpty
    }

    @inline(__always)
    func find(_ name: String, in nameSpace: NameSpace) -> Int32 {
        switch nameSpace {
        case .gates: uncountedTables.gates._withUnsafeGuaranteedRef { $0.find(name) }
        case .configs: uncountedTables.configs._withUnsafeGuaranteedRef { $0.find(name) }
        case .layers: uncountedTables.layers._withUnsafeGuaranteedRef { $0.find(name) }
        }
    }

    @inline(__always)
    func text(_ index: TextIndex) -> String { index.index < 0 ? "" : texts[Int(index.index)] }

    func optionalText(_ index: TextIndex) -> String? { index.index < 0 ? nil : texts[Int(index.index)] }
}
