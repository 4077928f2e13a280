/* SPDX-License-Identifier: Apache-2.0 */
#include "speed.h"

#include <time.h>

enum {
    SLICE = 50, /* milliseconds; so soon a signal is noticed */
    A_SECOND = 8,
    SLICE_LEAST = 1024
};

static uint64_t steady_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t steady_ms(void)
{
    return steady_ns() / 1000000;
}

bool pause_ms(uint64_t milliseconds, bool (*stopped)(void *context), void *context)
{
    while (milliseconds > 0 && !stopped(context)) {
        uint64_t part = milliseconds < SLICE ? milliseconds : SLICE;
        nanosleep(&(struct timespec){.tv_nsec = (long)part * 1000000}, NULL);
        milliseconds -= part;
    }
    return milliseconds == 0;
}

void speed_init(struct speed *speed, uint64_t bytes_a_second)
{
    *speed = (struct speed){.bytes_a_second = bytes_a_second};
    pthread_mutex_init(&speed->lock, NULL);
}

void speed_clear(struct speed *speed)
{
    pthread_mutex_destroy(&speed->lock);
}

bool speed_wait(struct speed *speed, size_t bytes, bool (*stopped)(void *context), void *context)
{
    if (speed->bytes_a_second == 0 || bytes == 0)
        return true;
    uint64_t now = steady_ns();
    uint64_t takes =
        (uint64_t)((double)bytes * 1e9 / (double)speed->bytes_a_second); /* at most hours */
    pthread_mutex_lock(&speed->lock);
    uint64_t start = speed->free_at > now ? speed->free_at : now;
    speed->free_at = start + takes;
    pthread_mutex_unlock(&speed->lock);
    return pause_ms((start - now) / 1000000, stopped, context);
}

size_t speed_slice(const struct speed *speed, size_t bytes)
{
    size_t most = speed == NULL || speed->bytes_a_second == 0 ? bytes
                  : speed->bytes_a_second / A_SECOND < SLICE_LEAST
                      ? SLICE_LEAST
                      : (size_t)(speed->bytes_a_second / A_SECOND);
    return bytes < most ? bytes : most;
}
