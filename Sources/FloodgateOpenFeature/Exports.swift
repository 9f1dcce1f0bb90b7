// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Contexts, details and errors, which the module shares with the server.
@_exported public import FloodgateFlags
