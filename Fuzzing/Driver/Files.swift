// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// A second file, and none called main.swift, so that no main function is made beside libFuzzer's.

/// Writes a file, or ends with what is wrong.
func write(_ bytes: [UInt8], to path: String) {
    guard let file = fopen(path, "wb") else {
        perror(path)
        exit(2)
    }
    fwrite(bytes, 1, bytes.count, file)
    guard fclose(file) == 0 else {
        perror(path)
        exit(2)
    }
}
