// SPDX-License-Identifier: Apache-2.0
private import Foundation
internal import Kernel
private import Synchronization

/// Reads the files of measured durations that scenarios name, each of them once.
package final class MeasurementReader: Sendable {
    /// Reads a path as a miner's journal; `nil` where it is none.
    package typealias Journals = @Sendable (_ path: String) throws -> (run: RecordedRun, sectorBytes: Int)?

    /// Benches, sector logs and task histories.
    package static let texts = MeasurementReader { _ in nil }

    /// The most files for one task.
    static let fileCountMax = 64

    private let journals: Journals
    private let known = Mutex<[String: Result<DurationSamples, DurationFileError>]>([:])

    /// - Parameter journals: reads journals; what it throws is told with the file's name.
    package init(journals: @escaping Journals) { self.journals = journals }

    /// The durations in a file: a second time as they were the first, so that all runs of a study go by the
    /// same.
    ///
    /// - Throws: ``DurationFileError``.
    package func samples(_ file: String) throws(DurationFileError) -> DurationSamples {
        // Two threads may read at once; what the first to end has read goes for both.
        if let result = known.withLock({ $0[file] }) { return try result.get() }
        let fresh = read(file)
        let result = known.withLock { known in
            let first = known[file] ?? fresh
            known[file] = first
            return first
        }
        return try result.get()
    }

    private func read(_ file: String) -> Result<DurationSamples, DurationFileError> {
        do throws(DurationFileError) {
            var samples = DurationSamples()
            try add(file, to: &samples)
            return .success(samples)
        } catch {
            return .failure(error)
        }
    }

    /// Adds the durations in a file to others.
    ///
    /// - Throws: ``DurationFileError``.
    package func add(_ file: String, to samples: inout DurationSamples) throws(DurationFileError) {
        func refuse(_ message: String) -> DurationFileError {
            DurationFileError(file: file, line: 0, column: 0, message: message)
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: file, isDirectory: &isFolder) else {
            throw refuse("there is no such file; give that of a bench, a log, a task history or a journal")
        }
        let journal: (run: RecordedRun, sectorBytes: Int)?
        do { journal = try journals(file) } catch { throw refuse("\(error)") }
        if let journal {
            return try samples.read(journal.run, sectorBytes: journal.sectorBytes, file: file)
        }
        guard !isFolder.boolValue else { throw refuse("a folder, and not that of a miner's journal") }
        let data: Data
        do { data = try BoundedFile.read(file, bytesMax: DurationSamples.fileBytesMax) } catch {
            throw refuse(error.message)
        }
        try samples.read(String(decoding: data, as: UTF8.self), file: file)
    }
}

extension DurationFit {
    /// What a scenario's `measured:` gives for a task, and where it is from; `nil` after a complaint.
    static func measured(
        _ cursor: ConfigCursor, _ kind: Scenario.TaskKind
    ) -> (fit: Self, source: String)? {
        guard let reader = cursor.sink.measurements else {
            cursor.report("only a scenario in a file can name files")
            return nil
        }
        var places = [cursor]
        if case .sequence = cursor.node.content {
            guard let items = cursor.list("files", count: 1...MeasurementReader.fileCountMax) else {
                return nil
            }
            places = items
        }
        var all: [Double] = []
        var sources: [String] = []
        var files: Set<String> = []
        for place in places {
            guard let name = place.text("a file's path") else { return nil }
            let file = path(of: name, from: place.node.mark.file)
            guard files.insert(file).inserted else {
                place.report("\(file) is named twice, and would count twice")
                return nil
            }
            let samples: DurationSamples
            do { samples = try reader.samples(file) } catch {
                place.report("\(error)")
                return nil
            }
            guard !samples[kind].isEmpty else {
                let others = Scenario.TaskKind.allCases.filter { !samples[$0].isEmpty }.map(\.rawValue)
                place.report(
                    "\(file) has no duration of \(kind.rawValue); it has those of "
                        + (others.isEmpty ? "no task" : others.joined(separator: ", ")), allowed: others)
                return nil
            }
            if let size = samples.sectorSize {
                cursor.sink.remember(measuredBytes: size.bytes, at: place)
            }
            all += samples[kind]
            sources += samples.sources(of: kind).filter { !sources.contains($0) }
        }
        guard let fit = best(all) else { return nil }
        return (fit, "\(fit.quality); \(sources.joined(separator: "; "))".filter { !$0.isNewline })
    }

    /// A path from the folder of the file that names it; from the working directory where `--set` does.
    private static func path(of name: String, from file: String?) -> String {
        guard !name.hasPrefix("/"), let file, !ScenarioOverride.isName(file),
            let cut = file.lastIndex(of: "/")
        else { return name }
        return String(file[...cut]) + name
    }
}
