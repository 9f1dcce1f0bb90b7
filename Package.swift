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

// Products of other packages, by the name that the targets below use.
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTesting: Target.Dependency = .product(name: "HummingbirdTesting", package: "hummingbird")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioHPACK: Target.Dependency = .product(name: "NIOHPACK", package: "swift-nio-http2")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let inMemoryTracing: Target.Dependency = .product(name: "InMemoryTracing", package: "swift-distributed-tracing")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")

let package = Package(
    name: "floodgate",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Floodgate", targets: ["Floodgate"]),
        .library(name: "FloodgateTesting", targets: ["FloodgateTesting"]),
        .library(name: "FloodgateOpenFeature", targets: ["FloodgateOpenFeature"]),
        // The core without the client, for programs that hold the documents themselves (and for Benchmarks).
        .library(name: "FloodgateEvaluation", targets: ["FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation"]),
        .executable(name: "floodgate", targets: ["FloodgateCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        // AsyncHTTPClient brings it along; the client's spans are made with it.
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache.git", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // Core: values and pure functions. No Foundation, no I/O, no clock, no randomness.
        .target(name: "FloodgateJSON"),
        .target(name: "FloodgateSpecs", dependencies: ["FloodgateJSON"]),
        .target(name: "FloodgateRegex"),
        .target(name: "CFloodgateSHA256"),
        .target(name: "CFloodgateCountries", exclude: ["countries.bin"]),
        .target(
            name: "FloodgateEvaluation",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateRegex", "CFloodgateSHA256", "CFloodgateCountries",
            ],
            linkerSettings: [.linkedLibrary("m")]
        ),
        .target(name: "FloodgateEvents", dependencies: ["FloodgateJSON"]),
        .target(name: "FloodgateSnapshots", dependencies: ["FloodgateJSON", crypto]),
        .target(name: "FloodgateFlags", dependencies: ["FloodgateJSON", "FloodgateEvaluation"]),

        // SDK: the client that an application embeds.
        .systemLibrary(name: "CFloodgateZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "FloodgateGzip", dependencies: ["CFloodgateZlib"]),
        .target(name: "CFloodgateThread"),
        .target(
            name: "Floodgate",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateEvents", "FloodgateSnapshots",
                "FloodgateGzip", "CFloodgateThread", asyncHTTPClient, logging, metrics, nioCore, nioHTTP1, nioPosix,
                serviceLifecycle,
                tracing,
            ]
        ),
        .target(
            name: "FloodgateTesting",
            dependencies: ["Floodgate", "FloodgateJSON", "FloodgateEvents"]
        ),
        .target(
            name: "FloodgateOpenFeature",
            dependencies: ["Floodgate", "FloodgateJSON", "FloodgateEvaluation", "FloodgateFlags"]
        ),

        // Domain: use cases and the protocols they need. No HTTP framework, no driver.
        .target(
            name: "FloodgateControlPlane",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateSnapshots", "CFloodgateSHA256",
            ],
            resources: [.embedInCode("Demo")]
        ),
        .target(
            name: "FloodgateDelivery",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateSnapshots", "FloodgateGzip",
            ]
        ),
        // A call that Swift's module of the C library leaves out.
        .systemLibrary(name: "CFloodgateMalloc"),
        .systemLibrary(name: "CFloodgateZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CFloodgateDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .target(name: "CFloodgateEventScan", linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "FloodgateWarehouse", dependencies: ["FloodgateJSON"]),
        .target(
            name: "FloodgateOperations",
            dependencies: ["FloodgateJSON"],
            resources: [.embedInCode("Figures")]
        ),
        .target(
            name: "FloodgateIngest",
            dependencies: [
                "FloodgateJSON", "FloodgateEvents", "FloodgateGzip", "FloodgateWarehouse", "CFloodgateDeflate",
                "CFloodgateEventScan", "CFloodgateSHA256", "CFloodgateZstd", logging,
            ]
        ),

        // Adapters: one driver each.
        .target(
            name: "FloodgateSQLite",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateControlPlane", "FloodgateEvents", "FloodgateIngest", grdb,
                logging,
            ]
        ),
        .systemLibrary(name: "CFloodgateNATS", pkgConfig: "libnats", providers: [.apt(["libnats-dev"])]),
        .target(name: "FloodgateNATS", dependencies: ["FloodgateIngest", "CFloodgateNATS"]),

        .target(name: "CFloodgateParquet", linkerSettings: [.linkedLibrary("zstd")]),
        .target(name: "FloodgateDuckDB", dependencies: ["FloodgateJSON", "FloodgateWarehouse", "CFloodgateParquet"]),

        .target(
            name: "FloodgateClickHouse",
            dependencies: ["FloodgateJSON", "FloodgateWarehouse", asyncHTTPClient, nioCore, nioHTTP1]
        ),

        // Rim: the front door, pages, routes, composition, command line.
        .target(name: "CFloodgateSockets"),
        .target(
            name: "FloodgateHTTP",
            dependencies: [
                "CFloodgateSockets", httpTypes, logging, nioCore, nioHPACK, nioHTTP2, nioPosix, nioSSL, nioTLS,
                serviceLifecycle,
            ]
        ),
        .target(
            name: "FloodgateConsole",
            dependencies: ["FloodgateJSON", "FloodgateSpecs", "FloodgateControlPlane", mustache],
            resources: [.embedInCode("Assets")]
        ),
        .target(
            name: "FloodgateServer",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateEvents", "FloodgateControlPlane",
                "FloodgateDelivery", "FloodgateIngest", "FloodgateSQLite", "FloodgateWarehouse", "FloodgateDuckDB",
                "FloodgateClickHouse", "FloodgateNATS", "FloodgateConsole", "FloodgateGzip", "FloodgateFlags",
                "FloodgateHTTP", "FloodgateSnapshots", "CFloodgateMalloc", asyncHTTPClient, httpTypes,
                hummingbird, logging, metrics, nioCore, nioHTTP1, nioPosix, nioSSL, serviceLifecycle, unixSignals,
            ]
        ),
        .executableTarget(
            name: "FloodgateCLI",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateEvents", "FloodgateControlPlane",
                "FloodgateHTTP", "FloodgateIngest", "FloodgateSnapshots", "FloodgateSQLite", "FloodgateServer",
                "FloodgateWarehouse", "FloodgateOperations", argumentParser, logging,
            ]
        ),

        // Examples.
        .executableTarget(name: "QuickStart", dependencies: ["Floodgate"], path: "Examples/QuickStart"),
        .executableTarget(name: "Job", dependencies: ["Floodgate"], path: "Examples/Job"),
        .executableTarget(
            name: "HummingbirdService",
            dependencies: ["Floodgate", hummingbird, logging],
            path: "Examples/HummingbirdService"
        ),

        // Tests.
        .target(name: "FloodgateTestSupport", dependencies: ["FloodgateJSON"], path: "Tests/Support"),
        .testTarget(name: "FloodgateJSONTests", dependencies: ["FloodgateJSON", "FloodgateTestSupport"]),
        .testTarget(
            name: "FloodgateSpecsTests",
            dependencies: ["FloodgateJSON", "FloodgateSpecs", "FloodgateTestSupport"]
        ),
        .testTarget(
            name: "FloodgateRegexTests",
            dependencies: ["FloodgateJSON", "FloodgateRegex", "FloodgateTestSupport"]
        ),
        .testTarget(
            name: "FloodgateEvaluationTests",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateGzip", "FloodgateTestSupport",
                "CFloodgateSHA256",
            ]
        ),
        .testTarget(
            name: "FloodgateEventsTests",
            dependencies: ["FloodgateJSON", "FloodgateEvents", "FloodgateTestSupport"]
        ),
        .testTarget(
            name: "FloodgateSnapshotsTests",
            dependencies: ["FloodgateSnapshots", "FloodgateJSON", "FloodgateTestSupport"]
        ),
        .testTarget(name: "FloodgateGzipTests", dependencies: ["FloodgateGzip"]),
        .testTarget(
            name: "FloodgateTests",
            dependencies: [
                "Floodgate", "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateEvents",
                "FloodgateGzip", "FloodgateSnapshots", "FloodgateTestSupport", inMemoryTracing, logging, metrics,
                nioCore, nioPosix, nioHTTP1,
                serviceLifecycle, tracing,
            ]
        ),
        .testTarget(name: "FloodgateTestingTests", dependencies: ["FloodgateTesting", "Floodgate"]),
        .testTarget(
            name: "FloodgateFlagsTests",
            dependencies: ["FloodgateFlags", "FloodgateEvaluation", "FloodgateJSON"]
        ),
        .testTarget(
            name: "FloodgateOpenFeatureTests",
            dependencies: [
                "FloodgateOpenFeature", "FloodgateTesting", "Floodgate", "FloodgateFlags", "FloodgateJSON",
                "FloodgateTestSupport",
            ]
        ),
        .testTarget(
            name: "ExamplesTests",
            dependencies: [
                "FloodgateTesting", "Floodgate", "HummingbirdService", hummingbird, hummingbirdTesting, logging,
            ]
        ),
        .testTarget(
            name: "FloodgateControlPlaneTests",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateControlPlane",
                "FloodgateTestSupport",
            ]
        ),
        .testTarget(
            name: "FloodgateDeliveryTests",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateDelivery", "FloodgateGzip",
                "FloodgateSnapshots",
            ]
        ),
        .testTarget(
            name: "FloodgateIngestTests",
            dependencies: [
                "FloodgateJSON", "FloodgateEvents", "FloodgateIngest", "FloodgateGzip", "FloodgateWarehouse",
                "FloodgateTestSupport", "CFloodgateEventScan", logging,
            ]
        ),
        .testTarget(name: "FloodgateOperationsTests", dependencies: ["FloodgateOperations", "FloodgateJSON"]),
        .testTarget(
            name: "FloodgateSQLiteTests",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateControlPlane", "FloodgateEvents",
                "FloodgateIngest", "FloodgateSQLite", "FloodgateTestSupport", grdb, logging,
            ]
        ),
        .testTarget(name: "FloodgateWarehouseTests", dependencies: ["FloodgateWarehouse"]),
        .testTarget(
            name: "FloodgateNATSTests",
            dependencies: ["FloodgateIngest", "FloodgateNATS", logging]
        ),
        .testTarget(
            name: "FloodgateDuckDBTests",
            dependencies: [
                "FloodgateJSON", "FloodgateEvents", "FloodgateWarehouse", "FloodgateIngest", "FloodgateDuckDB",
                "FloodgateTestSupport", logging,
            ]
        ),
        .testTarget(
            name: "FloodgateClickHouseTests",
            dependencies: [
                "FloodgateJSON", "FloodgateWarehouse", "FloodgateClickHouse", "FloodgateTestSupport",
            ],
            exclude: ["Current"]
        ),
        .testTarget(
            name: "FloodgateConsoleTests",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateControlPlane", "FloodgateConsole", mustache,
            ]
        ),
        .testTarget(
            name: "FloodgateServerTests",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateControlPlane",
                "FloodgateDelivery", "FloodgateEvents", "FloodgateHTTP", "FloodgateIngest", "FloodgateServer",
                "FloodgateSnapshots", "FloodgateSQLite", "FloodgateGzip", "FloodgateTestSupport", httpTypes,
                hummingbird, logging, metrics, nioCore, nioEmbedded,
                serviceLifecycle,
            ]
        ),
        .testTarget(
            name: "FloodgateHTTPTests",
            dependencies: [
                "FloodgateHTTP", httpTypes, logging, nioCore, nioHPACK, nioHTTP2, nioPosix, nioSSL, nioTLS,
                serviceLifecycle,
            ]
        ),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "FloodgateJSON", "FloodgateSpecs", "FloodgateRegex", "FloodgateEvaluation", "FloodgateEvents",
                "FloodgateGzip", "FloodgateHTTP", "FloodgateIngest", "FloodgateTestSupport", "FloodgateWarehouse",
                httpTypes, nioCore, nioEmbedded,
            ],
            path: "Fuzzing/Targets"
        ),
        .testTarget(
            name: "FuzzingTests",
            dependencies: [
                "FuzzTargets", "FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateTestSupport",
            ]
        ),
        .executableTarget(
            name: "LinkageProbe",
            dependencies: ["FloodgateJSON", "FloodgateSpecs", "FloodgateEvaluation", "FloodgateEvents"],
            path: "Tests/LinkageProbe"
        ),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Floodgate", "FloodgateCLI", "LinkageProbe", "FloodgateDelivery", "FloodgateJSON", "FloodgateGzip",
                "FloodgateSnapshots", "FloodgateTestSupport", nioCore, nioHTTP1, nioPosix, asyncHTTPClient, logging,
            ],
            exclude: ["Clients", "requirements.txt"]
        ),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu2x,
    cxxLanguageStandard: .cxx17
)

