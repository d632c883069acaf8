// SPDX-License-Identifier: Apache-2.0
import CSealing

/// The instructions that the kernels may use: those of a path and of all paths before it, as far as
/// the processor has them. Each kernel takes the fastest way that this leaves.
package enum InstructionPath: String, Sendable, CaseIterable, Codable {
    /// What ``use(_:)`` or the environment's `SEALYARD_PATH` said, else all that there is.
    case automatic
    /// Plain C.
    case portable
    /// AVX2, BMI2 and FMA.
    case avx2
    /// The SHA extensions.
    case shaNI = "sha-ni"
    /// AVX-512, with IFMA where there is one.
    case avx512

    /// A kernel whose instructions can be asked for.
    package enum Kernel: String, Sendable, CaseIterable {
        /// One message, block after block: `portable` or `sha-ni`.
        case sha256 = "sha256"
        /// Rows of binary trees: `portable`, `avx2`, `sha-ni` or `avx512`.
        case sha256Row = "sha256-row"
        /// Labels of many sectors side by side: the same.
        case batchLabels = "batch-labels"
        /// Poseidon of arities 2, 8 and 11: `portable`, `avx2` or `avx512-ifma`.
        case poseidon
        /// Parents in the layer before: `portable`, `avx2` or `avx512`.
        case parents

        fileprivate var native: csealing_kernel {
            switch self {
            case .sha256: .CSEALING_KERNEL_SHA256
            case .sha256Row: .CSEALING_KERNEL_SHA256_ROW
            case .batchLabels: .CSEALING_KERNEL_LABELS
            case .poseidon: .CSEALING_KERNEL_POSEIDON
            case .parents: .CSEALING_KERNEL_PARENTS
            }
        }
    }

    var native: csealing_path {
        switch self {
        case .automatic: .CSEALING_PATH_AUTO
        case .portable: .CSEALING_PATH_PORTABLE
        case .avx2: .CSEALING_PATH_AVX2
        case .shaNI: .CSEALING_PATH_SHA_NI
        case .avx512: .CSEALING_PATH_AVX512
        }
    }

    /// Whether the processor has the instructions that give the path its name.
    package var isAvailable: Bool {
        csealing_path_available(native) != 0
    }

    /// What `.automatic` stands for.
    package static var selected: InstructionPath {
        switch csealing_path_selected() {
        case .CSEALING_PATH_AUTO, .CSEALING_PATH_PORTABLE: .portable
        case .CSEALING_PATH_AVX2: .avx2
        case .CSEALING_PATH_SHA_NI: .shaNI
        case .CSEALING_PATH_AVX512: .avx512
        }
    }

    /// The path itself, or what `.automatic` stands for now.
    package var resolved: InstructionPath {
        self == .automatic ? .selected : self
    }

    /// Makes `.automatic` stand for a path in the whole process; to be called before work begins.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` where the processor lacks the instructions.
    package static func use(_ path: InstructionPath) throws(SealingError) {
        guard csealing_path_use(path.native) == .CSEALING_OK else {
            let usable = allCases.filter(\.isAvailable).map(\.rawValue).joined(separator: ", ")
            throw SealingError(
                .invalidArgument,
                "this processor lacks the instructions of path \(path.rawValue); it has \(usable)"
            )
        }
    }

    /// The instructions that a kernel uses on this path, on this processor.
    package func instructions(of kernel: Kernel) -> String {
        String(cString: csealing_kernel_name(native, kernel.native))
    }
}
