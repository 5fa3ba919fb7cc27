#!/bin/sh
# libcurl 7.88 (Debian 12): the read callback of an upload has nothing yet and returns CURL_READFUNC_PAUSE; meanwhile the server answers 403,
# whole, with or without "Connection: close". libcurl hands over head and body of the answer, and then the transfer does
# not end: it waits for the upload to be resumed, until its timeout makes an error of it. A proxy that pauses while its own
# client is slow has to end the transfer by itself once the answer is there; CURLMSG_DONE does not come.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/finding.c" <<'END'
#include <curl/curl.h>
#include <stdio.h>

static size_t paused(char *to, size_t size, size_t count, void *arg)
{
    (void)to, (void)size, (void)count, (void)arg;
    puts("paused");
    fflush(stdout);
    return CURL_READFUNC_PAUSE;
}

static size_t received(char *from, size_t size, size_t count, void *arg)
{
    (void)from;
    *(size_t *)arg += size * count;
    return size * count;
}

int main(int argc, char **argv)
{
    (void)argc;
    size_t body = 0;
    long status = 0;
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE, 1000L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, curl_slist_append(NULL, "Expect:"));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, paused);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, received);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 5L);
    CURLcode code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    printf("status %ld and %zu of 4 bytes received; %s\n", status, body, curl_easy_strerror(code));
    return 0;
}
END
cat >"$work/server.py" <<'END'
import socket, subprocess, threading

def answer(listener, header, paused):
    peer = listener.accept()[0]
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(65536)
    paused.wait()
    peer.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n" + header + b"\r\nnone")
    if header:
        peer.shutdown(socket.SHUT_WR)
    while peer.recv(65536):
        pass

for name, header in (("kept", b""), ("closed", b"Connection: close\r\n")):
    listener = socket.create_server(("127.0.0.1", 0))
    paused = threading.Event()
    threading.Thread(target=answer, args=(listener, header, paused), daemon=True).start()
    client = subprocess.Popen(["./finding", f"http://127.0.0.1:{listener.getsockname()[1]}/"], stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "paused\n"
    paused.set()
    print(f"connection {name}: {client.communicate()[0]}", end="")
END
libcurl_program
still "$(cd "$work" && python3 server.py)" "connection kept: status 403 and 4 of 4 bytes received; Timeout was reached
connection closed: status 403 and 4 of 4 bytes received; Timeout was reached"
