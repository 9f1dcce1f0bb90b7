/// The warehouse that a command asks: through a server that runs, or else by itself.
struct AskedWarehouse: ParsableArguments {
    @OptionGroup var server: ServerOption
    @OptionGroup var warehouse: WarehouseOption
    @OptionGroup var data: DataOption

    /// What the running server answers to `path`, or else what `body` makes of the warehouse.
    func answer(
        _ path: String,
        _ query: [(String, String)] = [],
        posting message: JSONValue? = nil,
        or body: (any Warehouse, DataFolder) async throws -> JSONValue
    ) async throws -> JSONValue {
        if server.server == nil, LocalAccess(in: try data.folder()) == nil {
            let folder = try data.folder()
            guard folder.exists else { throw CommandFailure(.noInput, "There is no folder \(folder.path)") }
            return try await warehouse.ask(folder) { try await body($0, folder) }
        }
        return try await server.link { try data.folder() }.data(of: path, query, posting: message)
    }
}
