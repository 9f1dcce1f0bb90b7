// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
//
// What the parts of the preloaded disk have in common.
#pragma once
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>

/// 64-bit numbers in the control file; those from `syncs` on are counted here.
enum field {
    sync_errno, sync_failures, sync_per_million,  // failures: how many to come, -1 for all
    write_errno, write_failures, write_per_million,
    short_per_million,  // how often a write is cut
    kill_in,            // calls after which the process is killed; 0 for never
    seconds_ahead,      // of the wall clock
    sync_microseconds,  // how long a sync takes beyond what it takes
    open_errno,         // of opening for writing, renaming and removing
    syncs = 16, failed_syncs, writes, failed_writes, short_writes, names,
    field_count = 64
};

struct range { int64_t start, end; };

/// A file, known by inode and time of birth since numbers of inodes are used again, and what of it is not synced.
struct file {
    struct file *next;
    uint64_t inode;
    int64_t birth;
    char path[256], id[64];
    bool isOurs, isMemory, isFailing;
    struct range *dirty;
    size_t dirtyCount, dirtyRoom;
    uint32_t failures;  // of syncs
};

/// Descriptors from here on are not told of what others could not sync.
enum { told_count = 1 << 16 };
/// How many failures of its file each descriptor has been told, or was opened after.
extern uint32_t told[told_count];

extern pthread_mutex_t lock;
extern char root[PATH_MAX], shadow[PATH_MAX];
extern const char *only;
extern size_t rootLength;
extern int trace;
extern int64_t *control;

/// True in so many of a million cases; with the lock.
bool among(int64_t perMillion);
/// A number from 0 to below `end`; with the lock.
size_t below(size_t end);
/// The file behind a descriptor, if it is under the root; with the lock.
struct file *find(int descriptor);
/// Opens a file of the shadow.
int openInShadow(const char *kind, const char *id, const char *suffix, int flags);
/// Notes that a part of the file is going to be changed, also for a process that comes after this one; with the lock.
void soil(struct file *file, int64_t start, int64_t end);
/// Counts a call and ends the process if it is the one; with the lock.
void tick(void);
/// A line of the trace, if there is one: kind ('w', 's' begin of a sync, 'S' its end, 'a' an answer), outcome, id of
/// the file or port of the client, offset (of a sync the descriptor), and the bytes; with the lock.
void note(char kind, bool failed, const char *id, int64_t offset, const void *bytes, size_t length);

/// For the calls that stand in for the C library's.
#define PUBLIC __attribute__((visibility("default")))
