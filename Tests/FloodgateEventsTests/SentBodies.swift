// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateJSON

/// Bodies in the shape that each SDK sends, with values of our own.
enum SentBodies {
    /// Statsig's Rust core: all metadata as texts, null for what there is not.
    static let core = """
        {"events":[
          {"eventName":"statsig::gate_exposure","metadata":{"gate":"new_checkout","gateValue":"true","ruleID":"r1",
            "reason":"Network:Recognized","lcut":"1750000360000","receivedAt":"1750000360412","configVersion":"32"},
           "secondaryExposures":[{"gate":"beta","gateValue":"false","ruleID":"default"},
            {"gate":"beta","gateValue":"false","ruleID":"default"}],
           "statsigMetadata":{},"time":1750000361000,
           "user":{"userID":"u-9","customIDs":{"companyID":7},"statsigEnvironment":{"tier":"staging"}},"value":null},
          {"eventName":"statsig::layer_exposure","metadata":{"config":"checkout_layer","parameterName":"copy",
            "ruleID":"g_short","allocatedExperiment":"checkout_copy","isExplicitParameter":"true",
            "reason":"Network:Recognized","lcut":"1750000360000","receivedAt":"1750000360412"},
           "secondaryExposures":[],"statsigMetadata":{"samplingRate":10,"samplingMode":"on","shadowLogged":"logged"},
           "time":1750000361007,"user":{"userID":"u-9"},"value":null},
          {"eventName":"purchase","metadata":{"sku":"A 1","nested":{"list":[1,2.5,true,null]}},
           "secondaryExposures":null,"statsigMetadata":null,"time":1750000361010,"user":{"userID":"u-9"},"value":12.5},
          {"eventName":"statsig::diagnostics","metadata":{"context":"config_sync","markers":
            "[{\\"key\\":\\"download_config_specs\\",\
            \\"url\\":\\"http://h/v2/download_config_specs/secret-9f2c1Ab_x.json?supports_proto=true\\"}]"},
           "secondaryExposures":null,"statsigMetadata":null,"time":1750000361011,"user":{},"value":null}],
         "statsigMetadata":{"sdkType":"statsig-server-core-python","sdkVersion":"0.24.0","sessionID":"218c29c1",
          "os":"linux","arch":"x86_64","languageVersion":"3.11.7","service_name":"checkout","flushingIntervalMs":1000,
          "batchSize":2000,"maxPendingBatches":100,"flushType":"scheduled:max_time"}}
        """

    /// The older Python SDK: absent members are absent, times in metadata are numbers, markers are a list.
    static let legacyPython = """
        {"events":[
          {"eventName":"statsig::config_exposure","time":1750000361000,
           "user":{"userID":"u-9","customIDs":{"companyID":"7"}},
           "metadata":{"config":"banner","ruleID":"default","rulePassed":"false","reason":"Network",
            "configSyncTime":1750000360000,"initTime":1750000360000,"serverTime":1750000361001,"configVersion":4},
           "statsigMetadata":{"sdkType":"py-server"},"secondaryExposures":[]},
          {"eventName":"signup","time":1750000361002,"value":"free"},
          {"eventName":"statsig::diagnostics","time":1750000361003,
           "metadata":{"context":"initialize","statsigOptions":{},
            "markers":[{"key":"overall","action":"start","timestamp":1750000360000.25},
             {"key":"download_config_specs","action":"end",
              "url":"http://h/v1/download_config_specs/secret-9f2c1Ab_x.json"}]}}],
         "statsigMetadata":{"sdkType":"py-server","sdkVersion":"0.72.1","sessionID":"5f","languageVersion":"3.11.7"}}
        """

    /// The JavaScript client: hashed names, a page in the metadata, members that only it has.
    static let javaScript = """
        {"events":[
          {"eventName":"statsig::gate_exposure","user":{"userID":"","customIDs":{"stableID":"s-1"},
            "analyticsOnlyMetadata":{"plan":"pro"},"privateAttributes":{"email":"x@example.com"}},
           "value":null,"metadata":{"gate":"2867927529","gateValue":"false","ruleID":"","reason":"Cache:Recognized",
            "lcut":"1750000360000","receivedAt":"1750000360412","isManualExposure":"true"},
           "secondaryExposures":[{"gate":"1234","gateValue":"true","ruleID":"r"}],
           "statsigMetadata":{"currentPage":"http://shop.example/cart"},"time":1750000361000},
          {"eventName":"add_to_cart","user":{"customIDs":{"stableID":"s-1"}},"value":3,"metadata":null,
           "statsigMetadata":{"currentPage":"http://shop.example/cart"},"time":1750000361900,"extra":[1]}],
         "statsigMetadata":{"sdkType":"javascript-client","sdkVersion":"3.33.3","stableID":"s-1","sessionID":"abc",
          "fallbackUrl":null},"k":"client-abc"}
        """

    /// The HTTP API: a user for all, a date as text.
    static let httpAPI = """
        {"user":{"userID":"for-all","privateAttributes":{"ssn":1}},"events":[
          {"eventName":"a","time":"2025-06-15T12:26:01.5+02:00"},{"eventName":"b","user":{"userID":"own"}}]}
        """
}

func read(_ text: String, receivedAt: Int64 = 5) throws -> ReadEventBatch {
    try EventBatchReader().read(Array(text.utf8), receivedAt: receivedAt)
}
