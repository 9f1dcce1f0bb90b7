// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import Floodgate
internal import FloodgateEvaluation
internal import Glibc

/// One measurement of ID lists in a process of its own: a line of JSON on standard output, which lists.py reads.
///
/// `structure COUNT` makes a list and asks it; `client URL KEY` loads the lists of a server.
@main
struct ListsBenchmark {
    static func main() async {
        do {
            let words = CommandLine.arguments
            switch words.dropFirst().first {
            case "structure" where words.count == 3: structure(Int(words[2]) ?? 0)
            case "client" where words.count == 4: try await client(words[2], words[3])
            default: throw BenchmarkError("say structure and a count, or client, a URL and a key")
            }
            fflush(nil)
            // What is loaded is not taken apart.
            _exit(0)
        } catch {
            let message = "error: \(error)\n"
            write(STDERR_FILENO, message, message.utf8.count)
            exit(1)
        }
    }

    private static func structure(_ count: Int) {
        var list = IDList()
        let before = ResidentMemory.now.sizeKilobytes
        let begin = Clock.monotonic.now
        // Hashes are as good as random; pieces are as long as those that come over the network.
        let pieceLines = 400_000
        var state: UInt64 = 1
        var making = 0.0
        for start in stride(from: 0, to: count, by: pieceLines) {
            let making0 = Clock.monotonic.now
            let piece = lines(min(pieceLines, count - start), &state)
            making += Clock.monotonic.now - making0
            list.apply(lines: piece)
        }
        let load = Clock.monotonic.now - begin - making
        ResidentMemory.trim()
        let resident = ResidentMemory.now.sizeKilobytes - before
        let peak = ResidentMemory.peak.sizeKilobytes - before

        let ids = (0..<100_000).map { "user-\($0 &* 7_919)" }
        var hits = 0
        let checks = 5
        let checking = Clock.monotonic.now
        for _ in 0..<checks { for id in ids where list.contains(unitID: id) { hits += 1 } }
        let check = (Clock.monotonic.now - checking) / Double(checks * ids.count) * 1e9

        // One line more, while somebody reads the list as it was.
        var additions: [Double] = []
        for number in 0..<50 {
            let held = list
            let line = "+\(10_000_000 + number)\n"
            let adding = Clock.monotonic.now
            list.apply(lines: line.utf8)
            additions.append((Clock.monotonic.now - adding) * 1e6)
            hits += held.contains("\(10_000_000 + number)") ? 1 : 0
        }
        let object: JSONObject = [
            "members": .integer(list.count), "load_s": .double(load), "resident_kb": .integer(resident),
            "peak_kb": .integer(peak), "check_ns": .double(check), "hits": .integer(hits),
            "addition_us": .double(additions.sorted()[25]),
        ]
        print(JSONValue.object(object).text)
    }

    private static func lines(_ count: Int, _ state: inout UInt64) -> [UInt8] {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(count * 10)
        for _ in 0..<count {
            // SplitMix64.
            state &+= 0x9E37_79B9_7F4A_7C15
            var bits = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
            bits ^= bits >> 31
            text.append(UInt8(ascii: "+"))
            for step in 0..<8 { text.append(digits[Int(bits >> UInt64(6 * step) & 63)]) }
            text.append(UInt8(ascii: "\n"))
        }
        return text
    }

    private static func client(_ url: String, _ key: String) async throws {
        var options = FloodgateClient.Options()
        options.server = url
        options.enableIDLists = true
        options.initTimeout = .seconds(120)
        options.requestTimeout = .seconds(30)
        let before = ResidentMemory.now.sizeKilobytes
        let begin = Clock.monotonic.now
        let client = FloodgateClient(key: key, options: options)
        let details = await client.initialize()
        guard details.areIDListsReady == true else { throw BenchmarkError("the lists were not loaded") }
        let loaded = Clock.monotonic.now - begin
        ResidentMemory.trim()
        let object: JSONObject = [
            "load_s": .double(loaded), "resident_kb": .integer(ResidentMemory.now.sizeKilobytes - before),
            "peak_kb": .integer(ResidentMemory.peak.sizeKilobytes - before),
        ]
        print(JSONValue.object(object).text)
    }
}
