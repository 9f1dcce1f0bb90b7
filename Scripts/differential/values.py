# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Odd values of every kind, drawn so that documents and users meet."""
import struct

NUMBERS = [
    0, 1, 1.0, -1, 2, 3, 5, 7, 10, 100, 0.1, 0.5, 1.5, -0.0, -1.5, 1e21, 1e-7, 1e-5, 1e-6, 0.00001234, 1e15, 1e16,
    1e17, 123456.789,
    2 ** 53, 2 ** 53 + 1, 2 ** 63 - 1, 2 ** 63, -2 ** 63, 2 ** 64 - 1, 2 ** 64, -2 ** 63 - 1, 9.3e18, 1e300,
    1.7976931348623157e308,
    5e-324, 2.2250738585072014e-308, 0.30000000000000004, 123456789012345678, 12345678901234567890123,
    1.0000000000000002,
    1700000000, 1700000000000, 1700000000.5, 1700000000000.0, 9999999999, 10000000000, -9999999999, -1, 86400,
    86399999, -86400000,
]
NUMBER_TEXTS = [
    "0", "1", "1.0", "01", "+1", "-1", "-0", "1.", ".5", "0.5", "1e3", "1E3", "1e+3", "1e-3", "1e", "e1", "1e400",
    "-1e400", "1e-400",
    " 1", "1 ", "1_0", "0x1", "inf", "-inf", "+inf", "INF", "Infinity", "infinit", "nan", "NaN", "-nan", "1,5", "١",
    "1.5.1", "--1",
    "+", "-", ".", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "18446744073709551616",
    "1700000000", "1700000000000", "1700000000.0", "0000000001700000000", "1000000000000000000000", "0.1",
    "123456.789", "1e5",
    str(2 ** 1024),
]
WORDS = [
    "", "a", "A", "b", "ab", "AB", "aB", "abc", "x", "X", "user", "User", "pro", "true", "TRUE", "false", "null",
    "None", "a b", " a", "a ",
    "ß", "ẞ", "SS", "ss", "Straße", "STRASSE", "é", "É", "e\u0301", "E\u0301", "naïve", "nai\u0308ve", "ΑΣ", "ας",
    "ασ", "Σ", "σ", "ς", "ΣΣ",
    "ΑΣ'", "ΑΣ.Β", "ΑΣ\u00ad", "Α\u0301Σ", "aΣ", "Σa", "ὈΔΥΣΣΕΎΣ", "İ", "i\u0307", "I", "i", "ı", "İSTANBUL",
    "istanbul", "ﬀ", "FF", "ŉ", "Ǆ", "ǅ", "ǆ",
    "K", "k", "K", "Å", "å", "Å", "A\u030a", "µ", "μ", "Ꭰ", "ꭰ", "Ა", "ა", "𐐀", "𐐨", "日本", "日本語", "👍", "👍🏽", "🇨🇭",
    "👩‍💻", "\u0000", "a\u0000b",
    "\ufeff", "\u00a0", "\u2028", "\u200d", "\ud7ff", "\ue000", "\U0010ffff", "\u1e9e", "가", "\u1100\u1161", "Ω", "Ω",
    "ω", "[]", "{}", '["a"]', '["a",1]',
    '{"a":1}', "[1.0]", '"', "\\", "/", "\n", "a\nb", "\t", "%", "a,b", "1.0", "*", "(", "\x7f", "\x1f", "ﬃ", "ʼn",
    "ῼ", "ῳ", "Ⅷ", "ⅷ", "Ⓐ", "ⓐ",
]
VERSIONS = [
    "1", "1.0", "1.0.0", "1.2", "1.2.3", "1.2.3.4", "1.10", "1.9", "2", "2.x", "1.x", "x", "1.2-beta", "1.2.3-rc.9",
    "-1.2", "1.-2", "1. 2", "1.+2",
    " 1.2 ", "1..2", ".1", "1.", "1.2.0.0", "0", "00.01", "1.02", "v1", "1,2", "99999999999",
    "340282366920938463463374607431768211456",
    "170141183460469231731687303715884105727", "170141183460469231731687303715884105728", "9223372036854775808",
    "1.２", "1.\u00a02", "1.\u20032", "1.2\n",
    "1.2+build", "1.2.3_4", "-", "+1", "1.0.0-", "1.2.3.4.5.6.7.8.9.10", "1.\u200b2", "1.\u00852", "1.\x1c2", "-0",
    "+0.+0",
]
DATES = [
    "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000Z", "2023-11-14 22:13:20", "2023-11-14 22:13:20Z",
    "2023-11-14t22:13:20z", "2023-11-14",
    "2023-11-14T22:13:20", "2023-11-14T22:13:20+01:00", "2023-11-14T22:13:20-0100", "2023-11-14T22:13Z",
    "2023-11-14T22:13:60Z", "2023-11-14T23:59:60Z",
    "2023-11-14T24:00:00Z", "2023-11-14 24:00:00", "2023-1-4 2:3:0", "2023-1-4  2:3:0", " 2023-11-14 22:13:20",
    "2023-11-14 22:13:20 ", "+2023-11-14 22:13:20",
    "-0001-11-14 22:13:20", "+12023-11-14 22:13:20", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "10000-01-01T00:00:00Z", "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", "1970-04-26T17:46:39Z", "1970-04-26T17:46:40Z",
    "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z",
    "2023-13-01T00:00:00Z", "2023-00-01T00:00:00Z", "2023-11-31T00:00:00Z", "2023-11-14T22:13:20.Z",
    "2023-11-14T22:13:20.9Z", "2023-11-14T22:13:20.99999Z",
    "2023-11-14T22:13:20.123456789123Z", "2023-11-14T22:13:20.5+00:00", "2023-11-14T22:13:20+24:00",
    "2023-11-14T22:13:20+23:59", "2023-11-14T22:13:20+00:60",
    "2023-11-14T22:13:20-00:00", "2023-11-14\t22:13:20", "2023-11-14  22:13:20Z", "2023 -11-14 22:13:20",
    "2023- 11- 14 22: 13: 20", "2023-11-14 22:13", "20231114T221320Z",
    "22:13:20", "T22:13:20Z", "2023-11-14T22:13:20UTC", "2023-11-14 22:13:20 UTC", "2023-11-14\u00a022:13:20",
    "2023-011-14 22:13:20", "2023-11-14T2:13:20Z", "2099-01-01T00:00:00Z",
    "2001-01-01 00:00:00", "2023-11-14T22:13:20\u221201:00", "2023-11-14 22:13:61", "2023-11-14 22:13:60",
    "262142-12-31 23:59:59", "262143-12-31 23:59:59", "99999-01-01 00:00:00",
]
FIELDS = [
    "x", "y", "z", "level", "plan", "Plan", "FOO", "foo", "email", "Email", "EMAIL", "userID", "userid", "user_id",
    "UserID", "ip", "IP", "ip_address", "country", "Country", "locale",
    "appVersion", "appversion", "app_version", "APPVERSION", "userAgent", "useragent", "user_agent", "tier", "", "é",
    "e\u0301", "É", "İx", "browser_name", "os_name", "custom", "ΑΣ",
]
AGENT_FIELDS = ["os_name", "os_version", "browser_name", "browser_version", "osname", "osversion", "browserName",
    "BrowserVersion", "OS_NAME", "os", "device", "", "browser"]
