// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Hummingbird

/// Where OpenFeature's clients put a key: `Authorization: Bearer …`, else `X-API-Key`.
enum OpenFeatureKey {
    /// The key in the values of the two fields, if there is one.
    static func text(authorization: String?, apiKey: String?) -> String? {
        let scheme = "bearer "
        if let authorization, authorization.prefix(scheme.count).lowercased() == scheme {
            let token = authorization.dropFirst(scheme.count).drop { $0 == " " }
            if !token.isEmpty { return String(token) }
        }
        return apiKey.flatMap { $0.isEmpty ? nil : $0 }
    }
}

extension RequestHead {
    /// The key as OpenFeature's clients send it.
    var openFeatureKeyText: String? {
        OpenFeatureKey.text(
            authorization: first("authorization").map { String(decoding: $0, as: UTF8.self) },
            apiKey: first("x-api-key").map { String(decoding: $0, as: UTF8.self) }
        )
    }
}

extension Route {
    /// What whoever shows no key is told to do.
    var keyAdvice: String {
        if takesOpenFeatureKeys {
            return "There is no SDK key; send it as Authorization: Bearer, as X-API-Key or as STATSIG-API-KEY"
        }
        return "There is no SDK key; send it as header STATSIG-API-KEY, as query parameter k or in the path"
    }

    /// How to show a key, as `WWW-Authenticate` has it.
    var keyChallenge: String {
        takesOpenFeatureKeys ? "Bearer realm=\"floodgate\"" : "StatsigApiKey realm=\"floodgate\""
    }
}
