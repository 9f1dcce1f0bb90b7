// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Sockets without SwiftNIO, and waiting for thousands of them by Linux's epoll, which Swift's module of the C library
// lacks. On other systems there are none: nothing can be opened.

#ifndef FLOODGATE_SOCKETS_H
#define FLOODGATE_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The same socket under another descriptor; -1 if there is none left.
int floodgate_socket_duplicate(int socket);

/// Sends what the kernel takes at once: how many bytes that was, 0 for none, -1 if the connection is broken.
long floodgate_socket_send(int socket, const void *bytes, unsigned long length);

/// Drops what came in: how many bytes that was, 0 for none, -1 if none will come, -2 if the connection is broken.
long floodgate_socket_discard(int socket);

/// Says that nothing more will be sent.
void floodgate_socket_finish(int socket);

/// Closes what any of these functions opened.
void floodgate_socket_close(int socket);

/// A socket that is ready, and who waits for it.
struct floodgate_ready {
    int socket;
    uint32_t owner;
};

/// A set of sockets to wait for, and a descriptor that ends waiting; -1 for both if there is none to be had.
struct floodgate_watch {
    int set;
    int end;
};

/// Opens a set, which takes two descriptors.
struct floodgate_watch floodgate_watch_open(void);

/// Waits, once, until something came in or the client is gone, and if `writable` until there is room for more.
///
/// `is_new` says that the set has not seen the socket yet. Returns whether it could.
bool floodgate_watch_socket(struct floodgate_watch watch, int socket, uint32_t owner, bool writable, bool is_new);

/// Waits until sockets are ready: how many are, at most `room`; -1 when waiting has ended.
int floodgate_watch_wait(struct floodgate_watch watch, struct floodgate_ready *ready, int room);

/// Ends waiting for good, from any thread.
void floodgate_watch_end(struct floodgate_watch watch);

#ifdef __cplusplus
}
#endif

#endif
