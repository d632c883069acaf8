// SPDX-License-Identifier: Apache-2.0
internal import Kernel
internal import KernelTCP
internal import Synchronization

/// A bucket of an S3-compatible store, or what lies in it under a prefix.
///
/// Every call blocks its thread, is signed, and is tried again where the server or the way to it fails: all
/// of them may be done twice. Keys are found anew when the server says that they are out of date.
package final class ObjectStore: Sendable {
    /// What is known of an object without reading it.
    package struct Facts: Sendable, Hashable {
        package var key: String
        package var bytes: UInt64
        /// Names this content: another one gets another tag.
        package var tag: String
    }

    /// How often, and after which pauses, a question is asked again.
    package struct Patience: Sendable {
        package var tryCount = 5
        package var firstPause = Duration.milliseconds(200)
        package var pauseMax = Duration.seconds(10)
        package var connectTime = Duration.seconds(10)
        /// The longest time in which no byte goes either way.
        package var silence = Duration.seconds(60)

        package init() {}

        /// For what must not wait: whether the server is there, and proofs.
        package static var short: Patience {
            var patience = Patience()
            (patience.tryCount, patience.connectTime, patience.silence) = (2, .seconds(3), .seconds(10))
            return patience
        }
    }

    package let location: ObjectLocation
    private let client: HTTPClient
    private let patience: Patience
    private let environment: [String: String]
    private let credentials: Mutex<ObjectCredentials>

    /// The most bytes of an answer that is not an object's content.
    private static let replyBytesMax = 16 << 20

    /// - Parameter environment: has the keys, and `AWS_CA_BUNDLE` where the server's certificate is not one
    ///   that this system trusts.
    /// - Throws: ``ObjectStoreError`` with `noCredentials` or `badLocation`. Nothing is asked yet.
    package init(
        _ location: ObjectLocation, environment: [String: String], patience: Patience = Patience()
    ) throws(ObjectStoreError) {
        self.location = location
        self.patience = patience
        self.environment = environment
        credentials = Mutex(try ObjectCredentials.find(environment: environment))
        do throws(HTTPFailure) {
            client = try HTTPClient(
                location.server, authorities: environment["AWS_CA_BUNDLE"],
                options: .init(connectTime: patience.connectTime, silence: patience.silence))
        } catch {
            throw ObjectStoreError(.badLocation, "\(location.text): \(error.description)")
        }
    }

    // MARK: Objects

    /// Writes a whole object.
    ///
    /// - Parameter isNew: refuses to take the place of one that is there.
    /// - Throws: ``ObjectStoreError``; `changed` where there is one.
    @discardableResult
    package func put(_ key: String, _ bytes: [UInt8], isNew: Bool = false) throws(ObjectStoreError) -> Facts {
        var request = ObjectRequest(method: "PUT", path: path(key), body: bytes)
        if isNew { request.headers.append(("if-none-match", "*")) }
        let what = "\(name(key)) cannot be written"
        guard let tag = try send(request, what).header("etag") else {
            throw ObjectStoreError(.malformed, "\(what): no tag in the answer")
        }
        return Facts(key: key, bytes: UInt64(bytes.count), tag: tag)
    }

    /// A whole object of at most so many bytes.
    package func get(_ key: String, countMax: Int) throws(ObjectStoreError) -> [UInt8] {
        let what = "\(name(key)) cannot be read"
        let body = try send(ObjectRequest(method: "GET", path: path(key)), what, countMax: countMax).body
        guard body.count <= countMax else {
            throw ObjectStoreError(
                .malformed, "\(what): it has \(body.count) bytes where at most \(countMax) are read")
        }
        return body
    }

    /// Exactly `count` bytes of an object from `offset`.
    ///
    /// - Parameter tag: that of the content that is meant.
    /// - Throws: ``ObjectStoreError``; `changed` where the object has another content now.
    package func get(
        _ key: String, tag: String, at offset: UInt64, count: Int
    ) throws(ObjectStoreError) -> [UInt8] {
        guard count > 0 else { return [] }
        let last = offset + UInt64(count) - 1
        let request = ObjectRequest(
            method: "GET", path: path(key),
            headers: [("if-match", tag), ("range", "bytes=\(offset)-\(last)")])
        let what = "\(name(key)) cannot be read at byte \(offset)"
        let answer = try send(request, what, countMax: count)
        // A server that does not know ranges sends all of it, which is right only where all was meant.
        guard answer.status == 206 || offset == 0, answer.body.count == count else {
            throw ObjectStoreError(
                .malformed, "\(what): \(answer.body.count) bytes came instead of \(count)")
        }
        return answer.body
    }

    /// What is known of an object; `nil` where there is none.
    package func facts(_ key: String) throws(ObjectStoreError) -> Facts? {
        do throws(ObjectStoreError) {
            let answer = try send(
                ObjectRequest(method: "HEAD", path: path(key)), "\(name(key)) cannot be looked at")
            guard let bytes = answer.header("content-length").flatMap(UInt64.init),
                let tag = answer.header("etag")
            else { throw ObjectStoreError(.malformed, "\(name(key)): no length and tag in the answer") }
            return Facts(key: key, bytes: bytes, tag: tag)
        } catch {
            if error.code == .missing { return nil }
            throw error
        }
    }

    /// Deletes an object; nothing happens where there is none.
    package func remove(_ key: String) throws(ObjectStoreError) {
        do throws(ObjectStoreError) {
            _ = try send(
                ObjectRequest(method: "DELETE", path: path(key)), "\(name(key)) cannot be deleted")
        } catch {
            if error.code != .missing { throw error }
        }
    }

    /// More objects are not believed to be one store's.
    private static let listCountMax = 10_000_000

    /// All objects whose keys begin so, in order.
    package func list(_ start: String) throws(ObjectStoreError) -> [Facts] {
        var found: [Facts] = []
        var token: String?
        let what = "\(name(start)) cannot be listed"
        repeat {
            var request = ObjectRequest(method: "GET", path: path(nil))
            request.query = [("list-type", "2"), ("prefix", location.key(start))]
            if let token { request.query.append(("continuation-token", token)) }
            let reply = try ReplyElement.parse(try send(request, what).body, what)
            for element in reply.all("Contents") {
                guard let key = element["Key"].flatMap(nameWithin),
                    let bytes = element["Size"].flatMap(UInt64.init), let tag = element["ETag"]
                else { throw ObjectStoreError(.malformed, "\(what): an object without key, size or tag") }
                found.append(Facts(key: key, bytes: bytes, tag: tag))
            }
            guard found.count <= Self.listCountMax else {
                throw ObjectStoreError(.malformed, "\(what): it has more than \(Self.listCountMax) objects")
            }
            token = reply["IsTruncated"] == "true" ? reply["NextContinuationToken"] : nil
        } while token != nil
        return found
    }

    // MARK: Objects in parts

    /// A part of an object that is not complete yet.
    package struct Part: Sendable, Hashable {
        /// From 1.
        package var number: Int
        package var bytes: UInt64
        package var tag: String

        package init(number: Int, bytes: UInt64, tag: String) {
            self.number = number
            self.bytes = bytes
            self.tag = tag
        }
    }

    /// An object that is written in parts.
    package struct Upload: Sendable, Hashable {
        package var key: String
        package var id: String
        /// When it was begun, as the server writes it.
        package var begun: String
    }

    package func beginUpload(_ key: String) throws(ObjectStoreError) -> Upload {
        var request = ObjectRequest(method: "POST", path: path(key))
        request.query = [("uploads", "")]
        let what = "the upload of \(name(key)) cannot begin"
        let reply = try ReplyElement.parse(try send(request, what).body, what)
        guard let id = reply["UploadId"], !id.isEmpty else {
            throw ObjectStoreError(.malformed, "\(what): the answer names no upload")
        }
        return Upload(key: key, id: id, begun: "")
    }

    package func put(
        part number: Int, _ bytes: [UInt8], of upload: Upload
    ) throws(ObjectStoreError) -> Part {
        var request = ObjectRequest(method: "PUT", path: path(upload.key), body: bytes)
        request.query = [("partNumber", "\(number)"), ("uploadId", upload.id)]
        let what = "part \(number) of \(name(upload.key)) cannot be written"
        guard let tag = try send(request, what).header("etag") else {
            throw ObjectStoreError(.malformed, "\(what): no tag in the answer")
        }
        return Part(number: number, bytes: UInt64(bytes.count), tag: tag)
    }

    /// The parts that are there, in order.
    package func parts(of upload: Upload) throws(ObjectStoreError) -> [Part] {
        let what = "the parts of \(name(upload.key)) cannot be listed"
        var found: [Part] = []
        var marker: String?
        repeat {
            var request = ObjectRequest(method: "GET", path: path(upload.key))
            request.query = [("uploadId", upload.id)]
            if let marker { request.query.append(("part-number-marker", marker)) }
            let reply = try ReplyElement.parse(try send(request, what).body, what)
            for element in reply.all("Part") {
                guard let number = element["PartNumber"].flatMap(Int.init),
                    let bytes = element["Size"].flatMap(UInt64.init), let tag = element["ETag"]
                else { throw ObjectStoreError(.malformed, "\(what): a part without number, size or tag") }
                found.append(Part(number: number, bytes: bytes, tag: tag))
            }
            marker = reply["IsTruncated"] == "true" ? reply["NextPartNumberMarker"] : nil
        } while marker != nil && found.count <= 10_000
        return found
    }

    /// Makes the object of its parts: now others see it, at once and whole.
    package func complete(_ upload: Upload, _ parts: [Part]) throws(ObjectStoreError) {
        var request = ObjectRequest(method: "POST", path: path(upload.key))
        request.query = [("uploadId", upload.id)]
        let list = parts.map {
            "<Part><PartNumber>\($0.number)</PartNumber><ETag>\($0.tag.escapedForXML)</ETag></Part>"
        }
        request.body = Array("<CompleteMultipartUpload>\(list.joined())</CompleteMultipartUpload>".utf8)
        let what = "\(name(upload.key)) cannot be completed"
        let answer = try send(request, what)
        // The server may have to say so after it has said that all is well.
        let reply = try ReplyElement.parse(answer.body, what)
        if reply.name == "Error" { throw refusal(answer, reply, what) }
    }

    package func abort(_ upload: Upload) throws(ObjectStoreError) {
        var request = ObjectRequest(method: "DELETE", path: path(upload.key))
        request.query = [("uploadId", upload.id)]
        do throws(ObjectStoreError) {
            _ = try send(request, "the upload of \(name(upload.key)) cannot be given up")
        } catch {
            if error.code != .missing { throw error }
        }
    }

    /// Objects that are not complete and whose keys begin so.
    package func uploads(_ start: String) throws(ObjectStoreError) -> [Upload] {
        let what = "the uploads under \(name(start)) cannot be listed"
        var found: [Upload] = []
        var markers: (key: String, id: String)?
        repeat {
            var request = ObjectRequest(method: "GET", path: path(nil))
            request.query = [("uploads", ""), ("prefix", location.key(start))]
            if let markers {
                request.query += [("key-marker", markers.key), ("upload-id-marker", markers.id)]
            }
            let reply = try ReplyElement.parse(try send(request, what).body, what)
            for element in reply.all("Upload") {
                guard let key = element["Key"].flatMap(nameWithin), let id = element["UploadId"] else {
                    throw ObjectStoreError(.malformed, "\(what): an upload without key or name")
                }
                found.append(Upload(key: key, id: id, begun: element["Initiated"] ?? ""))
            }
            markers = nil
            if reply["IsTruncated"] == "true", let key = reply["NextKeyMarker"] {
                markers = (key, reply["NextUploadIdMarker"] ?? "")
            }
        } while markers != nil && found.count <= Self.listCountMax
        return found
    }

    // MARK: Asking

    /// The object as messages name it.
    private func name(_ key: String) -> String { "s3://\(location.bucket)/\(location.key(key))" }

    private func path(_ key: String?) -> String {
        let bucket = location.isPathStyle ? "/\(location.bucket)" : ""
        guard let key else { return bucket.isEmpty ? "/" : bucket }
        return "\(bucket)/\(location.key(key))"
    }

    /// An object's name under the prefix; `nil` for one that is not under it.
    private func nameWithin(_ key: String) -> String? {
        let start = location.key("")
        return key.hasPrefix(start) ? String(key.dropFirst(start.count)) : nil
    }

    private func send(
        _ request: ObjectRequest, _ what: String, countMax: Int = 0
    ) throws(ObjectStoreError) -> HTTPAnswer {
        var pause = patience.firstPause
        var hasNewKeys = false
        var tryCount = 1
        while true {
            let answer = client.answer(to: question(request, countMax))
            let problem: ObjectStoreError
            switch answer {
            case .success(let answer) where (200..<300).contains(answer.status): return answer
            case .success(let answer):
                let reply = answer.body.isEmpty ? nil : ReplyElement.parsing(answer.body)
                if reply?["Code"] == "ExpiredToken", !hasNewKeys {
                    let found = try ObjectCredentials.find(environment: environment)
                    hasNewKeys = true
                    credentials.withLock { $0 = found }
                    continue
                }
                problem = refusal(answer, reply, what)
            case .failure(let failure):
                problem = ObjectStoreError(.unreachable, "\(what): \(failure)")
            }
            guard problem.code == .unreachable, tryCount < patience.tryCount else { throw problem }
            client.pause(pause)
            pause = min(pause * 2, patience.pauseMax)
            tryCount += 1
        }
    }

    private func question(_ request: ObjectRequest, _ countMax: Int) -> HTTPQuestion {
        let signer = RequestSigner(credentials: credentials.withLock { $0 }, region: location.region)
        let headers = signer.headers(
            of: request, host: location.server.hostHeader, at: SystemClock.wallNanoseconds / 1_000_000_000)
        let query = RequestSigner.queryText(request.query)
        let path = RequestSigner.escaped(request.path, keepsSlash: true)
        return HTTPQuestion(
            method: request.method, target: query.isEmpty ? path : "\(path)?\(query)", headers: headers,
            body: request.body, answerBytesMax: max(countMax, Self.replyBytesMax))
    }

    /// What an answer that is no success means.
    private func refusal(_ answer: HTTPAnswer, _ reply: ReplyElement?, _ what: String) -> ObjectStoreError {
        let code = reply?["Code"]
        let said = [code, reply?["Message"]].compactMap { $0?.prefix(512) }.joined(separator: ": ")
        let message = "\(what): HTTP \(answer.status)\(said.isEmpty ? "" : ", \(said)")"
        switch (answer.status, code) {
        case (_, "NoSuchBucket"):
            return ObjectStoreError(.refused, "\(message); make the bucket first")
        case (404, _), (_, "NoSuchKey"), (_, "NoSuchUpload"): return ObjectStoreError(.missing, message)
        case (412, _), (409, _): return ObjectStoreError(.changed, message)
        case (_, "RequestTimeTooSkewed"):
            return ObjectStoreError(.refused, "\(message); this host's clock is wrong")
        case (408, _), (429, _), (500..., _), (_, "RequestTimeout"), (_, "SlowDown"), (_, "InternalError"):
            return ObjectStoreError(.unreachable, message)
        case (301, _), (307, _), (308, _), (_, "AuthorizationHeaderMalformed"):
            return ObjectStoreError(.refused, "\(message); name the bucket's own region and endpoint")
        default: return ObjectStoreError(.refused, message)
        }
    }
}

extension ReplyElement {
    /// The body as far as it is one of the protocol: proxies answer with pages of their own.
    fileprivate static func parsing(_ body: [UInt8]) -> ReplyElement? {
        do { return try parse(body, "") } catch { return nil }
    }
}

extension HTTPClient {
    fileprivate func answer(to question: HTTPQuestion) -> Result<HTTPAnswer, HTTPFailure> {
        do throws(HTTPFailure) { return .success(try ask(question)) } catch { return .failure(error) }
    }
}
