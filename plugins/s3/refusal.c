/* SPDX-License-Identifier: Apache-2.0 */
#include "refusal.h"

#include "xml.h"
#include <hbcore/abi.h>
#include <stdio.h>
#include <string.h>

struct row {
    const char *code;
    uint32_t cause;
    enum then then;
};

/* "Error responses", Amazon S3 API Reference, and what others answer. */
static const struct row codes[] = {
    {"SlowDown", HB_CAUSE_BUSY, THEN_AGAIN},
    {"ServiceUnavailable", HB_CAUSE_BUSY, THEN_UNCLEAR}, /* a part of the service was not there */
    {"TooManyRequests", HB_CAUSE_BUSY, THEN_AGAIN},
    {"RequestLimitExceeded", HB_CAUSE_BUSY, THEN_AGAIN},
    {"OperationAborted", HB_CAUSE_BUSY, THEN_AGAIN},
    {"ConditionalRequestConflict", HB_CAUSE_BUSY, THEN_AGAIN},
    {"InternalError", HB_CAUSE_NETWORK, THEN_UNCLEAR},
    {"RequestTimeout", HB_CAUSE_NETWORK, THEN_AGAIN},
    {"IncompleteBody", HB_CAUSE_NETWORK, THEN_AGAIN},
    {"BadDigest", HB_CAUSE_NETWORK, THEN_AGAIN},
    {"XAmzContentSHA256Mismatch", HB_CAUSE_NETWORK, THEN_AGAIN},
    {"InvalidDigest", HB_CAUSE_NETWORK, THEN_AGAIN},
    {"ExpiredToken", HB_CAUSE_AUTHENTICATION, THEN_KEYS},
    {"TokenRefreshRequired", HB_CAUSE_AUTHENTICATION, THEN_KEYS},
    {"RequestExpired", HB_CAUSE_AUTHENTICATION, THEN_KEYS},
    {"RequestTimeTooSkewed", HB_CAUSE_AUTHENTICATION, THEN_CLOCK},
    {"PermanentRedirect", HB_CAUSE_UNSUPPORTED, THEN_REGION},
    {"TemporaryRedirect", HB_CAUSE_UNSUPPORTED, THEN_REGION},
    {"AuthorizationHeaderMalformed", HB_CAUSE_AUTHENTICATION, THEN_REGION},
    {"IllegalLocationConstraintException", HB_CAUSE_UNSUPPORTED, THEN_REGION},
    {"SignatureDoesNotMatch", HB_CAUSE_AUTHENTICATION, THEN_FAIL},
    {"InvalidAccessKeyId", HB_CAUSE_AUTHENTICATION, THEN_FAIL},
    {"InvalidToken", HB_CAUSE_AUTHENTICATION, THEN_FAIL},
    {"AccessDenied", HB_CAUSE_DENIED, THEN_FAIL},
    {"AllAccessDisabled", HB_CAUSE_DENIED, THEN_FAIL},
    {"AccountProblem", HB_CAUSE_DENIED, THEN_FAIL},
    {"NoSuchKey", HB_CAUSE_NOT_FOUND, THEN_FAIL},
    {"NoSuchVersion", HB_CAUSE_NOT_FOUND, THEN_FAIL},
    {"NoSuchUpload", HB_CAUSE_NOT_FOUND, THEN_FAIL},
    {"NoSuchBucket", HB_CAUSE_NOT_FOUND, THEN_FAIL},
    {"PreconditionFailed", HB_CAUSE_EXISTS, THEN_FAIL},
    {"QuotaExceeded", HB_CAUSE_NO_SPACE, THEN_FAIL},
    {"XMinioStorageFull", HB_CAUSE_NO_SPACE, THEN_FAIL},
    {"EntityTooLarge", HB_CAUSE_UNSUPPORTED, THEN_FAIL},
    {"NotImplemented", HB_CAUSE_UNSUPPORTED, THEN_FAIL},
    {"InvalidObjectState", HB_CAUSE_UNSUPPORTED, THEN_FAIL},
    {"InvalidStorageClass", HB_CAUSE_UNSUPPORTED, THEN_FAIL},
};

