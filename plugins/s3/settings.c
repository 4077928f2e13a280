/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <string.h>
#include <strings.h>

#define OPTION(...) (&(const struct hb_option){.size = sizeof(struct hb_option), __VA_ARGS__})

const struct hb_option *const s3_options[OPTIONS] = {
    [ENDPOINT] = OPTION(.type = HB_OPTION_STRING, .key = "endpoint", .default_text = "",
                        .help = "URL of the service, such as https://s3.example.org; empty: Amazon "
                                "S3 in that region"),
    [REGION] = OPTION(.type = HB_OPTION_STRING, .key = "region", .default_text = "",
                      .help = "Region that requests are signed for; empty: $AWS_REGION, "
                              "$AWS_DEFAULT_REGION, or us-east-1"),
    [PATH_STYLE] =
        OPTION(.type = HB_OPTION_CHOICE, .key = "path-style", .default_text = "auto",
               .choices = (const char *const[]){"auto", "yes", "no", NULL},
               .help =
                   "Name the bucket in the path of URLs (yes) or in the host (no); auto: in the "
                   "path where endpoint is set or the bucket has a dot"),
    [CREDENTIALS] =
        OPTION(.type = HB_OPTION_CHOICE, .key = "credentials", .default_text = "auto",
               .choices = (const char *const[]){"auto", "options", "command", "environment", "file",
                                                "metadata", NULL},
               .help = "Where the keys come from; auto: the first of these that has some"),
    [ACCESS_KEY_ID] = OPTION(.type = HB_OPTION_STRING, .key = "access-key-id", .default_text = "",
                             .flags = HB_OPTION_SECRET, .help = "Name of the key"),
    [SECRET_ACCESS_KEY] =
        OPTION(.type = HB_OPTION_STRING, .key = "secret-access-key", .default_text = "",
               .flags = HB_OPTION_SECRET,
               .help = "The key, best as file:PATH, env:NAME or command:WORD ..."),
    [SESSION_TOKEN] =
        OPTION(.type = HB_OPTION_STRING, .key = "session-token", .default_text = "",
               .flags = HB_OPTION_SECRET, .help = "Token of keys that are valid for a while"),
    [CREDENTIALS_FILE] =
        OPTION(.type = HB_OPTION_PATH, .key = "credentials-file", .default_text = "",
               .help = "File of keys by profile; empty: $AWS_SHARED_CREDENTIALS_FILE, or "
                       "~/.aws/credentials"),
    [PROFILE] = OPTION(.type = HB_OPTION_STRING, .key = "profile", .default_text = "",
                       .help = "Which keys of that file; empty: $AWS_PROFILE, or default"),
    [CREDENTIALS_COMMAND] =
        OPTION(.type = HB_OPTION_LIST, .key = "credentials-command", .default_text = "",
               .help = "Program, with its words, that prints keys as JSON (credential_process of "
                       "AWS)"),
    [STORAGE_CLASS] =
        OPTION(.type = HB_OPTION_STRING, .key = "storage-class", .default_text = "",
               .help = "Storage class of archives, such as STANDARD_IA; empty: that of the bucket"),
    [ENCRYPTION] =
        OPTION(.type = HB_OPTION_CHOICE, .key = "encryption", .default_text = "none",
               .choices = (const char *const[]){"none", "aes256", "kms", "customer", NULL},
               .help = "How the service encrypts what it stores: with its keys, those of its KMS, "
                       "or customer-key; none: as the bucket says"),
    [KMS_KEY] = OPTION(.type = HB_OPTION_STRING, .key = "kms-key", .default_text = "",
                       .help = "Id of the key for encryption = kms; empty: that of the bucket"),
    [CUSTOMER_KEY] =
        OPTION(.type = HB_OPTION_STRING, .key = "customer-key", .default_text = "",
               .flags = HB_OPTION_SECRET,
               .help = "Key for encryption = customer: 32 bytes in base64. Without it nobody reads "
                       "the archives"),
    [PART_SIZE] =
        OPTION(.type = HB_OPTION_BYTES, .key = "part-size", .default_text = "5M",
               .minimum = 5 << 20, .maximum = 1 << 30,
               .help = "Bytes of a part at least, of which an archive has at most 9000; larger "
                       "where one needs it"),
    [PARALLEL] = OPTION(.type = HB_OPTION_INTEGER, .key = "parallel-parts", .default_text = "4",
                        .minimum = 1, .maximum = 64,
                        .help = "How many parts are on their way at once, as far as memory allows"),
    [UPLOAD_LIMIT] = OPTION(.type = HB_OPTION_BYTES, .key = "upload-limit", .default_text = "0",
                            .help = "Bytes a second that are sent; 0: no limit"),
    [DOWNLOAD_LIMIT] = OPTION(.type = HB_OPTION_BYTES, .key = "download-limit", .default_text = "0",
                              .help = "Bytes a second that are received; 0: no limit"),
    [RETRY_TIME] = OPTION(.type = HB_OPTION_SECONDS, .key = "retry-time", .default_text = "15m",
                          .maximum = 604800,
                          .help = "How long a request is tried again while the network or the "
                                  "service fails; 0: one attempt"),
    [TIMEOUT] = OPTION(.type = HB_OPTION_SECONDS, .key = "timeout", .default_text = "60s",
                       .minimum = 1, .maximum = 3600,
                       .help = "How long a connection may stand still before it counts as lost"),
    [REQUESTER_PAYS] =
        OPTION(.type = HB_OPTION_BOOLEAN, .key = "requester-pays", .default_text = "no",
               .help = "Agree to pay for requests to a bucket of somebody else"),
    [CA_FILE] = OPTION(.type = HB_OPTION_PATH, .key = "ca-file", .default_text = "",
                       .flags = HB_OPTION_ADVANCED,
                       .help = "File of certificates to believe instead of those of the system"),
    [EQUAL_PARTS] =
        OPTION(.type = HB_OPTION_BOOLEAN, .key = "equal-parts", .default_text = "no",
               .flags = HB_OPTION_ADVANCED,
               .help = "All parts but the last have one length: Cloudflare R2 needs that"),
    [EXCLUSIVE] =
        OPTION(.type = HB_OPTION_BOOLEAN, .key = "exclusive", .default_text = "no",
               .flags = HB_OPTION_ADVANCED,
               .help =
                   "Let the service refuse a name that is taken (If-None-Match): Amazon, R2 and "
                   "MinIO can, others answer 501"),
    [COPY] = OPTION(.type = HB_OPTION_BOOLEAN, .key = "copy", .default_text = "yes",
                    .flags = HB_OPTION_ADVANCED,
                    .help = "With reuse, let the service copy what did not change from the archive "
                            "before"),
    [CHECKSUM] = OPTION(
            .type = HB_OPTION_CHOICE, .key = "checksum", .default_text = "none",
            .choices = (const char *const[]){"none", "sha256", NULL}, .flags = HB_OPTION_ADVANCED,
            .help =
                "Let the service keep a checksum of its own of each part (x-amz-checksum-sha256): "
                "Amazon can; some accept a wrong one"),
    [VERSIONS] = OPTION(
            .type = HB_OPTION_CHOICE, .key = "versions", .default_text = "remove",
            .choices = (const char *const[]){"remove", "hide", NULL},
            .help =
                "In a bucket that keeps versions, what becomes of an archive that is no longer "
                "kept: that version of it is removed, or hidden until a rule of the bucket takes "
                "it"),
};

