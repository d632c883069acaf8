// SPDX-License-Identifier: Apache-2.0

/// How a link between two nodes behaves, one way.
public struct LinkModel: Sendable, Hashable, Codable {
    /// Time that each message is under way.
    public var latency: Duration
    /// Further time, drawn evenly from zero to this.
    public var jitter: Duration
    /// Bytes a second; messages queue behind each other.
    public var bytesPerSecond: Double
    /// Probability that a message is lost.
    public var loss: Double
    /// Probability that a message arrives twice.
    public var duplication: Double
    /// Probability that a message may overtake others.
    public var reordering: Double

    /// Makes a model; the defaults are a quiet 10 Gbit/s network with a tenth of a millisecond latency.
    public init(
        latency: Duration = .microseconds(100),
        jitter: Duration = .zero,
        bytesPerSecond: Double = 1.25e9,
        loss: Double = 0,
        duplication: Double = 0,
        reordering: Double = 0
    ) {
        precondition(bytesPerSecond > 0, "a link has a bandwidth")
        self.latency = latency
        self.jitter = jitter
        self.bytesPerSecond = bytesPerSecond
        self.loss = loss
        self.duplication = duplication
        self.reordering = reordering
    }
}

extension LinkModel {
    private enum CodingKeys: CodingKey {
        case latency, jitter, bytesPerSecond, loss, duplication, reordering
    }

    /// Reads a model and checks its ranges.
    ///
    /// - Throws: `DecodingError` that names the field that is out of range.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func time(_ key: CodingKeys) throws -> Duration {
            let value = try container.decode(Duration.self, forKey: key)
            guard value >= .zero else {
                throw DecodingError.dataCorruptedError(
                    forKey: key,
                    in: container,
                    debugDescription: "a time of a link is not negative"
                )
            }
            return value
        }
        func chance(_ key: CodingKeys) throws -> Double {
            let value = try container.decode(Double.self, forKey: key)
            guard (0...1).contains(value) else {
                throw DecodingError.dataCorruptedError(
                    forKey: key,
                    in: container,
                    debugDescription: "a probability lies in 0…1, not \(value)"
                )
            }
            return value
        }
        let bandwidth = try container.decode(Double.self, forKey: .bytesPerSecond)
        guard bandwidth > 0 else {
            throw DecodingError.dataCorruptedError(
                forKey: .bytesPerSecond,
                in: container,
                debugDescription: "a link has a bandwidth above zero"
            )
        }
        self.init(
            latency: try time(.latency),
            jitter: try time(.jitter),
            bytesPerSecond: bandwidth,
            loss: try chance(.loss),
            duplication: try chance(.duplication),
            reordering: try chance(.reordering)
        )
    }
}
