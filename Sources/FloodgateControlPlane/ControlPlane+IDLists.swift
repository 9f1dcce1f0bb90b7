// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
import FloodgateJSON

/// What became of an ID list.
package struct IDListChange: Sendable {
    /// The list as it is now.
    package var list: IDListHead
    /// How many units came in or went; of those that were given, the others were so already.
    package var count = 0
    /// Whether the file was written anew, without lines that say nothing any more.
    package var isCompacted = false
    /// False if all was so already, in which case nothing was written.
    package var didChange = true
}

extension ControlPlane {
    // MARK: Reading

    /// The ID lists by name.
    package func idLists() async throws(ControlError) -> [IDListHead] {
        try await state().idLists.values.sorted { $0.name < $1.name }
    }

    /// The ID list with `name`.
    /// - Throws: `.notFound`, naming what is spelled nearly so.
    package func idList(_ name: String) async throws(ControlError) -> IDListHead {
        let lists = try await state().idLists
        guard let list = lists[name] else { throw .notFound("ID list", name, among: lists.keys) }
        return list
    }

    /// A piece of an ID list's file; nil if there is no such file any more, or no more of it.
    package func idListContent(
        _ fileID: String,
        from offset: Int,
        limit: Int
    ) async throws(ControlError) -> [UInt8]? {
        try await store.idListContent(fileID, from: offset, limit: limit)
    }

    /// Who is in the list with `name`.
    /// - Throws: `.notFound`, naming what is spelled nearly so.
    package func members(ofIDList name: String) async throws(ControlError) -> IDList {
        var scan = Scan()
        while true {
            if let members = try await read(try await idList(name), &scan) { return members }
        }
    }

    // MARK: Changing

