/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of the role that a container or a machine has. The service is asked at an address of this
 * machine, so nobody waits for it long; where there is none, there are no keys from it.
 *
 * Of a machine, IMDSv2: a token by PUT, then the name of the role, then its keys. Version 1, which
 * answers whoever makes a program fetch a URL, is not asked.
 */
#include "credentials_metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES = 64 << 10, CONNECT_MS = 1000, ALL_MS = 5000 };

#define MACHINE   "http://169.254.169.254"
#define CONTAINER "http://169.254.170.2"
#define ROLES     "/latest/meta-data/iam/security-credentials/"

static bool is_cancelled(void *context)
{
    const struct hb_host *host = context;
    return host->cancelled(host) != 0;
}

/* HB_OK: the answer is in *response. HB_STATUS_NOMATCH: there is nobody, or nothing. */
static int fetch(const struct asking *asking, const char *method, const char *url,
                 const char *header, struct http_response *response)
{
    const struct http_request request = {.method = method,
                                         .url = url,
                                         .headers = &header,
                                         .header_count = header == NULL ? 0 : 1,
                                         .body_most = ANSWER_BYTES,
                                         .timeout_ms = ALL_MS,
                                         .connect_ms = CONNECT_MS,
                                         .direct = true,
                                         .stopped = is_cancelled,
                                         .context = (void *)(uintptr_t)asking->host};
    http_do(asking->http, &request, response);
    return response->status == 200 && response->body.bytes > 0 ? HB_OK : HB_STATUS_NOMATCH;
}

static int take(const struct asking *asking, const struct http_response *response,
                struct keys *keys)
{
    if (keys_from_json(text_of(&response->body), response->body.bytes, keys))
        return HB_OK;
    return asking->host->fail_as(asking->host, HB_STATUS_FATAL, HB_CAUSE_AUTHENTICATION, NULL,
                                 "the metadata service gave an answer without keys");
}

/* The file that a container's token is in, or the token itself. */
static void add_container_token(struct text *header)
{
    const char *path = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    char line[8192] = "";
    FILE *stream = path == NULL || *path == '\0' ? NULL : fopen(path, "re");
    if (stream != NULL && fgets(line, sizeof line, stream) != NULL)
        line[strcspn(line, "\r\n")] = '\0';
    if (stream != NULL)
        fclose(stream);
    if (*line != '\0' || token != NULL)
        text_format(header, "authorization: %s", *line != '\0' ? line : token);
    explicit_bzero(line, sizeof line);
}

/* HB_STATUS_NOMATCH: this is no container with a role. */
static int ask_container(const struct asking *asking, struct keys *keys)
{
    const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    struct text url = {0}, header = {0};
    struct http_response response = {0};
    if (relative != NULL && *relative != '\0')
        text_format(&url, CONTAINER "%s", relative);
    else if (full != NULL && *full != '\0' && is_open_line(full))
        return asking->host->fail_as(
            asking->host, HB_STATUS_FATAL, HB_CAUSE_AUTHENTICATION, NULL,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI is http:// to another machine, and keys do not "
            "come that way");
    else if (full != NULL && *full != '\0')
        text_put(&url, full);
    else
        return HB_STATUS_NOMATCH;
    add_container_token(&header);
    int status =
        fetch(asking, "GET", text_of(&url), header.bytes > 0 ? text_of(&header) : NULL, &response);
    if (status == HB_OK)
        status = take(asking, &response, keys);
    else
        status = asking->host->fail_as(asking->host, HB_STATUS_FATAL, HB_CAUSE_AUTHENTICATION, NULL,
                                       "the container's credentials service does not answer");
    text_wipe(&response.body);
    http_clear(&response);
    text_wipe(&header);
    text_clear(&url);
    return status;
}

static int ask_role(const struct asking *asking, const char *base, const char *header,
                    struct keys *keys)
{
    AUTO_TEXT url = {0};
    struct http_response name = {0}, answer = {0};
    text_format(&url, "%s" ROLES, base);
    int status = fetch(asking, "GET", text_of(&url), header, &name);
    if (status == HB_OK) {
        name.body.data[strcspn(name.body.data, "\r\n")] = '\0';
        text_uri(&url, text_of(&name.body), false);
        status = fetch(asking, "GET", text_of(&url), header, &answer);
    }
    if (status == HB_OK)
        status = take(asking, &answer, keys);
    text_wipe(&answer.body);
    http_clear(&answer);
    http_clear(&name);
    return status;
}

static int ask_machine(const struct asking *asking, struct keys *keys)
{
    const char *disabled = getenv("AWS_EC2_METADATA_DISABLED");
    const char *base = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    AUTO_TEXT url = {0};
    struct text header = {0};
    struct http_response token = {0};
    if (disabled != NULL && strcmp(disabled, "true") == 0)
        return HB_STATUS_NOMATCH;
    base = base == NULL || *base == '\0' ? MACHINE : base;
    text_format(&url, "%s/latest/api/token", base);
    int status =
        fetch(asking, "PUT", text_of(&url), "x-aws-ec2-metadata-token-ttl-seconds: 300", &token);
    text_format(&header, "x-aws-ec2-metadata-token: %s", text_of(&token.body));
    if (status == HB_OK)
        status = ask_role(asking, base, text_of(&header), keys);
    text_wipe(&header);
    text_wipe(&token.body);
    http_clear(&token);
    return status;
}

int keys_from_metadata(const struct asking *asking, bool needed, struct keys *keys)
{
    int status = ask_container(asking, keys);
    if (status == HB_STATUS_NOMATCH)
        status = ask_machine(asking, keys);
    if (status == HB_STATUS_NOMATCH && needed)
        return asking->host->fail_as(asking->host, HB_STATUS_FATAL, HB_CAUSE_AUTHENTICATION, NULL,
                                     "no metadata service gives keys: this machine has no role");
    return status;
}
