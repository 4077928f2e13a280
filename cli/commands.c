/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <string.h>

const struct hb_command *const hb_commands[] = {
    &hb_command_backup,     &hb_command_import, &hb_command_undo,       &hb_command_list,
    &hb_command_cat,        &hb_command_verify, &hb_command_snapshot,   &hb_command_archives,
    &hb_command_find_files, &hb_command_diff,   &hb_command_prune,      &hb_command_schedule,
    &hb_command_plugins,    &hb_command_config, &hb_command_completion, NULL,
};

#define AT(member) offsetof(struct hb_cli, member)

static const char *const progress_choices[] = {"auto", "always", "never", NULL};

static const struct hb_cli_option options[] = {
    {"config", 0, "FILE",
     "else $HBCORE_CONFIG, ~/.config/hbcore/hbcore.ini ($XDG_CONFIG_HOME),\n"
     "/etc/hbcore/hbcore.ini",
     .takes = HB_TAKES_TEXT, .offset = AT(config_path), .values = HB_VALUES_FILES},
    {"set", 0, "SECTION.KEY=VAL", "override one setting; repeatable", .takes = HB_TAKES_TEXTS,
     .offset = AT(sets), .values = HB_VALUES_SETTINGS},
    {"home", 0, "DIR", "the directory to back up or restore into", .takes = HB_TAKES_TEXT,
     .offset = AT(home), .values = HB_VALUES_DIRECTORIES},
    {"json", 0, NULL, "print one JSON object per line on standard output", .offset = AT(json)},
    {"progress", 0, "WHEN", "auto, always or never", .takes = HB_TAKES_CHOICE,
     .offset = AT(progress), .choices = progress_choices},
    {"wait", 0, "SECONDS", "wait for another run's lock (default 0)", .takes = HB_TAKES_NUMBER,
     .offset = AT(wait_seconds)},
    {"verbose", 'v', NULL, "print more, and all names instead of the first ten",
     .takes = HB_TAKES_COUNT, .offset = AT(verbose)},
    {"quiet", 0, NULL, "print only errors, warnings and notes", .offset = AT(quiet)},
    {"version", 0, NULL, "print the version", .takes = HB_TAKES_OVER, .offset = AT(version)},
    {0},
};

static const struct hb_form form = {.arguments = "COMMAND [options] [arguments]"};

/* What other programs call it. */
static const struct hb_meant meant[] = {
    {"restore", "use `hbcore import ARCHIVE`, or `hbcore snapshot restore ID`"},
    {"extract", "use `hbcore import ARCHIVE`, or `hbcore cat ARCHIVE MEMBER` for one file"},
    {"unpack", "use `hbcore import ARCHIVE`, or `hbcore cat ARCHIVE MEMBER` for one file"},
    {"recover", "use `hbcore import ARCHIVE`, or `hbcore snapshot restore ID`"},
    {"load", "use `hbcore import ARCHIVE`"},
    {"create", "use `hbcore backup`, or `hbcore snapshot create`"},
    {"archive", "use `hbcore backup`"},
    {"export", "use `hbcore backup`"},
    {"save", "use `hbcore backup`"},
    {"dump", "use `hbcore backup`"},
    {"pack", "use `hbcore backup`"},
    {"quick", "use `hbcore backup --quick`"},
    {"ls", "use `hbcore list ARCHIVE`"},
    {"show", "use `hbcore list ARCHIVE`, or `hbcore config show`"},
    {"contents", "use `hbcore list ARCHIVE`"},
    {"get", "use `hbcore cat ARCHIVE MEMBER`"},
    {"check", "use `hbcore verify ARCHIVE`, or `hbcore config check`"},
    {"test", "use `hbcore verify ARCHIVE`"},
    {"delete", "use `hbcore prune`, or `hbcore snapshot prune`"},
    {"remove", "use `hbcore prune`, or `hbcore snapshot prune`"},
    {"rm", "use `hbcore prune`, or `hbcore snapshot prune`"},
    {"clean", "use `hbcore prune`, or `hbcore snapshot prune`"},
    {"forget", "use `hbcore prune`, or `hbcore snapshot prune`"},
    {"init", "use `hbcore config new NAME` to make a configuration"},
    {"setup", "use `hbcore config new NAME` to make a configuration"},
    {"snapshots", "use `hbcore archives`, or `hbcore snapshot list`"},
    {"unlock", "nothing has to be unlocked: what a run holds ends with it"},
    {"mount", "use `hbcore list` and `hbcore cat`, or import a part with --include"},
    {"stats", "use `hbcore archives`"},
    {"copy", "use `hbcore backup -o URL`; an archive is a file, which any program can copy"},
    {"key", "see `man hbcore`, SEALED ARCHIVES; keys are made by age-keygen"},
    {"cron", "use `hbcore schedule PRESET --cron`"},
    {"timer", "use `hbcore schedule PRESET`"},
    {"help", "use `hbcore --help`, or `hbcore COMMAND --help`"},
    {"version", "use `hbcore --version`"},
    {"-V", "did you mean --version?"},
    {0},
};

const struct hb_command hb_program = {
    .forms = &form,
    .form_count = 1,
    .options = options,
    .ends_at_word = true,
    .commands = hb_commands,
    .meant = meant,
};

const struct hb_command *hb_command_find(const char *name)
{
    for (size_t i = 0; hb_commands[i] != NULL; i++)
        if (strcmp(hb_commands[i]->name, name) == 0)
            return hb_commands[i];
    return NULL;
}
