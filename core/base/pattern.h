/* SPDX-License-Identifier: Apache-2.0 */
/* One pattern, cut into tokens; patterns.h has lists of them. */
#ifndef HB_PATTERN_H
#define HB_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the bytes of a pattern mean. */
enum hb_pattern_rules {
    HB_PATTERN_GIT,  /* as gitignore(5) says */
    HB_PATTERN_WHOLE /* the whole path has to match; no '!', no "**" */
};

enum hb_token_kind {
    HB_TOKEN_NONE,
    HB_TOKEN_BYTE,
    HB_TOKEN_ANY,    /* ?: any byte but a '/' */
    HB_TOKEN_CLASS,  /* [...]: one of these, and never a '/' */
    HB_TOKEN_STAR,   /* any bytes but a '/' */
    HB_TOKEN_DEEP,   /* "**" and its '/': nothing, or all up to one of the '/' */
    HB_TOKEN_DEEPER, /* "**" and an escaped '/': all up to one of the '/' */
    HB_TOKEN_REST    /* "**" at the end: all that is left */
};

struct hb_token {
    uint8_t kind;
    unsigned char byte;
    uint16_t class; /* its number */
};

struct hb_pattern {
    char *text;        /* as it was given */
    bool back;         /* "!": takes back */
    bool directory;    /* "/" behind: directories alone */
    bool base;         /* without a '/': it is the last component that has to match */
    bool never;        /* it can never match */
    bool has_matched;  /* something, so far; with `back`: something to be taken back */
    const char *start; /* in `text`: what stands before the first special byte */
    size_t start_bytes;
    int last_byte; /* what a path has to end with; -1: that cannot be told */
    struct hb_token *tokens;
    size_t count;
    uint8_t (*classes)[32]; /* a bit for each byte */
    size_t class_count;
};

/* NULL, or why it can never match, as hb_patterns_add() has it. */
const char *hb_pattern_parse(struct hb_pattern *pattern, const char *text, size_t bytes,
                             enum hb_pattern_rules rules);
void hb_pattern_clear(struct hb_pattern *pattern);

#endif
