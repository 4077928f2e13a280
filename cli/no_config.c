/* SPDX-License-Identifier: Apache-2.0 */
#include "no_config.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "config/config_file.h"
#include "files/installed.h"
#include <glob.h>
#include <string.h>

char *hb_cli_examples_directory(void)
{
    HB_AUTO_FREE char *example =
        hb_installed(HBCORE_DATADIR "/hbcore/generic.ini", HBCORE_EXAMPLES "/generic.ini");
    return hb_copy_bytes(example, (size_t)(hb_base_name(example) - example) - 1);
}

void hb_cli_each_example(void (*each)(void *context, const char *name), void *context)
{
    glob_t found = {0};
    HB_AUTO_FREE char *directory = hb_cli_examples_directory();
    HB_AUTO_FREE char *pattern = hb_text("%s/*.ini", directory);
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char *file = hb_base_name(found.gl_pathv[i]);
            HB_AUTO_FREE char *name = hb_copy_bytes(file, strlen(file) - strlen(".ini"));
            each(context, name);
        }
    globfree(&found);
}

static void append_name(void *context, const char *name)
{
    char **text = context;
    HB_AUTO_FREE char *before = *text;
    *text = before == NULL ? hb_copy_text(name) : hb_text("%s or %s", before, name);
}

char *hb_cli_examples(void)
{
    char *text = NULL;
    hb_cli_each_example(append_name, &text);
    return text == NULL ? hb_copy_text("generic") : text;
}

char *hb_cli_config_places(const char *between)
{
    char *text = hb_config_file_place(0), *place;
    for (size_t i = 1; (place = hb_config_file_place(i)) != NULL; i++) {
        HB_AUTO_FREE char *before = text;
        text = hb_text("%s%s%s", before, between, place);
        free(place);
    }
    return text;
}

void hb_cli_no_config(const struct hb_config *config, const struct hb_cli *cli, const char *command,
                      const char *what, struct hb_error *error)
{
    if (hb_config_path(config) != NULL)
        return;
    HB_AUTO_FREE char *directory = hb_cli_examples_directory();
    HB_AUTO_FREE char *word = hb_shell_word(directory);
    HB_AUTO_FREE char *names = hb_cli_examples();
    HB_AUTO_FREE char *places = hb_cli_config_places(" nor ");
    HB_AUTO_FREE char *home = cli->home == NULL ? NULL : hb_shell_word(cli->home);
    hb_error_set(error, HB_STATUS_FATAL,
                 "there is no configuration file, and nothing else says %s: neither %s exists",
                 what, places);
    hb_error_hint(error,
                  "make one with `hbcore config new NAME`, %s for NAME; or use one for this run "
                  "alone: `hbcore --config %s/generic.ini --home %s %s`",
                  names, word, home == NULL ? "DIR" : home, command);
}
