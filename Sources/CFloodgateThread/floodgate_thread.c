// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "floodgate_thread.h"

#include <stdatomic.h>

unsigned floodgate_thread_number(void) {
    static atomic_uint next = 1;
    static _Thread_local unsigned number = 0;  // 0 until asked
    if (__builtin_expect(number == 0, 0)) number = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
    return number - 1;
}
