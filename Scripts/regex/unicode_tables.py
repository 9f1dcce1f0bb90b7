#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Writes the Unicode tables of FloodgateRegex from what the core answers about each scalar.

    python3 -m venv venv && venv/bin/pip install statsig-python-core==0.24.0 unicodedataplus==16.0.0.post1
    venv/bin/python Scripts/regex/unicode_tables.py

The core is asked, by halving ranges, which scalars each property matches; `unicodedataplus` only lends the names of
scripts and break classes. Letters that are one when case is ignored are guessed from Python's own case folding and the
pairs that Unicode 16 added, and the guess is checked against the core for every scalar. About a minute.
"""
import json
import os
import sys
import unicodedata

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "differential"))
from regex import Oracle  # noqa: E402  (not the package of that name)

import statsig_python_core as core  # noqa: E402
import unicodedataplus as names  # noqa: E402

TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Sources", "FloodgateRegex")
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
CATEGORIES = {
    "Lu": ["Uppercase_Letter"],
    "Ll": ["Lowercase_Letter"],
    "Lt": ["Titlecase_Letter"],
    "Lm": ["Modifier_Letter"],
    "Lo": ["Other_Letter"],
    "Mn": ["Nonspacing_Mark"],
    "Mc": ["Spacing_Mark"],
    "Me": ["Enclosing_Mark"],
    "Nd": ["Decimal_Number", "digit"],
    "Nl": ["Letter_Number"],
    "No": ["Other_Number"],
    "Pc": ["Connector_Punctuation"],
    "Pd": ["Dash_Punctuation"],
    "Ps": ["Open_Punctuation"],
    "Pe": ["Close_Punctuation"],
    "Pi": ["Initial_Punctuation"],
    "Pf": ["Final_Punctuation"],
    "Po": ["Other_Punctuation"],
    "Sm": ["Math_Symbol"],
    "Sc": ["Currency_Symbol"],
    "Sk": ["Modifier_Symbol"],
    "So": ["Other_Symbol"],
    "Zs": ["Space_Separator"],
    "Zl": ["Line_Separator"],
    "Zp": ["Paragraph_Separator"],
    "Cc": ["Control", "cntrl"],
    "Cf": ["Format"],
    "Co": ["Private_Use"],
    "Cn": ["Unassigned"],
}
BINARY = {
    "ASCII_Hex_Digit": ["AHex"],
    "Alphabetic": ["Alpha"],
    "Bidi_Control": ["Bidi_C"],
    "Bidi_Mirrored": ["Bidi_M"],
    "Case_Ignorable": ["CI"],
    "Cased": [],
    "Changes_When_Casefolded": ["CWCF"],
    "Changes_When_Casemapped": ["CWCM"],
    "Changes_When_Lowercased": ["CWL"],
    "Changes_When_Titlecased": ["CWT"],
    "Changes_When_Uppercased": ["CWU"],
    "Dash": [],
    "Default_Ignorable_Code_Point": ["DI"],
    "Deprecated": ["Dep"],
    "Diacritic": ["Dia"],
    "Emoji": [],
    "Emoji_Component": ["EComp"],
    "Emoji_Modifier": ["EMod"],
    "Emoji_Modifier_Base": ["EBase"],
    "Emoji_Presentation": ["EPres"],
    "Extended_Pictographic": ["ExtPict"],
    "Extender": ["Ext"],
    "Grapheme_Base": ["Gr_Base"],
    "Grapheme_Extend": ["Gr_Ext"],
    "Grapheme_Link": ["Gr_Link"],
    "Hex_Digit": ["Hex"],
    "Hyphen": [],
    "IDS_Binary_Operator": ["IDSB"],
    "IDS_Trinary_Operator": ["IDST"],
    "IDS_Unary_Operator": ["IDSU"],
    "ID_Compat_Math_Continue": [],
    "ID_Compat_Math_Start": [],
    "ID_Continue": ["IDC"],
    "ID_Start": ["IDS"],
    "Ideographic": ["Ideo"],
    "Join_Control": ["Join_C"],
    "Logical_Order_Exception": ["LOE"],
    "Lowercase": ["Lower"],
    "Math": [],
    "Modifier_Combining_Mark": ["MCM"],
    "Noncharacter_Code_Point": ["NChar"],
    "Other_Alphabetic": ["OAlpha"],
    "Other_Default_Ignorable_Code_Point": ["ODI"],
    "Other_Grapheme_Extend": ["OGr_Ext"],
    "Other_ID_Continue": ["OIDC"],
    "Other_ID_Start": ["OIDS"],
    "Other_Lowercase": ["OLower"],
    "Other_Math": ["OMath"],
    "Other_Uppercase": ["OUpper"],
    "Pattern_Syntax": ["Pat_Syn"],
    "Pattern_White_Space": ["Pat_WS"],
    "Prepended_Concatenation_Mark": ["PCM"],
    "Quotation_Mark": ["QMark"],
    "Radical": [],
    "Regional_Indicator": ["RI"],
    "Sentence_Terminal": ["STerm"],
    "Soft_Dotted": ["SD"],
    "Terminal_Punctuation": ["Term"],
    "Unified_Ideograph": ["UIdeo"],
    "Uppercase": ["Upper"],
    "Variation_Selector": ["VS"],
    "White_Space": ["WSpace", "space"],
    "XID_Continue": ["XIDC"],
    "XID_Start": ["XIDS"],
}
GCB = {"Control": "CN", "Extend": "EX", "Prepend": "PP", "SpacingMark": "SM", "Regional_Indicator": "RI", "CR": "CR", "LF": "LF", "L": "L", "LV": "LV", "LVT": "LVT", "T": "T", "V": "V", "ZWJ": "ZWJ"}
WB = {"ALetter": "LE", "Double_Quote": "DQ", "ExtendNumLet": "EX", "Extend": "Extend", "Format": "FO", "Hebrew_Letter": "HL", "Katakana": "KA", "MidLetter": "ML", "MidNum": "MN", "MidNumLet": "MB", "Newline": "NL", "Numeric": "NU", "Regional_Indicator": "RI", "Single_Quote": "SQ", "WSegSpace": "WSegSpace", "CR": "CR", "LF": "LF", "ZWJ": "ZWJ"}
SB = {"ATerm": "AT", "CR": "CR", "Close": "CL", "Extend": "EX", "Format": "FO", "LF": "LF", "Lower": "LO", "Numeric": "NU", "OLetter": "LE", "SContinue": "SC", "STerm": "ST", "Sep": "SE", "Sp": "SP", "Upper": "UP"}
AGES = "1.1 2.0 2.1 3.0 3.1 3.2 4.0 4.1 5.0 5.1 5.2 6.0 6.1 6.2 6.3 7.0 8.0 9.0 10.0 11.0 12.0 12.1 13.0 14.0 15.0 15.1 16.0".split()
NEW_PAIRS = [(0x1C89, 0x1C8A), (0xA7CB, 0x264), (0xA7CC, 0xA7CD), (0xA7DA, 0xA7DB), (0xA7DC, 0x19B)] + [
    (0x10D50 + i, 0x10D70 + i) for i in range(22)]


def properties():
    """(table, names of the set, pattern that matches it)."""
    for name, extra in CATEGORIES.items():
        yield "gc", [name] + extra, "\\p{gc=%s}" % name
    for name, extra in BINARY.items():
        yield "bool", [name] + extra, "\\p{%s}" % name
    aliases = dict(names.property_value_aliases["script"])
    for table in ("sc", "scx"):
        for script in sorted({names.script(chr(c)) for c in SCALARS} - {"Unknown"}):
            script = script.replace(" ", "_")
            extra = list(aliases.get(script, [])) + {"Inherited": ["Qaai"], "Coptic": ["Qaac"]}.get(script, [])
            yield table, [script] + extra, "\\p{%s=%s}" % (table, script)
    for age in AGES:
        yield "age", [age, "V" + age.replace(".", "_")], "\\p{age=%s}" % age
    for table, values in (("gcb", GCB), ("wb", WB), ("sb", SB)):
        for name, short in sorted(values.items()):
            yield table, [name, short], "\\p{%s=%s}" % (table, name)
    for name in "dsw":
        yield "perl", [name], "\\" + name


class Members:
    """Which scalars a set has, found by asking about halves of halves."""

    def __init__(self, oracle, patterns):
        cases = [p for pattern in patterns for p in ("^%s*$" % pattern, "^[^%s]*$" % pattern)]
        self.check = oracle.session(cases)
        self.users = {}

    def user(self, low, high):
        if (low, high) not in self.users:
            user = core.StatsigUser("")
            user.__setstate__(json.dumps({"userID": "u", "custom": {"x": "".join(map(chr, SCALARS[low:high]))}}).encode())
            self.users[low, high] = user
        return self.users[low, high]

    def ranges(self, index):
        found = []

        def walk(low, high):
            user = self.user(low, high)
            if self.check(2 * index + 1, user):
                return
            if high - low == 1 or self.check(2 * index, user):
                if found and found[-1][1] == low:
                    found[-1][1] = high
                else:
                    found.append([low, high])
                return
            middle = (low + high) // 2
            walk(low, middle)
            walk(middle, high)

        for low in range(0, len(SCALARS), 16384):
            walk(low, min(low + 16384, len(SCALARS)))
        return [(SCALARS[low], SCALARS[high - 1]) for low, high in found]


def without(ranges, others):
    result = []
    for low, high in ranges:
        at = low
        for first, last in others:
            if last < at or first > high:
                continue
            if first > at:
                result.append((at, first - 1))
            at = last + 1
        if at <= high:
            result.append((at, high))
    return result


def orbits(oracle):
    fold = dict(NEW_PAIRS)
    for scalar in SCALARS:
        folded, lower = chr(scalar).casefold(), chr(scalar).lower()
        target = ord(folded) if len(folded) == 1 else ord(lower) if len(lower) == 1 else scalar
        if target != scalar:
            fold[scalar] = target
    groups = {}
    for scalar, target in fold.items():
        while target in fold:
            target = fold[target]
        groups.setdefault(target, {target}).add(scalar)
    groups = sorted(sorted(group) for group in groups.values())
    members = [scalar for group in groups for scalar in group]
    cases = []
    for group in groups:
        others = "".join(chr(c) for c in members if c not in group)
        cases.append(("(?i)\\x{%x}" % group[0], [others] + [chr(c) for c in group]))
    for case, answer in zip(cases, oracle.ask(cases)):
        if answer[0] or not all(answer[1:]):
            sys.exit("the core folds the case of %s otherwise" % case[0])
    rest = "".join(chr(c) for c in SCALARS if c not in set(members))
    anything = "(?i)[" + "".join("\\x{%x}" % c for c in members) + "]"
    if any(oracle.ask([(anything, [rest[i:i + 100000] for i in range(0, len(rest), 100000)])])[0]):
        sys.exit("the core knows more letters with two cases than Python %s" % unicodedata.unidata_version)
    return groups


def number(value):
    out = ""
    while True:
        low, value = value & 31, value >> 5
        out += chr(48 + low + (32 if value else 0))
        if not value:
            return out


def encoded(ranges):
    out, at = "", 0
    for low, high in ranges:
        out, at = out + number(low - at) + number(high - low), high + 1
    return out


def encoded_orbits(groups):
    steps = {a: b - a for group in groups for a, b in zip(group, group[1:] + group[:1])}
    runs = []
    while steps:
        first = min(steps)
        best = (1, 1)
        for stride in (1, 2):
            count = 1
            while steps.get(first + count * stride) == steps[first]:
                count += 1
            best = max(best, (count, stride), key=lambda x: x[0])
        count, stride = best
        runs.append((first, count, stride, steps[first]))
        for index in range(count):
            del steps[first + index * stride]
    out, at = "", 0
    for first, count, stride, step in sorted(runs):
        out += number(first - at) + number((count - 1) * 2 + stride - 1) + number(step * 2 if step >= 0 else -step * 2 - 1)
        at = first
    return out


def line(set_names, data):
    plain = []
    for name in set_names:
        name = name.lower().replace("_", "").replace("-", "").replace(" ", "")
        if name not in plain:
            plain.append(name)
    return " ".join(plain) + "=" + data


def write(file, tables):
    text = ("// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0\n\n// Generated by "
            "Scripts/regex/unicode_tables.py from what the core answers; Unicode 16.0. Do not edit.\n\nextension UnicodeTables {\n")
    for index, (name, summary, lines) in enumerate(tables):
        text += ("\n" if index else "") + "    /// %s\n    static let %s: StaticString = #\"\"\"\n" % (summary, name)
        for entry in lines:
            while len(entry) > 108:
                text, entry = text + "        " + entry[:108] + "\\#\n", entry[108:]
            text += "        " + entry + "\n"
        text += "        \"\"\"#\n"
    with open(os.path.join(TARGET, "UnicodeTables+%s.swift" % file), "w", encoding="utf-8") as out:
        out.write(text + "}\n")


def main():
    oracle = Oracle()
    listed = list(properties())
    members = Members(oracle, [pattern for _, _, pattern in listed])
    lines, ages = {}, []
    for index, (table, set_names, _) in enumerate(listed):
        ranges = members.ranges(index)
        if table == "age":
            ranges, ages = without(ranges, ages), ranges
        lines.setdefault(table, []).append(line(set_names, encoded(ranges)))
    write("Categories", [
        ("generalCategories", "The general categories by short and long name, each a set in the notation of `ScalarSet(table:)`.", lines["gc"]),
        ("perl", "The classes `\\d`, `\\s` and `\\w`.", lines["perl"])])
    write("Properties", [("binaryProperties", "The binary properties.", lines["bool"])])
    write("Scripts", [("scripts", "The values of Script.", lines["sc"]), ("scriptExtensions", "The values of Script_Extensions.", lines["scx"])])
    write("Segmentation", [
        ("ages", "What each version of Unicode added to the one above it in the list.", lines["age"]),
        ("graphemeClusterBreaks", "The values of Grapheme_Cluster_Break.", lines["gcb"]),
        ("wordBreaks", "The values of Word_Break.", lines["wb"]), ("sentenceBreaks", "The values of Sentence_Break.", lines["sb"])])
    write("CaseFolding", [("caseOrbits", "Simple case folding: runs of gap, 2 (count - 1) + step - 1, zigzag distance to the letter's next scalar.",
                           [encoded_orbits(orbits(oracle))])])


if __name__ == "__main__":
    main()
