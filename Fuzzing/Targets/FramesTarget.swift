// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Whatever frames a client sends, it gets whole frames and an end.
enum FramesTarget {
    static func fault(in bytes: [UInt8]) -> String? {
        do {
            for (index, pieces) in [[bytes[...]], bytes.pieces].enumerated() {
                let door = try DrilledDoor(limits: WireSeeds.limits)
                door.receive(WireSeeds.preface[...])
                for (number, piece) in pieces.enumerated() {
                    door.receive(piece)
                    // Somewhere in the middle the server may stop.
                    if index == 1, number == pieces.count / 2, bytes.count % 2 == 1 { door.drain() }
                }
                guard door.end(closesInput: bytes.count % 3 == 0) else { return "the connection stays" }
                guard isWhole(door.sent) else { return "half a frame" }
            }
            return nil
        } catch { return "\(error)" }
    }

    private static func isWhole(_ sent: [UInt8]) -> Bool {
        var rest = sent[...]
        while rest.count >= 9 {
            let length = rest.prefix(3).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 9 + length else { return false }
            rest = rest.dropFirst(9 + length)
        }
        return rest.isEmpty
    }
}
