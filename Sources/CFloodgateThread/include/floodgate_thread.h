// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#ifndef FLOODGATE_THREAD_H
#define FLOODGATE_THREAD_H

#ifdef __cplusplus
extern "C" {
#endif

/// A small number of the calling thread's own, from 0 on in the order in which threads first ask; wraps around.
///
/// Swift has no thread-local variables; deriving a number from the thread's handle lets two threads meet by chance.
unsigned floodgate_thread_number(void);

#ifdef __cplusplus
}
#endif

#endif
