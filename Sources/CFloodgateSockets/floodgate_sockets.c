// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "floodgate_sockets.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int floodgate_socket_duplicate(int socket) { return fcntl(socket, F_DUPFD_CLOEXEC, 0); }

long floodgate_socket_send(int socket, const void *bytes, unsigned long length) {
    ssize_t sent;
    // A little cheaper than `write`, which takes the way of files.
    do sent = send(socket, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) return sent;
    return errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
}

long floodgate_socket_discard(int socket) {
    ssize_t dropped;
    // TCP forgets instead of copying (tcp(7)).
    do dropped = recv(socket, NULL, INT_MAX, MSG_TRUNC | MSG_DONTWAIT);
    while (dropped < 0 && errno == EINTR);
    if (dropped > 0) return dropped;
    if (dropped == 0) return -1;
    return errno == EAGAIN ? 0 : -2;
}

void floodgate_socket_finish(int socket) { shutdown(socket, SHUT_WR); }

void floodgate_socket_close(int socket) { close(socket); }

static bool put(struct floodgate_watch watch, int socket, uint32_t events, uint64_t owner, int how) {
    struct epoll_event event = {.events = events, .data.u64 = owner << 32 | (uint32_t)socket};
    return epoll_ctl(watch.set, how, socket, &event) == 0;
}

struct floodgate_watch floodgate_watch_open(void) {
    struct floodgate_watch none = {-1, -1};
    struct floodgate_watch watch = {epoll_create1(EPOLL_CLOEXEC), eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (watch.set >= 0 && watch.end >= 0 && put(watch, watch.end, EPOLLIN, 0, EPOLL_CTL_ADD)) return watch;
    if (watch.set >= 0) close(watch.set);
    if (watch.end >= 0) close(watch.end);
    return none;
}

bool floodgate_watch_socket(struct floodgate_watch watch, int socket, uint32_t owner, bool writable, bool is_new) {
    // Once, so that whoever sends without an end wakes nobody more often than the socket's owner wants.
    uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT | (writable ? EPOLLOUT : 0);
    return put(watch, socket, events, owner, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD);
}

int floodgate_watch_wait(struct floodgate_watch watch, struct floodgate_ready *ready, int room) {
    struct epoll_event events[64];
    int count = epoll_wait(watch.set, events, room < 64 ? room : 64, -1);
    if (count < 0) return errno == EINTR ? 0 : -1;
    for (int index = 0; index < count; index++) {
        ready[index].socket = (int)(uint32_t)events[index].data.u64;
        ready[index].owner = (uint32_t)(events[index].data.u64 >> 32);
        if (ready[index].socket == watch.end) return -1;
    }
    return count;
}

void floodgate_watch_end(struct floodgate_watch watch) {
    uint64_t one = 1;
    while (write(watch.end, &one, sizeof one) < 0 && errno == EINTR) continue;
}

#else

int floodgate_socket_duplicate(int socket) { return -1; }
long floodgate_socket_send(int socket, const void *bytes, unsigned long length) { return -1; }
long floodgate_socket_discard(int socket) { return -2; }
void floodgate_socket_finish(int socket) {}
void floodgate_socket_close(int socket) {}
struct floodgate_watch floodgate_watch_open(void) { return (struct floodgate_watch){-1, -1}; }
bool floodgate_watch_socket(struct floodgate_watch watch, int socket, uint32_t owner, bool writable, bool is_new) {
    return false;
}
int floodgate_watch_wait(struct floodgate_watch watch, struct floodgate_ready *ready, int room) { return -1; }
void floodgate_watch_end(struct floodgate_watch watch) {}

#endif
