/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns are those of gitignore(5), as git matches them, which tests/patterns compares.
 * fnmatch(3) is not used: it knows no "**", takes a name that is not UTF-8 for one that matches
 * nothing, and needs exponential time for "*a*a*a*b".
 *
 * A pattern is cut into tokens once (pattern.c). To match one is to walk along them and the
 * path, and to step back to the last '*' of this component, else to the last "**", when they
 * differ: components do not share a '*', and what a "**" in front could take over, a later one can
 * as well. So no more than these two places have to be remembered, and the time is at worst the
 * product of both lengths.
 *
 * A list remembers what it found for each directory on the way to the last path. Paths come
 * directory by directory, so that each directory is looked at about once, also where an archive
 * does not list it.
 */
#include "base/patterns.h"

#include "base/memory.h"
#include "base/pattern.h"
#include <stdint.h>
#include <string.h>

/* A directory on the way to the last path. Patterns are counted from 1; 0: none. */
struct level {
    size_t end;      /* of its path */
    size_t excluded; /* the pattern that left it out, or a directory on the way to it */
    size_t last;     /* the last of those that match it or a directory on the way */
};

struct hb_patterns {
    char *origin; /* NULL: nobody said it */
    struct hb_pattern *patterns;
    size_t count, capacity;
    char *way; /* the last directory */
    size_t way_bytes, way_room;
    struct level *levels; /* of its components */
    size_t level_count, level_room;
};

/* ---- one pattern --------------------------------------------------------------------------- */

/* A place to go on from: behind this token, with the path from here on. */
struct place {
    const struct hb_token *token;
    const char *at;
};

static bool takes(const struct hb_pattern *pattern, const struct hb_token *token,
                  unsigned char byte)
{
    switch (token->kind) {
    case HB_TOKEN_BYTE:
        return token->byte == byte;
    case HB_TOKEN_ANY:
        return byte != '/';
    default:
        return byte != '/' && (pattern->classes[token->class][byte / 8] >> (byte % 8) & 1) != 0;
    }
}

/* One byte more for the '*', else one component more for the "**". False: there is none. */
static bool step_back(struct place *star, struct place *deep, const char *end, struct place *now)
{
    if (star->token != NULL && star->at < end && *star->at != '/') {
        star->at++;
        *now = *star;
        return true;
    }
    star->token = NULL;
    const char *slash =
        deep->token == NULL ? NULL : memchr(deep->at, '/', (size_t)(end - deep->at));
    if (slash == NULL)
        return false;
    deep->at = slash + 1;
    *now = *deep;
    return true;
}

/* Do the tokens match all of it? */
static bool matches_tokens(const struct hb_pattern *pattern, const char *at, const char *end)
{
    const struct hb_token *last = pattern->tokens + pattern->count;
    struct place star = {0}, deep = {0}, now = {pattern->tokens, at};
    for (;;) {
        uint8_t kind = now.token == last ? HB_TOKEN_NONE : now.token->kind;
        bool fits = true;
        if (kind == HB_TOKEN_REST)
            return true;
        if (kind == HB_TOKEN_NONE && now.at == end)
            return true;
        if (kind == HB_TOKEN_STAR) {
            now.token++;
            star = now;
        } else if (kind == HB_TOKEN_DEEP || kind == HB_TOKEN_DEEPER) {
            now.token++;
            deep = now;
            star.token = NULL;
            fits = kind == HB_TOKEN_DEEP;
        } else if (kind != HB_TOKEN_NONE && now.at < end &&
                   takes(pattern, now.token, (unsigned char)*now.at)) {
            if (*now.at == '/')
                star.token = NULL;
            now.token++;
            now.at++;
        } else {
            fits = false;
        }
        if (!fits && !step_back(&star, &deep, end, &now))
            return false;
    }
}

static bool matches(const struct hb_pattern *pattern, const char *path, size_t bytes, size_t base,
                    bool directory)
{
    if (pattern->never || (pattern->directory && !directory))
        return false;
    const char *at = path + (pattern->base ? base : 0), *end = path + bytes;
    if (pattern->last_byte >= 0 && (unsigned char)end[-1] != pattern->last_byte)
        return false;
    if ((size_t)(end - at) < pattern->start_bytes ||
        memcmp(at, pattern->start, pattern->start_bytes) != 0)
        return false;
    return matches_tokens(pattern, at + pattern->start_bytes, end);
}

