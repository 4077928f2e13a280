/* SPDX-License-Identifier: Apache-2.0 */
/* Matches an entry against the rules. */
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(const struct hb_entry *entry, size_t *bytes)
{
    const char *slash = memrchr(entry->path, '/', entry->path_bytes);
    const char *base = slash == NULL ? entry->path : slash + 1;
    *bytes = entry->path_bytes - (size_t)(base - entry->path);
    return base;
}

static bool component_matches(const struct rules *rules, const struct hb_entry *entry)
{
    const char *at = entry->path, *end = entry->path + entry->path_bytes;
    for (bool first = true;; first = false) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t bytes = (size_t)((slash == NULL ? end : slash) - at);
        if (name_set_has(&rules->directories, at, bytes))
            return true;
        if (first && name_set_has(&rules->root_names, at, bytes))
            return true;
        if (slash == NULL)
            return false;
        at = slash + 1;
    }
}

static bool file_matches(const struct rules *rules, const struct hb_entry *entry)
{
    size_t bytes;
    const char *base = base_name(entry, &bytes);
    if (name_set_has(&rules->names, base, bytes))
        return true;
    for (size_t i = 0; i < rules->suffixes->list_count; i++) {
        const char *suffix = rules->suffixes->list[i];
        size_t length = strlen(suffix);
        if (length <= bytes && memcmp(base + bytes - length, suffix, length) == 0)
            return true;
    }
    return false;
}

static bool reserve_scratch(struct rules *rules, size_t bytes)
{
    if (bytes < rules->scratch_bytes)
        return true;
    size_t room;
    if (__builtin_add_overflow(bytes, 4096, &room))
        return false;
    char *grown = realloc(rules->scratch, room);
    if (grown == NULL)
        return false;
    rules->scratch = grown;
    rules->scratch_bytes = room;
    return true;
}

/* The start of a path that has `slashes` of them; 0 where it has fewer. */
static size_t prefix_bytes(const struct hb_entry *entry, size_t slashes)
{
    const char *at = entry->path, *end = entry->path + entry->path_bytes;
    for (;; slashes--) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        if (slash == NULL)
            return slashes == 0 ? entry->path_bytes : 0;
        if (slashes == 0)
            return (size_t)(slash - entry->path);
        at = slash + 1;
    }
}

/*
 * Of the entry's path the start with so many slashes, in *part; NULL where there is none to be
 * tried. A part that is shorter than the path is a parent: a backup asked about that before, but in
 * an archive it may never have been shown.
 */
static int find_part(struct rules *rules, int direction, const struct hb_entry *entry,
                     size_t slashes, const char **part)
{
    size_t bytes = prefix_bytes(entry, slashes);
    *part = bytes == entry->path_bytes ? entry->path : NULL;
    if (bytes == 0 || bytes == entry->path_bytes || direction != HB_DIRECTION_IMPORT)
        return HB_OK;
    if (!reserve_scratch(rules, bytes))
        return rules->host->fail(rules->host, HB_STATUS_FATAL, "%s: out of memory for its path",
                                 entry->path);
    memcpy(rules->scratch, entry->path, bytes);
    rules->scratch[bytes] = '\0';
    *part = rules->scratch;
    return HB_OK;
}

static int globs_match(struct rules *rules, int direction, const struct hb_entry *entry,
                       bool *matches)
{
    for (size_t i = 0; i < rules->globs.count && !*matches; i++) {
        const struct glob *glob = &rules->globs.globs[i];
        const char *part;
        int status = find_part(rules, direction, entry, glob->slashes, &part);
        if (status != HB_OK)
            return status;
        *matches = part != NULL && glob_matches(glob, part);
    }
    return HB_OK;
}

static bool is_one_of(const struct globs *globs, size_t slashes, const char *part)
{
    for (size_t i = 0; i < globs->count; i++)
        if (globs->globs[i].slashes == slashes && glob_matches(&globs->globs[i], part))
            return true;
    return false;
}

/* Is it, or a parent of it, in a directory of which only others are wanted? */
static int only_others(struct rules *rules, int direction, const struct hb_entry *entry,
                       bool *matches)
{
    for (size_t i = 0; i < rules->only.count && !*matches; i++) {
        const struct glob *glob = &rules->only.globs[i];
        const char *part;
        if (glob->repeats)
            continue;
        int status = find_part(rules, direction, entry, glob->slashes, &part);
        if (status != HB_OK)
            return status;
        *matches = part != NULL && glob_is_about(glob, part) &&
                   !is_one_of(&rules->only, glob->slashes, part);
    }
    return HB_OK;
}

static bool patterns_match(const struct rules *rules, struct hb_patterns *patterns,
                           const struct hb_entry *entry)
{
    return patterns != NULL && rules->host->patterns_match(rules->host, patterns, entry->path,
                                                           entry->path_bytes, entry->type) != 0;
}

static bool is_private(const struct rules *rules, const struct hb_entry *entry)
{
    size_t bytes;
    const char *base = base_name(entry, &bytes);
    return entry->type == HB_TYPE_FILE && (name_set_has(&rules->private_names, base, bytes) ||
                                           patterns_match(rules, rules->private_patterns, entry));
}

static int matches_rules(struct rules *rules, int direction, const struct hb_entry *entry,
                         bool *matches)
{
    *matches = component_matches(rules, entry) || patterns_match(rules, rules->patterns, entry) ||
               (entry->type != HB_TYPE_DIRECTORY && file_matches(rules, entry));
    int status = globs_match(rules, direction, entry, matches);
    return status == HB_OK ? only_others(rules, direction, entry, matches) : status;
}

static bool is_too_large(const struct rules *rules, const struct hb_entry *entry)
{
    return rules->larger_than != 0 && entry->type == HB_TYPE_FILE &&
           entry->bytes != HB_SIZE_UNKNOWN && entry->bytes > rules->larger_than;
}

static void leave_out(const struct hb_entry *entry, struct hb_verdict *verdict, const char *reason,
                      const char *what)
{
    verdict->kind = entry->type == HB_TYPE_DIRECTORY ? HB_VERDICT_PRUNE : HB_VERDICT_LEAVE_OUT;
    snprintf(verdict->reason, sizeof verdict->reason, "%s%s", reason, what);
}

int rules_verdict(void *self, int direction, const struct hb_entry *entry,
                  struct hb_verdict *verdict)
{
    struct rules *rules = self;
    bool matches;
    int status = matches_rules(rules, direction, entry, &matches);
    if (status != HB_OK)
        return status;
    if (matches && rules->missed) {
        return rules->host->fail(rules->host, HB_STATUS_ENTRY, "%s", rules->reason);
    } else if (matches) {
        leave_out(entry, verdict, rules->reason, "");
    } else if (direction == HB_DIRECTION_BACKUP && caches_have(&rules->caches, entry)) {
        leave_out(entry, verdict, "in a cache directory", "");
    } else if (is_too_large(rules, entry)) {
        leave_out(entry, verdict, "larger than ", rules->larger_than_text);
    } else if (is_private(rules, entry)) {
        verdict->flags |= HB_VERDICT_MODE;
        verdict->mode = rules->private_mode;
    }
    return HB_OK;
}
