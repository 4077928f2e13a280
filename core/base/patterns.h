/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of paths, by the rules of gitignore(5), which hbcore(1) has under PATTERNS. Nothing here
 * looks at a file system.
 */
#ifndef HB_PATTERNS_H
#define HB_PATTERNS_H

#include "base/pattern.h"

/*
 * A list of patterns. It remembers the directories on the way to the path that was asked about
 * last, and which patterns have matched: one thread at a time.
 */
struct hb_patterns;

struct hb_patterns *hb_patterns_new(void);
void hb_patterns_free(struct hb_patterns *patterns); /* NULL: nothing */

/* Where they come from, for sentences about them; copied. "" until it is said. */
void hb_patterns_set_origin(struct hb_patterns *patterns, const char *origin);
const char *hb_patterns_origin(const struct hb_patterns *patterns);

/*
 * Adds one behind the others; the text is copied. NULL, or the rest of a sentence about a pattern
 * that can never match: "names nothing". It is added all the same.
 */
const char *hb_patterns_add(struct hb_patterns *patterns, const char *text, size_t bytes,
                            enum hb_pattern_rules rules);

/*
 * Adds the lines of a file as git reads it: empty lines and those that start with '#' are none,
 * blanks at the end of a line do not count but behind a backslash.
 */
void hb_patterns_add_lines(struct hb_patterns *patterns, const char *text, size_t bytes);

size_t hb_patterns_count(const struct hb_patterns *patterns);
const char *hb_patterns_text(const struct hb_patterns *patterns, size_t index);
/* Has it matched a path that was asked about, or a directory on the way to one? */
bool hb_patterns_has_matched(const struct hb_patterns *patterns, size_t index);

/* Those from `first` to `end` that matched nothing: how many, and the first of them in `names`. */
size_t hb_patterns_missed(const struct hb_patterns *patterns, size_t first, size_t end, char *names,
                          size_t room);

#define HB_NO_PATTERN ((size_t)-1)

/*
 * Do the patterns leave the path out? The last pattern that matches it decides, unless a directory
 * on the way is left out: then nothing below takes it back. *which is the pattern that decides, or
 * HB_NO_PATTERN; may be NULL.
 */
bool hb_patterns_exclude(struct hb_patterns *patterns, const char *path, size_t bytes,
                         bool directory, size_t *which);

/*
 * Do the patterns name the path? The last one decides that matches it or a directory on the way to
 * it: one that names a directory names what is below, and a later one may take a part of that back.
 */
bool hb_patterns_include(struct hb_patterns *patterns, const char *path, size_t bytes,
                         bool directory);

#endif
