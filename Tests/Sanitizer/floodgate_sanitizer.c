// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "floodgate_sanitizer.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

// Of Swift's Mutex the lock that nobody holds is taken in our own, instrumented code, the lock that somebody holds in the
// standard library, which is not instrumented: ThreadSanitizer would miss that the one came after the other, and take
// whatever the mutex guards for a race. So the library's function gets a substitute that it does see.
//
// The word is the holder's thread number, 0 if there is none; as long as nobody marks it as waited for, the unlocking is
// in our code, too.
#if defined(__has_feature) && defined(__linux__)
#if __has_feature(thread_sanitizer)
__attribute__((swiftcall)) void floodgate_mutex_lock_slow(
    uint32_t thread, __attribute__((swift_context)) _Atomic uint32_t *word
) __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");

__attribute__((swiftcall)) void floodgate_mutex_lock_slow(
    uint32_t thread, __attribute__((swift_context)) _Atomic uint32_t *word
) {
    uint32_t nobody = 0;
    while (!atomic_compare_exchange_weak_explicit(word, &nobody, thread, memory_order_acquire, memory_order_relaxed)) {
        nobody = 0;
        sched_yield();
    }
}
#endif
#endif
