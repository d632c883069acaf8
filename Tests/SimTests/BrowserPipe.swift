// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// A browser that a test talks to while a page lives: Chromium's DevTools protocol over two pipes.
final class BrowserPipe {
    private struct Answer<Value: Decodable>: Decodable {
        struct Failure: Decodable { var message: String }
        var id: Int?
        var result: Value?
        var error: Failure?
    }

    private struct Call<Parameters: Encodable>: Encodable {
        var id: Int
        var method: String
        var params: Parameters
        var sessionId: String?
    }

    private struct Nothing: Codable {}

    private struct Expression: Encodable {
        var expression: String
        var returnByValue = true
        var awaitPromise = true
    }

    private struct Evaluation<Value: Decodable>: Decodable {
        struct Held: Decodable { var value: Value? }
        struct Exception: Decodable {
            struct Thrown: Decodable { var description: String? }
            var text: String
            var exception: Thrown?
        }
        var result: Held
        var exceptionDetails: Exception?
    }

    private struct Failure: Error, CustomStringConvertible { let description: String }

    private let process = Process()
    private let toBrowser = Pipe()
    private let fromBrowser = Pipe()
    private var received = Data()
    private var callCount = 0
    private var session: String?
    /// When the test gives up on the browser.
    private let until = ContinuousClock.now + .seconds(240)

    /// Starts one and opens a page in it.
    ///
    /// - Parameter folder: where its profile goes, and what it logs.
    init(_ browser: String, _ page: String, folder: URL, width: Int, height: Int) throws {
        let log = folder.appendingPathComponent("browser.log")
        try Data().write(to: log)
        // It expects the pipes as 3 and 4, which `Process` cannot give to a child.
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", #"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#, browser, "--headless", "--no-sandbox",
            "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--window-size=\(width),\(height)",
            "--remote-debugging-pipe", "--user-data-dir=\(folder.path)/profile", "about:blank",
        ]
        process.standardInput = toBrowser
        process.standardOutput = fromBrowser
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        struct Target: Codable { var targetId: String }
        struct Session: Codable { var sessionId: String }
        struct Attachment: Encodable {
            var targetId: String
            var flatten = true
        }
        let target = try call("Target.createTarget", ["url": page], Target.self)
        let attached = try call(
            "Target.attachToTarget", Attachment(targetId: target.targetId), Session.self)
        session = attached.sessionId
    }

    /// Evaluates an expression, which may be a promise, in the page.
    func evaluate<Value: Decodable>(_ expression: String, as type: Value.Type) throws -> Value {
        let answer = try call(
            "Runtime.evaluate", Expression(expression: expression), Evaluation<Value>.self)
        if let exception = answer.exceptionDetails {
            throw Failure(description: exception.exception?.description ?? exception.text)
        }
        guard let value = answer.result.value else {
            throw Failure(description: "the page gave no value for: \(expression)")
        }
        return value
    }

    /// Evaluates a condition until it holds.
    func wait(for condition: String) throws {
        while try !evaluate(condition, as: Bool.self) {
            guard ContinuousClock.now < until else {
                throw Failure(description: "in vain waited for: \(condition)")
            }
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    /// Takes a picture of the page as it is.
    func screenshot(to file: URL) throws {
        struct Picture: Decodable { var data: String }
        let picture = try call("Page.captureScreenshot", ["format": "png"], Picture.self)
        try #require(Data(base64Encoded: picture.data)).write(to: file)
    }

    /// Ends it, whatever it is doing.
    func stop() {
        session = nil
        do {
            _ = try call("Browser.close", Nothing(), Nothing.self)
            for _ in 0..<100 where process.isRunning { Thread.sleep(forTimeInterval: 0.1) }
        } catch {
            // It is gone, or does not answer: the signal below ends it in any case.
        }
        // The thread that started it may have other signals blocked, and the browser with it.
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    private func call<Value: Decodable>(
        _ method: String, _ parameters: some Encodable, _ type: Value.Type
    ) throws -> Value {
        callCount += 1
        let call = Call(id: callCount, method: method, params: parameters, sessionId: session)
        try toBrowser.fileHandleForWriting.write(contentsOf: JSONEncoder().encode(call) + [0])
        while true {
            let message = try message()
            // What it tells unasked has no number, and any shape.
            guard try JSONDecoder().decode(Answer<Nothing>.self, from: message).id == callCount else {
                continue
            }
            let answer = try JSONDecoder().decode(Answer<Value>.self, from: message)
            if let result = answer.result { return result }
            throw Failure(description: "\(method): \(answer.error?.message ?? "no result")")
        }
    }

    /// The next message; each ends with a zero.
    private func message() throws -> Data {
        while true {
            if let end = received.firstIndex(of: 0) {
                defer { received = Data(received[(end + 1)...]) }
                return Data(received[..<end])
            }
            var waits = pollfd(
                fd: fromBrowser.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waits, 1, Int32(max(0, (until - .now).components.seconds * 1000))) == 1 else {
                throw Failure(description: "the browser does not answer any more")
            }
            let more = fromBrowser.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Failure(description: "the browser is gone") }
            received += more
        }
    }
}
