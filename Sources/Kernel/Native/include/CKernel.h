/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CKERNEL_H
#define CKERNEL_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds of the machine's monotonic clock; the zero is arbitrary. */
int64_t ckernel_monotonic_nanoseconds(void);

/* Nanoseconds since the Unix epoch, for what people read; may jump. */
int64_t ckernel_wall_nanoseconds(void);

/* The pointer that this thread was given by ckernel_set_current; NULL at first. */
const void *ckernel_current(void);
void ckernel_set_current(const void *value);

/* A pointer that differs between any two threads that live. */
const void *ckernel_thread_token(void);

/* A place where one thread sleeps until another wakes it. A wake-up that comes first is not lost. */
typedef struct ckernel_parker ckernel_parker;
ckernel_parker *ckernel_parker_make(void); /* NULL where memory is short */
void ckernel_parker_free(ckernel_parker *parker);
void ckernel_park(ckernel_parker *parker);
void ckernel_park_until(ckernel_parker *parker, int64_t monotonic_nanoseconds);
void ckernel_unpark(ckernel_parker *parker);

/* Starts a thread named `name` (at most 15 bytes are kept) that runs body(argument); 0 or an errno value. */
typedef struct ckernel_thread ckernel_thread;
int ckernel_thread_start(void (*body)(void *), void *argument, const char *name, ckernel_thread **thread);
/* Waits for the thread's end and frees the handle. */
void ckernel_thread_join(ckernel_thread *thread);

/* Logical processors this process may run on; at least 1. */
int ckernel_processor_count(void);

/* Lets this thread, and those it starts from now on, run on these logical processors only. What it might
 * run on before is kept in *saved, to be given to ckernel_unbind. 0, or an errno. */
int ckernel_bind(const uint32_t *processors, size_t count, void **saved);
void ckernel_unbind(void *saved);

/* Keeps SIGINT and SIGTERM from ending the process, whatever thread they reach, and ignores SIGPIPE.
 * Call once. */
void ckernel_hold_signals(void);
/* Waits for SIGINT or SIGTERM and returns its number. */
int ckernel_wait_signal(void);
/* Reads and drops standard input until it ends. */
void ckernel_wait_input_end(void);

/* A tip to the processor that this thread is spinning. */
void ckernel_relax(void);

#endif