/* Of an answer without a code that is known. */
static struct row by_status(long status)
{
    switch (status) {
    case 301:
    case 307:
        return (struct row){"", HB_CAUSE_UNSUPPORTED, THEN_REGION};
    case 401:
        return (struct row){"", HB_CAUSE_AUTHENTICATION, THEN_FAIL};
    case 403:
        return (struct row){"", HB_CAUSE_DENIED, THEN_FAIL};
    case 404:
        return (struct row){"", HB_CAUSE_NOT_FOUND, THEN_FAIL};
    case 405:
    case 501:
        return (struct row){"", HB_CAUSE_UNSUPPORTED, THEN_FAIL};
    case 408:
        return (struct row){"", HB_CAUSE_NETWORK, THEN_AGAIN};
    case 412:
        return (struct row){"", HB_CAUSE_EXISTS, THEN_FAIL};
    case 429:
        return (struct row){"", HB_CAUSE_BUSY, THEN_AGAIN};
    case 503: /* as one that stands in front of the service says, whatever that has done */
        return (struct row){"", HB_CAUSE_BUSY, THEN_UNCLEAR};
    case 507:
        return (struct row){"", HB_CAUSE_NO_SPACE, THEN_FAIL};
    default:
        return status >= 500 || status < 300 ? (struct row){"", HB_CAUSE_NETWORK, THEN_UNCLEAR}
                                             : (struct row){"", HB_CAUSE_NONE, THEN_FAIL};
    }
}

/* Of others' words, what can be shown: no control characters, no more than fits. */
static void take_words(char *to, size_t room, const char *from)
{
    snprintf(to, room, "%s", from);
    for (; *to != '\0'; to++)
        if ((unsigned char)*to < ' ' || *to == 0x7f)
            *to = ' ';
}

static bool on_element(void *self, const char *path, const char *text)
{
    struct refusal *refusal = self;
    if (strcmp(path, "Error/Code") == 0)
        take_words(refusal->code, sizeof refusal->code, text);
    else if (strcmp(path, "Error/Message") == 0)
        take_words(refusal->message, sizeof refusal->message, text);
    else if (strcmp(path, "Error/Region") == 0)
        take_words(refusal->region, sizeof refusal->region, text);
    return true;
}

void refusal_of(const struct http_response *response, struct refusal *refusal)
{
    const struct xml_reader reader = {.self = refusal, .element = on_element};
    *refusal = (struct refusal){.code = ""};
    if (response->body.bytes > 0)
        (void)xml_read(text_of(&response->body), response->body.bytes, &reader);
    if (*refusal->region == '\0')
        http_header(response, "x-amz-bucket-region", refusal->region, sizeof refusal->region);
    char location[sizeof refusal->location];
    if (response->status / 100 == 3 && http_header(response, "location", location, sizeof location))
        take_words(refusal->location, sizeof refusal->location, location);
    struct row row = by_status(response->status);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i].code, refusal->code) == 0)
            row = codes[i];
    refusal->cause = row.cause;
    refusal->then = row.then;
    if (refusal->then == THEN_REGION && *refusal->region == '\0')
        refusal->then = THEN_FAIL;
}

static bool is_error(void *self, const char *path, const char *text)
{
    (void)text;
    *(bool *)self |= strncmp(path, "Error", 5) == 0 && (path[5] == '\0' || path[5] == '/');
    return true;
}

bool refusal_in_body(const struct http_response *response)
{
    bool error = false;
    const struct xml_reader reader = {.self = &error, .element = is_error};
    return !xml_read(text_of(&response->body), response->body.bytes, &reader) || error;
}

const char *refusal_hint(const struct refusal *refusal)
{
    const char *code = refusal->code;
    if (strcmp(code, "SignatureDoesNotMatch") == 0)
        return "check the secret key, and that the endpoint is that of the bucket";
    if (strcmp(code, "InvalidAccessKeyId") == 0)
        return "check the access key";
    if (strcmp(code, "ExpiredToken") == 0 || strcmp(code, "TokenRefreshRequired") == 0)
        return "give the store new keys";
    if (strcmp(code, "RequestTimeTooSkewed") == 0)
        return "set the clock of this machine";
    if (strcmp(code, "NoSuchBucket") == 0)
        return "make the bucket first; the first word of the name is the bucket";
    if (strcmp(code, "InvalidObjectState") == 0)
        return "the service keeps it in an archive class: restore it there first";
    if ((refusal->cause == HB_CAUSE_UNSUPPORTED && *refusal->region == '\0' &&
         strstr(code, "Redirect") != NULL) ||
        *refusal->location != '\0')
        return "set endpoint and region to those of the bucket";
    return NULL;
}
