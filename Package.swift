// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ]
    // `make lint` and .ci/run set it. Not -Xswiftc -warnings-as-errors: that meets the dependencies too, where warnings are suppressed.
    + (Context.environment["STEPWISE_WARNINGS_AS_ERRORS"] == "1" ? [.treatAllWarnings(as: .error)] : [])

let package = Package(
    name: "stepwise",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Stepwise", targets: ["Stepwise"]),
        .library(name: "StepwiseHTTP", targets: ["StepwiseHTTP"]),
        .library(name: "StepwiseTesting", targets: ["StepwiseTesting"]),
        .executable(name: "stepwise", targets: ["StepwiseCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CStepwiseHiredis",
            pkgConfig: "hiredis",
            providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]
        ),
        .target(
            name: "StepwiseRedis",
            dependencies: [
                "CStepwiseHiredis",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: settings
        ),
        // The lowest room of Stepwise: it cannot know those above it. It has no public symbol.
        .target(
            name: "StepwiseSupport",
            dependencies: [.product(name: "NIOCore", package: "swift-nio")],
            path: "Sources/Stepwise/Support",
            swiftSettings: settings
        ),
        .target(
            name: "Stepwise",
            dependencies: [
                "StepwiseRedis",
                "StepwiseSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            exclude: ["Support"],
            resources: [.embedInCode("Store/Scripts")],
            swiftSettings: settings
        ),
        // Nobody else depends on AsyncHTTPClient: who does not call by HTTP does not build it.
        .target(
            name: "StepwiseHTTP",
            dependencies: [
                "Stepwise",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "StepwiseTesting",
            dependencies: [
                "Stepwise",
                "StepwiseRedis",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "StepwiseCLI",
            dependencies: [
                "Stepwise",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "StepwiseBench",
            dependencies: [
                "Stepwise",
                "StepwiseRedis",
                "StepwiseTesting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "Digest",
            dependencies: [
                "Stepwise",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Examples/Digest",
            swiftSettings: settings
        ),
        .target(
            name: "ExampleSupport",
            dependencies: [
                "Stepwise",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Examples/Support",
            swiftSettings: settings
        ),
        // Whatever waits: a folder an example.
        .executableTarget(
            name: "Examples",
            dependencies: [
                "ExampleSupport",
                "Stepwise",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Examples",
            exclude: ["Digest", "OrderFulfilment", "Support"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "OrderFulfilment",
            dependencies: [
                "ExampleSupport",
                "Stepwise",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Examples/OrderFulfilment",
            swiftSettings: settings
        ),
        .testTarget(
            name: "StepwiseRedisTests",
            dependencies: [
                "StepwiseRedis",
                "StepwiseTesting",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        // What the tests of several targets need. No product: nobody else builds it.
        .target(
            name: "TestSupport",
            dependencies: [
                "Stepwise", "StepwiseRedis", "StepwiseTesting", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        .target(
            name: "TestWorkflows",
            dependencies: ["Stepwise", "StepwiseRedis", .product(name: "NIOPosix", package: "swift-nio")],
            path: "Tests/TestWorkflows",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TestWorker",
            dependencies: [
                "TestWorkflows",
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Tests/TestWorker",
            swiftSettings: settings
        ),
        .testTarget(
            name: "KillTests",
            dependencies: [
                "TestWorkflows", "TestWorker", "Examples", "ExampleSupport", "OrderFulfilment", "Stepwise",
                "StepwiseTesting", "TestSupport",
            ],
            exclude: ["Fixtures"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "StepwiseCLITests",
            dependencies: [
                "Stepwise",
                "StepwiseCLI",
                "StepwiseRedis",
                "StepwiseTesting",
                "TestSupport",
                "TestWorker",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Schemas"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "StepwiseTests",
            dependencies: [
                "Stepwise", "StepwiseTesting", "TestSupport", .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "StepwiseHTTPTests",
            dependencies: [
                "Stepwise",
                "StepwiseHTTP",
                "StepwiseTesting",
                "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "StepwiseTestingTests",
            dependencies: ["Stepwise", "StepwiseTesting", "TestSupport"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ExamplesTests",
            dependencies: [
                "Examples", "ExampleSupport", "Stepwise", "StepwiseTesting",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "DigestTests",
            dependencies: [
                "Digest",
                "Stepwise",
                "StepwiseRedis",
                "StepwiseTesting",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)
