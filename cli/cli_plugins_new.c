/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore plugins new KIND NAME
 *
 * Writes the templates that are installed with the program, with the plugin's name in place of
 * theirs. All of them or none: they are read before anything is made, and what was made is removed
 * again when one cannot be written.
 */
#include "cli_plugins_new.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/nearest.h"
#include "complain.h"
#include "files/installed.h"
#include "files/io.h"
#include "plugin/descriptor.h"
#include "plugin/loader.h"
#include "plugin/option.h"
#include "summary.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define TEMPLATE_NAME "example" /* the plugin's, in the templates */

enum { FILES = 3, LARGEST_TEMPLATE = 1 << 20 };

/* What is being made. */
struct making {
    const char *kind, *name;
    int fd;             /* of the directory */
    char *files[FILES]; /* their names in it, the first one that of the source */
    char *texts[FILES];
    size_t count; /* those made */
};

static const char *next_kind(const void *context, size_t index)
{
    (void)context;
    return hb_kind_name((uint32_t)index + 1);
}

/* `text` with the plugin's name wherever the template has its own. Caller frees. */
static char *with_name(const char *text, const char *name)
{
    size_t bytes = strlen(text) + 1, length = sizeof TEMPLATE_NAME - 1;
    for (const char *at = text; (at = strstr(at, TEMPLATE_NAME)) != NULL; at += length)
        bytes += strlen(name);
    char *made = hb_alloc(bytes), *end = made;
    for (const char *at; (at = strstr(text, TEMPLATE_NAME)) != NULL; text = at + length) {
        end = mempcpy(end, text, (size_t)(at - text));
        end = mempcpy(end, name, strlen(name));
    }
    memcpy(end, text, strlen(text) + 1);
    return made;
}

/* ---- the files ----------------------------------------------------------------------------- */

/* The text of a template. Caller frees; NULL: *error. */
static char *read_template(const char *path, struct hb_error *error)
{
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = hb_alloc(LARGEST_TEMPLATE + 1);
    int64_t got = fd < 0 ? -errno : hb_read_all(fd, text, LARGEST_TEMPLATE);
    if (got >= 0)
        return text;
    hb_error_set(error, HB_STATUS_FATAL, "plugins new: %s: the template cannot be read: %s", path,
                 strerror((int)-got));
    hb_error_hint(error, "install hbcore again, with the templates beside its configurations");
    free(text);
    return NULL;
}

/* KIND.c becomes NAME.c; the others are of every kind. */
static int read_templates(struct making *making, struct hb_error *error)
{
    HB_AUTO_FREE char *directory = hb_installed(HBCORE_DATADIR "/hbcore", HBCORE_EXAMPLES);
    HB_AUTO_FREE char *source = hb_text("%s.c", making->kind);
    const char *const templates[FILES] = {source, "CMakeLists.txt", "README.md"};
    for (size_t i = 0; i < FILES; i++) {
        HB_AUTO_FREE char *path = hb_text("%s/templates/%s", directory, templates[i]);
        HB_AUTO_FREE char *text = read_template(path, error);
        if (text == NULL)
            return HB_STATUS_FATAL;
        making->files[i] = i == 0 ? hb_text("%s.c", making->name) : hb_copy_text(templates[i]);
        making->texts[i] = with_name(text, making->name);
    }
    return HB_OK;
}

/* 0 or -errno. The modes below let neither group nor others write: no such plugin is loaded. */
static int make_file(struct making *making, const char *file, const char *text)
{
    int fd = openat(making->fd, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    making->count++;
    int result = hb_write_all(fd, text, strlen(text));
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    if (close(fd) != 0 && result == 0) /* some file systems say only here that they are full */
        result = -errno;
    return result;
}

static int make_files(struct making *making, struct hb_error *error)
{
    for (size_t i = 0; i < FILES; i++) {
        int result = make_file(making, making->files[i], making->texts[i]);
        if (result != 0)
            return hb_error_set(error, HB_STATUS_FATAL,
                                "%s/%s: cannot be written: %s; nothing was made", making->name,
                                making->files[i], strerror(-result));
    }
    return HB_OK;
}

static int flush(const struct making *making, struct hb_error *error)
{
    HB_AUTO_CLOSE int above = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = hb_flush_directory(making->fd);
    if (result == 0 && above >= 0)
        result = hb_flush_directory(above);
    return result == 0 ? HB_OK
                       : hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be flushed to disk: %s",
                                      making->name, strerror(-result));
}

static int make_directory(struct making *making, struct hb_error *error)
{
    if (read_templates(making, error) != HB_OK)
        return HB_STATUS_FATAL;
    if (mkdir(making->name, 0755) != 0) {
        if (errno != EEXIST)
            return hb_error_set(error, HB_STATUS_FATAL, "%s: the directory cannot be made: %s",
                                making->name, strerror(errno));
        hb_error_set(error, HB_STATUS_FATAL, "%s: already exists; it was not changed",
                     making->name);
        hb_error_hint(error, "choose another name, or go to another directory");
        return HB_STATUS_FATAL;
    }
    making->fd = open(making->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int status = making->fd >= 0 ? make_files(making, error)
                                 : hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be opened: %s",
                                                making->name, strerror(errno));
    if (status == HB_OK)
        status = flush(making, error);
    if (status == HB_OK)
        return HB_OK;
    for (size_t i = 0; i < making->count; i++)
        unlinkat(making->fd, making->files[i], 0);
    rmdir(making->name);
    return status;
}

