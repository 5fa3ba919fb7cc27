#!/bin/sh
# libh2o 2.2.5 (libh2o-evloop 0.13.5 of Debian 12): what the handler of its own HTTP/1 server sees of a request. Host, Content-Length, Transfer-Encoding and Expect
# are not among its headers, though clients of S3 sign the first two: they have to be made up again from the authority and the body's
# size. path_normalized, by which handlers are found, has %2F decoded and ".." taken out, so that different keys become one: keys
# and signatures have to be read from the raw path. Repeated headers stay apart, and a signature has them joined by commas.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/finding.c" <<'END'
#include <arpa/inet.h>
#include <h2o.h>
#include <h2o/http1.h>
#include <stdio.h>

static h2o_accept_ctx_t accept_context;

static int on_request(h2o_handler_t *handler, h2o_req_t *request)
{
    (void)handler;
    static h2o_generator_t nothing;
    printf("path %.*s, normalized %.*s, headers:", (int)request->path.len, request->path.base, (int)request->path_normalized.len,
           request->path_normalized.base);
    for (size_t i = 0; i < request->headers.size; i++)
        printf(" %.*s", (int)request->headers.entries[i].name->len, request->headers.entries[i].name->base);
    printf("\n");
    fflush(stdout);
    request->res.status = 200;
    request->res.reason = "OK";
    request->res.content_length = 0;
    h2o_start_response(request, &nothing);
    h2o_send(request, NULL, 0, 1);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    h2o_socket_t *peer = error ? NULL : h2o_evloop_socket_accept(listener);
    if (peer)
        h2o_accept(&accept_context, peer);
}

int main(void)
{
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_config_init(&config);
    h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req = on_request;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    accept_context = (h2o_accept_ctx_t){.ctx = &context, .hosts = config.hosts};

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, len) || listen(fd, 16) || getsockname(fd, (struct sockaddr *)&address, &len))
        return 2;
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    h2o_socket_read_start(h2o_evloop_socket_create(context.loop, fd, H2O_SOCKET_FLAG_DONT_READ), on_accept);
    while (h2o_evloop_run(context.loop, INT32_MAX) == 0)
        ;
    return 0;
}
END
cat >"$work/client.py" <<'END'
import http.client, subprocess

server = subprocess.Popen(["./finding"], stdout=subprocess.PIPE, text=True)
connection = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline()), timeout=20)
for path, chunked in (("/bucket/a%2Fb", False), ("/bucket/a/b", True), ("/bucket/x/../a/b", False)):
    connection.putrequest("PUT", path, skip_accept_encoding=True)
    for pair in (("Date", "Sun, 29 Nov 2026 12:00:00 GMT"), ("X-Amz-Meta-A", "1"), ("X-Amz-Meta-A", "2"), ("Expect", "100-continue")):
        connection.putheader(*pair)
    connection.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "1")))
    connection.endheaders(b"x", encode_chunked=chunked)
    connection.getresponse().read()
    print(server.stdout.readline(), end="")
server.kill()
END
c_program libh2o-evloop 'libh2o-evloop = 0.13.5' -std=gnu11 -DH2O_USE_LIBUV=0
still "$(cd "$work" && python3 client.py)" "path /bucket/a%2Fb, normalized /bucket/a/b, headers: date x-amz-meta-a x-amz-meta-a
path /bucket/a/b, normalized /bucket/a/b, headers: date x-amz-meta-a x-amz-meta-a
path /bucket/x/../a/b, normalized /bucket/a/b, headers: date x-amz-meta-a x-amz-meta-a"
