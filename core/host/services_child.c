/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that a plugin has run, and the secrets that one of them, a file, the environment or the
 * terminal tells.
 */
#include "host/services_child.h"

#include "base/child.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/terminal.h"
#include "files/io.h"
#include "files/rights.h"
#include "host/failure.h"
#include "plugin/option.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    SECRET_BYTES = 64 << 10, /* at most */
    SECRET_MS = 60 * 1000    /* that a command may take to tell it */
};

/* ---- a child -------------------------------------------------------------------------------- */

static bool is_stopped(void *context)
{
    return hb_run_cancelled(context);
}

/* As ourselves: this thread may have taken on another user's rights. */
static int run_as_ourselves(struct hb_run *run, struct hb_child *child, struct hb_error *error)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_self(&as);
    if (result != 0)
        return hb_error_set(error, HB_STATUS_ENTRY, "%s: cannot be started: %s", child->argv[0],
                            hb_rights_explain(-result));
    return hb_child_run(child, is_stopped, run, error);
}

int hb_host_run_child(const struct hb_host *host, struct hb_child *child)
{
    const struct hb_instance *instance = host->self;
    struct hb_error error;
    enum { KNOWN = HB_CHILD_INPUT_FD | HB_CHILD_OUTPUT_FD };
    if (!HB_HAS(child, signal) || (child->flags & ~(uint32_t)KNOWN) != 0 || child->argv == NULL ||
        child->argv[0] == NULL) {
        hb_run_explain(instance->run, "a child without a name, or with flags that are unknown");
        return HB_STATUS_ENTRY;
    }
    int status = run_as_ourselves(instance->run, child, &error);
    if (status != HB_OK)
        hb_run_explain(instance->run, "%s", error.text);
    return status;
}

/* ---- a secret ------------------------------------------------------------------------------- */

/* What is asked for, and where it is put. */
struct asked {
    const struct hb_instance *instance;
    const char *key;
    struct hb_secret *out;
};

HB_PRINTF(2, 3)
static int no_secret(const struct asked *asked, const char *format, ...)
{
    char why[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    hb_run_explain(asked->instance->run, "[%s] %s: %s", asked->instance->section->name, asked->key,
                   why);
    return HB_STATUS_ENTRY;
}

static void make_room(const struct asked *asked, size_t bytes)
{
    asked->out->text = hb_alloc(bytes + 1);
    asked->out->bytes = bytes;
    asked->out->reserved = (uint32_t)bytes + 1; /* what has to be wiped */
}

/* A file or an output as a rule ends with a newline. */
static int take(const struct asked *asked, const char *from, size_t bytes)
{
    struct hb_secret *out = asked->out;
    out->bytes = bytes;
    if (bytes > SECRET_BYTES)
        return no_secret(asked, "%s: is longer than %d bytes", from, SECRET_BYTES);
    if (out->bytes > 0 && out->text[out->bytes - 1] == '\n')
        out->bytes--;
    if (out->bytes > 0 && bytes != out->bytes && out->text[out->bytes - 1] == '\r')
        out->bytes--;
    out->text[out->bytes] = '\0';
    return out->bytes > 0 ? HB_OK : no_secret(asked, "%s: is empty", from);
}

static void warn_if_open(const struct asked *asked, const char *path, const struct stat *status)
{
    if ((status->st_mode & (S_IRGRP | S_IROTH)) == 0)
        return;
    HB_AUTO_FREE char *text =
        hb_text("[%s] %s: %s: others can read this secret (mode %04o); `chmod go-rwx` it",
                asked->instance->section->name, asked->key, path, status->st_mode & 07777);
    hb_report_add_once(&asked->instance->run->report, HB_FOUND_NOTE, asked->instance->plugin->name,
                       text);
}

static int from_file(const struct asked *asked, const char *said)
{
    HB_AUTO_FREE char *path = hb_expand_path(said);
    struct stat status;
    HB_AUTO_AS as = {.changed = false};
    if (*path != '/')
        return no_secret(asked, "%s: the path of a secret is absolute", path);
    (void)hb_as_self(&as);
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0) {
        bool missing = errno == ENOENT;
        (void)no_secret(asked, "%s: cannot be opened: %s", path, strerror(errno));
        if (missing)
            snprintf(hb_failure_of(asked->instance->run)->hint, HB_FAILURE_BYTES / 2,
                     "write the secret into that file, which only you can read (chmod 600), or "
                     "correct its name");
        return HB_STATUS_ENTRY;
    }
    if (!S_ISREG(status.st_mode))
        return no_secret(asked, "%s: is not a regular file", path);
    make_room(asked, SECRET_BYTES + 1);
    int64_t got = hb_read_all_at(fd, asked->out->text, SECRET_BYTES + 1, 0);
    if (got < 0)
        return no_secret(asked, "%s: cannot be read: %s", path, strerror((int)-got));
    warn_if_open(asked, path, &status);
    return take(asked, path, (size_t)got);
}

