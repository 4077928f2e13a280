/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

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

void hb_give_back(void *memory, size_t *done, size_t bytes)
{
    enum { STEP = 1 << 20 };
    if (bytes < *done + STEP)
        return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)memory + *done;
    uintptr_t from = (start + page - 1) / page * page,
              end = ((uintptr_t)memory + bytes) / page * page;
    /* What a kernel or a checker of memory does not like stays as it is. */
    if (end > from)
        (void)madvise((void *)from, end - from, MADV_DONTNEED);
    *done = end - (uintptr_t)memory;
}
