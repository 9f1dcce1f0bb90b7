// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateWarehouse
import Testing

/// One after the other, since each has programs of its own running.
@Suite("DuckDB", .serialized) struct DuckDBTests {
    let folder = DuckDBTestFolder()

    @Test(arguments: [RowForm.lines, .packed]) func `keeps the promises of a warehouse`(form: RowForm) async throws {
        let warehouse = folder.open()
        try await checkWarehouse(warehouse, form: form)
        await warehouse.shutdown()
    }
}
