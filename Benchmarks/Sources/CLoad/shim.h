// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_LOAD_SHIM_H
#define FLOODGATE_LOAD_SHIM_H

// What Swift's view of the C library leaves out: all of it is Linux's own.

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Keeps the process on one core; 0 if that worked.
static inline long load_pin(int core) {
    uint64_t cores[16] = {0};
    cores[core / 64] = 1ULL << (core % 64);
    return syscall(SYS_sched_setaffinity, 0, sizeof cores, cores);
}

/// Lets the calling thread go before others.
static inline long load_hurry(void) { return syscall(SYS_setpriority, 0, (int)syscall(SYS_gettid), -15); }

/// Has `descriptor` watched for input under the name `number`.
static inline int load_watch(int poll, int descriptor, uint64_t number) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = number}};
    return epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
}

/// Writes down which have input, up to `room` of them, after at most `milliseconds`; how many those are.
static inline int load_ready(int poll, uint64_t *numbers, int room, int milliseconds) {
    struct epoll_event events[256];
    int count = epoll_wait(poll, events, room < 256 ? room : 256, milliseconds);
    for (int index = 0; index < count; index++) numbers[index] = events[index].data.u64;
    return count;
}

/// Where `text` begins within the first `count` of `bytes`; -1 if it does not.
static inline long load_find(const uint8_t *bytes, long count, const char *text) {
    for (long place = 0; place < count; place++) {
        long length = 0;
        while (text[length] != 0 && place + length < count && bytes[place + length] == (uint8_t)text[length]) length++;
        if (text[length] == 0) return place;
    }
    return -1;
}

#endif
