// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
//
// Calls that write, name and open files, and the wall clock.
#include "disk.h"

/// Notes the first bytes of an answer, before they leave.
static void noteAnswer(int descriptor, const void *bytes, size_t length) {
    if (trace < 0 || length < 12 || memcmp(bytes, "HTTP/1.1 ", 9) != 0) return;
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    if (getpeername(descriptor, (struct sockaddr *)&peer, &size) != 0 || peer.sin_family != AF_INET) return;
    char port[16];
    snprintf(port, sizeof port, "%d", ntohs(peer.sin_port));
    pthread_mutex_lock(&lock);
    note('a', false, port, 0, bytes, 12);
    pthread_mutex_unlock(&lock);
}

// MARK: Writing

static ssize_t store(int descriptor, const void *bytes, size_t length, int64_t offset) {
    return offset < 0 ? syscall(SYS_write, descriptor, bytes, length)
                      : syscall(SYS_pwrite64, descriptor, bytes, length, offset);
}

/// A write at `offset`, or where the descriptor stands if that is negative.
static ssize_t put(int descriptor, const void *bytes, size_t length, int64_t offset) {
    pthread_mutex_lock(&lock);
    struct file *file = find(descriptor);
    if (file == NULL) {
        pthread_mutex_unlock(&lock);
        noteAnswer(descriptor, bytes, length);
        return store(descriptor, bytes, length, offset);
    }
    if (!file->isMemory) tick();
    control[writes]++;
    bool fails = file->isFailing && !file->isMemory && control[write_errno] != 0
        && (control[write_failures] != 0 || among(control[write_per_million]));
    if (fails && control[write_failures] > 0) control[write_failures]--;
    int failure = fails ? (int)control[write_errno] : 0;
    if (length > 1 && ((fails && among(500000)) || (file->isFailing && among(control[short_per_million])))) {
        // A full or broken disk may take a part before it says so.
        length = 1 + below(length - 1);
        if (!fails) control[short_writes]++;
    } else if (fails) {
        length = 0;
    }
    int64_t at = offset < 0 ? (int64_t)syscall(SYS_lseek, descriptor, 0, SEEK_CUR) : offset;
    // Before it is so: there may be a kill in between.
    soil(file, at, at + (int64_t)length);
    ssize_t result = length > 0 ? store(descriptor, bytes, length, offset) : 0;
    int error = errno;
    if (result > 0) note('w', fails, file->id, at, bytes, (size_t)result);
    if (fails) control[failed_writes]++;
    pthread_mutex_unlock(&lock);
    errno = fails ? failure : error;
    return fails ? -1 : result;
}

PUBLIC ssize_t write(int descriptor, const void *bytes, size_t length) { return put(descriptor, bytes, length, -1); }
PUBLIC ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t at) {
    return put(descriptor, bytes, length, at);
}
PUBLIC ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t at) {
    return put(descriptor, bytes, length, at);
}

PUBLIC ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    pthread_mutex_lock(&lock);
    bool isOurs = find(descriptor) != NULL;
    pthread_mutex_unlock(&lock);
    if (isOurs) return count > 0 ? put(descriptor, parts[0].iov_base, parts[0].iov_len, -1) : 0;
    if (count > 0) noteAnswer(descriptor, parts[0].iov_base, parts[0].iov_len);
    return syscall(SYS_writev, descriptor, parts, count);
}

PUBLIC ssize_t send(int descriptor, const void *bytes, size_t length, int flags) {
    noteAnswer(descriptor, bytes, length);
    return syscall(SYS_sendto, descriptor, bytes, length, flags, NULL, 0);
}

PUBLIC ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    if (message->msg_iovlen > 0) noteAnswer(descriptor, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
    return syscall(SYS_sendmsg, descriptor, message, flags);
}

static int cut(int descriptor, int64_t size) {
    pthread_mutex_lock(&lock);
    struct file *file = find(descriptor);
    struct stat before;
    if (file && !file->isMemory) tick();
    if (file && fstat(descriptor, &before) == 0) soil(file, size < before.st_size ? size : before.st_size, INT64_MAX);
    int result = (int)syscall(SYS_ftruncate, descriptor, size), error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

PUBLIC int ftruncate(int descriptor, off_t size) { return cut(descriptor, size); }
PUBLIC int ftruncate64(int descriptor, off64_t size) { return cut(descriptor, size); }

// MARK: Names, which are moments to be killed at, and opening, which may cut a file

/// Counts a call that changes names; false if it fails.
static bool mayName(const char *path) {
    if (rootLength == 0) return true;
    pthread_mutex_lock(&lock);
    control[names]++;
    tick();
    bool fails = control[open_errno] != 0 && strncmp(path, root, rootLength) == 0 && strstr(path + rootLength, only)
        && strstr(path, "-shm") == NULL;
    pthread_mutex_unlock(&lock);
    if (fails) errno = (int)control[open_errno];
    return !fails;
}

PUBLIC int rename(const char *old, const char *new) { return mayName(old) ? (int)syscall(SYS_rename, old, new) : -1; }
PUBLIC int unlink(const char *path) { return mayName(path) ? (int)syscall(SYS_unlink, path) : -1; }

static int openFile(int folder, const char *path, int flags, mode_t mode) {
    if ((flags & O_CREAT || (flags & O_ACCMODE) != O_RDONLY) && !mayName(path)) return -1;
    int descriptor = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (descriptor < 0) return descriptor;
    int error = errno;
    pthread_mutex_lock(&lock);
    struct file *file = find(descriptor);
    if (file && descriptor < told_count) told[descriptor] = file->failures;
    if (file && flags & O_TRUNC) soil(file, 0, INT64_MAX);
    pthread_mutex_unlock(&lock);
    errno = error;
    return descriptor;
}

#define OPEN(folder)                                                            \
    mode_t mode = 0;                                                            \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                      \
        va_list more;                                                           \
        va_start(more, flags);                                                  \
        mode = va_arg(more, mode_t);                                            \
        va_end(more);                                                           \
    }                                                                           \
    return openFile(folder, path, flags, mode)

PUBLIC int open(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
PUBLIC int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
PUBLIC int openat(int folder, const char *path, int flags, ...) { OPEN(folder); }
PUBLIC int openat64(int folder, const char *path, int flags, ...) { OPEN(folder); }

// MARK: The wall clock, which seals segments by their age

PUBLIC int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    bool isWall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (result == 0 && isWall) now->tv_sec += control[seconds_ahead];
    return result;
}

PUBLIC int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}
