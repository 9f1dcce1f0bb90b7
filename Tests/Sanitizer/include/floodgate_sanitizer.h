// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Nothing to call: what is in this target takes the place of a part of the standard library (floodgate_sanitizer.c).