ID_TYPES = ["userID", "userid", "USERID", "companyID", "companyid", "COMPANYID", "stableID", "", "é", "e\u0301",
    "teamÉ", "user_id"]
PERCENTAGES = [
    100, 100.0, 100, 100, 100, 0, 0.0, 50, 50.0, 10, 90, 0.07, 0.29, 0.57, 1.13, 20.24, 20.23, 22.84, 24.41, 32.21,
    33.33, 33.333333333333336, 66.67, 99.99, 0.01, 0.005, 150, -5, -0.0, 1e308,
    1e-300, 2 ** 64, 99.999, 57.99, 4.35,
]
TIERS = ["production", "staging", "development", "Staging", "", "é"]
COUNTRIES = ["US", "us", "DE", "CH", "JP", "NZ", "FR", "GB", "CN", "AU", "BR", "", "--"]
IPS = [
    "1.1.1.1", "8.8.8.8", "08.8.8.8", "+8.8.8.8", "24.18.183.148", "::1", "2001:4860:4860::8888", "1.2.3",
    "1.2.3.4.5", "", "a.b.c.d", " 8.8.8.8", "8.8.8.8 ", "192.168.0.1", "127.0.0.1", "0.0.0.0",
    "255.255.255.255", "-1.0.0.0", "1.2.3.-4", "1.2.3.99999", "1.2.3.999999999", "8.8.8.", "8..8.8", "8.8.8.8:80",
    "٨.8.8.8", "0.0.0.-1", "223.255.255.255", "9999999999999999999.1.1.1",
]
AGENT_WORDS = [
    "Mozilla/5.0", "(Macintosh;", "Intel", "Mac", "OS", "X", "10_15_7)", "10.15.7;", "AppleWebKit/537.36", "(KHTML,",
    "like", "Gecko)", "Chrome/120.0.0.0", "Chrome", "Safari/537.36", "Safari", "Version/17.1",
    "Version", "(iPhone;", "CPU", "iPhone", "OS", "16_6", "(iPad;", "iPad;", "Mobile/15E148", "Mobile", "CriOS/118.0",
    "FxiOS/118.0", "EdgiOS/118.0", "Edg/119.0.2151.58", "Edge/18.0", "(Windows", "Windows", "NT", "10.0;",
    "6.1;", "6.3", "5.1;", "XP", "Win64;", "x64)", "Windows Phone 10.0;", "(Linux;", "Linux", "Android", "13;",
    "Android 7.0;", "Android/9", "SM-G991B)", "SamsungBrowser/22.0", "Firefox/119.0", "Firefox", "(X11;", "Ubuntu;",
    "Ubuntu/20.04",
    "CrOS", "x86_64", "14541.0.0)", "(compatible;", "Googlebot/2.1;", "+http://www.google.com/bot.html)",
    "bingbot/2.0", "CFNetwork/1408.0.4", "Darwin/22.5.0", "MyApp/0.0.123", "curl/8.1.2", "axios/1.2",
    "HeadlessChrome/119", "OPR/105.0",
    "MSIE", "9.0;", "MSIE 10.0;", "Trident/7.0;", "IEMobile/11.0", "YaBrowser/23.1.2.3", "Silk/3.4", "Kindle/3.0",
    "PlayStation", "Nintendo", "3DS;", "NX/1.2.3.4", "Electron/25.1", "HuaweiBrowser/12", "OculusBrowser/5.1",
    "GSA/300.0", "CrKey/1.5",
    "AppleTV11,1/11.1", "iOS", "iOS/12.1", "iPadOS", "15.2", "iPhone12,3", "Red", "Hat", "Yahoo!", "Slurp", "Better",
    "Uptime", "Bot", "AdsBot-Google-Mobile", "Opera/9.80", "Presto/2.12", "NetworkingExtension/8615",
    "ChatGPT-User/1.0", "rv:109.0)", ";", "/",
    "(", ")", "a", "ab", "Crawler/1", "x/crawler", ":", "tag:1.2", "1.2.3.4.5.6", "1_2", "1,2,3", "Windows/10", "é/1",
    "Chrome/x1", "Version/", "Safari/604.1", "like", "1", "12", "Apple-iPhone7C2/1202", "Mac_PowerPC", "Tablet;", "+",
    '"', "_", "Edge", "Kindle",
]
PATTERNS = [
    "a", "^a", "a$", "^$", "a.c", "[A-Z]+", "(?i)abc", "\\d+", "\\w+@", "[", "(", "a{2}", "a|b", "^\\s*$", "(?<=a)b",
    "\\bab\\b", "[[:alpha:]]", "\\p{L}", ".*", "é", "(a)\\1", "\\Aab\\z", "x*", "[^a]", "(?m)^b$", "\\.", "$^",
]
TYPES = ["public", "pass_gate", "fail_gate", "user_field", "ip_based", "ua_based", "environment_field",
    "current_time", "user_bucket", "unit_id", "target_app", "experiment_group"]
