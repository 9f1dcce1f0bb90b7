// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Metrics

extension MetricsRegistry {
    /// Makes this the process's registry, for libraries that measure without being asked; once for each process.
    package func bootstrap() { MetricsSystem.bootstrap(self) }
}
