// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON
import FloodgateSpecs

/// What a document holds besides specs, copied off its tape.
struct DocumentHead: Sendable {
    var time: UInt64 = 0
    var checksum: String?
    var defaultEnvironment: String?
    var sdkConfigs = JSONObject()
    var sdkFlags = JSONObject()
    var diagnostics = JSONObject()
    var gateNames: [String] = []
    var dynamicConfigNames: [String] = []
    var experimentNames: [String] = []
    var autotuneNames: [String] = []
    var layerNames: [String] = []
    var apps = AppIDs()
    var parameterStores = JSONObject()
    var sessionReplay: JSONObject?

    init() {}

    init(_ root: JSONView, _ reader: borrowing SpecDocumentReader, _ compiler: borrowing RulesetCompiler) {
        time = reader.time
        checksum = reader.checksum
        defaultEnvironment = root["default_environment"]?.text
        sdkConfigs = root["sdk_configs"]?.object ?? JSONObject()
        sdkFlags = root["sdk_flags"]?.object ?? JSONObject()
        diagnostics = root["diagnostics"]?.object ?? JSONObject()
        apps = AppIDs(root)
        parameterStores = root["param_stores"]?.object ?? JSONObject()
        sessionReplay = root["session_replay_info"]?.objectIfAny?.object
        for index in compiler.specs.indices {
            let spec = compiler.specs[index]
            let name = compiler.texts[Int(spec.name.index)]
            let place = Int32(index)
            if compiler.gateSpecs.contains(place) {
                if spec.entity != .segment, spec.entity != .holdout { gateNames.append(name) }
            } else if compiler.configSpecs.contains(place) {
                switch spec.entity {
                case .dynamicConfig: dynamicConfigNames.append(name)
                case .experiment: experimentNames.append(name)
                case .autotune: autotuneNames.append(name)
                default: break
                }
            } else {
                layerNames.append(name)
            }
        }
    }
}

/// Which app a key belongs to, as the document says.
struct AppIDs: Sendable {
    private(set) var own: JSONValue?
    private(set) var byHashedKey: JSONObject?
    private(set) var byKey: JSONObject?

    init() {}

    init(_ root: JSONView) {
        own = root["app_id"].flatMap { $0.isNull ? nil : $0.value }
        byHashedKey = root["hashed_sdk_keys_to_app_ids"]?.objectIfAny?.object
        byKey = root["sdk_keys_to_app_ids"]?.objectIfAny?.object
    }

    /// The app of a client key; the map of hashed keys decides alone if it is there.
    func app(ofClientKey key: String) -> JSONValue? {
        if let byHashedKey { return byHashedKey[String(NameHash.djb2(key))] }
        if let byKey { return byKey[key] }
        return own
    }
}