static void clear(struct making *making)
{
    for (size_t i = 0; i < FILES; i++) {
        free(making->files[i]);
        free(making->texts[i]);
    }
    if (making->fd >= 0)
        close(making->fd);
}

/* ---- what is said -------------------------------------------------------------------------- */

static void tell_program(const struct hb_session *session, const struct making *making)
{
    json_t *made = json_array();
    char path[PATH_MAX];
    for (size_t i = 0; i < making->count; i++)
        json_array_append_new(made, json_string(making->files[i]));
    json_t *object = hb_session_summary(session, "plugins new");
    hb_json_add(object, "{s:s, s:I, s:o}", "kind", making->kind, "files", (json_int_t)making->count,
                "made", made);
    hb_json_name(object, "path", realpath(making->name, path) == NULL ? making->name : path);
    hb_session_print_summary(session, object);
}

static void tell_people(const struct hb_cli *cli, const struct making *making)
{
    FILE *out = cli->out;
    const char *name = making->name;
    fprintf(out, "%s: a small %s plugin that works; change it as you need:", name, making->kind);
    for (size_t i = 0; i < making->count; i++)
        fprintf(out, "%s %s", i == 0 ? "" : ",", making->files[i]);
    fprintf(out,
            "\n\nBuild it\n"
            "  cmake -S %s -B %s/build && cmake --build %s/build\n"
            "or\n"
            "  mkdir -p %s/build\n"
            "  cc -std=c11 -O2 -Werror=implicit-function-declaration -fPIC -shared"
            " -fvisibility=hidden $(pkg-config --cflags hbcore) %s/%s.c -o %s/build/%s.so\n",
            name, name, name, name, name, name, name, name);
    fprintf(out,
            "\nCheck it, and see what it is\n"
            "  hbcore plugins check %s/build/%s.so\n"
            "  hbcore --set plugins.path=\"$PWD/%s/build\" plugins show %s\n"
            "\nUse it: the first lines of %s/%s.c show how\n",
            name, name, name, name, name, name);
}

/* ---- the command --------------------------------------------------------------------------- */

static int refuse_kind(const char *kind, struct hb_error *error)
{
    const char *near = hb_nearest(kind, next_kind, NULL);
    hb_error_set(error, HB_STATUS_FATAL, "plugins new: there is no kind of plugin called '%s'",
                 kind);
    if (near != NULL)
        hb_error_hint(error, "did you mean %s?", near);
    else
        hb_error_hint(error, "use " HB_KIND_NAMES);
    return HB_EXIT_USAGE;
}

static int refuse_name(const char *name, struct hb_error *error)
{
    hb_error_set(error, HB_STATUS_FATAL, "plugins new: a plugin cannot be called '%s'", name);
    hb_error_hint(error, "use a-z, 0-9 and '-', not starting with '-', up to %d in all",
                  HB_LONGEST_PLAIN_NAME);
    return HB_EXIT_USAGE;
}

/* Of two plugins of one name only the first on the path is ever found. */
static int refuse_taken(const char *name, struct hb_error *error)
{
    struct hb_error ignored;
    const struct hb_library *library;
    struct hb_loader *loader = hb_loader_new(NULL);
    bool taken = hb_loader_find(loader, 0, name, &library, &ignored) == HB_OK;
    if (taken) {
        hb_error_set(error, HB_STATUS_FATAL, "plugins new: a plugin called '%s' is installed: %s",
                     name, library->path);
        hb_error_hint(error, "choose another name: of two plugins of one name only one is found");
    }
    hb_loader_free(loader);
    return taken ? HB_EXIT_USAGE : HB_EXIT_DONE;
}

int hb_cli_plugins_new(struct hb_session *session)
{
    const struct hb_cli *cli = session->cli;
    struct making making = {.kind = session->arguments[0], .name = session->arguments[1], .fd = -1};
    int code = HB_EXIT_DONE;
    session->cli->output_is_extra = true;
    if (hb_kind_of(making.kind) == 0)
        return refuse_kind(making.kind, &session->error);
    /* With a '-' in front, compilers and shells would take its file for an option. */
    if (!hb_is_plain_name(making.name) || *making.name == '-')
        return refuse_name(making.name, &session->error);
    if (refuse_taken(making.name, &session->error) != HB_EXIT_DONE)
        return HB_EXIT_USAGE;
    if (make_directory(&making, &session->error) != HB_OK)
        code = HB_EXIT_FAILED;
    else if (cli->json)
        tell_program(session, &making);
    else if (!cli->quiet)
        tell_people(cli, &making);
    clear(&making);
    return code;
}
