/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "complain.h"
#include "config/config_load.h"
#include "config/home_path.h"
#include "files/anywhere.h"
#include "files/lock.h"
#include "host/failure.h"
#include "no_config.h"
#include "summary.h"
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

char *hb_cli_command_line(const struct hb_cli *cli, const struct hb_run *run, const char *command)
{
    static const char program[] = "hbcore ";
    const char *rest = command + sizeof program - 1;
    if (strncmp(command, program, sizeof program - 1) != 0)
        return hb_copy_text(command);
    HB_AUTO_FREE char *home = cli->home == NULL ? NULL : hb_shell_word(run->home.path);
    HB_AUTO_FREE char *file =
        cli->config_path == NULL ? NULL : hb_shell_word(hb_config_path(run->config));
    return hb_text("%s%s%s%s%s%s%s%s", program, file == NULL ? "" : "--config ",
                   file == NULL ? "" : file, file == NULL ? "" : " ", home == NULL ? "" : "--home ",
                   home == NULL ? "" : home, home == NULL ? "" : " ", rest);
}

static void print_config_error(void *context, const struct hb_error *error)
{
    hb_cli_fail(context, HB_EXIT_USAGE, error);
}

int hb_cli_load_config(const struct hb_cli *cli, struct hb_config **config)
{
    int status = hb_config_load(cli->config_path, cli->sets, print_config_error,
                                (void *)(uintptr_t)cli, config);
    return status == HB_OK ? 0 : HB_EXIT_USAGE;
}

int hb_cli_exit_code(int status)
{
    if (status == HB_CANCELLED || hb_interrupt_signal() != 0)
        return hb_interrupt_signal() == 0 ? HB_EXIT_INTERRUPTED : 128 + hb_interrupt_signal();
    return status < 0 ? HB_EXIT_FAILED : HB_EXIT_DONE;
}

bool hb_cli_bar(const struct hb_cli *cli)
{
    return cli->progress == HB_PROGRESS_ALWAYS ||
           (cli->progress == HB_PROGRESS_AUTO && isatty(fileno(cli->err)));
}

void hb_cli_start_progress(const struct hb_cli *cli, struct hb_run *run, const char *verb,
                           uint64_t files, uint64_t bytes)
{
    bool shown = cli->progress != HB_PROGRESS_NEVER && !cli->quiet &&
                 (!cli->json || cli->progress == HB_PROGRESS_ALWAYS || hb_cli_bar(cli));
    run->progress = hb_progress_new(shown ? cli->err : NULL, hb_cli_bar(cli), verb, files, bytes);
}

void hb_cli_end_progress(struct hb_run *run)
{
    hb_progress_free(run->progress);
    run->progress = NULL;
}

double hb_cli_seconds_since(const struct timespec *started)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - started->tv_sec) + (double)(now.tv_nsec - started->tv_nsec) / 1e9;
}

int hb_cli_number(const struct hb_cli *cli, const char *command, const char *option,
                  const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *number < 0 || *number > 1000000000)
        return hb_cli_usage(cli, command, "%s: '%s' is not a number of at least 0", option, text);
    return 0;
}

int hb_cli_open_home(const struct hb_cli *cli, struct hb_run *run, bool outermost, bool lock,
                     struct hb_error *error)
{
    HB_AUTO_FREE char *path = NULL;
    int status = hb_home_find(run->config, cli->home, outermost, &path, error);
    if (status != HB_OK) {
        if (cli->home == NULL)
            hb_cli_no_config(run->config, cli, "COMMAND", "which home to work on", error);
        return HB_EXIT_USAGE;
    }
    int result = hb_root_open(path, &run->home);
    if (result != 0) {
        hb_error_set(error, HB_FATAL, "%s: the home %s: %s", path,
                     result == -ENOENT ? "does not exist" : "cannot be opened",
                     hb_rights_explain(-result));
        hb_error_hint(error, "say --home DIR, or look at section [home] of the configuration");
        return HB_EXIT_FAILED;
    }
    hb_run_set_reading(run);
    if (!lock)
        return 0;
    status = hb_home_lock(&run->home, cli->wait_seconds, error);
    if (status == HB_NOMATCH)
        return HB_EXIT_LOCKED;
    return hb_cli_exit_code(status);
}
