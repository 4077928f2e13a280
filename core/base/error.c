/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include "base/memory.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A path may be longer than all of it. The reason stands behind the path, so what is left out lies
 * in the middle, between characters. */
static void set_text(char *text, size_t size, const char *whole, size_t bytes)
{
    static const char gap[] = "…";
    size_t front = size / 3, tail = size - front - sizeof gap;
    const char *end = whole + bytes - tail;
    while (front > 0 && ((unsigned char)whole[front] & 0xc0) == 0x80)
        front--;
    while (((unsigned char)*end & 0xc0) == 0x80)
        end++;
    snprintf(text, size, "%.*s%s%s", (int)front, whole, gap, end);
}

int hb_error_set(struct hb_error *error, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    if (bytes >= (int)sizeof error->text) {
        HB_AUTO_FREE char *whole = hb_alloc((size_t)bytes + 1);
        va_start(arguments, format);
        vsnprintf(whole, (size_t)bytes + 1, format, arguments);
        va_end(arguments);
        set_text(error->text, sizeof error->text, whole, (size_t)bytes);
    }
    error->hint[0] = '\0';
    error->why_bytes = 0;
    error->wrong_use = false;
    return status;
}

void hb_error_set_why(struct hb_error *error, const char *why)
{
    size_t bytes = strlen(why), all = strlen(error->text);
    bool ends = bytes <= all && strcmp(error->text + all - bytes, why) == 0; /* else it was cut */
    error->why_bytes = ends ? bytes : 0;
}

const char *hb_error_why(const struct hb_error *error)
{
    return error->text + (error->why_bytes == 0 ? 0 : strlen(error->text) - error->why_bytes);
}

void hb_error_hint(struct hb_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->hint, sizeof error->hint, format, arguments);
    va_end(arguments);
}

void hb_error_space(struct hb_error *error, int reason, const char *behind)
{
    if (reason == ENOSPC || reason == EDQUOT)
        hb_error_hint(error, "free some space%s", behind);
}
