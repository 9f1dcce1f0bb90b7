// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Testing

/// Everything that drives the built program; one test at a time, since each wants the machine to itself.
@Suite("End to end", .serialized) enum EndToEnd {}
