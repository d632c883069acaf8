/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CKernel.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t nanoseconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t ckernel_monotonic_nanoseconds(void) { return nanoseconds_of(CLOCK_MONOTONIC); }

int64_t ckernel_wall_nanoseconds(void) { return nanoseconds_of(CLOCK_REALTIME); }

static _Thread_local const void *current;

const void *ckernel_current(void) { return current; }

void ckernel_set_current(const void *value) { current = value; }

const void *ckernel_thread_token(void) { return &current; }

struct ckernel_parker {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    int is_signaled;
};

ckernel_parker *ckernel_parker_make(void) {
    ckernel_parker *parker = calloc(1, sizeof *parker);
    if (!parker) return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&parker->mutex, NULL);
    pthread_cond_init(&parker->condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return parker;
}

void ckernel_parker_free(ckernel_parker *parker) {
    if (!parker) return;
    pthread_cond_destroy(&parker->condition);
    pthread_mutex_destroy(&parker->mutex);
    free(parker);
}

void ckernel_park(ckernel_parker *parker) {
    pthread_mutex_lock(&parker->mutex);
    while (!parker->is_signaled) pthread_cond_wait(&parker->condition, &parker->mutex);
    parker->is_signaled = 0;
    pthread_mutex_unlock(&parker->mutex);
}

void ckernel_park_until(ckernel_parker *parker, int64_t monotonic_nanoseconds) {
    struct timespec deadline = {
        .tv_sec = (time_t)(monotonic_nanoseconds / 1000000000),
        .tv_nsec = (long)(monotonic_nanoseconds % 1000000000),
    };
    pthread_mutex_lock(&parker->mutex);
    while (!parker->is_signaled) {
        if (pthread_cond_timedwait(&parker->condition, &parker->mutex, &deadline) == ETIMEDOUT) break;
    }
    parker->is_signaled = 0;
    pthread_mutex_unlock(&parker->mutex);
}

void ckernel_unpark(ckernel_parker *parker) {
    pthread_mutex_lock(&parker->mutex);
    parker->is_signaled = 1;
    pthread_cond_signal(&parker->condition);
    pthread_mutex_unlock(&parker->mutex);
}

struct ckernel_thread {
    pthread_t handle;
    void (*body)(void *);
    void *argument;
};

static void *run_thread(void *raw) {
    ckernel_thread *thread = raw;
    thread->body(thread->argument);
    return NULL;
}

int ckernel_thread_start(void (*body)(void *), void *argument, const char *name, ckernel_thread **out) {
    ckernel_thread *thread = calloc(1, sizeof *thread);
    if (!thread) return ENOMEM;
    thread->body = body;
    thread->argument = argument;
    int status = pthread_create(&thread->handle, NULL, run_thread, thread);
    if (status != 0) {
        free(thread);
        return status;
    }
    char kept[16] = {0};
    strncpy(kept, name, sizeof kept - 1);
    pthread_setname_np(thread->handle, kept);
    *out = thread;
    return 0;
}

void ckernel_thread_join(ckernel_thread *thread) {
    pthread_join(thread->handle, NULL);
    free(thread);
}

int ckernel_processor_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

int ckernel_bind(const uint32_t *processors, size_t count, void **saved) {
    cpu_set_t wanted;
    CPU_ZERO(&wanted);
    for (size_t at = 0; at < count; at++) {
        if (processors[at] >= CPU_SETSIZE) return EINVAL;
        CPU_SET(processors[at], &wanted);
    }
    cpu_set_t *before = malloc(sizeof *before);
    if (!before) return ENOMEM;
    if (sched_getaffinity(0, sizeof *before, before) != 0 ||
        sched_setaffinity(0, sizeof wanted, &wanted) != 0) {
        int status = errno;
        free(before);
        return status;
    }
    *saved = before;
    return 0;
}

void ckernel_unbind(void *saved) {
    if (!saved) return;
    sched_setaffinity(0, sizeof(cpu_set_t), saved);
    free(saved);
}

/* A handler may do little more than this: note the signal and wake whoever waits. */
static sem_t signal_arrived;
static volatile sig_atomic_t signal_number;

static void note_signal(int number) {
    signal_number = number;
    sem_post(&signal_arrived);
}

void ckernel_hold_signals(void) {
    sem_init(&signal_arrived, 0, 0);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int ckernel_wait_signal(void) {
    while (sem_wait(&signal_arrived) != 0) {
    }
    return (int)signal_number;
}

void ckernel_wait_input_end(void) {
    char dropped[256];
    for (;;) {
        ssize_t count = read(STDIN_FILENO, dropped, sizeof dropped);
        if (count == 0 || (count < 0 && errno != EINTR)) return;
    }
}

void ckernel_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
