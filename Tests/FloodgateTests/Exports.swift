// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Nearly every file names the rows of the checklist that its tests stand for.
@_exported import FloodgateTestSupport
