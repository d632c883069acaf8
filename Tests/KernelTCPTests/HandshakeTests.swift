// SPDX-License-Identifier: Apache-2.0
import Kernel
import KernelTCP
import Testing

@Suite("The handshake, without sockets") struct HandshakeTests {
    private static func local(_ name: String) -> HandshakeStateMachine.Local {
        .init(nodeName: name, incarnation: 10, epoch: 2, token: "token of \(name)", frameBytesMax: 1 << 20)
    }

    private static func hello(
        version: UInt64 = 1, versionMin: UInt64 = 1, from: String = "a", to: String = "b",
        frameBytesMax: UInt64 = 1 << 20
    ) -> Frame {
        .hello(
            .init(
                version: version, versionMin: versionMin, nodeName: from, target: to, incarnation: 10,
                epoch: 2, token: "token of \(from)", frameBytesMax: frameBytesMax))
    }

    private static func acceptor() -> HandshakeStateMachine {
        var machine = HandshakeStateMachine(role: .acceptor, local: local("b"))
        #expect(machine.began() == .wait)
        return machine
    }

    @Test("two nodes that like each other both begin a session") func agreement() throws {
        var dialer = HandshakeStateMachine(role: .dialer(target: "b"), local: Self.local("a"))
        var acceptor = Self.acceptor()
        guard case .send(let hello) = dialer.began() else {
            Issue.record("the dialer says nothing")
            return
        }
        #expect(hello == Self.hello())
        guard case .judge(let dialing) = acceptor.received(hello) else {
            Issue.record("the acceptor does not judge")
            return
        }
        #expect(dialing.name == "a" && dialing.token == "token of a" && dialing.epoch == 2)
        guard case .establish(dialing, .write, let answer?) = acceptor.judged(.success(.write)),
            case .judge(let accepting) = dialer.received(answer)
        else {
            Issue.record("no welcome, or the dialer does not judge it")
            return
        }
        #expect(accepting.name == "b" && accepting.token == "token of b" && accepting.version == 1)
        #expect(dialer.judged(.success(.admin)) == .establish(accepting, .admin, answer: nil))
        #expect(acceptor.received(hello) == .wait)
        #expect(acceptor.timedOut() == .wait)
    }

    @Test(
        "versions that do not meet are refused with both ranges",
        arguments: [(2, 2), (99, 7), (0, 0), (1, 3)])
    func versions(version: UInt64, versionMin: UInt64) {
        var acceptor = Self.acceptor()
        guard
            case .refuse(let refusal, .refuse(let told)?) = acceptor.received(
                Self.hello(version: version, versionMin: versionMin))
        else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == .version && told == refusal)
    }

    @Test("a newer peer that still speaks this version is taken") func newer() {
        var acceptor = Self.acceptor()
        guard case .judge(let peer) = acceptor.received(Self.hello(version: 9, versionMin: 1)) else {
            Issue.record("not judged")
            return
        }
        #expect(peer.version == 1)
    }

    @Test("the smaller bound on frames holds, and a silly one is refused") func frameBound() {
        var acceptor = Self.acceptor()
        guard case .judge(let peer) = acceptor.received(Self.hello(frameBytesMax: .max)) else {
            Issue.record("not judged")
            return
        }
        #expect(peer.frameBytesMax == 1 << 20)
        var other = Self.acceptor()
        guard case .refuse(let refusal, _) = other.received(Self.hello(frameBytesMax: 10)) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == .malformed)
    }

    @Test(
        "a hello for another node, or in this node's own name, is refused",
        arguments: [("a", "c"), ("b", "b")])
    func names(from: String, to: String) {
        var acceptor = Self.acceptor()
        guard case .refuse(let refusal, _) = acceptor.received(Self.hello(from: from, to: to)) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == .wrongNode)
    }

    @Test(
        "a frame that is no hello ends the connection",
        arguments: [
            Frame.ping(1), .goodbye("x"), .unknown(kind: 99),
            .envelope(to: "probe", from: nil, messageName: "m", payload: []),
            .welcome(
                .init(
                    version: 1, nodeName: "a", incarnation: 1, epoch: 0, token: "", frameBytesMax: 1 << 20)),
        ]) func outOfPlace(frame: Frame)
    {
        var acceptor = Self.acceptor()
        guard case .refuse(let refusal, .refuse?) = acceptor.received(frame) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == .malformed)
    }

    @Test("a welcome from another node, or of a version not offered, is refused") func badWelcome() {
        for (version, name, code) in [(1, "c", Refusal.Code.wrongNode), (2, "b", .version)] {
            var dialer = HandshakeStateMachine(role: .dialer(target: "b"), local: Self.local("a"))
            _ = dialer.began()
            let action = dialer.received(
                .welcome(
                    .init(
                        version: UInt64(version), nodeName: name, incarnation: 1, epoch: 0, token: "t",
                        frameBytesMax: 1 << 20)))
            guard case .refuse(let refusal, nil) = action else {
                Issue.record("not refused")
                return
            }
            #expect(refusal.code == code)
        }
    }

    @Test("silence is refused in time and bad judgement is told") func endings() {
        var slow = Self.acceptor()
        guard case .refuse(let refusal, .refuse?) = slow.timedOut() else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == .handshakeTimeout)
        var judged = Self.acceptor()
        _ = judged.received(Self.hello())
        let bad = Refusal(code: .badToken, message: "no")
        #expect(judged.judged(.failure(bad)) == .refuse(bad, answer: .refuse(bad)))
    }
}

