/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/option.h"

#include "base/memory.h"
#include "base/nearest.h"
#include "base/path.h"
#include "base/patterns.h"
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
    char letter;
    int64_t factor;
};

static const struct unit byte_units[] = {
    {'K', 1LL << 10}, {'M', 1LL << 20}, {'G', 1LL << 30}, {'T', 1LL << 40}, {0}};
static const struct unit second_units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {0}};

static const struct unit *units_of(const struct hb_option *option)
{
    static const struct unit none[] = {{0}};
    if (option->type == HB_OPTION_BYTES)
        return byte_units;
    return option->type == HB_OPTION_SECONDS ? second_units : none;
}

/* What the number must lie within, given by the option or by its type. */
static void range_of(const struct hb_option *option, int64_t *low, int64_t *high)
{
    *low = option->minimum;
    *high = option->maximum;
    if (*low != 0 || *high != 0)
        return;
    *low = option->type == HB_OPTION_INTEGER ? INT64_MIN : 0;
    *high = option->type == HB_OPTION_MODE ? 07777 : INT64_MAX;
}

/* A number as a person would write it for this option: 24M, 0600. */
static void write_number(const struct hb_option *option, int64_t number, char *text, size_t size)
{
    if (option->type == HB_OPTION_MODE) {
        snprintf(text, size, "%04" PRIo64, (uint64_t)number);
        return;
    }
    const struct unit *best = NULL;
    for (const struct unit *unit = units_of(option); unit->letter != 0; unit++)
        if (number != 0 && unit->factor > 1 && number % unit->factor == 0)
            best = unit;
    if (best != NULL)
        snprintf(text, size, "%" PRId64 "%c", number / best->factor, best->letter);
    else
        snprintf(text, size, "%" PRId64, number);
}

/* ---- one type after the other -------------------------------------------------------------- */

static int parse_boolean(const struct hb_option *option, const char *text, struct hb_value *value,
                         struct hb_error *error)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0) {
            value->number = (int64_t)(i % 2);
            return HB_OK;
        }
    return hb_error_set(error, HB_STATUS_FATAL, "%s: '%s' is neither yes nor no", option->key,
                        text);
}

/* Reads the digits at the start. False: there are none. `errno` is ERANGE if they are too many. */
static bool scan_number(const char *text, int base, int64_t *number, const char **rest)
{
    const char *digits = text + (*text == '-');
    if (*digits < '0' || *digits >= '0' + base)
        return false;
    char *stop;
    errno = 0;
    *number = strtoll(text, &stop, base);
    *rest = stop;
    return true;
}

/* Applies the letter after the digits. False: it is none of this option's. */
static bool scan_unit(const struct hb_option *option, const char *rest, int64_t *number)
{
    if (*rest == '\0')
        return true;
    for (const struct unit *unit = units_of(option); unit->letter != 0; unit++)
        if (strncasecmp(rest, &unit->letter, 1) == 0 && rest[1] == '\0') {
            if (__builtin_mul_overflow(*number, unit->factor, number))
                errno = ERANGE;
            return true;
        }
    return false;
}

static const char *number_form(const struct hb_option *option)
{
    switch (option->type) {
    case HB_OPTION_BYTES:
        return "a number of bytes (digits, then K, M, G or T if you like)";
    case HB_OPTION_SECONDS:
        return "a time (digits, then s, m, h or d if you like)";
    case HB_OPTION_MODE:
        return "an octal file mode such as 0600";
    default:
        return "a whole number";
    }
}

static const char *next_choice(const void *context, size_t index)
{
    const char *const *choices = context;
    return choices[index];
}

/* "a, b, c" */
static char *join(const char *const *words, const char *between)
{
    char *text = hb_copy_text("");
    for (size_t i = 0; words[i] != NULL; i++) {
        char *longer = hb_text("%s%s%s", text, i == 0 ? "" : between, words[i]);
        free(text);
        text = longer;
    }
    return text;
}

static bool find_choice(const struct hb_option *option, const char *word, int64_t *position)
{
    for (int64_t i = 0; option->choices[i] != NULL; i++)
        if (strcmp(option->choices[i], word) == 0) {
            *position = i;
            return true;
        }
    return false;
}

static void suggest_choice(const struct hb_option *option, const char *word, struct hb_error *error)
{
    const char *near = hb_nearest(word, next_choice, option->choices);
    if (near != NULL)
        hb_error_hint(error, "did you mean '%s'?", near);
}

static int check_choice(const struct hb_option *option, const char *word, int64_t *position,
                        struct hb_error *error)
{
    if (find_choice(option, word, position))
        return HB_OK;
    HB_AUTO_FREE char *valid = join(option->choices, ", ");
    hb_error_set(error, HB_STATUS_FATAL, "%s: '%s' is not one of: %s", option->key, word, valid);
    suggest_choice(option, word, error);
    return HB_STATUS_FATAL;
}

