/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore config new NAME: the configuration NAME.ini that is installed with the program becomes the
 * user's own. It is never put over a file: who has one keeps it.
 */
#include "cli_config_new.h"

#include "base/memory.h"
#include "base/name.h"
#include "complain.h"
#include "config/config_file.h"
#include "files/io.h"
#include "no_config.h"
#include "summary.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Caller frees; NULL: *error. */
static char *read_example(const char *path, struct hb_error *error)
{
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = hb_alloc(HB_CONFIG_LARGEST_FILE + 1);
    int64_t got = fd < 0 ? -errno : hb_read_all(fd, text, HB_CONFIG_LARGEST_FILE);
    if (got >= 0)
        return text;
    hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be read: %s", path, strerror((int)-got));
    free(text);
    return NULL;
}

/* As XDG says: what is missing on the way to it is private. 0 or -errno. */
static int make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int result = mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
        *slash = '/';
        if (result != 0)
            return result;
    }
    return 0;
}

static int write_new(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    int result = fchmod(fd, 0644) == 0 ? hb_write_all(fd, text, strlen(text)) : -errno;
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    if (close(fd) != 0 && result == 0)
        result = -errno;
    if (result != 0)
        unlink(path);
    return result;
}

static int make(char *path, const char *text, struct hb_error *error)
{
    int result = make_parents(path);
    if (result == 0)
        result = write_new(path, text);
    if (result == 0)
        return HB_EXIT_DONE;
    if (result == -EEXIST) {
        hb_error_set(error, HB_STATUS_FATAL, "%s: already exists; it was not changed", path);
        hb_error_hint(error, "see what it says with `hbcore config show`, or name another file "
                             "with --config");
    } else {
        hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be made: %s", path, strerror(-result));
    }
    return HB_EXIT_FAILED;
}

static int refuse_name(const char *name, const char *directory, struct hb_error *error)
{
    HB_AUTO_FREE char *names = hb_cli_examples();
    hb_error_set(error, HB_STATUS_FATAL, "config new: there is no configuration called '%s' in %s",
                 name, directory);
    hb_error_hint(error, "use %s", names);
    return HB_EXIT_USAGE;
}

static void tell(const struct hb_session *session, const char *path, const char *example)
{
    const struct hb_cli *cli = session->cli;
    if (cli->json) {
        json_t *object = hb_session_summary(session, "config new");
        hb_json_name(object, "path", path);
        hb_session_print_summary(session, object);
    } else if (!cli->quiet) {
        HB_AUTO_FREE char *shown = hb_printable(path);
        HB_AUTO_FREE char *from = hb_printable(example);
        fprintf(cli->out, "%s: a copy of %s; change it as you need.\n", shown, from);
        HB_AUTO_FREE char *command =
            hb_cli_with_options(cli, "See what is in force: hbcore config show");
        fprintf(cli->out, "  %s\n", command);
    }
}

int hb_cli_config_new(struct hb_session *session)
{
    const char *name = session->arguments[0];
    const struct hb_cli *cli = session->cli;
    HB_AUTO_FREE char *directory = hb_cli_examples_directory();
    HB_AUTO_FREE char *example = hb_text("%s/%s.ini", directory, name);
    HB_AUTO_FREE char *path = hb_config_file_wanted(cli->config_path);
    session->cli->output_is_extra = true;
    if (strchr(name, '/') != NULL || access(example, F_OK) != 0)
        return refuse_name(name, directory, &session->error);
    if (path == NULL) {
        hb_error_set(&session->error, HB_STATUS_FATAL,
                     "config new: nothing says where your home is");
        hb_error_hint(&session->error, "name the file with --config");
        return HB_EXIT_FAILED;
    }
    HB_AUTO_FREE char *text = read_example(example, &session->error);
    int code = text == NULL ? HB_EXIT_FAILED : make(path, text, &session->error);
    if (code == HB_EXIT_DONE)
        tell(session, path, example);
    return code;
}
