#!/bin/sh
# libcurl 7.88 (Debian 12), multi interface, threaded resolver: a transfer whose host name is still being looked up is given up with
# curl_multi_remove_handle, after 200 ms, by a loop that must never wait. The call that cancels it waits for the resolver's thread,
# and so for the name server: here 3 seconds, with the usual resolv.conf up to 10 or 30. All other transfers of that loop
# stand still. CURLOPT_TIMEOUT does the same when it runs out. With CURLOPT_QUICK_EXIT, whose name and documentation speak
# of the end of the program, the same call returns at once and the thread ends by itself.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || cannot "needs root, for a network of its own"

cat >"$work/finding.c" <<'END'
#include <curl/curl.h>
#include <stdio.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void give_up(long quick)
{
    CURLM *multi = curl_multi_init();
    CURL *easy = curl_easy_init();
    int running;
    curl_easy_setopt(easy, CURLOPT_URL, "http://silent.example/");
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, quick);
    curl_multi_add_handle(multi, easy);
    double begun = now();
    do {
        curl_multi_perform(multi, &running);
        curl_multi_poll(multi, NULL, 0, 50, NULL);
    } while (running && now() - begun < 0.2);
    double asked = now();
    curl_multi_remove_handle(multi, easy);
    printf("quick exit %ld: remove_handle took %s\n", quick, now() - asked > 1 ? "more than a second" : "less than a second");
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_ALL);
    give_up(0);
    give_up(1);
    return 0;
}
END
libcurl_program
# A name server that takes every question and answers none.
cat >"$work/silent.py" <<'END'
import socket, subprocess
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print(subprocess.run(["./finding"], stdout=subprocess.PIPE, text=True, timeout=60).stdout, end="")
END
printf 'nameserver 127.0.0.1\noptions timeout:3 attempts:1\n' >"$work/resolv.conf"
echo "hosts: dns" >"$work/nsswitch.conf"
seen=$(cd "$work" && unshare --net --mount sh -c 'ip link set lo up && mount --bind resolv.conf /etc/resolv.conf &&
    mount --bind nsswitch.conf /etc/nsswitch.conf && exec python3 silent.py') || cannot "unshare, mount"
still "$seen" "quick exit 0: remove_handle took more than a second
quick exit 1: remove_handle took less than a second"
