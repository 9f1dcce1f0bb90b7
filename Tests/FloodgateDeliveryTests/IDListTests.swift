// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateEvaluation
import FloodgateJSON
import FloodgateSnapshots
import Testing

@Suite("Byte range") struct ByteRangeTests {
    @Test(arguments: [
        ("bytes=0-", 0..<30), ("bytes=10-", 10..<30), ("bytes=29-", 29..<30), ("bytes=0-0", 0..<1),
        ("bytes=5-9", 5..<10),
        ("bytes=5-9999", 5..<30), ("bytes=-4", 26..<30), ("bytes=-99", 0..<30), ("Bytes = 3-4", 3..<5),
        ("bytes=5-99999999999999999999999", 5..<30),
    ])
    func `serves one range`(header: String, range: Range<Int>) {
        #expect(ByteRange(header, size: 30) == .part(range))
    }

    @Test(arguments: ["bytes=30-", "bytes=31-40", "bytes=99999999999999999999999-", "bytes=-0"])
    func `says when the file does not reach there`(header: String) {
        #expect(ByteRange(header, size: 30) == .unsatisfiable)
    }

    @Test(arguments: [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-", "bytes=0-5,10-", "bytes=9-5", "bytes=+1-", "bytes=--1",
        "lines=0-",
        "bytes=0-5-9",
    ])
    func `serves all of it for what it does not understand`(header: String) {
        #expect(ByteRange(header, size: 30) == .whole)
    }

    @Test func `serves an empty file whole`() {
        #expect(ByteRange("bytes=0-", size: 0) == .whole)
        #expect(ByteRange(nil, size: 0) == .whole)
        #expect(ByteRange(nil, size: 7) == .whole)
    }
}

@Suite("Part of a growing file") struct GrowingFilePartTests {
    @Test(
        arguments: [
            // Range, the size that was told, If-Range, GET: how much is there, and what of it is sent.
            (nil, nil, false, true, 30, .whole), ("bytes=10-", nil, false, true, 30, .part(10..<30)),
            ("bytes=10-", "20", false, true, 20, .part(10..<20)), ("bytes=10-", "99", false, true, 30, .part(10..<30)),
            ("bytes=20-", "20", false, true, 20, .unsatisfiable), (nil, "20", false, true, 20, .whole),
            ("bytes=10-", "0", false, true, 30, .part(10..<30)), ("bytes=10-", "-5", false, true, 30, .part(10..<30)),
            ("bytes=10-", "x", false, true, 30, .part(10..<30)),
            ("bytes=10-", "99999999999999999999", false, true, 30, .part(10..<30)),
            ("bytes=10-", nil, true, true, 30, .whole), ("bytes=99-", nil, true, true, 30, .whole),
            ("bytes=10-", nil, false, false, 30, .whole), ("bytes=99-", "20", false, false, 20, .whole),
        ] as [(String?, String?, Bool, Bool, Int, ByteRange)]
    )
    func `is what the client may count on`(
        range: String?,
        announced: String?,
        isConditional: Bool,
        isGet: Bool,
        size: Int,
        expected: ByteRange
    ) {
        let part = GrowingFilePart(
            fileSize: 30,
            range: range,
            announced: announced,
            isConditional: isConditional,
            isGet: isGet
        )
        #expect(part.size == size)
        #expect(part.range == expected)
    }
}

@Suite("ID list board") struct IDListBoardTests {
    private func file(_ name: String, id: String, _ text: String) -> IDListFile {
        IDListFile(name: name, fileID: id, creationTime: 7, content: Array(text.utf8))
    }

    @Test func `tells sizes and addresses`() throws {
        let board = IDListBoard()
        #expect(String(decoding: board.manifest(base: "http://h/"), as: UTF8.self) == "{}")
        board.post([file("b", id: "f2", "+aaaaaaaa\n"), file("a", id: "f1", "")])
        let manifest = try JSONValue(parsing: board.manifest(base: "http://h/"))
        #expect(manifest.objectValue?.names == ["a", "b"])
        #expect(manifest["b"] == ["name": "b", "fileID": "f2", "size": 10, "creationTime": 7, "url": "http://h/f2"])
    }

    @Test func `forgets what is gone`() {
        let board = IDListBoard()
        board.post([file("a", id: "f1", "+aaaaaaaa\n+bbbbbbbb\n")])
        #expect(board.lists["a"]?.count == 2)
        board.post([file("a", id: "f2", "+aaaaaaaa\n")])
        #expect(board.lists["a"]?.contains("aaaaaaaa") == true)
        #expect(board.lists["a"]?.count == 1)
        #expect(board.file("f1") == nil)
        #expect(board.file("f2") != nil)
        board.post([])
        #expect(board.lists.isEmpty)
    }

    @Test func `says whether anything is new`() {
        let board = IDListBoard()
        #expect(board.post([]) == false)
        var list = file("a", id: "f1", "+aaaaaaaa\n")
        #expect(board.post([list]))
        let version = board.version
        #expect(board.post([file("a", id: "f1", "+aaaaaaaa\n")]) == false)
        #expect(board.version == version)
        list.append(Array("-aaaaaaaa\n".utf8))
        list.settle()
        #expect(board.post([list]))
        #expect(board.version != version)
        #expect(board.lists["a"]?.isEmpty == true)
        #expect(board.post([file("a", id: "f1", "+aaaaaaaa\n-aaaaaaab\n")]), "as long, and not the same")
    }
}

@Suite("ID list file") struct IDListFileTests {
    @Test func `is what was appended, in any range, and copies stay as they were`() {
        var content: [UInt8] = []
        var file = IDListFile(name: "a", fileID: "f", creationTime: 1)
        var copies: [(IDListFile, Int)] = []
        var number: UInt64 = 0
        for lines in [1, 30_000, 2, 26_213, 1, 1, 20_000, 3] {
            var text: [UInt8] = []
            for _ in 0..<lines {
                number += 1
                text += Array("+\(String(10_000_000 + number))\n".utf8)
            }
            content += text
            // Cut where no line ends.
            for piece in [text.prefix(text.count / 2 + 3), text.dropFirst(text.count / 2 + 3)] {
                file.append(Array(piece))
            }
            file.settle()
            copies.append((file, content.count))
        }
        let border = 256 << 10
        for (file, size) in copies {
            #expect(file.size == size)
            #expect(file.members.count == size / 10)
            #expect(file.hash == SnapshotHash(of: Array(content.prefix(size))))
            let ranges = [
                0..<size, 0..<0, 0..<1, size - 1..<size, border - 1..<border + 1, border..<border + 9, 5..<border,
                border - 7..<border * 2 + 7, border * 2..<border * 2,
            ]
            for range in ranges where range.upperBound <= size {
                let pieces = Array(file.pieces(range))
                #expect(pieces.joined().elementsEqual(content[range]))
                #expect(pieces.allSatisfy { !$0.isEmpty && $0.count <= border })
                #expect(pieces.count <= range.count / border + 2, "nothing beside the range is gathered")
            }
        }
    }
}
