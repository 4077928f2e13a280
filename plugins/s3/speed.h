/* SPDX-License-Identifier: Apache-2.0 */
/* A limit of bytes a second that all connections share, one each way. */
#ifndef S3_SPEED_H
#define S3_SPEED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct speed {
    uint64_t bytes_a_second; /* 0: no limit */
    pthread_mutex_t lock;
    uint64_t free_at; /* nanoseconds of the steady clock: whoever comes next may go on then */
};

void speed_init(struct speed *speed, uint64_t bytes_a_second);
void speed_clear(struct speed *speed);
/* Of so many bytes, as many as may go at once: a connection that says nothing for long is taken for
 * a dead one. NULL: any. */
size_t speed_slice(const struct speed *speed, size_t bytes);
/* Waits until so many bytes may pass. False: it was told to stop meanwhile. */
bool speed_wait(struct speed *speed, size_t bytes, bool (*stopped)(void *context), void *context);

/* Milliseconds of the steady clock. */
uint64_t steady_ms(void);
/* As speed_wait(), so many milliseconds. */
bool pause_ms(uint64_t milliseconds, bool (*stopped)(void *context), void *context);

#endif
