/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, for people on standard error, and for programs as JSON. */
#ifndef HB_COMPLAIN_H
#define HB_COMPLAIN_H

#include "base/error.h"
#include "cli.h"
#include <jansson.h>

/* " --config FILE --set X --home DIR", of those that were typed, each quoted. Caller frees. */
char *hb_cli_typed_options(const struct hb_cli *cli);

/*
 * The text, with the configuration, the settings and the home that were typed behind each "hbcore"
 * that begins a command line, so that it does the same for whoever types it. Caller frees.
 */
char *hb_cli_with_options(const struct hb_cli *cli, const char *text);

/*
 * " (with the same --set store:x.key)": what a command line that is shown lacks, because it is
 * secret; else "". Caller frees.
 */
char *hb_cli_lacks_secrets(const struct hb_cli *cli);

/* Prints "hbcore: TEXT" and the hint on standard error. */
void hb_cli_complain(const struct hb_cli *cli, const struct hb_error *error);

/* The same for programs: with --json a line of type error, else nothing. */
void hb_cli_fail_json(const struct hb_cli *cli, int code, const char *text, const char *hint);

/* Both; returns `code`. */
int hb_cli_fail(const struct hb_cli *cli, int code, const struct hb_error *error);

/* Wrong use: "hbcore: COMMAND: …", without COMMAND where that is NULL. Returns HB_EXIT_USAGE. */
int hb_cli_usage(const struct hb_cli *cli, const char *command, const char *format, ...)
    HB_PRINTF(3, 4);

/* Is `out` a terminal that shows colours, and whose user wants them (NO_COLOR)? */
bool hb_cli_colour(FILE *out);

/* One line on `out`; takes the object over. */
void hb_json_line(FILE *out, json_t *object);

#endif
