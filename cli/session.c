/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "complain.h"
#include "config/config_load.h"
#include "config/home_path.h"
#include "files/anywhere.h"
#include "files/lock.h"
#include "host/roots.h"
#include "no_config.h"
#include "options.h"
#include "progress_json.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *hb_session_whole_home(const struct hb_session *session)
{
    struct hb_error ignored;
    const char *given = session->cli->home;
    char *whole = NULL;
    HB_AUTO_FREE char *target = NULL;
    if (hb_home_find(session->config, given, HB_HOME_OUTERMOST, &whole, &ignored) == HB_OK &&
        hb_home_find(session->config, given, HB_HOME_OF_IMPORT, &target, &ignored) == HB_OK &&
        strcmp(whole, target) != 0)
        return whole;
    free(whole);
    return NULL;
}

char *hb_session_command_line(const struct hb_session *session, const char *command)
{
    static const char program[] = "hbcore ";
    const struct hb_cli *cli = session->cli;
    const char *rest = command + sizeof program - 1;
    if (strncmp(command, program, sizeof program - 1) != 0)
        return hb_copy_text(command);
    struct hb_cli named = {.sets = cli->sets, .sets_known = cli->sets_known};
    if (cli->config_path != NULL)
        named.config_path = hb_config_path(session->config);
    HB_AUTO_FREE char *whole = hb_session_whole_home(session);
    if (cli->home != NULL || whole != NULL)
        named.home = session->run.home.path;
    HB_AUTO_FREE char *options = hb_cli_typed_options(&named);
    return hb_text("hbcore%s %s", options, rest);
}

static void print_config_error(void *context, const struct hb_error *error)
{
    hb_cli_fail(context, HB_EXIT_USAGE, error);
}

void hb_session_start(struct hb_session *session)
{
    clock_gettime(CLOCK_MONOTONIC, &session->started);
    session->started_at = time(NULL);
}

/*
 * Wipes the value of a secret that was typed, and leaves its name: hints repeat what was typed, and
 * `ps` shows it. False: it is none.
 */
static bool wipe_secret(const struct hb_config *config, char *set)
{
    char *equals = strchr(set, '=');
    const char *dot = equals == NULL ? NULL : memrchr(set, '.', (size_t)(equals - set));
    if (dot == NULL)
        return false;
    HB_AUTO_FREE char *name = hb_copy_bytes(set, (size_t)(dot - set));
    HB_AUTO_FREE char *key = hb_copy_bytes(dot + 1, (size_t)(equals - dot - 1));
    const struct hb_section *section = hb_config_section(config, name);
    const struct hb_plugin *plugin =
        section == NULL || section->library == NULL ? NULL : section->library->plugin;
    for (size_t i = 0; plugin != NULL && i < plugin->option_count; i++)
        if ((plugin->options[i]->flags & HB_OPTION_SECRET) &&
            strcmp(plugin->options[i]->key, key) == 0 && equals[1] != '\0') {
            explicit_bzero(equals, strlen(equals));
            return true;
        }
    return false;
}

static void take_secrets_out(struct hb_cli *cli, const struct hb_config *config)
{
    struct hb_texts *sets = &cli->sets, *secrets = &cli->secret_sets;
    size_t count = 0;
    for (size_t i = 0; i < sets->count; i++) {
        char *set = sets->texts[i];
        if (!wipe_secret(config, set)) {
            sets->texts[count++] = set;
            continue;
        }
        secrets->texts = hb_resize(secrets->texts, secrets->count + 1, sizeof *secrets->texts);
        secrets->texts[secrets->count++] = set;
    }
    sets->count = count;
    if (sets->texts != NULL)
        sets->texts[count] = NULL;
}

int hb_session_begin(struct hb_session *session)
{
    const struct hb_cli *cli = session->cli;
    struct hb_config *config = session->loaded;
    int status = HB_OK;
    if (config == NULL)
        status = hb_config_load_and(cli->config_path, (const char *const *)cli->sets.texts,
                                    print_config_error, session->cli, session->form->more_checks,
                                    &config);
    session->wrong_config = status != HB_OK;
    if (status != HB_OK && (config == NULL || !session->form->any_config)) {
        hb_config_free(config);
        return HB_EXIT_USAGE;
    }
    session->config = config;
    take_secrets_out(session->cli, config);
    session->cli->sets_known = status == HB_OK;
    const char *doubt;
    for (size_t i = 0; (doubt = hb_config_doubt(session->config, i)) != NULL; i++) {
        HB_AUTO_FREE char *shown = hb_printable(doubt);
        fprintf(cli->err, "hbcore: %s\n", shown);
    }
    hb_run_init(&session->run, session->config);
    session->run.log = cli->err;
    session->run.log_level = cli->verbose > 0 ? HB_LOG_DEBUG
                             : cli->quiet     ? HB_LOG_WARNING
                                              : HB_LOG_INFO;
    return 0;
}

int hb_session_end(struct hb_session *session, int code)
{
    hb_session_end_progress(session);
    if (code == HB_EXIT_FAILED && session->error.wrong_use)
        code = HB_EXIT_USAGE;
    if (session->error.text[0] == '\0' && hb_interrupt_signal() != 0 &&
        code == 128 + hb_interrupt_signal()) /* what was done until then has been told */
        hb_error_set(&session->error, HB_STATUS_CANCELLED, "interrupted");
    if (session->error.text[0] != '\0')
        hb_cli_fail(session->cli, code, &session->error);
    if (session->config == NULL)
        return code;
    hb_run_clear(&session->run);
    hb_config_free(session->config);
    return code;
}

