// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// SEALYARD_CORE=1 leaves out every target that needs NIO, TLS or HTTP: the kernel, the proofs, the chain, the
// scheduler and the simulator then build and test in well under a minute.
let coreOnly = Context.environment["SEALYARD_CORE"] != nil

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    // Debug builds, in which the tests run, check every access for exclusivity; a simulated world spends
    // more than
    // half of its time on these checks in a release build.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

// C is compiled at full optimisation in every configuration: at -O0 the proofs take minutes instead of
// seconds.
let kernelC: [CSetting] = [
    .unsafeFlags(["-O3", "-std=c17", "-Wall", "-Wextra", "-Werror"])
]

let collections = "swift-collections"
var dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
]

var targets: [Target] = [
    // System libraries.
    .systemLibrary(
        name: "CSQLite", path: "Sources/Support/CSQLite", pkgConfig: "sqlite3",
        providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(
        name: "COpenCL", path: "Sources/Support/COpenCL", pkgConfig: "OpenCL",
        providers: [.apt(["ocl-icd-opencl-dev", "opencl-headers"])]),
    .systemLibrary(
        name: "CHwloc", path: "Sources/Support/CHwloc", pkgConfig: "hwloc",
        providers: [.apt(["libhwloc-dev"])]),
    .systemLibrary(
        name: "CNuma", path: "Sources/Support/CNuma", providers: [.apt(["libnuma-dev"])]),

    // The core: no network library anywhere below.
    .target(name: "CKernel", path: "Sources/Kernel/Native", cSettings: kernelC),
    .target(
        name: "Kernel",
        dependencies: [
            "CKernel",
            .product(name: "DequeModule", package: collections),
            .product(name: "OrderedCollections", package: collections),
            .product(name: "Logging", package: "swift-log"),
        ],
        path: "Sources/Kernel", exclude: ["Native", "TCP", "Journal", "README.md", "Glossary.md"],
        swiftSettings: strict),
    .target(
        name: "KernelJournal",
        dependencies: ["Kernel", .product(name: "GRDB", package: "GRDB.swift")],
        path: "Sources/Kernel/Journal", swiftSettings: strict),
    .target(name: "CSealing", path: "Sources/Sealing/Native", cSettings: kernelC),
    .target(
        name: "Sealing", dependencies: ["Kernel", "CSealing", "COpenCL"],
        path: "Sources/Sealing", exclude: ["Native", "OpenCL", "README.md"], swiftSettings: strict),
    .target(
        name: "Chain",
        dependencies: [
            "Kernel", "Sealing",
            .product(name: "OrderedCollections", package: collections),
        ],
        exclude: ["README.md"], swiftSettings: strict),
    .target(
        name: "Scheduler",
        dependencies: [
            "Kernel", "Sealing", "Chain",
            .product(name: "DequeModule", package: collections),
            .product(name: "OrderedCollections", package: collections),
        ],
        exclude: ["README.md", "Policies.md", "Sectors.md"],
        resources: [.embedInCode("Resources/resource-table.json")],
        swiftSettings: strict),
    .target(
        name: "Sim",
        dependencies: [
            "Kernel", "Sealing", "Chain", "Scheduler", "Yams",
            .product(name: "DequeModule", package: collections),
            .product(name: "OrderedCollections", package: collections),
        ],
        exclude: ["README.md"], swiftSettings: strict),

    .testTarget(
        name: "KernelTests",
        dependencies: ["Kernel", "KernelJournal", .product(name: "GRDB", package: "GRDB.swift")],
        swiftSettings: strict),
    .target(name: "CGoRandom", path: "Tests/GoRandom", cSettings: kernelC),
    .testTarget(
        name: "SealingTests", dependencies: ["Sealing", "CSealing", "COpenCL", "CGoRandom"],
        swiftSettings: strict),
    .testTarget(name: "ChainTests", dependencies: ["Chain", "Sealing", "Kernel"], swiftSettings: strict),
    .testTarget(
        name: "SchedulerTests", dependencies: ["Scheduler", "Chain", "Sealing", "Kernel"],
        swiftSettings: strict),
    .testTarget(
        name: "SimTests", dependencies: ["Sim", "Scheduler", "Chain", "Sealing", "Kernel", "Yams"],
        swiftSettings: strict),
    .testTarget(
        name: "SimulationTests", dependencies: ["Sim", "Scheduler", "Chain", "Sealing", "Kernel"],
        swiftSettings: strict),
    .testTarget(name: "TidyTests", dependencies: ["CSQLite"], swiftSettings: strict),
]

if !coreOnly {
    dependencies += [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/vapor/jwt-kit", exact: "5.7.1"),
        .package(url: "https://github.com/LebJe/TOMLKit", exact: "0.6.0"),
    ]
    targets += [
        .target(
            name: "KernelTCP",
            dependencies: [
                "Kernel",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "OrderedCollections", package: collections),
            ],
            path: "Sources/Kernel/TCP", swiftSettings: strict),
        .target(
            name: "ObjectStore",
            dependencies: [
                "Kernel", "KernelTCP", .product(name: "Crypto", package: "swift-crypto"),
            ],
            path: "Sources/Engine/ObjectStore", swiftSettings: strict),
        .target(
            name: "Engine",
            dependencies: [
                "Kernel", "KernelTCP", "KernelJournal", "Sealing", "Chain", "Scheduler", "ObjectStore",
                "CHwloc", "CNuma", "CSQLite",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "OrderedCollections", package: collections),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ],
            exclude: ["ObjectStore", "README.md", "Storage.md"], swiftSettings: strict),
        .executableTarget(
            name: "sealyard",
            dependencies: [
                "Kernel", "KernelTCP", "KernelJournal", "Sealing", "Chain", "Scheduler", "Sim",
                "Engine",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "KernelTCPTests",
            dependencies: [
                "KernelTCP", "Kernel",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        // A server that the tests of object stores start.
        .target(name: "ObjectServer", path: "Tests/ObjectServer", swiftSettings: strict),
        .testTarget(
            name: "EngineTests",
            dependencies: [
                "Engine", "ObjectStore", "ObjectServer",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                "Scheduler", "Chain", "Sealing", "Kernel", "KernelTCP", "CHwloc",
                "CNuma",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "sealyard", "Kernel", "Sealing", "Chain", "Scheduler", "Engine", "ObjectStore",
                "ObjectServer",
            ],
            swiftSettings: strict),
    ]
}

let package = Package(
    name: "sealyard",
    platforms: [.macOS("26.0")],
    products: [],
    dependencies: dependencies,
    targets: targets
)
