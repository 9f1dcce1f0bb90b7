// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateIngest
import FloodgateNATS
import FloodgateWarehouse
import Logging

extension EventPipeline {
    /// Loads a partition until the task is cancelled; one that was made anew, or has gone back, from its beginning.
    func load(_ partition: Int, of transport: NATSTransport) async {
        var gone: String?
        while !Task.isCancelled {
            let source = TransportSource(transport: transport, partition: partition)
            guard let loader = await loader(of: source, partition, of: transport, behind: gone) else { return }
            // At once: what comes first would keep hashed names.
            if let names = try? await control.hashedNames() { try? await loader.rename(names) }
            add(loader)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await loader.run() }
                group.addTask { await source.run() }
                while (try? await Task.sleep(for: .seconds(1))) != nil, await !source.isGone {}
                group.cancelAll()
            }
            if await source.isGone {
                gone = loader.options.node
                await remove(loader)
                plane.logger.warning(
                    "A partition has lost what was in it, and is loaded from its beginning",
                    metadata: ["partition": .stringConvertible(partition)]
                )
            } else {
                await source.release()
            }
        }
    }

    /// The loader of a partition, once the broker has said which stream it is, and the warehouse what it has of it.
    private func loader(
        of source: TransportSource,
        _ partition: Int,
        of transport: NATSTransport,
        behind gone: String?
    ) async -> EventLoader? {
        while !Task.isCancelled {
            do {
                let blocks = try await warehouse.ledger(since: 0, node: nil).map(\.block)
                let lane = try await source.lane(behind: gone) { [self] lane in
                    LoadPiece.loaded(blocks, node: lane)
                        ?? (planFile(of: lane).exists ? LoadedLane(through: 0) : nil)
                }
                // What the lane is found by until it has a block.
                let plan = planFile(of: lane)
                if !plan.exists { try plan.write([]) }
                var options = LoaderOptions(node: lane)
                options.hasManyNodes = true
                return EventLoader(
                    log: source,
                    warehouse: warehouse,
                    options: options,
                    plan: PartitionPlan(
                        transport: transport,
                        partition: partition,
                        lane: lane,
                        file: plan,
                        logger: plane.logger
                    ),
                    logger: plane.logger,
                    now: plane.now
                )
            } catch {
                plane.logger.debug("A partition cannot be loaded yet", metadata: ["error": .string("\(error)")])
                try? await Task.sleep(for: .seconds(2))
            }
        }
        return nil
    }

    private func planFile(of lane: String) -> LoadPlanFile {
        LoadPlanFile(path: "\(folder.path)/loading-\(lane).json")
    }
}
