/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"
#include <stdlib.h>
#include <string.h>

enum {
    OUTPUT_FIRST = 1 << 20,
    OUTPUT_MOST = 1 << 28,
    ERRORS_BYTES = 600,
    /* "List of exit codes", rclone's documentation. */
    NO_DIRECTORY = 3,
    NO_FILE = 4,
    TRY_LATER = 5
};

int no_memory(const struct rclone *rclone)
{
    return rclone->host->fail(rclone->host, HB_STATUS_FATAL, "out of memory");
}

/* Each is one that the caller has; the array is to be freed. NULL: out of memory. */
static const char **words_of(const struct rclone *rclone, const struct words *words)
{
    const struct hb_settings *settings = rclone->settings;
    const struct hb_value *flags = settings->values[FLAGS];
    const char *config = settings->values[CONFIG]->text;
    size_t count = 0, most = sizeof words->word / sizeof *words->word;
    const char **argv = calloc(8 + flags->list_count + most, sizeof *argv);
    if (argv == NULL)
        return NULL;
    argv[count++] = settings->values[PROGRAM]->text;
    argv[count++] = "--ask-password=false"; /* it would take what it is to store for the answer */
    argv[count++] = "--log-format=";        /* without the time in front */
    if (*config != '\0') {
        argv[count++] = "--config";
        argv[count++] = config;
    }
    for (size_t i = 0; i < flags->list_count; i++)
        argv[count++] = flags->list[i];
    for (size_t i = 0; i < most && words->word[i] != NULL; i++)
        argv[count++] = words->word[i];
    return argv;
}

int run_quietly(const struct rclone *rclone, const struct words *words, struct hb_child *child)
{
    const char **argv = words_of(rclone, words);
    if (argv == NULL)
        return HB_STATUS_FATAL;
    child->size = sizeof *child;
    child->argv = argv;
    int status = rclone->host->run_child(rclone->host, child);
    child->argv = NULL;
    free(argv);
    return status;
}

/* The last line that it wrote to standard error, with those that it goes on from. */
static const char *last_line(char *errors)
{
    static const char more[] = "caused by: ";
    size_t bytes = strlen(errors);
    while (bytes > 0 && errors[bytes - 1] == '\n')
        errors[--bytes] = '\0';
    char *end = strrchr(errors, '\n');
    while (end != NULL && strncmp(end + 1, more, sizeof more - 1) == 0) {
        *end = ' ';
        end = strrchr(errors, '\n');
    }
    return end == NULL ? errors : end + 1;
}

int tell(const struct rclone *rclone, const struct words *words, const struct hb_child *child)
{
    const struct hb_host *host = rclone->host;
    const char *line = last_line(child->errors);
    if (child->signal != 0)
        return host->fail(host, HB_STATUS_FATAL, "rclone %s: ended by signal %d", words->word[0],
                          child->signal);
    return host->fail_as(host, HB_STATUS_FATAL,
                         child->exit_status == TRY_LATER ? HB_CAUSE_NETWORK : HB_CAUSE_NONE, NULL,
                         "rclone %s: exit status %d%s%s", words->word[0], child->exit_status,
                         *line == '\0' ? "" : ": ", line);
}

int run(const struct rclone *rclone, const struct words *words, struct hb_child *child)
{
    char errors[ERRORS_BYTES];
    child->errors = errors;
    child->errors_room = sizeof errors;
    int status = run_quietly(rclone, words, child);
    if (status == HB_OK && child->exit_status != 0)
        status = child->exit_status == NO_DIRECTORY || child->exit_status == NO_FILE
                     ? HB_STATUS_NOMATCH
                     : tell(rclone, words, child);
    child->errors = NULL;
    return status == HB_STATUS_ENTRY ? HB_STATUS_FATAL : status; /* the host said why */
}

int run_for(const struct rclone *rclone, const struct words *words, char **output, size_t *bytes)
{
    for (size_t room = OUTPUT_FIRST;;) {
        struct hb_child child = {.output = malloc(room), .output_room = room};
        if (child.output == NULL)
            return no_memory(rclone);
        int status = run(rclone, words, &child);
        if (status == HB_OK && child.output_bytes < room) {
            *output = child.output;
            *bytes = (size_t)child.output_bytes;
            return HB_OK;
        }
        free(child.output);
        if (status != HB_OK)
            return status;
        if (child.output_bytes >= OUTPUT_MOST)
            return rclone->host->fail(rclone->host, HB_STATUS_FATAL,
                                      "rclone %s: its answer is too long", words->word[0]);
        room = (size_t)child.output_bytes + OUTPUT_FIRST; /* some may come meanwhile */
    }
}
