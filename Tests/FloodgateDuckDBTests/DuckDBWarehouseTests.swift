// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateWarehouse
import Testing

@Suite("DuckDB warehouse") struct DuckDBWarehouseTests {
    let folder = DuckDBTestFolder()

    @Test func `keeps the promises of a warehouse`() async throws {
        try await checkWarehouse(folder.open())
    }
}
