// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Contexts and values are made of JSON, and a context is read as a user.
@_exported public import FloodgateEvaluation
@_exported public import FloodgateJSON
