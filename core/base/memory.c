/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void *checked(void *memory)
{
    if (memory == NULL) {
        fputs("hbcore: out of memory\n", stderr);
        _exit(1);
    }
    return memory;
}

void *hb_alloc(size_t bytes)
{
    return checked(calloc(1, bytes == 0 ? 1 : bytes));
}

void *hb_alloc_aligned(size_t bytes, size_t alignment)
{
    size_t whole = (bytes + alignment - 1) / alignment * alignment;
    return memset(checked(aligned_alloc(alignment, whole)), 0, whole);
}

void *hb_resize(void *memory, size_t count, size_t each)
{
    return checked(reallocarray(memory, count == 0 ? 1 : count, each));
}

char *hb_copy_text(const char *text)
{
    return checked(strdup(text));
}

char *hb_copy_bytes(const char *text, size_t bytes)
{
    return checked(strndup(text, bytes));
}

char *hb_text(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return checked(length < 0 ? NULL : text);
}