static bool is_url(const char *text)
{
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : "";
    return *host != '\0' && strpbrk(host, "?#@ \t") == NULL && *host != '/' && *host != ':';
}

bool is_open_line(const char *url)
{
    /* The last two: what a container asks for its keys, on the machine that it runs on. */
    static const char *const here[] = {"127.0.0.1",     "localhost",      "[::1]",
                                       "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    size_t bytes = strcspn(url + 7, "/?#:");
    if (memchr(url + 7, '@', strcspn(url + 7, "/?#")) != NULL)
        return true;
    if (url[7] == '[')
        bytes = strcspn(url + 7, "]") + 1;
    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        if (bytes == strlen(here[i]) && strncasecmp(url + 7, here[i], bytes) == 0)
            return false;
    return true;
}

static bool wrong(const struct hb_host *host, const struct hb_settings *settings, int which,
                  const char *what)
{
    host->fail(host, HB_STATUS_FATAL, "[%s] %s: %s", settings->section, s3_options[which]->key,
               what);
    return false;
}

bool settings_check(const struct hb_host *host, const struct hb_settings *settings)
{
    const char *endpoint = text_setting(settings, ENDPOINT);
    int64_t source = number_setting(settings, CREDENTIALS);
    int64_t encryption = number_setting(settings, ENCRYPTION);
    bool access = *text_setting(settings, ACCESS_KEY_ID) != '\0';
    bool secret = *text_setting(settings, SECRET_ACCESS_KEY) != '\0', well = true;
    if (*endpoint != '\0' && !is_url(endpoint))
        well =
            wrong(host, settings, ENDPOINT, "that is not the URL of a service; write https://HOST");
    if (access != secret)
        well = wrong(host, settings, access ? SECRET_ACCESS_KEY : ACCESS_KEY_ID,
                     "both halves of a key are needed, and this one is missing");
    else if (source == SOURCE_OPTIONS && !access)
        well = wrong(host, settings, ACCESS_KEY_ID, "credentials = options needs it");
    if (source == SOURCE_COMMAND && settings->values[CREDENTIALS_COMMAND]->list_count == 0)
        well = wrong(host, settings, CREDENTIALS_COMMAND, "credentials = command needs it");
    if ((encryption == ENCRYPT_CUSTOMER) != (*text_setting(settings, CUSTOMER_KEY) != '\0'))
        well = wrong(host, settings, CUSTOMER_KEY,
                     "it goes with encryption = customer, and that with it");
    if (encryption == ENCRYPT_CUSTOMER && is_open_line(endpoint))
        well = wrong(host, settings, CUSTOMER_KEY,
                     "each request has it in it, and over http:// all on the way read it; write "
                     "https:// in endpoint");
    if (encryption != ENCRYPT_KMS && *text_setting(settings, KMS_KEY) != '\0')
        well = wrong(host, settings, KMS_KEY, "it goes with encryption = kms");
    return well;
}
