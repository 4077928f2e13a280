/* SPDX-License-Identifier: Apache-2.0 */
/* The options by number, and what they say together. */
#ifndef S3_SETTINGS_H
#define S3_SETTINGS_H

#include <hbcore/store.h>
#include <stdbool.h>

enum {
    ENDPOINT,
    REGION,
    PATH_STYLE,
    CREDENTIALS,
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    SESSION_TOKEN,
    CREDENTIALS_FILE,
    PROFILE,
    CREDENTIALS_COMMAND,
    STORAGE_CLASS,
    ENCRYPTION,
    KMS_KEY,
    CUSTOMER_KEY,
    PART_SIZE,
    PARALLEL,
    UPLOAD_LIMIT,
    DOWNLOAD_LIMIT,
    RETRY_TIME,
    TIMEOUT,
    REQUESTER_PAYS,
    CA_FILE,
    EQUAL_PARTS,
    EXCLUSIVE,
    COPY,
    CHECKSUM,
    VERSIONS,
    OPTIONS
};

extern const struct hb_option *const s3_options[OPTIONS];

/* The order of `choices` of each. */
enum path_style { STYLE_AUTO, STYLE_YES, STYLE_NO };
enum source {
    SOURCE_AUTO,
    SOURCE_OPTIONS,
    SOURCE_COMMAND,
    SOURCE_ENVIRONMENT,
    SOURCE_FILE,
    SOURCE_METADATA
};
enum checksum { CHECKSUM_NONE, CHECKSUM_SHA256 };
enum versions { VERSIONS_REMOVE, VERSIONS_HIDE };
enum encryption { ENCRYPT_NONE, ENCRYPT_AES256, ENCRYPT_KMS, ENCRYPT_CUSTOMER };

/* Says through host->fail() what is wrong, all of it. False: something is. */
bool settings_check(const struct hb_host *host, const struct hb_settings *settings);

static inline const char *text_setting(const struct hb_settings *settings, int which)
{
    return settings->values[which]->text;
}

static inline int64_t number_setting(const struct hb_settings *settings, int which)
{
    return settings->values[which]->number;
}

/* Can whoever is on the way read what is sent to that URL? Not on this machine. */
bool is_open_line(const char *url);

#endif
