// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateJSON
internal import FoundationEssentials
internal import Logging

/// Keeps copies of the server's ID lists: asks for the manifest, then for what is new in each list, by byte range.
///
/// Long files come in parts, so that no more than one of these is in memory beside the list; what has come of a file stays
/// for the next round if the rest cannot be had.
actor IDListFetcher {
    private struct Held {
        var list = IDList()
        var fileID: String
        var creationTime: Int64
        var readBytes: Int
    }

    /// A list whose file has not come in full yet.
    private struct Begun {
        var reader: IDListReader
        var fileID: String
        var creationTime: Int64
        var readBytes: Int

        init(_ state: Held) {
            reader = IDListReader(state.list)
            fileID = state.fileID
            creationTime = state.creationTime
            readBytes = state.readBytes
        }
    }

    private struct Part {
        var content: [UInt8]
        /// Whether it is the file from its beginning although less was asked for.
        var isWhole = false
        /// Whether there may be more although it is all that was asked for.
        var hasMore = false
    }

    private struct Entry {
        var name: String
        var url: String
        var fileID: String
        var size: Int
        var creationTime: Int64
    }

    private static let maxManifestBytes = 16 << 20
    /// How much of a file is asked for at once.
    static let partBytes = 4 << 20
    /// What all files may have together.
    private static let maxFileBytes = 512 << 20
    /// Servers may have appended since they wrote the manifest.
    private static let slack = 1 << 20

    private let settings: Settings
    private let timing: Timing
    private let failover: Failover
    private let origins: Set<String>
    private var held: [String: Held] = [:]
    private var begun: [String: Begun] = [:]
    private var heldBytes = 0

    init(settings: Settings, timing: Timing, budget: SharedRetryBudget) {
        self.settings = settings
        self.timing = timing
        self.failover = Failover(settings.idListsURLs, budget: budget, timing: timing)
        let trusted = settings.idListsURLs + [settings.idListFilesOrigin].compactMap(\.self)
        self.origins = Set(trusted.compactMap { URL(string: $0)?.origin })
    }

    /// Brings all lists up to date; a list that cannot be read stays as it was.
    /// - Returns: The lists, and what went wrong first.
    func refresh(over transport: any Transport) async -> (lists: [String: IDList], failure: ClientError?) {
        var failure: ClientError?
        do throws(ClientError) {
            let entries = try await manifest(over: transport)
            let names = Set(entries.map(\.name))
            held = held.filter { names.contains($0.key) }
            begun = begun.filter { names.contains($0.key) }
            heldBytes = held.values.reduce(0) { $0 + $1.readBytes }
            for entry in entries {
                do throws(ClientError) { try await update(entry, over: transport) } catch { failure = failure ?? error }
            }
        } catch {
            failure = error
        }
        return (held.mapValues(\.list), failure)
    }

    private func manifest(over transport: any Transport) async throws(ClientError) -> [Entry] {
        let (answer, _) = try await failover.send(over: transport) { server in
            TransportRequest(
                purpose: .idLists,
                method: .post,
                url: server,
                headers: settings.headers(at: timing.wall()),
                maxAnswerBytes: Self.maxManifestBytes,
                timeout: settings.options.requestTimeout
            )
        }
        guard 200..<300 ~= answer.status else {
            let message = "The server answered the request for ID lists with status \(answer.status)"
            throw ClientError(.status, message, status: answer.status)
        }
        guard let object = (try? JSONValue(parsing: answer.body))?.objectValue else {
            throw ClientError(.document, "The manifest of ID lists is no JSON object")
        }
        var entries: [Entry] = []
        for member in object {
            guard let size = member.value["size"]?.integerValue, size >= 0 else {
                throw ClientError(.document, "The manifest of ID lists has an entry without a size")
            }
            guard let url = member.value["url"]?.stringValue, let fileID = member.value["fileID"]?.stringValue else {
                settings.options.logger.info("An entry of the manifest of ID lists has no address and is ignored")
                continue
            }
            let creationTime = member.value["creationTime"]?.integerValue ?? 0
            let bounded = Int(clamping: min(size, Int64(Self.maxFileBytes)))
            entries.append(
                Entry(name: member.name, url: url, fileID: fileID, size: bounded, creationTime: creationTime)
            )
        }
        return entries
    }

    private func update(_ entry: Entry, over transport: any Transport) async throws(ClientError) {
        let fresh = Held(fileID: entry.fileID, creationTime: entry.creationTime, readBytes: 0)
        var state = held[entry.name] ?? fresh
        let others = heldBytes - state.readBytes
        guard entry.creationTime >= state.creationTime else { return }
        if entry.fileID != state.fileID { state = fresh }
        state.creationTime = entry.creationTime
        if entry.size > state.readBytes {
            guard entry.size <= Self.maxFileBytes - others else {
                throw ClientError(.answer, "The ID lists have more than \(Self.maxFileBytes) bytes together")
            }
            state = try await read(entry, after: state, over: transport)
        }
        held[entry.name] = state
        heldBytes = others + state.readBytes
    }

    /// The list with all that the manifest's entry knows of its file.
    private func read(
        _ entry: Entry,
        after state: Held,
        over transport: any Transport
    ) async throws(ClientError) -> Held {
        var reading = Begun(state)
        if let begun = begun.removeValue(forKey: entry.name), begun.fileID == state.fileID,
            begun.creationTime == state.creationTime, begun.readBytes > state.readBytes
        {
            reading = begun
        }
        var hasMore = true
        while hasMore, reading.readBytes < entry.size {
            let part: Part
            do throws(ClientError) { part = try await read(entry, from: reading.readBytes, over: transport) } catch {
                if reading.readBytes > state.readBytes { begun[entry.name] = reading }
                throw error
            }
            if reading.readBytes == 0 || part.isWhole, !Self.isList(part.content) {
                throw ClientError(.answer, "An ID list's answer is no list")
            }
            if part.isWhole {
                reading.reader = IDListReader()
                reading.readBytes = 0
            }
            reading.reader.read(part.content)
            reading.readBytes += part.content.count
            hasMore = part.hasMore
        }
        return Held(
            list: reading.reader.finish(),
            fileID: reading.fileID,
            creationTime: reading.creationTime,
            readBytes: reading.readBytes
        )
    }

    /// Whether a file's first line adds or removes an ID; a page in its place would empty the list.
    private static func isList(_ content: [UInt8]) -> Bool {
        let first = content.first { !($0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r")) }
        return first.map { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") } ?? true
    }

    private func read(
        _ entry: Entry,
        from offset: Int,
        over transport: any Transport
    ) async throws(ClientError) -> Part {
        var headers = settings.headers(at: timing.wall())
        let path = entry.url.dropFirst(entry.url.schemeAndAuthority.count)
        let url = settings.idListFilesOrigin.map { $0 + path } ?? entry.url
        // The manifest may point anywhere; the key goes to the servers alone.
        if !(URL(string: url)?.origin.map(origins.contains) ?? false) {
            headers.removeAll { $0.name == "statsig-api-key" }
        }
        let isPart = entry.size - offset > Self.partBytes
        headers.append(("range", "bytes=\(offset)-\(isPart ? String(offset + Self.partBytes - 1) : "")"))
        headers.append(("statsig-id-list-file-size", String(entry.size)))
        let request = TransportRequest(
            purpose: .idListFile,
            method: .get,
            url: url,
            headers: headers,
            maxAnswerBytes: entry.size + Self.slack,
            timeout: settings.options.requestTimeout
        )
        let answer = try await transport.send(request)
        let count = answer.body.count
        let isWanted = isPart && count == Self.partBytes
        switch answer.status {
        // A cache in between may give less than it was asked for.
        case 206: return Part(content: answer.body, hasMore: isPart && count > 0)
        case 200 where offset == 0 || isWanted || count == entry.size - offset:
            return Part(content: answer.body, isWhole: offset == 0, hasMore: isWanted)
        // The server does not know ranges: this is the file from its beginning.
        case 200 where count >= entry.size: return Part(content: answer.body, isWhole: true)
        case 200: throw ClientError(.answer, "An ID list's answer is neither the part asked for nor the whole")
        default:
            let message = "The server answered the request for an ID list with status \(answer.status)"
            throw ClientError(.status, message, status: answer.status)
        }
    }
}

extension String {
    /// The beginning of an address that says which server it is on: scheme, host and port.
    var schemeAndAuthority: Substring {
        let colon = firstIndex(of: ":") ?? endIndex
        guard self[colon...].hasPrefix("://") else { return self[..<startIndex] }
        let host = index(colon, offsetBy: 3)
        return self[..<(self[host...].firstIndex { "/?#".contains($0) } ?? endIndex)]
    }
}
