// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The bytes of a refusal, but for the name of the request: while there is too much to do, saying so must cost little.
struct RefusalTemplate {
    /// Status line and fields, without the empty line.
    private let head: [UInt8]
    /// The body around the request's name.
    private let front: ArraySlice<UInt8>
    private let back: ArraySlice<UInt8>

    init(_ refusal: Refusal, of service: any FrontService) {
        let problem = service.problem(refusal, requestID: Self.name)
        var fields = [Refusal.Field("content-type", problem.contentType), .init("cache-control", "no-store")]
        fields += refusal.fields
        head = AnswerHead.bytes(refusal.status, fields: fields, length: problem.bytes.count)
        let place = problem.bytes.firstRange(of: Self.name.utf8) ?? problem.bytes.endIndex..<problem.bytes.endIndex
        front = problem.bytes[..<place.lowerBound]
        back = problem.bytes[place.upperBound...]
    }

    /// As long as every request's name.
    private static let name = "00000000000000000000"

    func writeHead(to output: inout ByteBuffer, requestID: String) {
        output.writeBytes(head)
        output.writeStaticString("x-request-id: ")
        output.writeString(requestID)
        output.writeStaticString("\r\n")
    }

    func writeBody(to output: inout ByteBuffer, requestID: String) {
        output.writeBytes(front)
        if !back.isEmpty { output.writeString(requestID) }
        output.writeBytes(back)
    }

    /// Templates of one loop.
    struct Store {
        /// Refusals differ in few texts, and in how many seconds they name; of more than these no templates are kept.
        private static let room = 256
        private var templates: [Refusal: RefusalTemplate] = [:]

        mutating func template(_ refusal: Refusal, of service: any FrontService) -> RefusalTemplate {
            if let template = templates[refusal] { return template }
            let template = RefusalTemplate(refusal, of: service)
            if templates.count < Self.room { templates[refusal] = template }
            return template
        }
    }
}
