/* What the Host of a request says; see the header.
 *
 * Any host whose name is a bucket's could be taken for a website, as AWS does with CNAMEs. There the address that was
 * asked tells websites from the rest; here it is one listener, and whoever may make a bucket could then name it as the
 * gateway itself is called, and take its clients. So such hosts are listed in the settings.
 */
#include "gateway/front/host.h"

#include <string.h>
#include <strings.h>

struct bytes host_name(const struct http_request *http)
{
    struct bytes host = http_request_header(http, "Host");
    const char *colon = host.len ? memrchr(host.data, ':', host.len) : NULL;

    if (colon)
        host.len = (size_t)(colon - host.data);
    return host;
}

struct bytes host_below(struct bytes name, const char *domain)
{
    if (!domain || !*domain || name.len < strlen(domain) + 2)
        return (struct bytes){0};
    size_t len = name.len - strlen(domain) - 1;
    if (name.data[len] != '.' || strncasecmp(name.data + len + 1, domain, strlen(domain)) != 0)
        return (struct bytes){0};
    return bytes_of(name.data, len);
}

bool website_host_next(struct bytes *rest, struct bytes *host)
{
    const char *comma = rest->len > 0 ? memchr(rest->data, ',', rest->len) : NULL;
    size_t len = comma ? (size_t)(comma - rest->data) : rest->len;

    if (rest->len == 0)
        return false;
    *host = bytes_trim(bytes_of(rest->data, len));
    len += comma != NULL;
    *rest = bytes_of(rest->data + len, rest->len - len);
    return true;
}

static struct bytes listed(struct bytes name, const char *hosts)
{
    struct bytes rest = bytes_from_str(hosts ? hosts : ""), host;

    while (website_host_next(&rest, &host))
        if (host.len == name.len && strncasecmp(host.data, name.data, name.len) == 0)
            return host;
    return (struct bytes){0};
}

/* "NAME:123@elsewhere" is no host. */
static bool has_port(struct bytes host, struct bytes name)
{
    for (size_t i = name.len + 1; i < host.len; i++)
        if (host.data[i] < '0' || host.data[i] > '9')
            return false;
    return host.len > name.len + 1;
}

struct bytes website_bucket(const struct exchange *exchange, struct bytes *host)
{
    const struct gateway_options *options = &exchange->gateway->options;
    struct bytes name = host_name(exchange->http), bucket = host_below(name, options->website_domain);

    if (bucket.len == 0)
        bucket = listed(name, options->website_hosts);
    if (bucket.len == 0)
        return bucket;
    *host = http_request_header(exchange->http, "Host");
    if (!has_port(*host, name))
        *host = name;
    return bucket;
}
