// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateJSON
import FloodgateWarehouse
import Foundation
import Testing

extension DuckDBTests {
    @Suite("DuckDB questions") struct DuckDBStatementTests {
        let folder = DuckDBTestFolder()

        private static let commands = [
            ".shell touch PATH", "\n.shell touch PATH", "SELECT 1;\n.shell touch PATH", "SELECT 1 AS a; SELECT 2 AS b",
            "SELECT 'a\n.shell touch PATH", "SELECT 1 /* \n.shell touch PATH", "SELECT $$\n.shell touch PATH\n$$",
            "SELECT \"a\n.shell touch PATH\n\"", "COPY (SELECT 1) TO 'PATH'", "ATTACH 'PATH'", "SELECT e'\\'; .shell'",
            "INSTALL httpfs", "SET threads = 1", "", ";", "CREATE TABLE t (a int)",
            "SELECT content FROM read_text('/etc/passwd')",
            "SELECT getenv('HOME')", "SELECT `a`",
        ]

        @Test func `do nothing but ask`() async throws {
            let warehouse = folder.open { $0.questions = 1 }
            try await warehouse.prepare()
            for sql in Self.commands { try await refuse(sql, warehouse) }
            await warehouse.shutdown()
        }

        private func refuse(_ sql: String, _ warehouse: DuckDBWarehouse) async throws {
            let path = folder.path + "/made"
            var limits = QueryLimits()
            limits.time = .seconds(20)
            let error = await #expect(throws: WarehouseError.self) {
                _ = try await warehouse.query(sql.replacingOccurrences(of: "PATH", with: path), limits: limits)
            }
            #expect(error?.code == .rejected || error?.code == .failed, "\(sql): \(error?.message ?? "")")
            #expect(!FileManager.default.fileExists(atPath: path))
            #expect(try await warehouse.query("SELECT 1 AS a", limits: limits) == [["a": 1]])
        }

        private static let questions = [
            ("SELECT 'a\n.shell touch x\nb' AS t;", "a\n.shell touch x\nb"), ("SELECT 'it''s' AS t", "it's"),
            ("SELECT /* 'x */ 'y' AS t -- 'z", "y"), ("select\n\t't'\r\n  as \"t\" ; \n", "t"),
            ("SELECT '--x' || '/*' AS t", "--x/*"), ("SELECT '--floodgate-end--' AS t", "--floodgate-end--"),
            ("WITH a AS (SELECT ';' AS t) SELECT t FROM a", ";"), ("SELECT '' AS t", ""),
            ("SELECT '[' || ']' || '{' AS t", "[]{"),
        ]

        @Test func `may have texts and comments of any kind`() async throws {
            let warehouse = folder.open { $0.questions = 1 }
            try await warehouse.prepare()
            for (sql, text) in Self.questions {
                #expect(try await warehouse.query(sql, limits: QueryLimits()) == [["t": .string(text)]], "\(sql)")
            }
            await warehouse.shutdown()
        }

        @Test func `are answered with null where there is no number`() async throws {
            let warehouse = folder.open { $0.questions = 1 }
            try await warehouse.prepare()
            let sql = "SELECT 'NaN'::double AS a, '-Infinity'::double AS b, 'Infinity \"NaN' AS c, 1.5::double AS d"
            let rows = try await warehouse.query(sql, limits: QueryLimits())
            #expect(rows == [["a": .null, "b": .null, "c": "Infinity \"NaN", "d": 1.5]])
            await warehouse.shutdown()
        }
    }
}
