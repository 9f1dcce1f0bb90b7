// swift-tools-version:6.2
// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]
let client: Target.Dependency = .product(name: "Floodgate", package: "floodgate")
let evaluation: Target.Dependency = .product(name: "FloodgateEvaluation", package: "floodgate")

let package = Package(
    name: "floodgate-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "floodgate", path: "..")],
    targets: [
        // Clocks, threads, and documents and users in the peer kit's shape.
        .target(name: "BenchmarkKit", dependencies: [evaluation], swiftSettings: settings),
        .executableTarget(
            name: "floodgate-bench",
            dependencies: ["BenchmarkKit", client, evaluation],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "floodgate-sdk-bench",
            dependencies: ["BenchmarkKit", client, evaluation],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "floodgate-lists-bench",
            dependencies: ["BenchmarkKit", client, evaluation],
            swiftSettings: settings
        ),
        .systemLibrary(name: "CLoad"),
        // A server with more to do than it can.
        .executableTarget(name: "floodgate-load", dependencies: ["BenchmarkKit", "CLoad"], swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
