/* SPDX-License-Identifier: Apache-2.0 */
/* --include, --exclude, --exclude-from and --exclude-larger-than: of backup and of import. */
#ifndef HB_CHOICE_OPTIONS_H
#define HB_CHOICE_OPTIONS_H

#include "base/choice.h"
#include "options.h"
#include <jansson.h>

struct hb_choice_options {
    struct hb_texts include, exclude, exclude_from;
    const char *larger_than; /* or NULL */
};

/* Rows of a command's table; `at` is where its struct hb_choice_options lies. */
#define HB_CHOICE_ROWS(verb, at, without)                                                          \
    {"include",                                                                                    \
     0,                                                                                            \
     "PATTERN",                                                                                    \
     verb " only what matches; repeatable",                                                        \
     .takes = HB_TAKES_TEXTS,                                                                      \
     .offset = (at) + offsetof(struct hb_choice_options, include),                                 \
     .not_in = (without)},                                                                         \
        {"exclude",                                                                                \
         0,                                                                                        \
         "PATTERN",                                                                                \
         "leave out what matches; repeatable",                                                     \
         .takes = HB_TAKES_TEXTS,                                                                  \
         .offset = (at) + offsetof(struct hb_choice_options, exclude),                             \
         .not_in = (without)},                                                                     \
        {"exclude-from",                                                                           \
         0,                                                                                        \
         "FILE|-",                                                                                 \
         "leave out what matches a line of it; repeatable",                                        \
         .takes = HB_TAKES_TEXTS,                                                                  \
         .values = HB_VALUES_FILES,                                                                \
         .offset = (at) + offsetof(struct hb_choice_options, exclude_from),                        \
         .not_in = (without)},                                                                     \
    {                                                                                              \
        "exclude-larger-than", 0, "SIZE", "leave out files that are larger, as 500M",              \
            .takes = HB_TAKES_TEXT,                                                                \
            .offset = (at) + offsetof(struct hb_choice_options, larger_than), .not_in = (without)  \
    }

/* What --help says of a PATTERN. */
#define HB_CHOICE_HELP                                                                             \
    "A PATTERN is as in a .gitignore file: without a / in front or inside it matches\n"            \
    "at any depth, with one from the home on; a / behind it means directories, ! in\n"             \
    "front takes back. See PATTERNS in hbcore(1)."

bool hb_choice_options_given(const struct hb_choice_options *options);

/* What can never be right; 0, or HB_EXIT_USAGE after the message. */
int hb_choice_options_check(const struct hb_cli *cli, const char *command,
                            const struct hb_choice_options *options);

/*
 * Reads the files, and makes the choice. `input_is_taken`: the archive comes from standard input.
 * HB_OK, or HB_STATUS_FATAL: a file cannot be read.
 */
int hb_choice_options_read(const struct hb_choice_options *options, bool input_is_taken,
                           struct hb_choice *choice, struct hb_error *error);

/* What was left out: a line for each reason, and the members of the JSON. */
void hb_choice_show(FILE *out, const struct hb_choice *choice);
void hb_choice_json(json_t *object, const struct hb_choice *choice);

#endif
