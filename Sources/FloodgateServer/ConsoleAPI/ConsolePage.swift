// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Hummingbird

/// Which part of a list a request asks for, and how the answer says where the rest is.
struct ConsolePage {
    private let limit: Int?
    private let page: Int
    private let path: String
    private let query: [(String, String)]

    /// Reads `limit` and `page`, which counts from 1; without `limit` the page is the whole list.
    init(_ request: Request) throws {
        let parameters = request.uri.queryParameters
        limit = try Self.number("limit", parameters.get("limit"), upTo: 1_000)
        page = try Self.number("page", parameters.get("page"), upTo: 1_000_000) ?? 1
        path = request.uri.path
        query = parameters.compactMap { key, value in
            key == "limit" || key == "page" ? nil : (String(key), String(value))
        }
    }

    private static func number(_ name: String, _ text: String?, upTo bound: Int) throws -> Int? {
        guard let text, !text.isEmpty else { return nil }
        guard let number = Int(text), 1...bound ~= number else {
            throw ServerError(.invalid, "\(name) must be a number from 1 to \(bound)")
        }
        return number
    }

    /// The answer with its part of `items`.
    func answer(_ items: [JSONValue], message: String) -> Response {
        let size = limit ?? max(items.count, 1)
        let (start, isBeyond) = (page - 1).multipliedReportingOverflow(by: size)
        let part = isBeyond ? [] : Array(items.dropFirst(start).prefix(size))
        let hasNext = !isBeyond && start + part.count < items.count && !part.isEmpty
        let pagination: JSONValue = [
            "itemsPerPage": .integer(size), "pageNumber": .integer(page),
            "nextPage": hasNext ? .string(link(page + 1, size)) : .null,
            "previousPage": page > 1 ? .string(link(page - 1, size)) : .null,
            "totalItems": .integer(items.count), "all": .string(link(nil, nil)),
        ]
        return .json(["message": .string(message), "data": .array(part), "pagination": pagination])
    }

    private func link(_ page: Int?, _ limit: Int?) -> String {
        var parts = query.map { "\($0.0)=\(Self.encoded($0.1))" }
        if let limit { parts.append("limit=\(limit)") }
        if let page { parts.append("page=\(page)") }
        return parts.isEmpty ? path : path + "?" + parts.joined(separator: "&")
    }

    private static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.reduce(into: "") { encoded, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }
}