    /// Makes a list of `ids`.
    /// - Throws: `.invalid` for a name that is none or taken, and for more members than a list may have.
    @discardableResult
    package func createIDList(
        _ name: String,
        ids: IDList = IDList(),
        by change: Change
    ) async throws(ControlError) -> IDListChange {
        guard !name.isEmpty, name.utf8.count <= 200, !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw ControlError(.invalid, "An ID list's name has 1 to 200 bytes and no control characters")
        }
        try Self.checkCount(ids.count)
        return try await perform(by: change) { draft throws(ControlError) in
            guard draft.base.idLists[name] == nil else {
                throw ControlError(.invalid, "There is an ID list named \"\(name)\" already")
            }
            let update = beginning(name, with: ids, in: draft)
            draft.save(update, action: "id_list_create", count: ids.count)
            return IDListChange(list: update.head, count: ids.count)
        }.answer
    }

    /// Puts units into a list; what is written is what they add to it.
    /// - Throws: `.notFound` for an unknown list; `.invalid` if it would have more members than a list may.
    @discardableResult
    package func add(_ ids: IDList, toIDList name: String, by change: Change) async throws(ControlError) -> IDListChange
    {
        try await revise(name, by: change, action: "id_list_add", among: ids) { known throws(ControlError) in
            (ids.lines("+", except: known), ids.count - known.count)
        }
    }

    /// Takes units out of a list.
    ///
    /// If then more than half of the file's lines say nothing any more, it is written anew.
    /// - Throws: `.notFound` for an unknown list.
    @discardableResult
    package func remove(
        _ ids: IDList,
        fromIDList name: String,
        by change: Change
    ) async throws(ControlError) -> IDListChange {
        try await revise(name, by: change, action: "id_list_remove", among: ids) { known throws(ControlError) in
            (known.lines("-"), -known.count)
        }
    }

    /// Writes a list's file anew with nothing but its members, if it holds anything else.
    /// - Throws: `.notFound` for an unknown list.
    @discardableResult
    package func compactIDList(_ name: String, by change: Change) async throws(ControlError) -> IDListChange {
        try await revise(name, by: change, action: "id_list_compact", among: IDList(), compacts: true) {
            _ throws(ControlError) in ([], 0)
        }
    }

    /// Removes a list and its file.
    /// - Parameters:
    ///   - name: The list.
    ///   - force: Whether it goes although conditions ask for it; to them nobody is in it then.
    ///   - change: Who and why.
    /// - Returns: What it was.
    /// - Throws: `.notFound` for an unknown list; `.invalid` for one that conditions ask for, naming where.
    @discardableResult
    package func deleteIDList(
        _ name: String,
        force: Bool = false,
        by change: Change
    ) async throws(ControlError) -> IDListHead {
        try await perform(by: change) { draft throws(ControlError) in
            let lists = draft.base.idLists
            guard let list = lists[name] else { throw .notFound("ID list", name, among: lists.keys) }
            let users = draft.entities.values.filter { $0.spec.idListNames.contains(name) }.map(\.label).sorted()
            guard force || users.isEmpty else {
                let more = users.count > 5 ? " and \(users.count - 5) more" : ""
                throw ControlError(
                    .invalid,
                    "Conditions of \(users.prefix(5).joined(separator: ", "))\(more) ask for the ID list \"\(name)\"; "
                        + "take it out of them first, or force it, and nobody is in it any more"
                )
            }
            draft.delete(list)
            return list
        }.answer
    }

    /// Appends what `decide` says of those of `ids` who are in the list, or writes the file anew if that is better.
    private func revise(
        _ name: String,
        by change: Change,
        action: String,
        among ids: IDList,
        compacts: Bool = false,
        _ decide: (IDList) throws(ControlError) -> (pieces: [[UInt8]], count: Int)
    ) async throws(ControlError) -> IDListChange {
        var scan = Scan(among: ids)
        var wholeScan = Scan()
        while true {
            let head = try await idList(name)
            guard let known = try await read(head, &scan) else { continue }
            let (pieces, count) = try decide(known)
            try Self.checkCount(head.members + count)
            let isIdle = compacts ? head.lines == head.members : count == 0
            if isIdle { return IDListChange(list: head, didChange: false) }
            let size = pieces.reduce(0) { $0 + $1.count }
            var update = IDListUpdate(head: head, pieces: pieces)
            update.head.size += size
            update.head.lines += abs(count)
            update.head.members += count
            let isCompacted = compacts || update.head.isWasteful
            if isCompacted {
                guard var members = try await read(head, &wholeScan) else { continue }
                for piece in pieces { members.apply(lines: piece) }
                update = rewritten(name, with: members, after: head)
            }
            let (isDone, _) = try await perform(by: change) { draft throws(ControlError) in
                // Somebody else was faster: what was read does not hold any more.
                guard draft.base.idLists[name] == head else { return false }
                draft.save(update, action: action, count: abs(count))
                return true
            }
            if isDone { return IDListChange(list: update.head, count: abs(count), isCompacted: isCompacted) }
        }
    }

    private static func checkCount(_ count: Int) throws(ControlError) {
        guard count <= IDListHead.mostMembers else {
            throw ControlError(.invalid, "An ID list has at most \(IDListHead.mostMembers) members, not \(count)")
        }
    }

    // MARK: Files

    /// A file that begins with `ids`, in the place of one that may be there.
    func beginning(_ name: String, with ids: IDList, in draft: Draft) -> IDListUpdate {
        rewritten(name, with: ids, after: draft.base.idLists[name])
    }

    private func rewritten(_ name: String, with ids: IDList, after old: IDListHead?) -> IDListUpdate {
        var random = RandomBits(bits: self.random)
        let pieces = ids.lines("+")
        let head = IDListHead(
            name: name,
            fileID: SDKKey.token(12, using: &random),
            // Rises even if the clock steps back, or SDKs would ignore the file.
            creationTime: max(now(), (old?.creationTime ?? 0) + 1),
            size: pieces.reduce(0) { $0 + $1.count },
            lines: ids.count,
            members: ids.count
        )
        return IDListUpdate(head: head, pieces: pieces)
    }

    /// A file as far as it was read.
    private struct Scan {
        var fileID: String?
        var offset = 0
        var reader = IDListReader()
        let among: IDList?

        init(among: IDList? = nil) { self.among = among }
    }

    /// Who is in the list, as far as `scan` asks; nil if the file is gone meanwhile.
    private func read(_ head: IDListHead, _ scan: inout Scan) async throws(ControlError) -> IDList? {
        if scan.fileID != head.fileID || scan.offset > head.size {
            scan.fileID = head.fileID
            scan.offset = 0
            scan.reader = IDListReader(among: scan.among)
        }
        if let among = scan.among, among.isEmpty { return IDList() }
        while scan.offset < head.size {
            let limit = min(4 << 20, head.size - scan.offset)
            guard let piece = try await store.idListContent(head.fileID, from: scan.offset, limit: limit) else {
                guard try await store.state().idLists[head.name] == head else { return nil }
                throw ControlError(
                    .corrupt,
                    "The ID list \"\(head.name)\" ends at \(scan.offset) of \(head.size) bytes"
                )
            }
            scan.offset += piece.count
            scan.reader.read(piece)
        }
        return scan.reader.finish()
    }
}

extension Draft {
    /// Saves what becomes of a list, and notes it for the audit log, which has no place for who is in it.
    fileprivate mutating func save(_ update: IDListUpdate, action: String, count: Int) {
        save(update)
        let head = update.head
        let after: JSONObject = [
            "units": .integer(count), "members": .integer(head.members), "size": .integer(head.size),
            "file_id": .string(head.fileID),
        ]
        note(action, "id_list:\(head.name)", after: .object(after))
    }

    /// Removes a list, also from what the document names beside the project's own lists.
    fileprivate mutating func delete(_ list: IDListHead) {
        remove(idList: list.name)
        var settings = settings
        if var named = settings.members["id_lists"]?.objectValue, named[list.name] != nil {
            named[list.name] = nil
            settings.members["id_lists"] = .object(named)
            set(settings)
        }
        let before: JSONObject = [
            "members": .integer(list.members), "size": .integer(list.size), "file_id": .string(list.fileID),
        ]
        note("id_list_delete", "id_list:\(list.name)", before: .object(before))
    }
}
