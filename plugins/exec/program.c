/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include "facts.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 600, SENTENCE_BYTES = SHOWN_BYTES + 600, SHELL_WORDS = 4 };

static int no_memory(const struct exec *exec)
{
    return exec->host->fail(exec->host, HB_STATUS_FATAL, "out of memory");
}

/* The words, or a shell and all of them as one line of it. To be freed, and `line`, too. */
static const char **words_of(const struct exec *exec, enum moment moment, char **line)
{
    const struct hb_value *words = exec_value(exec, moment);
    bool shell = exec_value(exec, SHELL)->number != 0;
    size_t bytes = 1;
    for (size_t i = 0; shell && i < words->list_count; i++)
        bytes += strlen(words->list[i]) + 1;
    const char **argv = calloc((shell ? SHELL_WORDS : words->list_count) + 1, sizeof *argv);
    *line = shell ? malloc(bytes) : NULL;
    if (argv == NULL || (shell && *line == NULL)) {
        free(argv);
        return NULL;
    }
    char *to = *line;
    for (size_t i = 0; i < words->list_count; i++) {
        if (!shell) {
            argv[i] = words->list[i];
            continue;
        }
        to = stpcpy(to, i == 0 ? "" : " ");
        to = stpcpy(to, words->list[i]);
    }
    if (shell) {
        argv[0] = "/bin/sh";
        argv[1] = "-c";
        argv[2] = *line;
    }
    return argv;
}

/* What it wrote, without the newlines around it and with those within it made visible: one line. */
static void one_line(char *text)
{
    char *to = text;
    for (const char *at = text + strspn(text, " \n"); *at != '\0'; at++) {
        if (*at != '\n' || at[strspn(at, " \n")] == '\0')
            *to++ = *at == '\n' ? '\0' : *at;
        else
            *to++ = '|';
    }
    *to = '\0';
}

/* The sentence about a program that did not end well. */
static void say(const struct exec *exec, enum moment moment, struct hb_child *child, char *text)
{
    const char *program = exec_value(exec, moment)->list[0];
    one_line(child->errors);
    one_line(child->output);
    const char *said = *child->errors != '\0' ? child->errors : child->output;
    const char *colon = *said == '\0' ? "" : ": ";
    if (child->signal != 0)
        snprintf(text, SENTENCE_BYTES, "%s: %s was ended by signal %d%s%s", exec_moments[moment],
                 program, child->signal, colon, said);
    else
        snprintf(text, SENTENCE_BYTES, "%s: %s ended with status %d%s%s", exec_moments[moment],
                 program, child->exit_status, colon, said);
}

/* As run_child(); HB_STATUS_SKIP: it did not end well, and `text` says so. */
static int run(const struct exec *exec, enum moment moment, const struct facts *facts, char *text)
{
    char *line, output[SHOWN_BYTES] = "", errors[SHOWN_BYTES] = "";
    const char **argv = words_of(exec, moment, &line);
    if (argv == NULL)
        return no_memory(exec);
    struct hb_child child = {
        .size = sizeof child,
        .argv = argv,
        .environment = (const char *const *)facts->environment,
        .input = facts->json,
        .input_bytes = strlen(facts->json),
        .timeout_ms = (uint64_t)exec_value(exec, TIMEOUT)->number * 1000,
        .output = output,
        .output_room = sizeof output,
        .errors = errors,
        .errors_room = sizeof errors,
    };
    int status = exec->host->run_child(exec->host, &child);
    if (status == HB_OK && (child.exit_status != 0 || child.signal != 0)) {
        say(exec, moment, &child, text);
        status = HB_STATUS_SKIP;
    }
    free(argv);
    free(line);
    return status;
}

static int run_with_facts(const struct exec *exec, const struct hb_event *event, enum moment moment,
                          char *text)
{
    const struct hb_host *host = exec->host;
    const struct hb_value *words = exec_value(exec, moment);
    if (words->list_count == 0)
        return HB_OK;
    if (host->dry_run(host) != 0 || event->dry_run != 0) {
        host->log(host, HB_LOG_INFO, "%s: %s would run", exec_moments[moment], words->list[0]);
        return HB_OK;
    }
    struct facts facts;
    int status =
        facts_of(event, moment, &facts) ? run(exec, moment, &facts, text) : no_memory(exec);
    facts_clear(&facts);
    return status;
}

int program_run(const struct exec *exec, const struct hb_event *event, enum moment moment)
{
    char text[SENTENCE_BYTES];
    int status = run_with_facts(exec, event, moment, text);
    return status == HB_STATUS_SKIP ? exec->host->fail(exec->host, HB_STATUS_FATAL, "%s", text)
                                    : status;
}

int program_try(const struct exec *exec, const struct hb_event *event, enum moment moment)
{
    char text[SENTENCE_BYTES];
    const struct hb_value *words = exec_value(exec, moment);
    int status = run_with_facts(exec, event, moment, text);
    if (status == HB_OK || status == HB_STATUS_CANCELLED)
        return status;
    if (status != HB_STATUS_SKIP)
        snprintf(text, sizeof text,
                 "%s: %s could not be started, or took longer than %" PRId64 " seconds",
                 exec_moments[moment], words->list[0], exec_value(exec, TIMEOUT)->number);
    exec->host->note(exec->host, NULL, "%s", text);
    return HB_OK;
}
