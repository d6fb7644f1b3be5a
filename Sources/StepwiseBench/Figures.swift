/// What was measured, by name; rates are a second's, times are microseconds.
typealias Figures = [(name: String, value: Double)]

extension Figures {
    subscript(_ name: String) -> Double { first { $0.name == name }?.value ?? 0 }
}

func median(_ all: [Figures]) -> Figures {
    guard let first = all.first else { return [] }
    return first.indices.map { index in (first[index].name, all.map { $0[index].value }.median) }
}
