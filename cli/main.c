/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore: global options, then the command. */
#include "base/memory.h"
#include "base/nearest.h"
#include "cli_backup.h"
#include "cli_cat.h"
#include "cli_completion.h"
#include "cli_config.h"
#include "cli_guard.h"
#include "cli_import.h"
#include "cli_list.h"
#include "cli_plugins.h"
#include "cli_prune.h"
#include "cli_snapshot.h"
#include "cli_verify.h"
#include "complain.h"
#include "global_help.h"
#include "plugin/option.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(struct hb_cli *cli, int argc, char **argv);
} commands[] = {
    {"backup", hb_cli_backup}, {"import", hb_cli_import},         {"list", hb_cli_list},
    {"cat", hb_cli_cat},       {"verify", hb_cli_verify},         {"snapshot", hb_cli_snapshot},
    {"prune", hb_cli_prune},   {"guard", hb_cli_guard},           {"plugins", hb_cli_plugins},
    {"config", hb_cli_config}, {"completion", hb_cli_completion}, {NULL, NULL},
};

static const char *command_name(const void *context, size_t index)
{
    (void)context;
    return commands[index].name;
}

static int wrong(struct hb_cli *cli, const char *format, const char *what, const char *hint)
{
    struct hb_error error;
    char text[400];
    snprintf(text, sizeof text, "%s%s", format, what);
    hb_error_set(&error, HB_FATAL, "%s", text);
    hb_error_hint(&error, "%s", hint);
    return hb_cli_fail(cli, HB_EXIT_USAGE, &error);
}

enum {
    OPTION_CONFIG = 1000,
    OPTION_SET,
    OPTION_HOME,
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_WAIT,
    OPTION_QUIET,
    OPTION_VERSION
};

static const struct option global_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"set", required_argument, NULL, OPTION_SET},
    {"home", required_argument, NULL, OPTION_HOME},
    {"json", no_argument, NULL, OPTION_JSON},
    {"progress", required_argument, NULL, OPTION_PROGRESS},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int set_progress(struct hb_cli *cli, const char *when)
{
    static const char *const words[] = {"auto", "always", "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(when, words[i]) == 0) {
            cli->progress = (enum hb_progress_mode)i;
            return 0;
        }
    }
    return wrong(cli, "--progress: is not auto, always or never: ", when, "");
}

static int set_wait(struct hb_cli *cli, const char *text)
{
    char *end;
    errno = 0;
    cli->wait_seconds = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || cli->wait_seconds < 0 ||
        cli->wait_seconds > 1000000000)
        return wrong(cli, "--wait: is not a number of seconds: ", text, "");
    return 0;
}

/* One global option; 0 to go on, -1 when all is done, else an exit code. */
static int take_option(struct hb_cli *cli, int option, const char **sets, size_t *set_count)
{
    switch (option) {
    case OPTION_CONFIG:
        cli->config_path = optarg;
        return 0;
    case OPTION_SET:
        sets[(*set_count)++] = optarg;
        return 0;
    case OPTION_HOME:
        cli->home = optarg;
        return 0;
    case OPTION_JSON:
        cli->json = true;
        return 0;
    case OPTION_PROGRESS:
        return set_progress(cli, optarg);
    case OPTION_WAIT:
        return set_wait(cli, optarg);
    case 'v':
        cli->verbose++;
        return 0;
    case OPTION_QUIET:
        cli->quiet = true;
        return 0;
    case OPTION_VERSION:
        fputs("hbcore " HBCORE_VERSION "\n", cli->out);
        return -1;
    case 'h':
        fputs(hb_cli_global_help, cli->out);
        return -1;
    default:
        return HB_EXIT_USAGE;
    }
}

static int run_command(struct hb_cli *cli, int argc, char **argv)
{
    for (size_t i = 0; commands[i].name != NULL; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(cli, argc, argv);
    const char *nearest = hb_nearest(argv[0], command_name, NULL);
    HB_AUTO_FREE char *hint =
        nearest == NULL ? hb_copy_text("see: hbcore --help") : hb_text("did you mean %s?", nearest);
    return wrong(cli, "there is no command ", argv[0], hint);
}

/*
 * What is printed is the work, and has failed where it cannot be written; or it tells of work that
 * is done, and stays done: a warning. Programs that asked for JSON wait for it in any case.
 */
static int close_output(struct hb_cli *cli, int code)
{
    errno = 0; /* it stays, if it was an earlier write that failed */
    bool failed = fflush(cli->out) != 0 || ferror(cli->out);
    int reason = errno;
    bool is_work = !cli->output_is_extra || cli->json || cli->raw_out;
    if (cli->json && cli->raw_out) /* that is where the JSON goes */
        failed = failed || ferror(cli->err);
    if (failed && cli->untold != NULL)
        fputs(cli->untold, cli->err);
    free(cli->untold);
    cli->untold = NULL;
    if (!failed || (code != HB_EXIT_DONE && code != HB_EXIT_INCOMPLETE))
        return code;
    if (!is_work || reason != EPIPE) /* else whoever read it has seen enough */
        fprintf(cli->err, "hbcore: standard output cannot be written%s%s%s\n",
                reason == 0 ? "" : ": ", reason == 0 ? "" : strerror(reason),
                cli->output_is_extra ? "; all else is done" : "");
    return is_work ? HB_EXIT_FAILED : code;
}

/*
 * Where standard input, output or error is closed, a file of ours would get its number, and what is
 * meant for the user be written into it. Opened the wrong way round, using it still fails.
 */
static void occupy_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    struct hb_cli cli = {.out = stdout, .err = stderr, .run = run_command};
    size_t set_count = 0;
    int option;
    occupy_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* errors of write(), which have their own exit codes */
    signal(SIGXFSZ, SIG_IGN);
    /* Names are bytes; libraries that convert them must take any, whatever the user's locale. */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        setlocale(LC_CTYPE, "C.utf8");
#ifdef M_ARENA_MAX
    /* What one thread allocates another frees: with an arena each, freed memory piles up. */
    mallopt(M_ARENA_MAX, 1);
#endif
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* a deep tree holds a descriptor a level */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    HB_AUTO_FREE const char **sets = hb_alloc(((size_t)argc + 1) * sizeof *sets);
    cli.sets = sets;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:vh", global_options, NULL)) != -1) {
        if (option == ':')
            return wrong(&cli, argv[optind - 1], " needs a value", "see: hbcore --help");
        if (option == '?')
            return wrong(&cli, "what is ", argv[optind - 1], "see: hbcore --help");
        int code = take_option(&cli, option, sets, &set_count);
        if (code != 0)
            return code < 0 ? close_output(&cli, 0) : code;
    }
    if (optind >= argc) {
        fputs(hb_cli_global_help, stderr);
        return HB_EXIT_USAGE;
    }
    return close_output(&cli, run_command(&cli, argc - optind, argv + optind));
}
