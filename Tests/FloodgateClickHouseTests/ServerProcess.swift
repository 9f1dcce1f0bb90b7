// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// A program that runs beside the tests and says nothing.
///
/// Foundation's `Process` does not notice an end if several are started at the same time.
final class ServerProcess: Sendable {
    private struct NotStarted: Error { var code: Int32 }

    /// Its number while nobody has seen its end.
    private let id: Mutex<pid_t?>

    init(_ path: String, _ arguments: [String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [0, 1, 2] as [Int32] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var words = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var id: pid_t = 0
        let code = posix_spawn(&id, path, &actions, nil, &words, environ)
        guard code == 0 else { throw NotStarted(code: code) }
        self.id = Mutex(id)
    }

    deinit { kill() }

    /// Whether it has not ended yet.
    var isRunning: Bool {
        id.withLock { id in
            guard let running = id else { return false }
            if waitpid(running, nil, WNOHANG) == running { id = nil }
            return id != nil
        }
    }

    /// Ends it without a chance to do anything.
    func kill() {
        id.withLock { id in
            guard let running = id else { return }
            _ = Foundation.kill(running, SIGKILL)
            waitpid(running, nil, 0)
            id = nil
        }
    }
}
