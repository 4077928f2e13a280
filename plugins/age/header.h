/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text in front: a line with the version, stanzas, a line with the MAC.
 *
 *     age-encryption.org/v1
 *     -> TYPE ARGUMENT ...
 *     body in lines of 64 characters of base64, the last one shorter
 *     --- MAC
 *
 * It may come from anybody. Nothing that the specification does not have is read as if it were
 * right: another text with the same meaning would have the same MAC.
 */
#ifndef AGE_HEADER_H
#define AGE_HEADER_H

#include "wrap.h"
#include <stdbool.h>
#include <stddef.h>

#define HEADER_VERSION "age-encryption.org/v1"

enum {
    HEADER_MOST = 64 << 10,
    STANZAS_MOST = 128,
    ARGUMENTS_KEPT = 2 /* no stanza that is known here has more */
};

/* A word of the header, which lies in the text that was read. */
struct word {
    const char *text;
    size_t bytes;
};

struct stanza {
    struct word type, arguments[ARGUMENTS_KEPT];
    size_t argument_count; /* all of them, but for the type */
    size_t body_bytes;     /* all of them */
    unsigned char body[BODY_BYTES];
};

struct header {
    struct stanza stanzas[STANZAS_MOST];
    size_t stanza_count;
    size_t bytes;     /* of all of it */
    size_t mac_bytes; /* that the MAC is of */
    unsigned char mac[MAC_BYTES];
};

enum header_answer {
    HEADER_WELL,
    HEADER_CUT, /* right as far as it goes; its end is not there */
    HEADER_WRONG
};

/* The first thing that is wrong. */
struct header_fault {
    const char *why; /* the rest of a sentence: "has an empty argument" */
    size_t line;     /* from 1 on */
};

/* Words of `out` lie in `text`. */
enum header_answer header_read(const char *text, size_t bytes, struct header *out,
                               struct header_fault *fault);
bool stanza_is(const struct stanza *stanza, const char *type);
/* Is it the header that was made with this file key? */
bool header_mac_holds(const struct header *header, const char *text, const unsigned char *file_key);

/* A header that is being made. */
struct header_text {
    char *text;
    size_t bytes, room;
};

/* Room for so many stanzas and `behind` bytes. False: there is no memory. */
bool header_begin(struct header_text *header, size_t stanzas, size_t behind);
/* The stanzas that are made here have one body and at most two arguments; "" or NULL: none. */
void header_stanza(struct header_text *header, const char *type, const char *argument,
                   const char *second, const unsigned char *body);
void header_end(struct header_text *header, const unsigned char *file_key);

#endif
