// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// What the client's interface is made of, so that a program needs `import Floodgate` and nothing else.
@_exported public import FloodgateEvaluation
@_exported public import FloodgateJSON
