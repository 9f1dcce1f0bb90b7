// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Foundation

/// A certificate for tests and its key, good for nothing else; they expire in the year 2126.
///
/// Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=first
/// -addext subjectAltName=DNS:localhost -keyout KEY -out CERTIFICATE`.
struct TestCertificate {
    let certificate: String
    let key: String

    /// Files in a new folder, for as long as `body` runs.
    static func withFiles(_ body: (TLSIdentity.Files) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = TLSIdentity.Files(
            certificateChain: folder.appending(path: "certificate.pem").path,
            privateKey: folder.appending(path: "key.pem").path
        )
        try first.write(to: files)
        try await body(files)
    }

    func write(to files: TLSIdentity.Files) throws {
        try certificate.write(toFile: files.certificateChain, atomically: true, encoding: .utf8)
        try key.write(toFile: files.privateKey, atomically: true, encoding: .utf8)
    }

    static let first = TestCertificate(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBjjCCATOgAwIBAgIUHBszK/6eAHKUcOPzmpFul+npDsswCgYIKoZIzj0EAwIw
            EDEOMAwGA1UEAwwFZmlyc3QwIBcNMjYxMTI5MDAwODU2WhgPMjEyNjExMDUwMDA4
            NTZaMBAxDjAMBgNVBAMMBWZpcnN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
            2LUjXulG0jraPgYlENEUO5SWzkTTtv/apM3OT6dONu8daWpHiWK7bwxjElO0SPl1
            OeqG4pCgOtHb9HurNZ3YFaNpMGcwHQYDVR0OBBYEFH5+bxiWaMhadiphmfWtHa7k
            HsXTMB8GA1UdIwQYMBaAFH5+bxiWaMhadiphmfWtHa7kHsXTMA8GA1UdEwEB/wQF
            MAMBAf8wFAYDVR0RBA0wC4IJbG9jYWxob3N0MAoGCCqGSM49BAMCA0kAMEYCIQD1
            NKAVppbgXHsR0UcHtC+JCrORHqJZOYDPe/+alB4aFgIhAIm7tAa4togE8TD9ZGtn
            DiO8e+VlewbuSzB12+dTdORj
            -----END CERTIFICATE-----
            """,
        key: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJZtWr/KkC9n4PeLd
            JGU3z/jgDV/7Td3c4VZlTi9KIXehRANCAATYtSNe6UbSOto+BiUQ0RQ7lJbORNO2
            /9qkzc5Pp0427x1pakeJYrtvDGMSU7RI+XU56obikKA60dv0e6s1ndgV
            -----END PRIVATE KEY-----
            """
    )

    static let second = TestCertificate(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBjzCCATWgAwIBAgIUUa84TnOS7b8TzvJPh17ZlNOY/bUwCgYIKoZIzj0EAwIw
            ETEPMA0GA1UEAwwGc2Vjb25kMCAXDTI2MTEyOTAwMDg1NloYDzIxMjYxMTA1MDAw
            ODU2WjARMQ8wDQYDVQQDDAZzZWNvbmQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
            AATiv7h0MB6wL+bKp8hLZkKJqfrmxAxA+xYfHTS4rkJPDM4ZxNN+MlGw5sRSPBw8
            hgAdOKX1jrbrEyGvOxilB0yLo2kwZzAdBgNVHQ4EFgQU4OsSOVuYQK0P6TdfGIi0
            ttkzeHswHwYDVR0jBBgwFoAU4OsSOVuYQK0P6TdfGIi0ttkzeHswDwYDVR0TAQH/
            BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwIDSAAwRQIh
            AJOGiawCaj6xKOipgn4Ha03Nz9Z+qUgg5PV8rT8fzt6yAiA7mDq1r+lbEedB392x
            60ANzBS7NQtjEiNJHXKUkLAk4A==
            -----END CERTIFICATE-----
            """,
        key: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgczaDR1hnW7APb8Af
            n3/LLkRw2hFlRmtWlLrueE4vLXKhRANCAATiv7h0MB6wL+bKp8hLZkKJqfrmxAxA
            +xYfHTS4rkJPDM4ZxNN+MlGw5sRSPBw8hgAdOKX1jrbrEyGvOxilB0yL
            -----END PRIVATE KEY-----
            """
    )
}