static bool takes_words(const struct hb_option *option)
{
    return option->type == HB_OPTION_INTEGER && option->choices != NULL;
}

static int no_number(const struct hb_option *option, const char *text, struct hb_error *error)
{
    if (!takes_words(option))
        return hb_error_set(error, HB_STATUS_FATAL, "%s: '%s' is not %s", option->key, text,
                            number_form(option));
    HB_AUTO_FREE char *words = join(option->choices, " nor ");
    hb_error_set(error, HB_STATUS_FATAL, "%s: '%s' is neither %s nor %s", option->key, text,
                 number_form(option), words);
    suggest_choice(option, text, error);
    return HB_STATUS_FATAL;
}

static int parse_number(const struct hb_option *option, const char *text, struct hb_value *value,
                        struct hb_error *error)
{
    const char *rest;
    int64_t low, high;
    if (takes_words(option) && find_choice(option, text, &value->number)) {
        value->number += option->maximum + 1;
        return HB_OK;
    }
    if (!scan_number(text, option->type == HB_OPTION_MODE ? 8 : 10, &value->number, &rest) ||
        !scan_unit(option, rest, &value->number))
        return no_number(option, text, error);
    range_of(option, &low, &high);
    if (errno != ERANGE && value->number >= low && value->number <= high)
        return HB_OK;
    char from[32], to[32];
    write_number(option, low, from, sizeof from);
    write_number(option, high, to, sizeof to);
    if (high == INT64_MAX && low == 0 && *text == '-')
        return hb_error_set(error, HB_STATUS_FATAL, "%s: %s is below 0", option->key, text);
    if (takes_words(option)) {
        HB_AUTO_FREE char *words = join(option->choices, " nor ");
        return hb_error_set(error, HB_STATUS_FATAL, "%s: %s is neither within %s to %s nor %s",
                            option->key, text, from, to, words);
    }
    return hb_error_set(error, HB_STATUS_FATAL, "%s: %s is not within %s to %s", option->key, text,
                        from, to);
}

/* ---- lists --------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* A word in quotes; *text stands on the opening one and is left behind the closing one. */
static char *quoted_word(const char **text)
{
    const char *from = *text + 1;
    char *word = hb_alloc(strlen(from) + 1);
    size_t length = 0;
    for (; *from != '\0' && *from != '"'; from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        word[length++] = *from;
    }
    if (*from == '\0') {
        free(word);
        return NULL;
    }
    *text = from + 1;
    return word;
}

static char *plain_word(const char **text)
{
    const char *from = *text;
    while (**text != '\0' && !is_blank(**text) && **text != '"')
        ++*text;
    return hb_copy_bytes(from, (size_t)(*text - from));
}

static int next_word(const struct hb_option *option, const char **text, char **word,
                     struct hb_error *error)
{
    *word = **text == '"' ? quoted_word(text) : plain_word(text);
    if (*word == NULL)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: a quote is not closed: %s", option->key,
                            *text);
    if (**text == '\0' || is_blank(**text))
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL, "%s: a quote in the middle of a word, at: %s", option->key,
                 *text);
    hb_error_hint(error, "put the quotes around the whole word, and write a quote in it as "
                         "\\\" inside quotes");
    free(*word);
    return HB_STATUS_FATAL;
}

/* Is each word of a list of patterns one that can match? */
static int check_pattern(const struct hb_option *option, const char *word, struct hb_error *error)
{
    if ((option->flags & HB_OPTION_PATTERNS) == 0)
        return HB_OK;
    struct hb_patterns *patterns = hb_patterns_new();
    const char *problem = hb_patterns_add(patterns, word, strlen(word), HB_PATTERN_GIT);
    hb_patterns_free(patterns);
    return problem == NULL
               ? HB_OK
               : hb_error_set(error, HB_STATUS_FATAL, "%s: \"%s\" would never match: it %s",
                              option->key, word, problem);
}

/* Is the word of a list one of those that it takes? */
static int check_word(const struct hb_option *option, const char *word, struct hb_error *error)
{
    int64_t position;
    if (option->choices != NULL && check_choice(option, word, &position, error) != HB_OK)
        return HB_STATUS_FATAL;
    return check_pattern(option, word, error);
}

