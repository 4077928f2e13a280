/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a fuzzer as decisions: what an archive is made of that is right outside (offsets,
 * sizes, checksums) and anything inside. Where they end, every decision is 0.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct script {
    const uint8_t *data;
    size_t left;
};

struct made {
    uint8_t *data;
    size_t bytes, room;
};

static inline uint64_t script_number(struct script *script, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes && script->left > 0; i++, script->left--)
        number |= (uint64_t)*script->data++ << 8 * i;
    return number;
}

static inline unsigned script_below(struct script *script, unsigned limit)
{
    return (unsigned)script_number(script, 1) % limit;
}

/* Rarely, so that most of an archive stays right. */
static inline bool script_lies(struct script *script)
{
    return script_number(script, 1) > 250;
}

static inline void made_put(struct made *made, const void *data, size_t bytes)
{
    if (made->room - made->bytes < bytes) {
        made->room = made->room * 2 + bytes + 4096;
        made->data = realloc(made->data, made->room);
        if (made->data == NULL)
            abort();
    }
    if (bytes != 0)
        memcpy(made->data + made->bytes, data, bytes);
    made->bytes += bytes;
}

static inline void made_fill(struct made *made, int byte, size_t bytes)
{
    while (bytes-- > 0)
        made_put(made, &(uint8_t){(uint8_t)byte}, 1);
}

static inline void made_number(struct made *made, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        made_fill(made, (uint8_t)(number >> 8 * i), 1);
}

static inline void made_free(struct made *made)
{
    free(made->data);
    *made = (struct made){0};
}

/* The next `bytes` of the script, as they are. */
static inline void script_copy(struct script *script, struct made *made, size_t bytes)
{
    size_t there = bytes < script->left ? bytes : script->left;
    made_put(made, script->data, there);
    script->data += there;
    script->left -= there;
}

/* Content of a file: a text, bytes of the script, many of one byte, or nothing. */
static inline void script_content(struct script *script, struct made *made)
{
    switch (script_below(script, 4)) {
    case 0:
        made_put(made, "the same text again and again, the same text again", 50);
        break;
    case 1:
        made_fill(made, (int)script_below(script, 256), (size_t)script_number(script, 2));
        break;
    case 2:
        script_copy(script, made, script_below(script, 64));
        break;
    default:
        break;
    }
}

/* Overwrites some bytes: `most` at the most. */
static inline void script_spoil(struct script *script, struct made *made, unsigned most)
{
    for (unsigned i = script_below(script, most + 1); i > 0 && made->bytes > 0; i--)
        made->data[script_number(script, 3) % made->bytes] ^= (uint8_t)script_number(script, 1);
}

/* Into the file that HBCORE_FORGE_KEEP names, to look at what is made of an input. */
static inline void script_keep(const uint8_t *archive, size_t bytes)
{
    const char *name = getenv("HBCORE_FORGE_KEEP");
    FILE *file = name != NULL ? fopen(name, "wb") : NULL;
    if (file == NULL)
        return;
    fwrite(archive, 1, bytes, file);
    fclose(file);
}

#endif
