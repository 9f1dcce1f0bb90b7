// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateTestSupport
import Testing

@Suite("ID list") struct IDListTests {
    /// What a list is by its definition: a set of texts, and rules for lines.
    private struct Plain {
        var ids: Set<[UInt8]> = []

        mutating func apply(_ text: [UInt8]) {
            for line in text.split(separator: UInt8(ascii: "\n")) {
                let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
                let isBlank = String(decoding: line, as: UTF8.self).allSatisfy(\.isWhitespace)
                guard line.count > 1, !isBlank else { continue }
                let id = Array(String(decoding: line.dropFirst(), as: UTF8.self).utf8)
                if line.first == UInt8(ascii: "+") { ids.insert(id) }
                if line.first == UInt8(ascii: "-") { ids.remove(id) }
            }
        }
    }

    private static let odd = [
        "", "+", "-", "x", " +AAAAAAAA", "+AAAAAAA", "+AAAAAAAAA", "-AAAAAAA", "+AAAA-AAA", "+AAAA_AAA", "-AAAA_AAA",
        "+short", "-short", "+größe", "-größe", "+\u{212A}AAAAAAA", "+AAAAAAAA ", "AAAAAAAA", "*AAAAAAAA", "+========",
        "+AAAAAAA\u{0}", "-AAAAAAA\u{0}",
    ]

    private func lines(_ count: Int, of ids: Int, removing share: Double, _ random: inout SeededGenerator) -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<count {
            if Int.random(in: 0..<500, using: &random) == 0 {
                text += Array((Self.odd.randomElement(using: &random) ?? "").utf8)
                if Bool.random(using: &random) { text.append(0xFF) }
            } else {
                text.append(UInt8(ascii: Double.random(in: 0..<1, using: &random) < share ? "-" : "+"))
                text += Array(IDList.hash(of: "u\(Int.random(in: 0..<ids, using: &random))").utf8)
            }
            text += Array((Int.random(in: 0..<300, using: &random) == 0 ? "\r\n" : "\n").utf8)
        }
        return text
    }

    private func expect(_ list: IDList, _ plain: Plain, of ids: Int) {
        #expect(list.count == plain.ids.count)
        let missing = plain.ids.filter { !list.contains(String(decoding: $0, as: UTF8.self)) }
        #expect(missing.isEmpty)
        let wrong = (0..<ids).filter { number in
            list.contains(unitID: "u\(number)") != plain.ids.contains(Array(IDList.hash(of: "u\(number)").utf8))
        }
        #expect(wrong.isEmpty)
        // The lines make the same list again, and what is left out is left out.
        var again = IDList()
        for piece in list.lines("+", inPiecesOf: 4_096) {
            #expect(piece.count <= 4_096 && piece.last == UInt8(ascii: "\n"))
            again.apply(lines: piece)
        }
        #expect(again.count == list.count)
        #expect(list.lines("+", except: again).isEmpty)
    }

    @Test(arguments: 0..<6 as Range<UInt64>)
    func `holds what a set of texts holds, and copies stay as they were`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let ids = [50, 3_000, 60_000][Int(seed % 3)]
        let size = ids * 2
        var list = IDList()
        var plain = Plain()
        var copies: [(IDList, Plain)] = []
        for share in [0.1, 0.4, 0.9, 0.0] {
            for count in [size, 1, 3, size / 20] {
                let text = lines(count, of: ids, removing: share, &random)
                list.apply(lines: text)
                plain.apply(text)
                copies.append((list, plain))
            }
        }
        for (list, plain) in copies.enumerated().filter({ $0.offset % 3 == 0 }).map(\.element) + copies.suffix(1) {
            expect(list, plain, of: ids)
        }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `is the same however its file is cut into pieces`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let text = lines(2_000, of: 300, removing: 0.3, &random).dropLast(Int(seed % 2))
        var whole = Plain()
        whole.apply(Array(text))
        var reader = IDListReader()
        var rest = text
        while !rest.isEmpty {
            let length = min(rest.count, Int.random(in: 1...[3, 40, 5_000][Int(seed % 3)], using: &random))
            reader.read(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        expect(reader.finish(), whole, of: 300)
    }

    @Test func `takes the last word on a member, whichever side of a merge it is on`() {
        var list = IDList()
        let ids = (0..<40_000).map { IDList.hash(of: "u\($0)") }
        list.apply(lines: ids.map { "+\($0)\n" }.joined().utf8)
        #expect(list.count == 40_000)
        list.apply(lines: ids.map { "-\($0)\n+\($0)\n-\($0)\n" }.joined().utf8)
        #expect(list.isEmpty)
        list.apply(lines: "-\(ids[0])\n+\(ids[1])\n".utf8)
        #expect(list.count == 1 && list.contains(ids[1]) && !list.contains(ids[0]))
    }

    @Test func `knows units by eight characters of their hash`() {
        let list = IDList(ids: ["2Tv4fIVX", "47DEQpj8", "zyq/DFvj", "u4IDDbw", "u4IDDbwr="])
        #expect(list.contains(unitID: "Marcos") && list.contains(unitID: "") && list.contains(unitID: "日本"))
        #expect(!list.contains(unitID: "u1") && !list.contains(unitID: "marcos"))
        #expect(list.contains("u4IDDbw") && list.contains("u4IDDbwr=") && !list.contains("u4IDDbwr"))
        #expect(list.count == 5)
    }
}
