/* SPDX-License-Identifier: Apache-2.0 */
#include "choice_options.h"

#include "base/memory.h"
#include "complain.h"
#include "files/io.h"
#include "plugin/option.h"
#include "summary.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_BYTES = 16 << 20 /* of a file of patterns */ };

bool hb_choice_options_given(const struct hb_choice_options *options)
{
    return options->include.count + options->exclude.count + options->exclude_from.count > 0 ||
           options->larger_than != NULL;
}

/* ---- what is typed ------------------------------------------------------------------------- */

static int check_patterns(const struct hb_cli *cli, const char *command, const char *option,
                          const struct hb_texts *texts,
                          const char *(*add)(struct hb_choice *, const char *))
{
    struct hb_choice choice = HB_CHOICE_NONE;
    int code = 0;
    for (size_t i = 0; i < texts->count && code == 0; i++) {
        const char *problem = add(&choice, texts->texts[i]);
        if (problem != NULL)
            code = hb_cli_usage(cli, command, "%s: '%s' would never match: it %s", option,
                                texts->texts[i], problem);
    }
    hb_choice_clear(&choice);
    return code;
}

static int take_size(const char *text, uint64_t *size, struct hb_error *error)
{
    const struct hb_option option = {
        .size = sizeof option, .type = HB_OPTION_BYTES, .key = "--exclude-larger-than"};
    struct hb_value value;
    int status = hb_value_parse(&option, text, &value, error);
    if (status != HB_OK)
        return status;
    *size = (uint64_t)value.number;
    hb_value_clear(&value);
    return *size > 0 ? HB_OK
                     : hb_error_set(error, HB_STATUS_FATAL, "%s: 0 would leave out every file",
                                    option.key);
}

int hb_choice_options_check(const struct hb_cli *cli, const char *command,
                            const struct hb_choice_options *options)
{
    struct hb_error error;
    uint64_t size;
    int code = check_patterns(cli, command, "--include", &options->include, hb_choice_include);
    if (code == 0)
        code = check_patterns(cli, command, "--exclude", &options->exclude, hb_choice_exclude);
    if (code != 0)
        return code;
    if (options->larger_than != NULL && take_size(options->larger_than, &size, &error) != HB_OK)
        return hb_cli_usage(cli, command, "%s", error.text);
    return 0;
}

/* ---- files of patterns --------------------------------------------------------------------- */

/* All of it. NULL, and errno. */
static char *read_file(const char *name, size_t *bytes)
{
    bool input = strcmp(name, "-") == 0;
    HB_AUTO_CLOSE int opened = input ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    int fd = input ? STDIN_FILENO : opened;
    char *text = fd < 0 ? NULL : malloc(MOST_BYTES + 1);
    int64_t got = text == NULL ? -errno : hb_read_all(fd, text, MOST_BYTES + 1);
    if (got > MOST_BYTES)
        got = -EFBIG;
    if (got >= 0) {
        *bytes = (size_t)got;
        return text;
    }
    free(text);
    errno = (int)-got;
    return NULL;
}

static int add_file(struct hb_choice *choice, const char *name, struct hb_error *error)
{
    size_t bytes;
    HB_AUTO_FREE char *text = read_file(name, &bytes);
    if (text == NULL)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "--exclude-from %s: the patterns cannot be read: %s", name,
                            errno == EFBIG ? "there are more than 16 MB" : strerror(errno));
    if (memchr(text, '\0', bytes) != NULL)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "--exclude-from %s: not a list of patterns: it has zero bytes in it",
                            name);
    hb_choice_exclude_lines(choice, name, text, bytes);
    const struct hb_choice_file *made = &choice->files[choice->file_count - 1];
    if (made->end == made->first && strcmp(name, "-") == 0) /* what should have made it failed */
        return hb_error_set(error, HB_STATUS_FATAL,
                            "--exclude-from -: there is no pattern in standard input");
    return HB_OK;
}

int hb_choice_options_read(const struct hb_choice_options *options, bool input_is_taken,
                           struct hb_choice *choice, struct hb_error *error)
{
    int status = HB_OK;
    for (size_t i = 0; i < options->exclude_from.count && status == HB_OK; i++) {
        const char *name = options->exclude_from.texts[i];
        bool input = strcmp(name, "-") == 0;
        if (input && input_is_taken)
            status = hb_error_set(error, HB_STATUS_FATAL,
                                  "--exclude-from -: standard input is already read for something "
                                  "else: put the patterns into a file");
        else
            status = add_file(choice, name, error);
        input_is_taken |= input;
    }
    for (size_t i = 0; i < options->exclude.count; i++)
        hb_choice_exclude(choice, options->exclude.texts[i]);
    for (size_t i = 0; i < options->include.count; i++)
        hb_choice_include(choice, options->include.texts[i]);
    if (status == HB_OK && options->larger_than != NULL) {
        choice->larger_than_text = hb_copy_text(options->larger_than);
        status = take_size(options->larger_than, &choice->larger_than, error);
    }
    return status;
}

/* ---- what came of it ----------------------------------------------------------------------- */

static void show(FILE *out, uint64_t count, const char *what, const char *more)
{
    if (count > 0)
        fprintf(out, "  %s%s: %" PRIu64 "\n", what, more, count);
}

void hb_choice_show(FILE *out, const struct hb_choice *choice)
{
    show(out, choice->not_included, "Files not included", "");
    show(out, choice->excluded, "Files excluded by --exclude", "");
    show(out, choice->pruned, "Directories excluded by --exclude", "");
    show(out, choice->too_large, "Files larger than ", choice->larger_than_text);
    if (choice->newly_included + choice->newly_excluded > 0)
        fprintf(out,
                "  Below the top of the home, patterns without a / included %" PRIu64
                " and excluded "
                "%" PRIu64 ": they\n  match at any depth. With a / in front they are about the top "
                "alone.\n",
                choice->newly_included, choice->newly_excluded);
}

void hb_choice_json(json_t *object, const struct hb_choice *choice)
{
    json_t *unwanted =
        json_pack("{s:I, s:I, s:I, s:I}", "not_included", (json_int_t)choice->not_included,
                  "excluded", (json_int_t)choice->excluded, "directories",
                  (json_int_t)choice->pruned, "too_large", (json_int_t)choice->too_large);
    if (choice->compares)
        hb_json_add(unwanted, "{s:I, s:I}", "newly_included", (json_int_t)choice->newly_included,
                    "newly_excluded", (json_int_t)choice->newly_excluded);
    json_object_set_new(object, "unwanted", unwanted);
}
