// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateTestSupport
import FuzzTargets

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// libFuzzer has the main function and calls these three. It ignores arguments that start with two dashes; they are ours:
// --target=name, and --prepare=folder, which writes the target's seeds and dictionary there and ends.

private let target: FuzzTarget = {
    guard let name = argument("target"), let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map { "--target=\($0)" }.joined(separator: ", ")
        print("Say what to fuzz: one of \(names)")
        exit(2)
    }
    return target
}()

private func argument(_ name: String) -> String? {
    let prefix = "--\(name)="
    return CommandLine.arguments.first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
}

/// Called once, before libFuzzer looks for its corpus.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_: UnsafeMutablePointer<CInt>?, _: UnsafeMutableRawPointer?) -> CInt {
    let target = target
    guard let folder = argument("prepare") else { return 0 }
    for (index, seed) in target.seeds.enumerated() where seed.count <= target.maximumBytes {
        write(seed, to: "\(folder)/seed-\(index)")
    }
    write(Array(target.dictionary.utf8), to: "\(folder)/../\(target).dict")
    print("max_len=\(target.maximumBytes)")
    exit(0)
}

/// Called for every input; a fault ends the process, and libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let fault = target.fault(in: Array(UnsafeBufferPointer(start: start, count: count))) else { return 0 }
    print("Fault in \(target): \(fault)")
    fflush(nil)
    abort()
}

@_silgen_name("LLVMFuzzerMutate")
private func mutateBytes(_ start: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int) -> Int

/// Half of the mutations of JSON change its values and members, the others are libFuzzer's own.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ start: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int, _ seed: CUnsignedInt) -> Int {
    var random = SeededGenerator(seed: UInt64(seed))
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    guard target.isJSON, Bool.random(using: &random), let mutated = Mutation.ofValues(in: bytes, using: &random),
        mutated.count <= limit
    else { return mutateBytes(start, count, limit) }
    for (index, byte) in mutated.enumerated() { start[index] = byte }
    return mutated.count
}