/* ---- a list -------------------------------------------------------------------------------- */

struct hb_patterns *hb_patterns_new(void)
{
    return hb_alloc(sizeof(struct hb_patterns));
}

void hb_patterns_free(struct hb_patterns *patterns)
{
    if (patterns == NULL)
        return;
    for (size_t i = 0; i < patterns->count; i++)
        hb_pattern_clear(&patterns->patterns[i]);
    free(patterns->origin);
    free(patterns->patterns);
    free(patterns->way);
    free(patterns->levels);
    free(patterns);
}

void hb_patterns_set_origin(struct hb_patterns *patterns, const char *origin)
{
    free(patterns->origin);
    patterns->origin = hb_copy_text(origin);
}

const char *hb_patterns_origin(const struct hb_patterns *patterns)
{
    return patterns->origin == NULL ? "" : patterns->origin;
}

const char *hb_patterns_add(struct hb_patterns *patterns, const char *text, size_t bytes,
                            enum hb_pattern_rules rules)
{
    if (patterns->count == patterns->capacity) {
        patterns->capacity = patterns->capacity == 0 ? 16 : patterns->capacity * 2;
        patterns->patterns =
            hb_resize(patterns->patterns, patterns->capacity, sizeof *patterns->patterns);
    }
    patterns->level_count = 0; /* what is remembered was found without this one */
    return hb_pattern_parse(&patterns->patterns[patterns->count++], text, bytes, rules);
}

/* Where the line ends when the blanks at its end do not count. */
static size_t trimmed(const char *line, size_t bytes)
{
    size_t end = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (line[i] == '\\' && i + 1 < bytes)
            i++;
        else if (line[i] == ' ')
            continue;
        end = i + 1;
    }
    return end;
}

void hb_patterns_add_lines(struct hb_patterns *patterns, const char *text, size_t bytes)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* of UTF-8, as some editors write it */
    size_t at = bytes >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
    while (at < bytes) {
        const char *line = text + at, *end = memchr(line, '\n', bytes - at);
        size_t length = end == NULL ? bytes - at : (size_t)(end - line);
        at += length + 1;
        if (length > 0 && line[length - 1] == '\r')
            length--;
        if (length > 0 && line[0] != '#' && (length = trimmed(line, length)) > 0)
            hb_patterns_add(patterns, line, length, HB_PATTERN_GIT);
    }
}

size_t hb_patterns_count(const struct hb_patterns *patterns)
{
    return patterns->count;
}

const char *hb_patterns_text(const struct hb_patterns *patterns, size_t index)
{
    return patterns->patterns[index].text;
}

bool hb_patterns_has_matched(const struct hb_patterns *patterns, size_t index)
{
    return patterns->patterns[index].has_matched;
}

/* ---- a path -------------------------------------------------------------------------------- */

/* The last pattern that matches this path itself; those that never matched yet are tried, too. */
static size_t find_last(struct hb_patterns *patterns, const char *path, size_t bytes, size_t base,
                        bool directory)
{
    size_t found = 0;
    for (size_t i = patterns->count; i-- > 0;) {
        struct hb_pattern *pattern = &patterns->patterns[i];
        if ((found != 0 && pattern->has_matched) || !matches(pattern, path, bytes, base, directory))
            continue;
        pattern->has_matched |= !pattern->back;
        found = found == 0 ? i + 1 : found;
    }
    return found;
}

/* Is there something that pattern `number`, which has a !, takes back: does an earlier one match?
 */
static bool has_effect(const struct hb_patterns *patterns, size_t number, const char *path,
                       size_t bytes, size_t base, bool directory)
{
    for (size_t i = 0; i + 1 < number; i++)
        if (!patterns->patterns[i].back &&
            matches(&patterns->patterns[i], path, bytes, base, directory))
            return true;
    return false;
}

static bool takes_back(const struct hb_patterns *patterns, size_t number)
{
    return patterns->patterns[number - 1].back;
}