int hb_cli_exit_code(int status)
{
    if (status == HB_STATUS_CANCELLED || hb_interrupt_signal() != 0)
        return hb_interrupt_signal() == 0 ? HB_EXIT_INTERRUPTED : 128 + hb_interrupt_signal();
    return status < 0 ? HB_EXIT_FAILED : HB_EXIT_DONE;
}

int hb_session_code(const struct hb_session *session)
{
    return hb_report_incomplete(&session->run.report) ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE;
}

void hb_session_say(const struct hb_session *session, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (hb_session_speaks(session))
        vfprintf(hb_cli_out(session->cli), format, arguments);
    va_end(arguments);
}

bool hb_cli_bar(const struct hb_cli *cli)
{
    return cli->progress == HB_PROGRESS_ALWAYS ||
           (cli->progress == HB_PROGRESS_AUTO && isatty(fileno(cli->err)));
}

void hb_session_start_progress(struct hb_session *session, const char *verb, uint64_t files,
                               uint64_t bytes)
{
    const struct hb_cli *cli = session->cli;
    bool told = cli->json && cli->progress == HB_PROGRESS_ALWAYS;
    bool shown = !told && cli->progress != HB_PROGRESS_NEVER && !cli->quiet &&
                 (!cli->json || hb_cli_bar(cli));
    struct hb_screen screen = {shown ? cli->err : NULL, hb_cli_bar(cli), cli->ascii};
    session->run.progress = hb_progress_new(&screen, verb, files, bytes);
    if (told)
        hb_progress_tell(session->run.progress, hb_progress_json, hb_cli_out(cli));
}

void hb_session_end_progress(struct hb_session *session)
{
    hb_progress_free(session->run.progress);
    session->run.progress = NULL;
}

double hb_session_seconds(const struct hb_session *session)
{
    struct timespec now;
    const struct timespec *started = &session->started;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - started->tv_sec) + (double)(now.tv_nsec - started->tv_nsec) / 1e9;
}

static const char taken_literally[] =
    "this name is taken literally: the shell expands ~ and $HOME, and does so only in "
    "`--home ~/DIR`, without '=' and quotes";

static bool is_unexpanded(const char *home)
{
    return home != NULL && (*home == '~' || *home == '$');
}

int hb_session_find_home(struct hb_session *session, enum hb_home_of of, const char *what,
                         char **path)
{
    const struct hb_cli *cli = session->cli;
    if (hb_home_find(session->config, cli->home, of, path, &session->error) == HB_OK) {
        if (is_unexpanded(cli->home) && access(cli->home, F_OK) != 0)
            hb_report_add(&session->run.report, HB_FOUND_NOTE, "", "--home %s: %s", cli->home,
                          taken_literally);
        return 0;
    }
    if (cli->home == NULL)
        hb_cli_no_config(session->config, cli, what, "which home to work on", &session->error);
    return HB_EXIT_USAGE;
}

/* Who named the home that cannot be opened? That is what to correct. */
static void explain_home(struct hb_session *session)
{
    const char *variable = hb_config_home(session->config)->variable;
    const char *value = *variable == '\0' ? NULL : getenv(variable);
    if (is_unexpanded(session->cli->home))
        hb_error_hint(&session->error, "%s", taken_literally);
    else if (session->cli->home != NULL)
        hb_error_hint(&session->error, "correct the name behind --home; only an import makes a "
                                       "home");
    else if (value != NULL && *value != '\0')
        hb_error_hint(&session->error, "the variable %s names it: correct that, or use --home DIR",
                      variable);
    else
        hb_error_hint(&session->error,
                      "use --home DIR, or correct path in section [home] of the configuration");
}

static bool do_without(struct hb_session *session, const char *path)
{
    session->run.home = (struct hb_root){.fd = -1, .path = hb_canonical(path)};
    if (session->run.home.path == NULL)
        return false;
    hb_report_add(&session->run.report, HB_FOUND_NOTE, "",
                  "%s: the home does not exist: its archives are known by the path in them alone",
                  session->run.home.path);
    return true;
}

static int open_home(struct hb_session *session, enum hb_home_of of, bool may_be_missing)
{
    HB_AUTO_FREE char *path = NULL;
    struct hb_root *home = &session->run.home;
    int code = hb_session_find_home(session, of, "COMMAND", &path);
    if (code != 0)
        return code;
    int result = hb_root_open(path, home);
    if (result == -ENOENT && may_be_missing && do_without(session, path))
        return 0;
    if (result != 0) {
        hb_error_set(&session->error, HB_STATUS_FATAL, "%s: the home %s: %s", path,
                     result == -ENOENT ? "does not exist" : "cannot be opened",
                     hb_rights_explain(-result));
        explain_home(session);
        return HB_EXIT_FAILED;
    }
    hb_roots_take_home(&session->run);
    return 0;
}

int hb_session_seek_home(struct hb_session *session, enum hb_home_of of)
{
    return open_home(session, of, true);
}

int hb_session_open_home(struct hb_session *session, enum hb_home_of of, bool lock)
{
    struct hb_error *error = &session->error;
    struct hb_root *home = &session->run.home;
    int code = open_home(session, of, false);
    if (code != 0)
        return code;
    if (!lock)
        return 0;
    int status = hb_home_lock(home, session->cli->wait_seconds, error);
    return status == HB_STATUS_NOMATCH ? HB_EXIT_LOCKED : hb_cli_exit_code(status);
}

char *hb_session_temporary(const struct hb_session *session)
{
    const char *chosen = hb_config_backup(session->config)->stage_dir;
    const char *temporary = getenv("TMPDIR");
    if (*chosen != '\0')
        return hb_expand_path(chosen);
    return hb_copy_text(temporary == NULL || *temporary != '/' ? "/tmp" : temporary);
}
