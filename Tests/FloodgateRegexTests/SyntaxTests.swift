// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateRegex
import Testing

@Suite("Syntax") struct SyntaxTests {
    @Test(arguments: [
        ("an+a", "banana"), ("(?<=foo)bar", "foobar"), ("(?i)ABC", "xabcx"), ("a$", "a"), ("(?m)a$", "a\nb"),
        ("a\\Z", "a\n"), ("\\h{2}", "x9f"), ("\\u0041\\x{42}\\e", "AB\u{1B}"), ("(?<n>a)\\k<n>", "aa"),
        ("(?P<n>a)(?P=n)", "aa"), ("(\\w)\\1", "book"), ("^(?>a+)b", "aab"), ("[a-z&&[^aeiou]]", "x"),
        ("[\\w--\\d]", "a"), ("[a-c~~b-d]", "d"), ("[[:alpha:]]", "q"), ("\\p{Greek}\\p{Lu}", "αA"),
        ("(?i)straße", "STRAẞE"), ("(?x) a b # comment", "ab"), ("a(?#comment)b", "ab"), ("a\\Kb", "ab"),
        ("(a)?(?(1)b|c)", "c"), ("(?<!a|bc)d", "xd"), ("\\bé\\b", "é"), (".", "\u{1F600}"),
    ])
    func `finds what the pattern describes`(pattern: String, text: String) throws {
        #expect(try Pattern(pattern).matches(text))
    }

    @Test(arguments: [
        ("a$", "a\n"), (".", "\n"), ("^b", "a\nb"), ("^(?>a+)ab", "aab"), ("[[:alpha:]]", "é"), ("\\bfoo", "xfoo"),
        ("(?i)ß", "SS"), ("^.$", "e\u{301}"), ("(?<=a)b", "cb"), ("(?!a)a", "a"),
    ])
    func `does not find what it excludes`(pattern: String, text: String) throws {
        #expect(try !Pattern(pattern).matches(text))
    }

    @Test(arguments: [
        "(", ")", "[", "[]", "*", "a**", "a{2,1}", "\\", "\\Qa\\E", "\\R", "\\X", "\\N", "\\cA", "\\q", "\\x{110000}",
        "\\p{Foo}", "(?z)", "(?<>a)", "(a)\\2", "\\k<n>", "(?(1)a|b)", "(?-u)a", "[z-a]", "[\\d-z]", "(?=a)*", "(?R)",
        "(?<=\\ba+)b", "\\p{Cs}",
    ])
    func `refuses what the core refuses`(pattern: String) {
        #expect(throws: PatternError.self) { try Pattern(pattern) }
    }

    @Test func `points at the mistake in bytes`() {
        let error = #expect(throws: PatternError.self) { try Pattern("éa\\q") }
        #expect(error?.offset == 3)
        #expect(error?.code == .syntax)
    }

    @Test func `answers alike for text and bytes`() throws {
        let pattern = try Pattern("^\\w+@\\w+$")
        for text in ["é@ü", "", "a@b\n"] {
            let fromBytes = Array(text.utf8).withUnsafeBufferPointer { pattern.matches($0) }
            #expect(pattern.matches(text) == fromBytes)
        }
    }
}