// Links against libFuzzer, which brings its own main, so only Scripts/fuzz.sh asks for it.
if Context.environment["FLOODGATE_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(name: "Fuzz", dependencies: ["FuzzTargets", "FloodgateTestSupport"], path: "Fuzzing/Driver")
    )
}

// The client alone, with its tests and what it is made of: what the sanitizers build (Scripts/sanitize.sh), in a fraction
// of the time.
if Context.environment["FLOODGATE_PART"] == "sdk" {
    let part: Set = [
        "FloodgateJSON", "FloodgateSpecs", "FloodgateRegex", "CFloodgateSHA256", "CFloodgateCountries",
        "FloodgateEvaluation", "FloodgateEvents", "FloodgateSnapshots", "CFloodgateZlib", "FloodgateGzip",
        "CFloodgateThread", "Floodgate",
        "FloodgateTesting", "FloodgateFlags", "FloodgateOpenFeature", "FloodgateTestSupport", "FloodgateTests",
        "FloodgateTestingTests", "FloodgateFlagsTests", "FloodgateOpenFeatureTests", "FloodgateEvaluationTests",
    ]
    package.targets.removeAll { !part.contains($0.name) }
    package.products.removeAll { $0.name == "floodgate" }
    package.targets.append(.target(name: "CFloodgateSanitizer", path: "Tests/Sanitizer"))
    package.targets.first { $0.name == "FloodgateTests" }?.dependencies.append("CFloodgateSanitizer")
}

for target in package.targets where target.type != .system && !target.name.hasPrefix("C") {
    target.swiftSettings = settings
    if target.type != .test, target.name.hasPrefix("Floodgate"), target.name != "FloodgateTestSupport" {
        target.exclude.append("README.md")
    }
}
