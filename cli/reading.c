/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

#include "complain.h"
#include "session.h"
#include <getopt.h>
#include <string.h>

int hb_reading_parse(struct hb_reading *reading, const char *help, int wanted, int argc,
                     char **argv)
{
    static const struct option options[] = {
        {"long", no_argument, NULL, 'l'},
        {"format", required_argument, NULL, 'F'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":lh", options, NULL)) != -1) {
        if (option == 'l' && strcmp(argv[0], "list") == 0) {
            reading->detailed = true;
        } else if (option == 'F') {
            reading->format = optarg;
        } else if (option == 'h') {
            fputs(help, reading->cli->out);
            return -1;
        } else {
            return hb_cli_what(reading->cli, option, argv);
        }
    }
    if (argc - optind != wanted)
        return hb_cli_usage(reading->cli, argv[0],
                            wanted == 1 ? "takes one archive" : "takes an archive and a member");
    reading->archive_path = argv[optind];
    if (wanted == 2)
        reading->member = argv[optind + 1];
    if (strcmp(reading->archive_path, "-") == 0)
        return hb_cli_usage(reading->cli, argv[0], "needs a file; only import reads from a pipe");
    return 0;
}

/* 0, or an exit code after the message. The run is initialised unless that is HB_EXIT_USAGE. */
int hb_reading_open(struct hb_reading *reading)
{
    int code = hb_cli_load_config(reading->cli, &reading->config);
    if (code != 0)
        return code;
    hb_run_init(&reading->run, reading->config);
    reading->run.log = reading->cli->err;
    reading->run.log_level = reading->cli->verbose > 0 ? HB_LOG_DEBUG : HB_LOG_INFO;
    int status = hb_archive_open(&reading->run, reading->archive_path, reading->format,
                                 &reading->archive, &reading->error);
    if (status == HB_OK)
        status = hb_archive_list(&reading->archive, &reading->error);
    if (status == HB_NOMATCH)
        status = hb_error_set(&reading->error, HB_FATAL,
                              "%s: is no regular file, and only import reads from a pipe",
                              reading->archive_path);
    return hb_cli_exit_code(status);
}

int hb_reading_end(struct hb_reading *reading, int code)
{
    if (reading->error.text[0] != '\0')
        hb_cli_fail(reading->cli, code, &reading->error);
    hb_cli_end_progress(&reading->run);
    hb_archive_close(&reading->archive);
    if (reading->config != NULL) {
        hb_run_clear(&reading->run);
        hb_config_free(reading->config);
    }
    return code;
}

const char *hb_reading_type(uint8_t type)
{
    switch (type) {
    case HB_FILE:
        return "file";
    case HB_DIRECTORY:
        return "directory";
    case HB_SYMLINK:
        return "link";
    case HB_HARDLINK:
        return "hardlink";
    default:
        return "special";
    }
}