@Suite("Frames on the wire") struct FrameTests {
    static let frames: [Frame] = [
        .hello(
            .init(
                version: 1, versionMin: 1, nodeName: "worker-1", target: "miner", incarnation: .max, epoch: 7,
                token: "e30.e30.x", frameBytesMax: 16 << 20)),
        .welcome(
            .init(
                version: 1, nodeName: "miner", incarnation: 0, epoch: 0, token: "", frameBytesMax: 1_024)),
        .refuse(Refusal(code: .badToken, message: "the token is not ours")),
        .envelope(to: "probe", from: "$ask-1", messageName: "test.probe", payload: [1, 2, 3]),
        .envelope(to: "probe", from: nil, messageName: "m", payload: Array(repeating: 9, count: 70_000)),
        .undeliverable(to: "probe", from: nil, messageName: "m", reason: .notUnderstood),
        .ping(5), .pong(.max), .goodbye("bye"), .unknownKind(1_000), .unknown(kind: 77),
    ]

    @Test("every frame comes back as it was written", arguments: frames) func roundTrip(frame: Frame) throws {
        let bytes = frame.framed
        #expect(bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) } == bytes.count - 4)
        #expect(try Frame(decoding: Array(bytes.dropFirst(4))) == frame)
    }

    @Test("the bytes of a frame never change") func golden() {
        #expect(Frame.ping(5).framed == [0, 0, 0, 3, 0x82, 6, 5])
        #expect(
            Frame.envelope(to: "to", from: "me", messageName: "m", payload: [0xFF]).framed
                == [0, 0, 0, 12, 0x85, 4, 0x62, 0x74, 0x6F, 0x62, 0x6D, 0x65, 0x61, 0x6D, 0x41, 0xFF])
    }

    @Test("a hello of a later version with more fields is still read") func longerHello() throws {
        var writer = WireWriter()
        writer.writeArrayHead(count: 11)
        for number in [FrameKind.hello, 9, 8] { writer.write(number) }
        writer.write(text: "a")
        writer.write(text: "b")
        for number: UInt64 in [1, 2] { writer.write(number) }
        writer.write(text: "token")
        writer.write(UInt64(4_096))
        writer.write(text: "new")
        writer.writeNull()
        guard case .hello(let hello) = try Frame(decoding: writer.bytes) else {
            Issue.record("not a hello")
            return
        }
        #expect(hello.version == 9 && hello.versionMin == 8 && hello.frameBytesMax == 4_096)
    }

    @Test("no bytes make the reader crash", arguments: 0..<UInt64(50)) func fuzz(seed: UInt64) {
        var random = RandomStream(seed: seed)
        for _ in 0..<200 {
            var bytes = Self.frames[random.index(below: Self.frames.count)].framed.dropFirst(4).prefix(300)
                .map { $0 }
            for _ in 0...random.index(below: 4) {
                bytes[random.index(below: bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.happens(0.3) { bytes.removeLast(random.index(below: bytes.count)) }
            do throws(WireError) {
                // What can be read is written as the same bytes again, but for fields that are
                // passed over.
                let frame = try Frame(decoding: bytes)
                let again = try Frame(decoding: Array(frame.framed.dropFirst(4)))
                #expect(again == frame, "seed \(seed)")
            } catch {
                #expect(error.offset <= bytes.count, "seed \(seed)")
            }
        }
    }
}
