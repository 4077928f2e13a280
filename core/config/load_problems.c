/* SPDX-License-Identifier: Apache-2.0 */
#include "config/load_problems.h"

#include "base/memory.h"
#include <limits.h>
#include <stdlib.h>

/* Nobody reads more of them, and a binary file may have one a line. */
enum { MOST_PROBLEMS = 200 };

void hb_load_add_problem(struct hb_load *load, unsigned line, const struct hb_error *error)
{
    if (load->problem_count == MOST_PROBLEMS) {
        load->more_problems++;
        return;
    }
    load->problems = hb_resize(load->problems, load->problem_count + 1, sizeof *load->problems);
    load->problems[load->problem_count] =
        (struct hb_problem){.line = line, .position = load->problem_count, .error = *error};
    load->problem_count++;
}

void hb_load_complain(struct hb_load *load, unsigned line, const char *section, const char *key,
                      const struct hb_error *why)
{
    struct hb_error error;
    if (line > 0)
        hb_error_set(&error, HB_STATUS_FATAL, "%s:%u: %s", load->file, line, why->text);
    else
        hb_error_set(&error, HB_STATUS_FATAL, "--set %s.%s: %s", section, key, why->text);
    hb_error_hint(&error, "%s", why->hint);
    hb_load_add_problem(load, line == 0 ? UINT_MAX : line, &error);
}

static int by_line(const void *left, const void *right)
{
    const struct hb_problem *a = left, *b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

void hb_load_sort_problems(struct hb_load *load)
{
    if (load->problem_count > 0)
        qsort(load->problems, load->problem_count, sizeof *load->problems, by_line);
}
