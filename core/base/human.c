/* SPDX-License-Identifier: Apache-2.0 */
#include "base/human.h"

#include <inttypes.h>
#include <stdio.h>

char *hb_human_bytes(uint64_t bytes, char *text)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB"};
    if (bytes < 1024) {
        snprintf(text, HB_HUMAN_BYTES, "%" PRIu64 " B", bytes);
        return text;
    }
    double size = (double)bytes / 1024;
    size_t unit = 0;
    for (; size >= 1024 && unit < 3; unit++)
        size /= 1024;
    snprintf(text, HB_HUMAN_BYTES, "%.1f %s", size, units[unit]);
    return text;
}

char *hb_human_seconds(double seconds, char *text)
{
    uint64_t whole = (uint64_t)(seconds + 0.5);
    if (seconds < 59.95)
        snprintf(text, HB_HUMAN_BYTES, "%.1fs", seconds);
    else
        snprintf(text, HB_HUMAN_BYTES, "%" PRIu64 ":%02u:%02u", whole / 3600,
                 (unsigned)(whole / 60 % 60), (unsigned)(whole % 60));
    return text;
}

char *hb_human_age(double seconds, char *text)
{
    static const struct {
        double seconds; /* from two of them on, it is the unit */
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {0.5, "s"}};
    size_t unit = 0;
    while (unit < 3 && seconds < 2 * units[unit].seconds)
        unit++;
    double size = unit == 3 ? 1 : units[unit].seconds;
    snprintf(text, HB_HUMAN_BYTES, "%" PRIu64 " %s", seconds < 0 ? 0 : (uint64_t)(seconds / size),
             units[unit].name);
    return text;
}
