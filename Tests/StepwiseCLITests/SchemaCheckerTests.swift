import Testing

@Suite("What the schemas of the commands are held against")
struct SchemaCheckerTests {
    private let schema = #"""
        {"type":"object","properties":{"n":{"type":["integer","null"],"minimum":1},"word":{"enum":["a","b"]},
        "list":{"type":"array","items":{"$ref":"#/$defs/item"}},"any":{},
        "map":{"type":"object","additionalProperties":{"type":"string"}},
        "kind":{"anyOf":[{"const":"x"},{"type":"boolean"}]}},"required":["n"],"additionalProperties":false,
        "$defs":{"item":{"type":"object","properties":{"id":{"type":"string"}},"required":["id"],"additionalProperties":false}}}
        """#

    @Test(
        arguments: [
            (#"{"n":1}"#, ""), (#"{"n":null,"any":[1.5,{}],"map":{"a":"b"},"kind":true}"#, ""),
            (#"{"n":2,"word":"b","list":[{"id":"r"}],"kind":"x"}"#, ""),
            ("[]", "$: is array, not object"), ("{}", #"$: member "n" is missing"#),
            (#"{"n":true}"#, "$.n: is boolean, not integer or null"),
            (#"{"n":1.5}"#, "$.n: is number, not integer or null"),
            (#"{"n":0}"#, "$.n: 0.0 is less than 1.0"), (#"{"n":1,"m":1}"#, #"$: the schema knows no member "m""#),
            (#"{"n":1,"word":"c"}"#, #"$.word: string("c") is not among the values"#),
            (#"{"n":1,"list":[{"id":"r"},{"id":1}]}"#, "$.list[1].id: is integer, not string"),
            (#"{"n":1,"list":[{}]}"#, #"$.list[0]: member "id" is missing"#),
            (#"{"n":1,"map":{"a":1}}"#, "$.map.a: is integer, not string"),
            (#"{"n":1,"kind":"y"}"#, #"$.kind: is not string("x")"#),
        ] as [(String, String)])
    func `A value that is not as its schema says is told with its place`(_ json: String, _ problem: String) throws {
        let checker = SchemaChecker(try JSONTree(json: schema))
        let problems = checker.problems(of: try JSONTree(json: json))
        #expect(problems == (problem.isEmpty ? [] : [problem]))
    }

    @Test(
        arguments: [
            #"{"maxLength":1}"#, ##"{"$ref":"#/$defs/none"}"##, #"{"items":true}"#, #"{"$schema":"draft-07"}"#,
        ])
    func `A word that the checker does not know is told, not passed over`(_ schema: String) throws {
        let problems = SchemaChecker(try JSONTree(json: schema)).problems(of: .null)
        #expect(problems.count == 1)
    }
}
