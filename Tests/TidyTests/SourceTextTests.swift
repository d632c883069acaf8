// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite("Source text is cut into code and comments")
struct SourceTextTests {
    @Test(
        "Swift",
        arguments: [
            ("a // b", "a     ", "  // b"),
            ("a /* b /* c */ d */ e", "a                   e", "  /* b /* c */ d */  "),
            (#"f("// a") b"#, #"f("    ") b"#, "           "),
            (#""a\"b" c"#, #""    " c"#, "        "),
            (#""\(x + "y") z" w"#, #"" (x + " ")  " w"#, "                "),
            (##"#"a"b\(c)"# d"##, ##"#"       "# d"##, "             "),
            (##"#"a\#(b)"# c"##, ##"#"   (b)"# c"##, "            "),
            ("\"open\na", "\"    \na", "     \n "),
            ("\"\"\"\n\"a\" // b\n\"\"\" c", "\"\"\"\n        \n\"\"\" c", "   \n        \n     "),
            ("#if os(Linux) // x", "#if os(Linux)     ", "              // x"),
            ("#/a\"b/# c", "#/   /# c", "         "),
            ("/* open", "       ", "/* open"),
            ("\"\\", "\" ", "  "),
            ("", "", ""),
        ])
    func swift(text: String, code: String, comments: String) {
        let source = SourceText(text, language: .swift)
        #expect(String(decoding: source.code, as: UTF8.self) == code)
        #expect(String(decoding: source.comments, as: UTF8.self) == comments)
    }

    @Test(
        "C",
        arguments: [
            ("a /* b /* c */ d", "a              d", "  /* b /* c */  "),
            ("'\"' a", "' ' a", "     "),
            ("'\\'' a", "'  ' a", "      "),
            ("\"'\" // it's", "\" \"        ", "    // it's"),
            ("\"\"\"a\"", "\"\"\" \"", "     "),
        ])
    func c(text: String, code: String, comments: String) {
        let source = SourceText(text, language: .c)
        #expect(String(decoding: source.code, as: UTF8.self) == code)
        #expect(String(decoding: source.comments, as: UTF8.self) == comments)
    }

    @Test("an offset is on the line that holds it")
    func lines() {
        let source = SourceText("ab\n\nc // d\n", language: .swift)
        #expect((0..<10).map(source.line(at:)) == [1, 1, 1, 2, 3, 3, 3, 3, 3, 3])
        #expect(source.comments(ofLines: 2...3).contains("// d"))
        #expect(source.comments(ofLines: -5...2).allSatisfy { $0.isWhitespace })
        #expect(source.comments(ofLines: 40...50).isEmpty)
    }
}
