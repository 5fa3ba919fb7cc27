#!/bin/sh
# libcurl 7.88 (Debian 12): the first request on a connection succeeds, the connection is kept, and the second is a POST. The server reads
# all of it, carries it out, and closes before the first byte of an answer, as a process does that is stopped or restarted. libcurl
# sends the POST again by itself on a new connection and returns CURLE_OK for it: the server has carried it out twice, and
# the caller cannot know. A POST on a new connection is not repeated (CURLE_GOT_NOTHING). RFC 9110 says not to repeat
# by itself what is not idempotent; only a connection of its own (CURLOPT_FRESH_CONNECT) avoids it.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/finding.c" <<'END'
#include <curl/curl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, argv[argc - 1]);
    for (int i = 1; i < argc - 1; i++) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, argv[i]);
        printf("  libcurl, %s: %s\n", argv[i], curl_easy_perform(easy) ? "an error" : "CURLE_OK");
    }
    return 0;
}
END
cat >"$work/server.py" <<'END'
import re, socket, subprocess, threading

seen = []

def serve(peer, connection):
    while True:
        data = b""
        while not (head := re.match(rb"(?s)(.*?)\r\n\r\n(.*)", data)) or len(head[2]) < int(re.search(rb"Content-Length: (\d+)", head[1])[1]):
            more = peer.recv(65536)
            if not more:
                return
            data += more
        body = head[2].decode()
        seen.append(f"  the server, {body}: read whole on connection {connection}")
        if body == "close" and sum("close" in line for line in seen) == 1:
            peer.close()
            return
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

def accept(listener):
    for connection in range(1, 9):
        threading.Thread(target=serve, args=(listener.accept()[0], connection), daemon=True).start()

for bodies in (["close"], ["keep", "close"]):
    seen.clear()
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    ran = subprocess.run(["./finding", *bodies, f"http://127.0.0.1:{listener.getsockname()[1]}/"], stdout=subprocess.PIPE, text=True)
    print("POST", " and POST ".join(bodies))
    print(ran.stdout + "\n".join(seen))
END
libcurl_program
still "$(cd "$work" && python3 server.py)" "POST close
  libcurl, close: an error
  the server, close: read whole on connection 1
POST keep and POST close
  libcurl, keep: CURLE_OK
  libcurl, close: CURLE_OK
  the server, keep: read whole on connection 1
  the server, close: read whole on connection 1
  the server, close: read whole on connection 2"
