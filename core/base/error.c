/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int hb_error_set(struct hb_error *error, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    error->hint[0] = '\0';
    return status;
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
