// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Walks over the words of a user agent and notes what they hint at.
struct UserAgentScan {
    struct Hints: OptionSet {
        let rawValue: Int
        static let mac = Hints(rawValue: 1 << 0)
        static let ios = Hints(rawValue: 1 << 1)
        static let playStation = Hints(rawValue: 1 << 2)
        static let windows = Hints(rawValue: 1 << 3)
        static let mobile = Hints(rawValue: 1 << 4)
        static let linux = Hints(rawValue: 1 << 5)
        static let huawei = Hints(rawValue: 1 << 6)
        static let safari = Hints(rawValue: 1 << 7)
        static let cfNetwork = Hints(rawValue: 1 << 8)
        static let crawler = Hints(rawValue: 1 << 9)
    }

    private(set) var hints: Hints = []
    private(set) var tokens: [UserAgentProduct] = []
    /// The operating system, if a word named it together with its version.
    private(set) var os: UserAgentProduct?
    /// The browser, if a word named it.
    private(set) var browser: UserAgentProduct?

    private let words: [UserAgentText]
    private var position = 0
    private var sawBot = false

    init(_ text: UnsafeBufferPointer<UInt8>) {
        words = text.split(omittingEmptySubsequences: false) { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: " ") }
            .map { UserAgentText($0).trimmed }
    }

    mutating func run() {
        while position < words.count {
            let word = words[position]
            // The word's own place counts as used, whatever else the rules take.
            position += 1
            if word.isEmpty || readApple(word) || readSystem(word) || readNoise(word) { continue }
            readProduct(word)
        }
    }

    /// The word `offset` places behind the current one; empty if there is none.
    private func next(_ offset: Int) -> UserAgentText {
        let index = position + offset - 1
        return index < words.count ? words[index] : ""
    }

    /// The word `offset` places behind the current one if it is a number, which is then used up.
    private func number(_ offset: Int) -> UserAgentText? {
        let word = next(offset)
        return word.startsWithDigit ? word : nil
    }

    // MARK: Effects

    private mutating func token(_ tag: UserAgentText, _ version: UserAgentText? = nil) {
        tokens.append(UserAgentProduct(tag, version: version))
    }

    /// Notes a system of which word `offset` may be the version, after using `count` words.
    private mutating func system(_ tag: UserAgentText, version offset: Int, uses count: Int) {
        let version = number(offset)
        system(tag, version)
        position += count - 1 + (version == nil ? 0 : 1)
    }

    private mutating func system(_ tag: UserAgentText, _ version: UserAgentText?) {
        token(tag, version)
        if os == nil, version != nil { os = UserAgentProduct(tag, version: version) }
    }

    private mutating func browser(_ name: UserAgentText, _ version: UserAgentText?) {
        token(name, version)
        if version != nil { browser = UserAgentProduct(name, version: version) }
    }

    private mutating func bot(_ name: UserAgentText, _ version: UserAgentText? = nil) {
        if !sawBot { browser = UserAgentProduct(name, version: version) }
        sawBot = true
    }

    private mutating func macIsReallyIOS() {
        if let os, os.tag == "Mac OS X" { self.os = UserAgentProduct("iOS") }
    }

    // MARK: Words

    private mutating func readApple(_ word: UserAgentText) -> Bool {
        switch word {
        case _ where word.hasPrefix("AppleTV"):
            token("ATV OS X")
            position += 1
        case "like" where next(1) == "Mac" && next(2) == "OS": position += 3
        case "Mac" where next(1) == "OS":
            hints.insert(.mac)
            system("Mac OS X", version: next(2) == "X" ? 3 : 2, uses: 3)
        case "iOS":
            hints.insert(.ios)
            system("iOS", version: 1, uses: 2)
        case "iPhone" where next(1) == "OS": system("iOS", version: 2, uses: 2)
        case "iPadOS":
            hints.insert(.ios)
            system("iOS", version: 1, uses: 2)
        case _ where word.hasPrefix("iPad"): readDevice("iPad", word.dropFirst(4))
        case _ where word.hasPrefix("iPhone"): readDevice("iPhone", word.dropFirst(6))
        case _ where word.hasPrefix("Apple-iPhone7C2"):
            hints.insert(.ios)
            token("iPhone")
        case "CPU" where next(1) == "OS":
            let version = number(2)
            token("CPU OS", version)
            position += version == nil ? 1 : 2
        default: return false
        }
        return true
    }

    private mutating func readDevice(_ tag: UserAgentText, _ rest: UserAgentText) {
        hints.insert(.ios)
        let version = rest.trimmed
        token(tag, version.isEmpty ? nil : version)
    }

    private mutating func readSystem(_ word: UserAgentText) -> Bool {
        switch word {
        case "CrOS":
            if number(1) != nil {
                system("Chrome OS", version: 1, uses: 1)
            } else {
                system("Chrome OS", version: 2, uses: 2)
            }
        case "CrKey": token("Chromecast")
        case "PlayStation":
            hints.insert(.playStation)
            token("PlayStation")
        case "Android": system("Android", version: 1, uses: 1)
        case "Windows" where next(1) == "Phone": system("Windows Phone", version: 2, uses: 2)
        case _ where word.hasPrefix("Windows"): readWindows()
        case "MSIE":
            let version = number(1)
            browser("IE", version)
            position += version == nil ? 0 : 1
        case "Ubuntu": system("Ubuntu", version: 1, uses: 1)
        case "Yahoo!" where next(1) == "Slurp":
            token("Yahoo! Slurp")
            position += 1
        case "Red" where next(1) == "Hat":
            token("Red Hat")
            position += 1
        case "Mobile":
            hints.insert(.mobile)
            token("Mobile")
        case "Linux", "linux":
            hints.insert(.linux)
            token("Linux")
        case "Nintendo" where next(1) == "3DS":
            token("NetFront NX")
            position += 1
        default: return false
        }
        return true
    }

    private mutating func readWindows() {
        hints.insert(.windows)
        if next(1) == "NT" {
            let version = number(2)
            system("Windows", version)
            position += version == nil ? 0 : 2
        } else if next(1).hasPrefix("XP") {
            system("Windows", "XP")
            position += 1
        } else {
            system("Windows", version: 1, uses: 1)
        }
    }

    /// Words without meaning, and bots whose names are more than one word.
    private mutating func readNoise(_ word: UserAgentText) -> Bool {
        if word == "like" || word.bytes.count <= 2 { return true }
        switch (word, next(1), next(2)) {
        case ("Better", "Uptime", "Bot"): bot("Better Uptime Bot")
        case ("Radius", "Compilance", "Bot"): bot("Radius Compilance Bot")
        case ("AdsBot-Google-Mobile", _, _): bot("AdsBot-Google")
        case ("Uptime", "Monitoring", "Bot"): bot("Uptime Monitoring Bot")
        default: return false
        }
        return true
    }

    /// A word such as `Chrome/120.0.0.0`.
    private mutating func readProduct(_ word: UserAgentText) {
        let (tag, version) = word.cut
        switch tag {
        case "Kindle":
            system("Kindle", version)
            if version != nil { browser = UserAgentProduct("Kindle", version: version) }
        case "FxiOS": browser("Firefox iOS", version)
        case "EdgiOS":
            macIsReallyIOS()
            browser("Edge Mobile", version)
        case "CriOS":
            hints.insert(.ios)
            macIsReallyIOS()
            browser("Chrome Mobile iOS", version)
        case "GSA": browser("Google", version)
        case "YisouSpider", "ChatGPT-User", "OAI-SearchBot": browser(tag, version)
        case "Edg", "Edge": token("Edge", version)
        case "OPR": token("Opera", version)
        case "SamsungBrowser": browser("Samsung Internet", version)
        case "HuaweiBrowser":
            hints.insert(.huawei)
            token(tag, version)
        case "NX": browser("NetFront NX", version)
        case "Electron": browser("Electron", version)
        case "IEMobile": browser("IE Mobile", version)
        case _ where isBot(tag): bot(tag, version)
        case "Mobile":
            hints.insert(.mobile)
            token(tag, version)
        case "Safari":
            hints.insert(.safari)
            token(tag, version)
        case "CFNetwork": hints.formUnion([.cfNetwork, .ios])
        case _ where version?.contains("crawler") == true: hints.insert(.crawler)
        case "OculusBrowser": os = UserAgentProduct("Android")
        default: token(tag, version)
        }
    }

    private func isBot(_ tag: UserAgentText) -> Bool {
        tag.contains("Bot") || tag.contains("bot") || tag.contains("crawler") || tag.contains("Crawler")
    }
}
