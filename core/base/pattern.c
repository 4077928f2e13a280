/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where gitignore(5) is silent, git itself is the rule. What stands before the first special byte
 * is compared as it is, and only what follows is a pattern; so "a**" + "/b" is "a" and a "**"
 * between two ends, which matches a/x/b and ax/y/b.
 */
#include "base/pattern.h"

#include "base/memory.h"
#include <string.h>

enum { CLASSES = UINT16_MAX, LONGEST_NAME = 6 /* xdigit */ };

struct parser {
    struct hb_pattern *pattern;
    const char *from, *at, *end;
    bool deep; /* "**" is special */
};

/* ---- [...] --------------------------------------------------------------------------------- */

static void add_range(uint8_t *class, unsigned first, unsigned last)
{
    for (unsigned byte = first; byte <= last; byte++)
        class[byte / 8] |= (uint8_t)(1u << (byte % 8));
}

/* The names of POSIX, of ASCII alone; each as pairs of first and last. */
static bool add_named(uint8_t *class, const char *name, size_t bytes)
{
    static const struct {
        const char *name, *ranges;
    } known[] = {
        {"alnum", "09AZaz"},   {"alpha", "AZaz"},
        {"blank", "  \t\t"},   {"cntrl", "\1\x1f\x7f\x7f"},
        {"digit", "09"},       {"graph", "!~"},
        {"lower", "az"},       {"print", " ~"},
        {"punct", "!/:@[`{~"}, {"space", "  \t\n\r\r"},
        {"upper", "AZ"},       {"xdigit", "09AFaf"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].name) != bytes || memcmp(known[i].name, name, bytes) != 0)
            continue;
        for (const char *range = known[i].ranges; *range != '\0'; range += 2)
            add_range(class, (unsigned char)range[0], (unsigned char)range[1]);
        return true;
    }
    return false;
}

/* "[:alpha:]", at its '['. 1: taken; 0: that is none, but bytes; -1: nobody knows this name. */
static int take_named(struct parser *parser, uint8_t *class)
{
    const char *at = parser->at;
    if (at[0] != '[' || parser->end - at < 2 || at[1] != ':')
        return 0;
    const char *close = memchr(at + 2, ']', (size_t)(parser->end - at - 2));
    if (close == NULL)
        return -1;
    if (close == at + 2 || close[-1] != ':')
        return 0;
    if (!add_named(class, at + 2, (size_t)(close - at - 3)))
        return -1;
    parser->at = close + 1;
    return 1;
}

/* The next byte, which a backslash makes literal. -1: the pattern ends. */
static int take_byte(struct parser *parser)
{
    if (parser->at < parser->end && *parser->at == '\\')
        parser->at++;
    return parser->at < parser->end ? (unsigned char)*parser->at++ : -1;
}

/* All up to its ']'; the first byte may be one. */
static bool take_members(struct parser *parser, uint8_t *class)
{
    int before = -1; /* a range may start with it */
    for (bool first = true; parser->at < parser->end; first = false) {
        const char *at = parser->at;
        if (*at == ']' && !first)
            return true;
        int named = take_named(parser, class);
        if (named < 0)
            return false;
        if (named > 0) {
            before = -1;
            continue;
        }
        bool range = *at == '-' && before >= 0 && parser->end - at > 1 && at[1] != ']';
        parser->at += range;
        int byte = take_byte(parser);
        if (byte < 0)
            return false;
        add_range(class, (unsigned)(range ? before : byte), (unsigned)byte);
        before = range ? -1 : byte;
    }
    return false;
}

/* Behind the '['. False: it is not closed, or has a name in it that nobody knows. */
static bool take_class(struct parser *parser, struct hb_token *token)
{
    struct hb_pattern *pattern = parser->pattern;
    if (pattern->class_count == CLASSES)
        return false;
    pattern->classes = hb_resize(pattern->classes, pattern->class_count + 1, 32);
    uint8_t *class = pattern->classes[pattern->class_count];
    memset(class, 0, 32);
    *token = (struct hb_token){.kind = HB_TOKEN_CLASS, .class = (uint16_t)pattern->class_count++};
    bool negated = parser->at < parser->end && (*parser->at == '!' || *parser->at == '^');
    parser->at += negated;
    if (!take_members(parser, class))
        return false;
    parser->at++;
    for (size_t i = 0; negated && i < 32; i++)
        class[i] = (uint8_t) ~class[i];
    return true;
}

/* ---- tokens -------------------------------------------------------------------------------- */

