/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command takes, as a table. From it come parsing, `--help`, completion, "did you mean …?",
 * and, by way of `--help`, the check of the manual page: an option stands in one place.
 */
#ifndef HB_CLI_OPTIONS_H
#define HB_CLI_OPTIONS_H

#include "cli.h"
#include "config/config_load.h"
#include <stddef.h>

struct hb_session;

/* What an option does to the struct that the command's options are put into. */
enum hb_takes {
    HB_TAKES_NOTHING, /* bool: it is true */
    HB_TAKES_COUNT,   /* int: how often it was said */
    HB_TAKES_TEXT,    /* const char * */
    HB_TAKES_OUTPUT,  /* the same; with "-" standard output belongs to what is written there */
    HB_TAKES_TEXTS,   /* struct hb_texts; repeatable */
    HB_TAKES_NUMBER,  /* int64_t, at least 0 */
    HB_TAKES_CHOICE,  /* int: which of `choices` */
    HB_TAKES_OVER,    /* bool; nothing behind it is looked at: --version */
};

/* What a value is, so that a shell can offer some. */
enum hb_values {
    HB_VALUES_ANY,
    HB_VALUES_FILES,
    HB_VALUES_DIRECTORIES,
    HB_VALUES_FORMATS,
    HB_VALUES_SEALS, /* transforms */
    HB_VALUES_PRESETS,
    HB_VALUES_PLUGINS,
    HB_VALUES_KINDS, /* of plugins */
    HB_VALUES_SETTINGS,
    HB_VALUES_SNAPSHOTS,
    HB_VALUES_EXAMPLES, /* configurations that are installed */
    HB_VALUES_MEMBERS,  /* of the archive in front */
};

struct hb_cli_option {
    const char *name;     /* without "--"; NULL ends a table */
    char letter;          /* or 0 */
    const char *argument; /* "PATH", as help and manual page have it; NULL: none */
    const char *help;     /* lines; the first one is offered with the completion */
    enum hb_takes takes;
    size_t offset; /* of what it sets */
    enum hb_values values;
    const char *const *choices; /* ended by NULL */
    unsigned not_in;            /* bits: the forms of the command that have no use for it */
};

/* A word that people try, and what to type instead: a hint, in which "hbcore" begins a command. */
struct hb_meant {
    const char *word; /* a command, a subcommand, or an option with its "--"; NULL ends a table */
    const char *hint;
};

/* A way to use a command: with one of its subcommands, or the only one. */
struct hb_form {
    const char *name;      /* of the subcommand; NULL: there are none */
    const char *arguments; /* "KIND NAME"; "[NAME]": or none; "[WORD...]": any; NULL: none */
    const char *help;      /* of the subcommand, or NULL */
    const char *wrong;     /* what is said where it gets more or fewer; NULL where it takes none */
    enum hb_values values[2];     /* what its arguments are */
    bool any_config;              /* shows plugins also where the configuration is wrong */
    bool bare;                    /* needs no configuration */
    hb_config_check *more_checks; /* of the configuration; NULL: what every command looks at */
    /* The work. Returns the exit code. */
    int (*run)(struct hb_session *session);
};

/* In the order in which the help of the program lists them. */
enum hb_group { HB_FOR_EVERY_DAY, HB_FOR_ARCHIVES, HB_FOR_SETTING_UP, HB_GROUPS };

struct hb_command {
    const char *name;    /* NULL: the program itself, with the global options */
    const char *summary; /* in the list of commands */
    enum hb_group group; /* in which part of it */
    const char *about;   /* the help between usage and options */
    const char *end;     /* and below them; or NULL */
    const struct hb_form *forms;
    size_t form_count;
    const struct hb_cli_option *options; /* without --help, which all have; or NULL */
    size_t bytes;                        /* of the struct that they are put into */
    const void *defaults;                /* for it; NULL: zeros */
    bool raw_out;                        /* standard output is for a member alone */
    bool ends_at_word; /* what follows the first argument is not an option of it */
    const struct hb_command *const *commands; /* of the program; ended by NULL */
    const struct hb_meant *meant;             /* or NULL */
    /* What does not go together; 0, or HB_EXIT_USAGE after the message. May be NULL. */
    int (*check)(const struct hb_cli *cli, const void *options);
};

/*
 * Reads the words behind argv[0]; `program` has the global options, which may also stand behind the
 * command, or is the command itself. 0: *form and the arguments, from argv[*first] on, are what was
 * typed. -1: all is done, for help was printed, or --version is to be. Else an exit code.
 */
int hb_cli_parse(struct hb_cli *cli, const struct hb_command *program,
                 const struct hb_command *command, void *options, int argc, char **argv,
                 const struct hb_form **form, int *first);

/* `options` hold nothing any more. */
void hb_cli_parsed_clear(const struct hb_command *command, void *options);

/* What --help says. */
void hb_cli_help(const struct hb_command *command, FILE *out);

/* The options of a command, and behind them --help. NULL behind the last one. */
const struct hb_cli_option *hb_cli_option_at(const struct hb_command *command, size_t index);
/* "-o", "--output" or "--output=…"; NULL: the command has no such option. */
const struct hb_cli_option *hb_cli_option_find(const struct hb_command *command, const char *word);

/* The hint for a word that the command does not know; NULL: none. */
const char *hb_cli_meant(const struct hb_command *command, const char *word);

#endif