static int from_text(const struct asked *asked, const char *text)
{
    size_t bytes = strlen(text);
    if (bytes > SECRET_BYTES)
        return no_secret(asked, "it is longer than %d bytes", SECRET_BYTES);
    make_room(asked, bytes);
    memcpy(asked->out->text, text, bytes + 1);
    return HB_OK;
}

static int from_environment(const struct asked *asked, const char *name)
{
    const char *text = getenv(name);
    return text == NULL || *text == '\0'
               ? no_secret(asked, "the environment has no %s, or an empty one", name)
               : from_text(asked, text);
}

/* The last line of what a program said on standard error, or "". */
static const char *last_line(char *errors)
{
    size_t bytes = strlen(errors);
    while (bytes > 0 && errors[bytes - 1] == '\n')
        errors[--bytes] = '\0';
    const char *line = strrchr(errors, '\n');
    return line == NULL ? errors : line + 1;
}

static int ask_command(const struct asked *asked, const char *const *words)
{
    struct hb_error error;
    char errors[400];
    make_room(asked, SECRET_BYTES + 1);
    struct hb_child child = {.size = sizeof child,
                             .argv = words,
                             .timeout_ms = SECRET_MS,
                             .output = asked->out->text,
                             .output_room = asked->out->bytes + 1,
                             .errors = errors,
                             .errors_room = sizeof errors};
    int status = run_as_ourselves(asked->instance->run, &child, &error);
    if (status != HB_OK) {
        no_secret(asked, "%s", error.text);
        return status;
    }
    if (child.signal != 0)
        return no_secret(asked, "%s: ended by signal %d", words[0], child.signal);
    if (child.exit_status != 0) { /* what it wrote is not shown: it may be the secret */
        const char *said = last_line(errors);
        return no_secret(asked, "%s: exit status %d%s%s", words[0], child.exit_status,
                         *said == '\0' ? "" : ": ", said);
    }
    return take(asked, words[0], (size_t)child.output_bytes);
}

static int from_command(const struct asked *asked, const char *text)
{
    const struct hb_option option = {.key = asked->key, .type = HB_OPTION_LIST};
    struct hb_error error;
    char **words = hb_alloc(sizeof *words), *word;
    size_t count = 0;
    int status;
    while ((status = hb_list_word(&option, &text, &word, &error)) == HB_OK) {
        words = hb_resize(words, count + 2, sizeof *words);
        words[count++] = word;
        words[count] = NULL;
    }
    if (status != HB_STATUS_NOMATCH)
        status = no_secret(asked, "its command is not valid: %s", error.text);
    else if (count == 0)
        status = no_secret(asked, "there is no program behind 'command:'");
    else
        status = ask_command(asked, (const char *const *)words);
    for (size_t i = 0; i < count; i++)
        free(words[i]);
    free(words);
    return status;
}

/* "terminal:PROMPT"; without one, the option is what is asked for. */
static int from_terminal(const struct asked *asked, const char *said)
{
    HB_AUTO_FREE char *prompt =
        *said != '\0' ? hb_text("%s: ", said)
                      : hb_text("[%s] %s: ", asked->instance->section->name, asked->key);
    make_room(asked, SECRET_BYTES + 1);
    int64_t got = hb_terminal_ask(prompt, asked->out->text, SECRET_BYTES + 1);
    if (got == -EINTR && hb_run_cancelled(asked->instance->run)) {
        no_secret(asked, "interrupted");
        return HB_STATUS_CANCELLED;
    }
    if (got < 0)
        return no_secret(asked, "cannot be asked for: %s",
                         got == -ENXIO     ? "there is no terminal"
                         : got == -ENODATA ? "nothing was typed at the terminal"
                                           : strerror((int)-got));
    if (got > SECRET_BYTES + 1)
        got = SECRET_BYTES + 1;
    return take(asked, "the terminal", (size_t)got);
}

int hb_host_secret(const struct hb_host *host, const char *key, const char *text,
                   struct hb_secret *out)
{
    static const struct {
        const char *word;
        int (*get)(const struct asked *asked, const char *rest);
    } ways[] = {{"file:", from_file},       {"env:", from_environment},
                {"command:", from_command}, {"terminal:", from_terminal},
                {"text:", from_text},       {"", from_text}};
    struct asked asked = {host->self, key, out};
    *out = (struct hb_secret){.size = sizeof *out};
    size_t way = 0;
    while (strncmp(text, ways[way].word, strlen(ways[way].word)) != 0)
        way++;
    int status = ways[way].get(&asked, text + strlen(ways[way].word));
    if (status != HB_OK)
        hb_host_secret_release(host, out);
    return status;
}

void hb_host_secret_release(const struct hb_host *host, struct hb_secret *secret)
{
    (void)host;
    if (secret->text != NULL)
        explicit_bzero(secret->text, secret->reserved);
    free(secret->text);
    *secret = (struct hb_secret){.size = sizeof *secret};
}