/* At the first '*' of some. */
static void take_stars(struct parser *parser, struct hb_token *token)
{
    const char *first = parser->at, *end = parser->end;
    while (parser->at < end && *parser->at == '*')
        parser->at++;
    const char *at = parser->at;
    *token = (struct hb_token){.kind = HB_TOKEN_STAR};
    if (!parser->deep || at - first < 2 || (first > parser->from && first[-1] != '/'))
        return;
    if (at == end) {
        token->kind = HB_TOKEN_REST;
    } else if (*at == '/') {
        token->kind = HB_TOKEN_DEEP;
        parser->at++;
    } else if (end - at > 1 && at[0] == '\\' && at[1] == '/') {
        token->kind = HB_TOKEN_DEEPER;
        parser->at += 2;
    }
}

/* NULL, or why it can never match. */
static const char *take_token(struct parser *parser, struct hb_token *token)
{
    switch (*parser->at) {
    case '*':
        take_stars(parser, token);
        return NULL;
    case '?':
        parser->at++;
        *token = (struct hb_token){.kind = HB_TOKEN_ANY};
        return NULL;
    case '[':
        parser->at++;
        return take_class(parser, token)
                   ? NULL
                   : "has a [ without a right ] (write \\[ for the character)";
    default:
        break;
    }
    int byte = take_byte(parser);
    *token = (struct hb_token){.kind = HB_TOKEN_BYTE, .byte = (unsigned char)byte};
    return byte < 0 ? "ends with a backslash (write \\\\ for the character)" : NULL;
}

static const char *take_tokens(struct parser *parser)
{
    struct hb_pattern *pattern = parser->pattern;
    const char *problem = NULL;
    pattern->tokens = hb_alloc((size_t)(parser->end - parser->at + 1) * sizeof *pattern->tokens);
    while (parser->at < parser->end && problem == NULL)
        problem = take_token(parser, &pattern->tokens[pattern->count++]);
    return problem;
}

/* What a path ends with that matches: most do not, and need not be looked at any further. */
static int last_byte(const struct hb_pattern *pattern)
{
    if (pattern->count == 0)
        return pattern->start_bytes == 0 ? -1
                                         : (unsigned char)pattern->start[pattern->start_bytes - 1];
    const struct hb_token *last = &pattern->tokens[pattern->count - 1];
    return last->kind == HB_TOKEN_BYTE ? last->byte : -1;
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* A component that no path has; not looked for where a '/' may stand in brackets. */
static const char *impossible_component(const char *at, const char *end)
{
    if (memchr(at, '[', (size_t)(end - at)) != NULL)
        return NULL;
    for (;;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t bytes = (size_t)((slash == NULL ? end : slash) - at);
        if (bytes == 0)
            return "has two / without a name between them";
        if ((bytes == 1 && at[0] == '.') || (bytes == 2 && at[0] == '.' && at[1] == '.'))
            return "has a . or .. in it: paths are relative to the home, and have none";
        if (slash == NULL)
            return NULL;
        at = slash + 1;
    }
}

const char *hb_pattern_parse(struct hb_pattern *pattern, const char *text, size_t bytes,
                             enum hb_pattern_rules rules)
{
    bool git = rules == HB_PATTERN_GIT;
    *pattern = (struct hb_pattern){.text = hb_copy_bytes(text, bytes), .last_byte = -1};
    const char *at = pattern->text, *end = at + strlen(at);
    pattern->back = git && *at == '!';
    at += pattern->back;
    pattern->directory = git && end > at && end[-1] == '/';
    end -= pattern->directory;
    pattern->base = git && memchr(at, '/', (size_t)(end - at)) == NULL;
    at += git && at < end && *at == '/';
    pattern->start = at;
    pattern->start_bytes = strcspn(at, "*?[\\");
    if (pattern->start_bytes > (size_t)(end - at))
        pattern->start_bytes = (size_t)(end - at);
    const char *problem = at == end ? "names nothing" : impossible_component(at, end);
    struct parser parser = {.pattern = pattern,
                            .from = at + pattern->start_bytes,
                            .at = at + pattern->start_bytes,
                            .end = end,
                            .deep = git};
    const char *malformed = take_tokens(&parser);
    pattern->last_byte = last_byte(pattern);
    problem = problem == NULL ? malformed : problem;
    pattern->never = at == end || malformed != NULL;
    return problem;
}

void hb_pattern_clear(struct hb_pattern *pattern)
{
    free(pattern->text);
    free(pattern->tokens);
    free(pattern->classes);
    *pattern = (struct hb_pattern){0};
}
