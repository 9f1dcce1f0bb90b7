// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import HTTPTypes
import Hummingbird
import NIOCore

/// `/v1/get_id_lists`: what ID lists there are; `/v1/download_id_list_file/{fileID}`: the lines of one, whole or in part.
struct IDListRoutes: Sendable {
    let board: IDListBoard
    let settings: ServerSettings

    func add(to router: Router<ServerContext>) {
        let group = router.group("v1")
            .group(context: SDKContext.self)
        group.get("get_id_lists", use: manifest)
        group.get("get_id_lists/{key}", use: manifest)
        group.post("get_id_lists", use: postedManifest)
        group.post("get_id_lists/{key}", use: postedManifest)
        group.get("download_id_list_file/{fileID}", use: file)
    }

    /// 200: an object with a member for each list.
    @Sendable private func manifest(_ request: Request, _ context: SDKContext) throws -> Response {
        let base =
            try settings.baseURL(of: request, hadPathPrefix: context.hadPathPrefix) + "/v1/download_id_list_file/"
        return Response(
            status: .ok,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(bytes: board.manifest(base: base))
        )
    }

    /// The same; the body is nothing, or whatever the SDK says about itself.
    @Sendable private func postedManifest(_ request: Request, _ context: SDKContext) async throws -> Response {
        _ = try await request.jsonObject(upTo: BodyLimit.evaluation)
        return try manifest(request, context)
    }

    /// 200: all of the file; 206: the part that `Range` asks for; 416: the file does not reach there.
    ///
    /// Never compressed and always of known length: SDKs add what they got to the offset that they ask for next.
    @Sendable private func file(_ request: Request, _ context: SDKContext) throws -> Response {
        let fileID = PercentEncoding.decode(try context.parameters.require("fileID"))
        guard let file = board.file(fileID) else { throw ServerError(.notFound, "There is no such ID list file") }
        let part = GrowingFilePart(
            fileSize: file.size,
            range: request.headers[.range],
            announced: request.headers[.idListFileSize],
            isConditional: request.headers[.ifRange] != nil,
            isGet: request.method == .get
        )
        var headers: HTTPFields = [
            .contentType: "text/plain; charset=utf-8", .acceptRanges: "bytes", .cacheControl: "private, max-age=1",
        ]
        switch part.range {
        case .whole:
            return Response(status: .ok, headers: headers, body: Self.body(file, 0..<part.size))
        case .part(let range):
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(part.size)"
            return Response(status: .partialContent, headers: headers, body: Self.body(file, range))
        case .unsatisfiable:
            throw ServerError(
                .rangeNotSatisfiable,
                "The file has \(part.size) bytes",
                headers: [.contentRange: "bytes */\(part.size)", .acceptRanges: "bytes"]
            )
        }
    }

    /// The bytes from where they lie: no more than a piece is copied at a time.
    private static func body(_ file: IDListFile, _ range: Range<Int>) -> ResponseBody {
        ResponseBody(contentLength: range.count) { writer in
            for piece in file.pieces(range) { try await writer.write(ByteBuffer(bytes: piece)) }
            try await writer.finish(nil)
        }
    }
}
