#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// For ids and nothing else: nothing correct depends on a client's clock.
package func wallClockMilliseconds() -> Int { Date().wholeMilliseconds }
