// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What the words of a user agent add up to.
extension UserAgentScan {
    func decideOS() -> UserAgentProduct {
        if let os { return os }
        for token in tokens {
            switch token.tag {
            case "ATV OS X": return UserAgentProduct("ATV OS X")
            case "iPhone OS", "iOS": return UserAgentProduct("iOS", version: token.version)
            case "CPU OS" where hints.contains(.ios): return UserAgentProduct("iOS", version: token.version)
            case "Version" where hints.isSuperset(of: [.ios, .mac]):
                return UserAgentProduct("iOS", version: token.version)
            case "CFNetwork": return UserAgentProduct("iOS")
            case "Android": return UserAgentProduct("Android", version: token.version)
            case let tag where tag.hasPrefix("Android"): return UserAgentProduct("Android")
            case "Chromecast", "Red Hat": return UserAgentProduct(token.tag)
            case "Kindle", "Ubuntu": return token
            default: continue
            }
        }
        if hints.contains(.ios) { return UserAgentProduct("iOS") }
        if hints.contains(.mac) { return UserAgentProduct("Mac OS X") }
        if hints.contains(.windows) { return UserAgentProduct("Windows") }
        if hints.contains(.linux) { return UserAgentProduct("Linux") }
        return UserAgentProduct("Other")
    }

    func decideBrowser() -> UserAgentProduct {
        if let browser { return browser }
        let isMobile = hints.contains(.mobile)
        var seen: (android: UserAgentProduct?, version: UserAgentProduct?, chrome: UserAgentProduct?)
        for token in tokens {
            switch token.tag {
            case "Firefox": return token.renamed(isMobile ? "Firefox Mobile" : "Firefox")
            case "Yahoo! Slurp": return UserAgentProduct("Yahoo! Slurp")
            case "Silk" where hints.contains(.playStation): return UserAgentProduct("NetFront NX")
            case "Silk": return token.renamed("Amazon Silk")
            case "NetFront NX", "axios", "HeadlessChrome": return token
            case "YaBrowser": return token.renamed("Yandex Browser")
            case "Edge": return token.renamed(isMobile ? "Edge Mobile" : "Edge")
            case "Opera": return token.renamed(isMobile ? "Opera Mobile" : "Opera")
            case "Android": seen.android = token
            case "Version": seen.version = token
            case "Chrome": seen.chrome = token
            default: continue
            }
        }
        if let chrome = seen.chrome {
            if seen.version != nil { return chrome.renamed("Chrome Mobile WebView") }
            if chrome.version != nil, isMobile, !hints.contains(.huawei) { return chrome.renamed("Chrome Mobile") }
            if chrome.version == nil, let android = seen.android { return android }
            return chrome
        }
        return seen.android ?? decideAppleBrowser(seen.version)
    }

    private func decideAppleBrowser(_ version: UserAgentProduct?) -> UserAgentProduct {
        if hints.contains(.cfNetwork), let first = tokens.first {
            guard first.tag == "NetworkingExtension" else { return first }
            return UserAgentProduct("CFNetwork", version: tokens.dropFirst().first?.version)
        }
        if hints.contains(.safari) {
            let isPhone = hints.contains(.mobile) && !hints.contains(.mac)
            return UserAgentProduct(isPhone ? "Mobile Safari" : "Safari", version: version?.version)
        }
        if hints.contains(.ios) { return UserAgentProduct("Mobile Safari UI/WKWebView") }
        return UserAgentProduct(hints.contains(.crawler) ? "crawler" : "Other")
    }
}

extension UserAgentProduct {
    fileprivate func renamed(_ name: UserAgentText) -> UserAgentProduct {
        UserAgentProduct(name, tag: tag, version: version)
    }
}
