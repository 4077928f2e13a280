/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and times for people. Each function fills `text`, of HB_HUMAN_BYTES, and returns it. */
#ifndef HB_HUMAN_H
#define HB_HUMAN_H

#include <stdint.h>

enum { HB_HUMAN_BYTES = 24 };

/* "1023 B", "1.0 KB", "1.5 MB" …, 1024-based. */
char *hb_human_bytes(uint64_t bytes, char *text);
/* How long something took: "9.8s", "1:02:03". */
char *hb_human_seconds(double seconds, char *text);
/* What follows the noun: "1 file", "2 files". */
static inline const char *hb_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}
/* How long ago something was: "12 s", "5 min", "3 h", "40 d". */
char *hb_human_age(double seconds, char *text);

#endif
