/* SPDX-License-Identifier: Apache-2.0 */
/* Converts between the clocks of a zip and UNIX time. */
#include "zip_time.h"

#define DOS_FIRST_SECOND 315532800  /* 1980-01-01 00:00:00 UTC */
#define DOS_LAST_SECOND  4354819198 /* 2107-12-31 23:59:58 UTC */
#define NTFS_TO_UNIX     11644473600
#define TICKS            10000000

bool zip_time_fits_32(time_t seconds)
{
    return seconds >= 0 && seconds <= INT32_MAX;
}

struct timespec zip_time_from_32(uint32_t stored, uint32_t dos)
{
    bool wrapped = stored > INT32_MAX && (dos >> 25) + 1980 >= 2038;
    return (struct timespec){.tv_sec = wrapped ? (time_t)stored : (time_t)(int32_t)stored};
}

uint32_t zip_time_to_dos(time_t seconds)
{
    if (seconds < DOS_FIRST_SECOND)
        seconds = DOS_FIRST_SECOND;
    if (seconds > DOS_LAST_SECOND)
        seconds = DOS_LAST_SECOND;
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    uint32_t date =
        (uint32_t)(tm.tm_year - 80) << 9 | (uint32_t)(tm.tm_mon + 1) << 5 | (uint32_t)tm.tm_mday;
    uint32_t clock =
        (uint32_t)tm.tm_hour << 11 | (uint32_t)tm.tm_min << 5 | (uint32_t)tm.tm_sec / 2;
    return date << 16 | clock;
}

bool zip_time_from_dos(uint32_t dos, struct timespec *time)
{
    struct tm tm = {
        .tm_year = (int)(dos >> 25) + 80,
        .tm_mon = (int)(dos >> 21 & 15) - 1,
        .tm_mday = (int)(dos >> 16 & 31),
        .tm_hour = (int)(dos >> 11 & 31),
        .tm_min = (int)(dos >> 5 & 63),
        .tm_sec = (int)(dos & 31) * 2,
        .tm_isdst = -1,
    };
    if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday == 0)
        return false;
    *time = (struct timespec){.tv_sec = mktime(&tm)};
    return true;
}

bool zip_time_to_ntfs(const struct timespec *time, uint64_t *ticks)
{
    int64_t since, whole;
    if (__builtin_add_overflow((int64_t)time->tv_sec, NTFS_TO_UNIX, &since) || since < 0)
        return false;
    if (__builtin_mul_overflow(since, TICKS, &whole) ||
        __builtin_add_overflow(whole, time->tv_nsec / 100, &whole))
        return false;
    *ticks = (uint64_t)whole;
    return true;
}

void zip_time_from_ntfs(uint64_t ticks, struct timespec *time)
{
    *time = (struct timespec){
        .tv_sec = (time_t)(ticks / TICKS) - NTFS_TO_UNIX,
        .tv_nsec = (long)(ticks % TICKS) * 100,
    };
}
