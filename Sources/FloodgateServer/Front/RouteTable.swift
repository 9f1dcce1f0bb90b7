// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP

/// All routes of the server and what each asks for; a path that is not here is answered 404, whatever else knows it.
struct RouteTable: Sendable {
    /// The routes; where one stands is its number in metrics.
    let routes: [Route]
    private let byDepth: [[(index: Int, segments: [Segment])]]

    private enum Segment: Sendable {
        case text([UInt8])
        case any
    }

    /// A table of `routes`.
    init(_ routes: [Route]) {
        self.routes = routes
        var byDepth: [[(Int, [Segment])]] = []
        for (index, route) in routes.enumerated() {
            let segments: [Segment] = route.path.split(separator: "/").map {
                $0.hasPrefix("{") ? .any : .text(Array($0.utf8))
            }
            while byDepth.count <= segments.count { byDepth.append([]) }
            byDepth[segments.count].append((index, segments))
        }
        // Names before patterns, so that `gates/new` would be found before `gates/{name}`.
        self.byDepth = byDepth.map { list in
            list.sorted { Self.patterns($0.1) < Self.patterns($1.1) }.map { (index: $0.0, segments: $0.1) }
        }
    }

    private static func patterns(_ segments: [Segment]) -> Int {
        segments.reduce(0) { if case .any = $1 { $0 + 1 } else { $0 } }
    }

    /// Where the route with the pattern `path` stands; behind all if there is none.
    func number(of path: String) -> Int { routes.firstIndex { $0.path == path } ?? routes.count }

    /// Which route `path` belongs to, byte by byte: an empty segment is a segment, and nothing is decoded.
    func match(_ path: UnsafeRawBufferPointer) -> Int? {
        guard path.first == UInt8(ascii: "/") else { return nil }
        let depth = path.count == 1 ? 0 : path.count { $0 == UInt8(ascii: "/") }
        guard depth < byDepth.count else { return nil }
        return byDepth[depth].first { Self.matches(path, $0.segments) }?.index
    }

    /// Whether `path`, which has as many, consists of `segments`.
    private static func matches(_ path: UnsafeRawBufferPointer, _ segments: [Segment]) -> Bool {
        var start = 1
        for segment in segments {
            let end = path[start...].firstIndex(of: UInt8(ascii: "/")) ?? path.count
            switch segment {
            case .any: guard end > start else { return false }
            case .text(let text): guard path[start..<end].elementsEqual(text) else { return false }
            }
            start = end + 1
        }
        return true
    }
}
