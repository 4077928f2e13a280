/* SPDX-License-Identifier: Apache-2.0 */
/* The three clocks of a zip: MS-DOS date and time, NTFS ticks, UNIX seconds. */
#ifndef ZIP_TIME_H
#define ZIP_TIME_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/*
 * Does the extended timestamp (0x5455, 32 bits) hold it? It has a sign, but 7z, bsdtar and Go read
 * it without: a file of 1960 would be of 2096. So it holds what both readings agree on.
 */
bool zip_time_fits_32(time_t seconds);

/*
 * What an extended timestamp means. It is signed, but programs store later times in it too, without
 * the bits that do not fit; then the MS-DOS date is beyond 2037.
 */
struct timespec zip_time_from_32(uint32_t stored, uint32_t dos);

/*
 * MS-DOS date (upper half) and time, in UTC: the same tree shall give the same bytes in
 * every time zone. Clamped to 1980-01-01 .. 2107-12-31 23:59:58; odd seconds are cut off.
 */
uint32_t zip_time_to_dos(time_t seconds);

/* Archives that have nothing else mean local time. False: the field holds no date. */
bool zip_time_from_dos(uint32_t dos, struct timespec *time);

/* 100 ns since 1601. False: before that, or too late. */
bool zip_time_to_ntfs(const struct timespec *time, uint64_t *ticks);
void zip_time_from_ntfs(uint64_t ticks, struct timespec *time);

#endif
