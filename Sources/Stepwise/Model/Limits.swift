/// Limits that workers and clients share unless a configuration says otherwise.
@usableFromInline enum Limits {
    /// How many bytes the outcomes of a run may take.
    @usableFromInline static var maximumRunSize: Int { 64 << 20 }
}
