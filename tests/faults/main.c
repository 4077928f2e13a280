/* SPDX-License-Identifier: Apache-2.0 */
/* hb-fault: see help. The tests' way to make a certain system call of a program fail. */
#include "supervise.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: hb-fault --calls LIST [options] -- COMMAND [ARGUMENT]...\n"
    "\n"
    "Runs COMMAND and counts those of its system calls, over all threads and children, that are "
    "in\n"
    "LIST. One of them can be made to fail, to be the last, or to wait while something happens.\n"
    "\n"
    "  --calls LIST     classes and names of calls, separated by commas. By its class, an open\n"
    "                   counts only if it creates or empties the file\n"
    "  --path PATTERN   only calls on files that match (as the shell's; * also matches /)\n"
    "  --at N, --at N+  act at the Nth call; also at all that follow\n"
    "  --error NAME     it returns this error (ENOSPC, say) and does nothing\n"
    "  --kill           its process is killed before it does anything\n"
    "  --run TEXT       the shell runs TEXT first, then it goes on. $HB_FAULT_THREAD is the "
    "caller\n"
    "  --log FILE       the first call acted on (hit: its number, its name, its files), the "
    "number\n"
    "                   of calls (count) and of those acted on (hits)\n"
    "  --list           in the log also each call (call: the same)\n"
    "  --timeout N      seconds; default 120\n"
    "\n"
    "Exit status: COMMAND's, or 128 and its signal; 77 where the kernel does not offer this, 124 "
    "when\n"
    "it did not end in time, 125 on wrong use.\n"
    "\n";

/* Each of strerrorname_np's names. */
static int error_of(const char *name)
{
    for (int error = 1; error < 200; error++) {
        const char *known = strerrorname_np(error);
        if (known != NULL && strcmp(known, name) == 0)
            return error;
    }
    return 0;
}

static int wrong(const char *what, const char *word)
{
    fprintf(stderr, "hb-fault: %s: %s\n", what, word);
    return FAULT_BROKEN;
}

static int take_at(struct fault_plan *plan, const char *text)
{
    char *end;
    plan->at = strtoull(text, &end, 10);
    plan->and_after = *end == '+';
    return plan->at == 0 || (*end != '\0' && strcmp(end, "+") != 0)
               ? wrong("no number of a call", text)
               : 0;
}

static int take_option(struct fault_plan *plan, int option, char *value)
{
    const char *unknown;
    switch (option) {
    case 'c':
        unknown = fault_select(&plan->selection, value);
        return unknown == NULL ? 0 : wrong("neither a call nor a class", unknown);
    case 'p':
        plan->path = value;
        return 0;
    case 'a':
        return take_at(plan, value);
    case 'e':
        plan->action = FAULT_ERROR;
        plan->error = error_of(value);
        return plan->error == 0 ? wrong("no name of an error", value) : 0;
    case 'k':
        plan->action = FAULT_KILL;
        return 0;
    case 'r':
        plan->action = FAULT_RUN;
        plan->command = value;
        return 0;
    case 'o':
        plan->log = fopen(value, "we");
        return plan->log == NULL ? wrong(value, strerror(errno)) : 0;
    case 'l':
        plan->list = true;
        return 0;
    case 't':
        plan->timeout = (unsigned)strtoul(value, NULL, 10);
        return 0;
    case 'h':
        fputs(help, stdout);
        fault_list_names(stdout);
        exit(0);
    default:
        return FAULT_BROKEN;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"calls", required_argument, NULL, 'c'},
        {"path", required_argument, NULL, 'p'},
        {"at", required_argument, NULL, 'a'},
        {"error", required_argument, NULL, 'e'},
        {"kill", no_argument, NULL, 'k'},
        {"run", required_argument, NULL, 'r'},
        {"log", required_argument, NULL, 'o'},
        {"list", no_argument, NULL, 'l'},
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct fault_plan plan = {.timeout = 120};
    int option, code;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1)
        if ((code = take_option(&plan, option, optarg)) != 0)
            return code;
    if (optind >= argc)
        return wrong("no command", "see --help");
    code = fault_supervise(&plan, argv + optind);
    if (plan.log != NULL) {
        fprintf(plan.log, "count\t%llu\nhits\t%llu\n", (unsigned long long)plan.count,
                (unsigned long long)plan.hits);
        fclose(plan.log);
    }
    return code;
}
