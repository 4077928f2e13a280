/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a configuration that is being loaded, for config_load.c. */
#ifndef HB_LOAD_PROBLEMS_H
#define HB_LOAD_PROBLEMS_H

#include "config/config.h"
#include "config/ini_text.h"

/* What is wrong, kept until all is known, so that it can be told in the order of the file. */
struct hb_problem {
    unsigned line; /* UINT_MAX: not in the file */
    size_t position;
    struct hb_error error;
};

struct hb_load {
    struct hb_config *config;
    const char *file; /* as the user named it */
    struct hb_ini *ini;
    struct hb_problem *problems;
    size_t problem_count;
    size_t more_problems; /* beyond those that are kept */
};

/* Puts "file:12", or "--set backup.level" for line 0, in front. */
void hb_load_complain(struct hb_load *load, unsigned line, const char *section, const char *key,
                      const struct hb_error *why);

/* `line` UINT_MAX: behind those of the file. */
void hb_load_add_problem(struct hb_load *load, unsigned line, const struct hb_error *error);

/* By line. */
void hb_load_sort_problems(struct hb_load *load);

#endif
