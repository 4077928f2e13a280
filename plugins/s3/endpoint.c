/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoint.h"

#include <stdlib.h>
#include <string.h>

const char *endpoint_first_region(const struct hb_settings *settings)
{
    const char *said = text_setting(settings, REGION);
    if (*said == '\0')
        said = getenv("AWS_REGION");
    if (said == NULL || *said == '\0')
        said = getenv("AWS_DEFAULT_REGION");
    return said == NULL || *said == '\0' ? "us-east-1" : said;
}

bool endpoint_is_region(const char *region)
{
    return *region != '\0' &&
           strspn(region, "abcdefghijklmnopqrstuvwxyz"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(region);
}

/* Amazon's own, where none is said. */
static void find_service(const struct s3 *s3, const char *region, struct text *service)
{
    const char *said = text_setting(s3->settings, ENDPOINT);
    if (*said == '\0')
        text_format(service, "https://s3.%s.amazonaws.com%s", region,
                    strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    else
        text_put(service, said);
    while (service->bytes > 0 && service->data[service->bytes - 1] == '/')
        service->data[--service->bytes] = '\0';
}

/* Names with dots do not fit the certificates of "*.HOST". */
static bool is_in_path(const struct s3 *s3, const char *bucket)
{
    int64_t style = number_setting(s3->settings, PATH_STYLE);
    return style == STYLE_YES ||
           (style == STYLE_AUTO &&
            (*text_setting(s3->settings, ENDPOINT) != '\0' || strchr(bucket, '.') != NULL));
}

/* "host:port", without the port that goes without saying. */
static size_t host_bytes(const char *host, bool tls)
{
    size_t bytes = strcspn(host, "/");
    const char *usual = tls ? ":443" : ":80";
    size_t tail = strlen(usual);
    return bytes > tail && strncmp(host + bytes - tail, usual, tail) == 0 ? bytes - tail : bytes;
}

void endpoint_of(const struct s3 *s3, const char *region, const struct object_name *name,
                 struct endpoint *endpoint)
{
    AUTO_TEXT service = {0};
    *endpoint = (struct endpoint){0};
    find_service(s3, region, &service);
    endpoint->base.failed = service.failed;
    const char *host = strstr(text_of(&service), "://");
    host = host == NULL ? "" : host + 3;
    bool tls = strncmp(text_of(&service), "https:", 6) == 0, in_path = is_in_path(s3, name->bucket);
    const char *path = host + strcspn(host, "/");
    if (!in_path)
        text_format(&endpoint->host, "%s.", name->bucket);
    text_add(&endpoint->host, host, host_bytes(host, tls));
    text_format(&endpoint->base, "%s://%s", tls ? "https" : "http", text_of(&endpoint->host));
    text_format(&endpoint->path, "%s/", path);
    if (in_path)
        text_uri(&endpoint->path, name->bucket, false);
    if (in_path && *name->key != '\0')
        text_put(&endpoint->path, "/");
    text_uri(&endpoint->path, name->key, true);
}

bool endpoint_is_whole(const struct endpoint *endpoint)
{
    return !endpoint->base.failed && !endpoint->host.failed && !endpoint->path.failed;
}

void endpoint_clear(struct endpoint *endpoint)
{
    text_clear(&endpoint->base);
    text_clear(&endpoint->host);
    text_clear(&endpoint->path);
}
