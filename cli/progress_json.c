/* SPDX-License-Identifier: Apache-2.0 */
#include "progress_json.h"

#include "base/name.h"
#include "complain.h"

void hb_progress_json(void *out, const struct hb_progress_state *state)
{
    json_t *line = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f}", "type", "progress", "phase",
                             state->verb, "files_done", (json_int_t)state->files, "files",
                             (json_int_t)state->all_files, "bytes_done", (json_int_t)state->bytes,
                             "bytes", (json_int_t)state->all_bytes, "seconds", state->seconds);
    if (state->path == NULL)
        json_object_set_new(line, "path", json_null());
    else
        hb_json_name(line, "path", state->path);
    hb_json_line(out, line);
    fflush(out);
}
