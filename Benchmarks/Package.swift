// swift-tools-version:6.2
// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import PackageDescription

let package = Package(
    name: "floodgate-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "floodgate", path: "..")],
    targets: [
        .executableTarget(
            name: "floodgate-bench",
            dependencies: [
                .product(name: "Floodgate", package: "floodgate"),
                .product(name: "FloodgateEvaluation", package: "floodgate"),
            ],
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
                .treatAllWarnings(as: .error),
            ]
        )
    ],
    swiftLanguageModes: [.v6]
)