static struct level look_at(struct hb_patterns *patterns, const struct level *above,
                            const char *path, size_t bytes, bool directory)
{
    size_t base = above->end == 0 ? 0 : above->end + 1;
    size_t last = find_last(patterns, path, bytes, base, directory);
    if (last != 0 && takes_back(patterns, last) && !patterns->patterns[last - 1].has_matched)
        patterns->patterns[last - 1].has_matched =
            above->last != 0 || has_effect(patterns, last, path, bytes, base, directory);
    return (struct level){
        .end = bytes,
        .excluded = above->excluded != 0                       ? above->excluded
                    : last != 0 && !takes_back(patterns, last) ? last
                                                               : 0,
        .last = last > above->last ? last : above->last,
    };
}

/* How many of the directories that are remembered lie on the way to this one. */
static size_t shared_levels(const struct hb_patterns *patterns, const char *directory, size_t bytes)
{
    size_t same = 0, count = 0;
    while (same < bytes && same < patterns->way_bytes && directory[same] == patterns->way[same])
        same++;
    while (count < patterns->level_count && patterns->levels[count].end <= same &&
           (patterns->levels[count].end == bytes || directory[patterns->levels[count].end] == '/'))
        count++;
    return count;
}

static void remember(struct hb_patterns *patterns, const char *directory, size_t bytes)
{
    if (bytes > patterns->way_room) {
        patterns->way_room = bytes * 2;
        patterns->way = hb_resize(patterns->way, patterns->way_room, 1);
    }
    memcpy(patterns->way, directory, bytes);
    patterns->way_bytes = bytes;
}

static void add_level(struct hb_patterns *patterns, const struct level *level)
{
    if (patterns->level_count == patterns->level_room) {
        patterns->level_room = patterns->level_room == 0 ? 16 : patterns->level_room * 2;
        patterns->levels =
            hb_resize(patterns->levels, patterns->level_room, sizeof *patterns->levels);
    }
    patterns->levels[patterns->level_count++] = *level;
}

/* What is known of the directory that a path lies in. */
static struct level find_above(struct hb_patterns *patterns, const char *path, size_t bytes)
{
    static const struct level root = {0};
    const char *slash = memrchr(path, '/', bytes);
    size_t directory_bytes = slash == NULL ? 0 : (size_t)(slash - path);
    if (directory_bytes == 0)
        return root;
    patterns->level_count = shared_levels(patterns, path, directory_bytes);
    for (;;) {
        size_t count = patterns->level_count;
        const struct level *above = count == 0 ? &root : &patterns->levels[count - 1];
        if (above->end == directory_bytes)
            break;
        const char *from = path + (count == 0 ? 0 : above->end + 1);
        const char *end = memchr(from, '/', bytes - (size_t)(from - path));
        struct level level = look_at(patterns, above, path, (size_t)(end - path), true);
        add_level(patterns, &level);
    }
    remember(patterns, path, directory_bytes);
    return patterns->levels[patterns->level_count - 1];
}

static struct level look(struct hb_patterns *patterns, const char *path, size_t bytes,
                         bool directory)
{
    const struct level above = find_above(patterns, path, bytes);
    return look_at(patterns, &above, path, bytes, directory);
}

bool hb_patterns_exclude(struct hb_patterns *patterns, const char *path, size_t bytes,
                         bool directory, size_t *which)
{
    const struct level level = look(patterns, path, bytes, directory);
    if (which != NULL)
        *which = level.excluded == 0 ? HB_NO_PATTERN : level.excluded - 1;
    return level.excluded != 0;
}

bool hb_patterns_include(struct hb_patterns *patterns, const char *path, size_t bytes,
                         bool directory)
{
    const struct level level = look(patterns, path, bytes, directory);
    return level.last != 0 && !takes_back(patterns, level.last);
}

size_t hb_patterns_missed(const struct hb_patterns *patterns, size_t first, size_t end, char *names,
                          size_t room)
{
    enum { NAMED = 5 };
    size_t missed = 0;
    *names = '\0';
    for (size_t i = first; i < end; i++) {
        if (hb_patterns_has_matched(patterns, i))
            continue;
        size_t used = strlen(names);
        if (missed < NAMED)
            snprintf(names + used, room - used, "%s'%s'", missed == 0 ? "" : ", ",
                     hb_patterns_text(patterns, i));
        else if (missed == NAMED)
            snprintf(names + used, room - used, " and more");
        missed++;
    }
    return missed;
}
