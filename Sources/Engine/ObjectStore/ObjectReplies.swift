// SPDX-License-Identifier: Apache-2.0
private import Foundation

#if canImport(FoundationXML)
private import FoundationXML
#endif

/// An element of an answer in XML.
struct ReplyElement: Sendable {
    var name: String
    var text = ""
    var children: [ReplyElement] = []

    /// The text of the first child of that name; `nil` where there is none.
    subscript(name: String) -> String? { children.first { $0.name == name }?.text }

    func all(_ name: String) -> [ReplyElement] { children.filter { $0.name == name } }

    /// Reads an answer's body.
    ///
    /// - Throws: ``ObjectStoreError`` with `malformed`.
    static func parse(_ body: [UInt8], _ what: String) throws(ObjectStoreError) -> ReplyElement {
        let reader = ReplyReader()
        let parser = XMLParser(data: Data(body))
        parser.shouldResolveExternalEntities = false
        parser.delegate = reader
        guard parser.parse(), let root = reader.root else {
            throw ObjectStoreError(.malformed, "\(what): the answer is no XML")
        }
        return root
    }
}

private final class ReplyReader: NSObject, XMLParserDelegate {
    private var open: [ReplyElement] = []
    private(set) var root: ReplyElement?

    /// No answer of the protocol is nested deeper.
    private static let depthMax = 16

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        guard open.count < Self.depthMax else { return parser.abortParsing() }
        open.append(ReplyElement(name: name))
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) {
        guard !open.isEmpty else { return }
        open[open.count - 1].text += text
    }

    func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) {
        guard let element = open.popLast() else { return }
        if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
    }
}

extension String {
    /// The text with what has a meaning in XML escaped.
    var escapedForXML: String {
        var escaped = ""
        for character in self {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
