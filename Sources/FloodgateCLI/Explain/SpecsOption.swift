// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateEvaluation
import FloodgateJSON
import FloodgateServer
import FloodgateSpecs

/// Which specs are meant: those of an environment in the data folder, or a document of its own.
struct SpecsOption: ParsableArguments {
    /// A document with what belongs to it.
    struct Content {
        var document: SpecDocument
        var idLists: [String: IDList]
        var source: SpecSource
    }

    @Option(
        help: ArgumentHelp(
            "Config-specs document, v1 or v2, in place of the data folder; - is standard input.",
            valueName: "file"
        )
    )
    var specs: String?
    @Option(
        help: ArgumentHelp(
            "ID lists for --specs: a JSON object of lists of eight-character ids by name.",
            valueName: "file"
        )
    )
    var idLists: String?
    @Option(help: ArgumentHelp("Environment of the data folder.", valueName: "name"))
    var environment = ControlPlane.defaultEnvironment

    /// The specs that were named.
    func content(of data: DataOption) async throws -> Content {
        if let specs {
            return Content(document: try Self.document(in: specs), idLists: try lists(), source: .bootstrap)
        }
        guard idLists == nil else {
            throw CommandFailure(.usage, "--id-lists belongs to --specs; a project has its own")
        }
        let control = try data.project()
        let document = try await control.currentDocument(environment: environment).document
        var lists: [String: IDList] = [:]
        for list in try await control.idLists() {
            lists[list.name] = try await control.members(ofIDList: list.name)
        }
        return Content(document: document, idLists: lists, source: .network)
    }

    private static func document(in file: String) throws -> SpecDocument {
        let bytes = try InputFile.bytes(of: file, limit: 64 << 20)
        let document: SpecDocument?
        do { document = try SpecDocument.read(bytes) } catch {
            throw CommandFailure(.badInput, "\(file) is not a config-specs document: \(error)")
        }
        guard let document else {
            throw CommandFailure(.badInput, "\(file) says that there is nothing new (has_updates is false)")
        }
        for fault in document.dropped { StandardStreams.error("warning: \(file): left out, as SDKs do: \(fault)\n") }
        return document
    }

    private func lists() throws -> [String: IDList] {
        guard let idLists else { return [:] }
        let bytes = try InputFile.bytes(of: idLists, limit: 64 << 20)
        do { return try EvaluationCase.idLists(try JSONValue(parsing: bytes)) } catch {
            throw CommandFailure(.badInput, "\(idLists) has no ID lists: \(error)")
        }
    }
}
