/// A request's or an answer's header fields, in their order, repeated ones too. Names are compared without regard to case.
///
/// ```swift
/// let headers: CallHeaders = ["Authorization": "Bearer …", "Accept": "application/json"]
/// ```
public struct CallHeaders: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    public struct Field: Sendable, Hashable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public var fields: [Field]

    public init(_ fields: [Field] = []) {
        self.fields = fields
    }

    public init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field($0, $1) }
    }

    /// The first value of this name. Setting it replaces all of that name; `nil` removes them.
    public subscript(_ name: String) -> String? {
        get { values(of: name).first }
        set {
            fields.removeAll { $0.name.matches(name) }
            if let newValue { append(name, newValue) }
        }
    }

    public func values(of name: String) -> [String] {
        fields.filter { $0.name.matches(name) }.map(\.value)
    }

    public mutating func append(_ name: String, _ value: String) {
        fields.append(Field(name, value))
    }
}

extension CallHeaders: Codable {
    /// `[["content-type","text/plain"]]`
    public init(from decoder: any Decoder) throws {
        let pairs = try [[String]](from: decoder)
        guard pairs.allSatisfy({ $0.count == 2 }) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "a header is not a pair of a name and a value"))
        }
        fields = pairs.map { Field($0[0], $0[1]) }
    }

    public func encode(to encoder: any Encoder) throws {
        try fields.map { [$0.name, $0.value] }.encode(to: encoder)
    }
}

extension String {
    fileprivate func matches(_ name: String) -> Bool { lowercased() == name.lowercased() }
}