UNKNOWN_TYPES = ["multi_pass_gate", "multi_fail_gate", "PUBLIC", "User_Field", "", "javascript", "public "]
OPERATORS = [
    "gt", "gte", "lt", "lte", "version_gt", "version_gte", "version_lt", "version_lte", "version_eq", "version_neq",
    "any", "none", "any_case_sensitive", "none_case_sensitive", "str_starts_with_any",
    "str_ends_with_any", "str_contains_any", "str_contains_none", "str_matches", "before", "after", "on", "eq", "neq",
    "in_segment_list", "not_in_segment_list", "array_contains_any", "array_contains_none",
    "array_contains_all", "not_array_contains_all",
]
UNKNOWN_OPERATORS = ["ANY", "Eq", "", "encoded_any", "is", "array_contains", "version"]


class Values:
    """A small pool of atoms, so that a document's targets and a user's attributes often are alike."""

    def __init__(self, random):
        self.random = random
        family = random.random()
        pool = [self.fresh() for _ in range(random.choice([12, 40, 120]))]
        if family < 0.2:
            pool += random.sample(NUMBERS, 12) + random.sample(NUMBER_TEXTS, 12)
        elif family < 0.4:
            pool += random.sample(WORDS, 30)
        elif family < 0.5:
            pool += random.sample(VERSIONS, 20)
        elif family < 0.65:
            pool += random.sample(DATES, 20) + [1700000000, 1700000000000]
        self.pool = pool
        self.units = [self.unit() for _ in range(24)]
        self.countries = random.sample(COUNTRIES, 5)

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, items):
        return self.random.choice(items)

    def fresh(self):
        r = self.random.random()
        if r < 0.2:
            return self.number()
        if r < 0.32:
            return self.pick(NUMBER_TEXTS)
        if r < 0.62:
            return self.word()
        if r < 0.72:
            return self.pick(VERSIONS)
        if r < 0.84:
            return self.date()
        return self.pick([True, False, None, [], {}, "", "userID", "production"])

    def number(self):
        r = self.random.random()
        if r < 0.6:
            return self.pick(NUMBERS)
        if r < 0.75:
            return self.random.randint(-20, 20)
        if r < 0.85:
            return round(self.random.uniform(-100, 100), self.random.randint(0, 3))
        if r < 0.93:
            value = struct.unpack("d", self.random.getrandbits(64).to_bytes(8, "little"))[0]
            return value if value == value and abs(value) != float("inf") else 0.25
        return self.random.randint(1600000000, 1800000000) * self.pick([1, 1000])

    def word(self):
        r = self.random.random()
        text = self.pick(WORDS)
        if r < 0.6:
            return text
        if r < 0.75:
            return text + self.pick(WORDS)
        if r < 0.85:
            return self.pick([text.upper, text.lower, text.title, text.swapcase])()
        return "".join(self.pick(["a", "A", "b", "Σ", "σ", "\u0301", "é", "İ", ".", "'", " ", "1", "-", "ß", "\u200d",
            "ʼ", "Ⅷ", "\u0345"]) for _ in range(self.random.randint(1, 6)))

    def date(self):
        r = self.random.random()
        if r < 0.5:
            return self.pick(DATES)
        n = self.random.randint
        year, month, day, hour, minute, second = n(1900, 2100), n(0, 13), n(0, 32), n(0, 24), n(0, 60), n(0, 61)
        if r < 0.6:
            return "%d-%d-%d %d:%d:%d" % (year, month, day, hour, minute, second)
        text = "%04d-%02d-%02d%s%02d:%02d:%02d" % (year, max(month, 1), min(max(day, 1), 28), self.pick("TTTt  "),
            hour, minute, second)
        if r < 0.75:
            text += "." + str(n(0, 10 ** n(1, 12)))
        return text + self.pick(["Z", "Z", "z", "", "+00:00", "-07:30", "+14:00", "+0100", " Z"])

    def atom(self):
        return self.pick(self.pool) if self.chance(0.8) else self.fresh()

    def text(self):
        value = self.atom()
        return value if isinstance(value, str) else self.word()

    def value(self, depth=0):
        """Any JSON value."""
        r = self.random.random()
        if r < 0.84 or depth > 2:
            return self.atom()
        if r < 0.94:
            return [self.value(depth + 1) for _ in range(self.random.randint(0, 4))]
        return {self.pick(["a", "b", "A", "é", "k", ""]): self.value(depth + 1)
            for _ in range(self.random.randint(0, 3))}

    def list(self):
        items = [self.atom() if self.chance(0.93) else self.value(1)
            for _ in range(self.pick([0, 1, 1, 2, 2, 3, 4, 8]))]
        if items and self.chance(0.12):
            item = self.pick(items)
            items.insert(self.random.randint(0, len(items)), self.variant(item))
        return items

    def variant(self, item):
        """The same in other letters or another type."""
        if isinstance(item, str):
            return self.pick([item.upper(), item.lower(), item.swapcase(), item])
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            return str(item)
        return item

    def unit(self):
        r = self.random.random()
        if r < 0.75:
            return self.pick(["u%d", "user_%d", "%d"]) % self.random.randint(0, 9999)
        return self.atom()

    def address(self):
        if self.chance(0.5):
            return ".".join(str(self.random.randint(0, 255)) for _ in range(4))
        return self.pick(IPS)

    def agent(self):
        if self.chance(0.05):
            return self.pick(["", "x" * 1001, "Chrome/1 " * 111, "é" * 500, "Windows NT 10.0 " + "x" * 984,
                "Windows NT 10.0 " + "x" * 985])
        if self.chance(0.4):
            start = self.random.randrange(len(AGENT_WORDS))
            words = AGENT_WORDS[start:start + self.random.randint(1, 14)]
            if self.chance(0.5):
                words = [word for word in words if self.chance(0.85)]
        else:
            words = [self.pick(AGENT_WORDS) for _ in range(self.random.randint(1, 12))]
        return self.pick([" ", " ", " ", "; ", ";"]).join(words)
