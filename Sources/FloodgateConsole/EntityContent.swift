// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane

/// What an entity's page tells of.
package struct EntityContent: Sendable {
    /// The entity.
    package var entity: Entity
    /// All entities, so that names in rules become links.
    package var entities: [Entity]
    /// The entity's audit records, newest first.
    package var history: [AuditRecord]
    /// Where SDKs reach this server, such as `http://127.0.0.1:8080`.
    package var address: String
    /// A server key of the environment, for snippets to paste.
    package var serverKey: String?

    package init(entity: Entity, entities: [Entity], history: [AuditRecord], address: String, serverKey: String?) {
        self.entity = entity
        self.entities = entities
        self.history = history
        self.address = address
        self.serverKey = serverKey
    }
}
