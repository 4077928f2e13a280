/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore: global options, then the command. */
#include "commands.h"
#include "complain.h"
#include "output.h"
#include "plugin/inside.h"
#include "plugin/process_state.h"
#include "run_command.h"
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * What is printed is the work, and has failed where it cannot be written; or it tells of work that
 * is done, and stays done: a warning. Programs that asked for JSON wait for it in any case.
 */
static int close_output(struct hb_cli *cli, const int *write_error, int code)
{
    bool failed = fflush(cli->out) != 0 || ferror(cli->out);
    int reason = *write_error;
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
                cli->output_is_extra ? "; everything else is done" : "");
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

/* Is --json among the words, wherever? They may be wrong before it is reached. */
static bool types_json(int argc, char **argv)
{
    bool typed = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0 && !typed; i++)
        typed = strlen(argv[i]) > 2 && strncmp("--json", argv[i], strlen(argv[i])) == 0;
    return typed;
}

static void print_version(const struct hb_cli *cli)
{
    if (cli->json_typed)
        hb_json_line(cli->out, json_pack("{s:s, s:s, s:i}", "type", "version", "version",
                                         HBCORE_VERSION, "schema", HB_JSON_SCHEMA));
    else
        fputs("hbcore " HBCORE_VERSION "\n", cli->out);
}

static int without_command(const struct hb_cli *cli)
{
    if (cli->json)
        return hb_cli_usage(cli, NULL, "no command was given");
    cli->help(cli, stderr);
    return HB_EXIT_USAGE;
}

/*
 * All is done and told. What plugins and their libraries would do at the end of the process is
 * not waited for: it could change the exit code, or crash. Sanitizers and gcov have work to do
 * there.
 */
static int end(int code)
{
    hb_inside_done();
#ifndef HBCORE_INSTRUMENTED
    fflush(NULL);
    _exit(code);
#else
    return code;
#endif
}

int main(int argc, char **argv)
{
    int write_error = 0;
    struct hb_cli cli = {.out = stdout, .err = stderr, .help = hb_program_help};
    const struct hb_form *form;
    int first;
    occupy_standard_descriptors();
    FILE *out = hb_output_open(&write_error);
    cli.out = out == NULL ? stdout : out;
    signal(SIGPIPE, SIG_IGN); /* errors of write(), which have their own exit codes */
    signal(SIGXFSZ, SIG_IGN);
    cli.ascii = setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    /* Names are bytes; libraries that convert them must take any, whatever the user has set. */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        setlocale(LC_CTYPE, "C.utf8");
#ifdef M_ARENA_MAX
    /* What one thread allocates another frees: with an arena each, freed memory piles up. */
    mallopt(M_ARENA_MAX, 1);
#endif
#ifdef M_MMAP_THRESHOLD
    /* Else this grows with what is freed, and the arrays of a large home leave holes behind. */
    mallopt(M_MMAP_THRESHOLD, 2 << 20);
#endif
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* a deep tree holds a descriptor a level */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    cli.json_typed = types_json(argc, argv);
    hb_inside_install();
    int code = hb_cli_parse(&cli, &hb_program, &hb_program, &cli, argc, argv, &form, &first);
    if (code == 0 && first < argc)
        code = hb_command_run(&cli, argc - first, argv + first);
    else if (code == 0)
        code = without_command(&cli);
    if (cli.version)
        print_version(&cli);
    hb_cli_parsed_clear(&hb_program, &cli);
    free(cli.secret_sets.texts);
    cli.secret_sets = (struct hb_texts){.count = 0};
    if (hb_process_was_disturbed() && (code == HB_EXIT_DONE || code == HB_EXIT_INCOMPLETE))
        code = HB_EXIT_FAILED; /* its line has been printed */
    code = close_output(&cli, &write_error, code < 0 ? HB_EXIT_DONE : code);
    if (out != NULL)
        fclose(out);
    return end(code);
}
