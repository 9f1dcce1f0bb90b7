// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FoundationEssentials
import ServiceLifecycle

/// How commands on a data folder reach the server that runs on it: its address, and a console key of this run alone.
///
/// The file can be read by the folder's owner alone, who can change everything in it anyway.
package struct LocalAccess: Sendable {
    /// Where the server is reached on this machine.
    package let url: String
    /// A console key.
    package let key: String

    /// Makes a key that works until the server stops.
    static func make(now: Int64) -> (text: String, key: SDKKey) {
        // 256 random bits.
        let random = (0..<4).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 36) }.joined()
        let text = KeyKind.console.prefix + "local-" + random
        return (text, SDKKey(text: text, kind: .console, environment: "", createdTime: now))
    }

    init(url: String, key: String) {
        self.url = url
        self.key = key
    }

    /// Reads what a running server left in `folder`; nil if none runs there.
    package init?(in folder: DataFolder) {
        guard let content = try? Data(contentsOf: URL(filePath: folder.localAccessFile)),
            let object = (try? JSONValue(parsing: [UInt8](content)))?.objectValue,
            let url = object["url"]?.stringValue, let key = object["key"]?.stringValue
        else { return nil }
        self.init(url: url, key: key)
    }

    func keep(in folder: DataFolder) throws(StartFailure) {
        let object: JSONObject = ["url": .string(url), "key": .string(key)]
        try folder.save(JSONValue.object(object).bytes, as: folder.localAccessFile)
    }

    static func remove(from folder: DataFolder) {
        try? FileManager.default.removeItem(atPath: folder.localAccessFile)
    }
}

/// Leaves the file as soon as there is room for it, when there was none at the start: the one of an earlier run has a key that
/// works no more.
struct LocalAccessKeeper: Service {
    let accesses: AsyncStream<LocalAccess>
    let folder: DataFolder

    func run() async {
        await cancelWhenGracefulShutdown { [self] in
            for await access in accesses {
                while (try? access.keep(in: folder)) == nil, (try? await Task.sleep(for: .seconds(2))) != nil {}
            }
        }
    }
}
