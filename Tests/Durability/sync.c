// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
//
// Syncs, and the shadow that holds what they have made durable.
#include "disk.h"

int openInShadow(const char *kind, const char *id, const char *suffix, int flags) {
    char path[PATH_MAX + 128];
    snprintf(path, sizeof path, "%s/%s/%s%s", shadow, kind, id, suffix);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

/// Nothing of the file is left for a sync to write.
static void wash(struct file *file) {
    file->dirtyCount = 0;
    if (shadow[0] == 0 || file->isMemory) return;
    int kept = openInShadow("dirty", file->id, "", O_WRONLY | O_TRUNC);
    if (kept >= 0) syscall(SYS_close, kept);
}

/// Brings the shadow of a file up to what the file holds now.
static void keepContent(struct file *file, int descriptor) {
    int kept = openInShadow("content", file->id, "", O_RDWR | O_CREAT);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    int source = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    struct stat status;
    if (kept < 0 || source < 0 || fstat(source, &status) != 0) abort();
    static char buffer[1 << 16];
    for (size_t index = 0; index < file->dirtyCount; index++) {
        struct range range = file->dirty[index];
        while (range.start < range.end) {
            size_t room = (size_t)(range.end - range.start);
            ssize_t count = pread(source, buffer, room < sizeof buffer ? room : sizeof buffer, range.start);
            if (count <= 0) break;
            if (syscall(SYS_pwrite64, kept, buffer, (size_t)count, range.start) != count) abort();
            range.start += count;
        }
    }
    syscall(SYS_ftruncate, kept, status.st_size);
    syscall(SYS_close, kept);
    syscall(SYS_close, source);
    wash(file);
}

/// Writes down which names a folder has now.
static void keepNames(struct file *folder, int descriptor) {
    int kept = openInShadow("names", folder->id, ".new", O_WRONLY | O_CREAT | O_TRUNC);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    DIR *entries = opendir(link);
    if (kept < 0 || entries == NULL) abort();
    struct dirent *entry;
    while ((entry = readdir(entries))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        struct statx status;
        unsigned wanted = STATX_BASIC_STATS | STATX_BTIME;
        if (statx(descriptor, entry->d_name, AT_SYMLINK_NOFOLLOW, wanted, &status) != 0) continue;
        char line[512];
        int length = snprintf(
            line, sizeof line, "%c %o %llu-%lld %s\n", S_ISDIR(status.stx_mode) ? 'd' : 'f', status.stx_mode & 07777,
            (unsigned long long)status.stx_ino,
            (long long)(status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec), entry->d_name);
        syscall(SYS_write, kept, line, length);
    }
    closedir(entries);
    syscall(SYS_close, kept);
    char old[PATH_MAX + 128], new[PATH_MAX + 128];
    snprintf(old, sizeof old, "%s/names/%s.new", shadow, folder->id);
    snprintf(new, sizeof new, "%s/names/%s", shadow, folder->id);
    syscall(SYS_rename, old, new);
}

static int keep(int descriptor, long call) {
    pthread_mutex_lock(&lock);
    struct file *file = find(descriptor);
    if (file == NULL) {
        pthread_mutex_unlock(&lock);
        return (int)syscall(call, descriptor);
    }
    tick();
    control[syncs]++;
    note('s', false, file->id, descriptor, NULL, 0);
    bool fails = file->isFailing && control[sync_errno] != 0
        && (control[sync_failures] != 0 || among(control[sync_per_million]));
    int failure = fails ? (int)control[sync_errno] : 0;
    if (fails) {
        if (control[sync_failures] > 0) control[sync_failures]--;
        control[failed_syncs]++;
        file->failures++;
        // As the kernel does: what could not be written counts as clean, and no later sync will write it.
        wash(file);
    } else if (descriptor < told_count && told[descriptor] != file->failures) {
        // As the kernel does, too: whoever had the file open then is told, once.
        fails = true;
        failure = EIO;
    }
    if (descriptor < told_count) told[descriptor] = file->failures;
    int result = fails ? -1 : 0;
    int64_t pause = control[sync_microseconds];
    if (!fails && shadow[0] == 0) {
        // Not under the lock, since it takes its time.
        pthread_mutex_unlock(&lock);
        result = (int)syscall(call, descriptor);
        failure = errno;
        pthread_mutex_lock(&lock);
    }
    if (pause > 0) {
        pthread_mutex_unlock(&lock);
        usleep((useconds_t)pause);
        pthread_mutex_lock(&lock);
    }
    if (result == 0 && shadow[0] != 0 && !file->isMemory) {
        struct stat status;
        if (fstat(descriptor, &status) != 0) abort();
        if (S_ISDIR(status.st_mode)) keepNames(file, descriptor);
        else keepContent(file, descriptor);
    }
    note('S', result != 0, file->id, descriptor, NULL, 0);
    tick();
    pthread_mutex_unlock(&lock);
    errno = failure;
    return result;
}

PUBLIC int fsync(int descriptor) { return keep(descriptor, SYS_fsync); }
PUBLIC int fdatasync(int descriptor) { return keep(descriptor, SYS_fdatasync); }
