// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Tracing

/// Measures each request and puts a span around it; neither ever shows the key, so the path of a URL is left out.
struct ObservedTransport: Transport {
    let base: any Transport
    let metrics: ClientMetrics
    let tracer: any Tracer
    let timing: Timing

    func send(_ request: TransportRequest) async throws(ClientError) -> TransportAnswer {
        let begin = timing.monotonic()
        let span = span(for: request, by: tracer)
        defer { span.end() }
        do throws(ClientError) {
            let answer = try await base.send(traced(request, span))
            finish(request, span, begin, status: answer.status)
            return answer
        } catch {
            fail(request, span, begin, error)
            throw error
        }
    }

    /// The span of a stream ends when the answer begins: a stream may last for days.
    func stream(
        _ request: TransportRequest,
        onHead: @escaping @Sendable (TransportHead) -> Bool,
        onBytes: @escaping @Sendable ([UInt8]) async -> Bool
    ) async throws(ClientError) {
        let begin = timing.monotonic()
        let span = span(for: request, by: tracer)
        let end = Latch()
        do throws(ClientError) {
            try await base.stream(
                traced(request, span),
                onHead: { head in
                    finish(request, span, begin, status: head.status)
                    span.end()
                    end.open()
                    return onHead(head)
                },
                onBytes: onBytes
            )
        } catch {
            if !end.isOpen {
                fail(request, span, begin, error)
                span.end()
            }
            throw error
        }
    }

    func shutdown() async { await base.shutdown() }

    private func span(for request: TransportRequest, by tracer: some Tracer) -> any Span {
        // On its own: the client's background belongs to no request of the program's.
        let span = tracer.startSpan("floodgate.\(request.purpose.rawValue)", context: .topLevel, ofKind: .client)
        span.attributes["http.request.method"] = request.method.rawValue
        if let url = URL(string: request.url) {
            span.attributes["url.scheme"] = url.scheme
            span.attributes["server.address"] = url.host()
            span.attributes["server.port"] = url.port
        }
        return span
    }

    private func traced(_ request: TransportRequest, _ span: any Span) -> TransportRequest {
        var request = request
        tracer.inject(span.context, into: &request.headers, using: HeaderInjector())
        return request
    }

    private func finish(_ request: TransportRequest, _ span: any Span, _ begin: Int64, status: Int) {
        span.attributes["http.response.status_code"] = status
        let isGood = 200..<400 ~= status
        if !isGood {
            span.attributes["error.type"] = String(status)
            span.setStatus(SpanStatus(code: .error))
        }
        metrics.record(timing.monotonic() - begin, request.purpose, isGood ? "ok" : ClientError.Code.status.rawValue)
    }

    private func fail(_ request: TransportRequest, _ span: any Span, _ begin: Int64, _ error: ClientError) {
        span.attributes["error.type"] = error.code.rawValue
        span.setStatus(SpanStatus(code: .error))
        metrics.record(timing.monotonic() - begin, request.purpose, error.code.rawValue)
    }
}

/// Puts what a tracer wants to pass on into the headers of a request.
private struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [(name: String, value: String)]) {
        carrier.append((key.headerSafe, value.headerSafe))
    }
}