int hb_list_word(const struct hb_option *option, const char **text, char **word,
                 struct hb_error *error)
{
    char *next;
    while (is_blank(**text))
        ++*text;
    if (**text == '\0')
        return HB_STATUS_NOMATCH;
    if (next_word(option, text, &next, error) != HB_OK) {
        *text = NULL;
        return HB_STATUS_FATAL;
    }
    int status = check_word(option, next, error);
    if (status == HB_OK && word != NULL)
        *word = next;
    else
        free(next);
    return status;
}

static int parse_list(const struct hb_option *option, const char *text, struct hb_value *value,
                      struct hb_error *error)
{
    const char **list = hb_alloc(sizeof *list);
    char *word;
    int status;
    value->list = list;
    while ((status = hb_list_word(option, &text, &word, error)) == HB_OK) {
        list = hb_resize(list, value->list_count + 2, sizeof *list);
        list[value->list_count++] = word;
        list[value->list_count] = NULL;
        value->list = list;
    }
    return status == HB_STATUS_NOMATCH ? HB_OK : status;
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* What was shown in place of a secret has come back: it would be taken for the secret. */
static int refuse_shown(const struct hb_option *option, struct hb_error *error)
{
    hb_error_set(error, HB_STATUS_FATAL,
                 "%s: '" HB_SECRET_SHOWN "' is what is shown in place of a secret, and not the "
                 "secret itself",
                 option->key);
    hb_error_hint(error, "say where it is: %s = file:PATH, env:NAME or command:WORD ...",
                  option->key);
    return HB_STATUS_FATAL;
}

static int parse_typed(const struct hb_option *option, const char *text, struct hb_value *value,
                       struct hb_error *error)
{
    switch (option->type) {
    case HB_OPTION_BOOLEAN:
        return parse_boolean(option, text, value, error);
    case HB_OPTION_INTEGER:
    case HB_OPTION_BYTES:
    case HB_OPTION_SECONDS:
    case HB_OPTION_MODE:
        return parse_number(option, text, value, error);
    case HB_OPTION_STRING:
        return HB_OK;
    case HB_OPTION_PATH:
        free((void *)(uintptr_t)value->text);
        value->text = hb_expand_path(text);
        return HB_OK;
    case HB_OPTION_CHOICE:
        return check_choice(option, text, &value->number, error);
    case HB_OPTION_LIST:
        return parse_list(option, text, value, error);
    default:
        return hb_error_set(error, HB_STATUS_FATAL, "%s: option of the unknown type %u",
                            option->key, option->type);
    }
}

int hb_value_parse(const struct hb_option *option, const char *text, struct hb_value *value,
                   struct hb_error *error)
{
    *value = (struct hb_value){.size = sizeof *value};
    if ((option->flags & HB_OPTION_SECRET) && strcmp(text, HB_SECRET_SHOWN) == 0)
        return refuse_shown(option, error);
    value->text = hb_copy_text(text);
    int status = parse_typed(option, text, value, error);
    if (status != HB_OK)
        hb_value_clear(value);
    return status;
}

void hb_value_clear(struct hb_value *value)
{
    for (size_t i = 0; i < value->list_count; i++)
        free((void *)(uintptr_t)value->list[i]);
    free((void *)(uintptr_t)value->list);
    free((void *)(uintptr_t)value->text);
    *value = (struct hb_value){.size = sizeof *value};
}

static char *describe_number(const struct hb_option *option, const char *type)
{
    if (option->minimum == 0 && option->maximum == 0)
        return hb_copy_text(type);
    char from[32], to[32];
    write_number(option, option->minimum, from, sizeof from);
    write_number(option, option->maximum, to, sizeof to);
    return hb_text("%s %s..%s", type, from, to);
}

static char *describe_integer(const struct hb_option *option)
{
    if (!takes_words(option))
        return describe_number(option, "integer");
    HB_AUTO_FREE char *range = describe_number(option, "integer");
    HB_AUTO_FREE char *words = join(option->choices, "|");
    return hb_text("%s or %s", range, words);
}

char *hb_option_describe(const struct hb_option *option)
{
    switch (option->type) {
    case HB_OPTION_BOOLEAN:
        return hb_copy_text("yes|no");
    case HB_OPTION_INTEGER:
        return describe_integer(option);
    case HB_OPTION_BYTES:
        return describe_number(option, "bytes");
    case HB_OPTION_SECONDS:
        return describe_number(option, "seconds");
    case HB_OPTION_MODE:
        return describe_number(option, "mode");
    case HB_OPTION_CHOICE:
        return join(option->choices, "|");
    case HB_OPTION_LIST:
        if (option->choices != NULL) {
            HB_AUTO_FREE char *words = join(option->choices, "|");
            return hb_text("list of %s", words);
        }
        return hb_copy_text("list");
    case HB_OPTION_PATH:
        return hb_copy_text("path");
    default:
        return hb_copy_text("text");
    }
}
