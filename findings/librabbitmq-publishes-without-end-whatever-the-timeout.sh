#!/bin/sh
# librabbitmq 0.11.0 (Debian 12): amqp_set_handshake_timeout and amqp_set_rpc_timeout are one second, and calls that wait for an
# answer keep to it. amqp_basic_publish, which waits for none, does not: when the broker reads no more (it is paused, or short
# of memory or disk, where RabbitMQ stops reading from publishers) and the socket's buffers are full, it waits in poll() without
# a bound, and without heartbeats for ever. What helps: TCP_USER_TIMEOUT, or less on its way than SO_SNDBUF.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/finding.c" <<'END'
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void publish_until_it_fails(int port, unsigned user_timeout_ms)
{
    const struct timeval second = {1, 0};
    static char body[65536];
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);

    memset(body, 'x', sizeof(body));
    amqp_set_handshake_timeout(connection, &second);
    amqp_set_rpc_timeout(connection, &second);
    if (amqp_socket_open(socket, "127.0.0.1", port) ||
        amqp_login(connection, "/", 1, 131072, 0, AMQP_SASL_METHOD_PLAIN, "u", "p").reply_type != AMQP_RESPONSE_NORMAL)
        exit(2);
    amqp_channel_open(connection, 1);
    if (user_timeout_ms)
        setsockopt(amqp_get_sockfd(connection), IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
    while (amqp_basic_publish(connection, 1, amqp_cstring_bytes(""), amqp_cstring_bytes("q"), 0, 0, NULL,
                              (amqp_bytes_t){sizeof(body), body}) == AMQP_STATUS_OK)
        ;
    amqp_confirm_select(connection, 1);
    amqp_destroy_connection(connection);
}

int main(int argc, char **argv)
{
    (void)argc;
    publish_until_it_fails(atoi(argv[1]), (unsigned)atoi(argv[2]));
    return 0;
}
END
c_program librabbitmq 'librabbitmq >= 0.11 librabbitmq < 0.12'
# A broker that greets, opens a channel, and reads no more.
cat >"$work/broker.py" <<'END'
import socket, struct, subprocess, sys, threading

def frame(channel, class_id, method, payload=b""):
    body = struct.pack(">HH", class_id, method) + payload
    return struct.pack(">BHI", 1, channel, len(body)) + body + b"\xce"

def serve(listener):
    kept = []
    while True:
        peer, _ = listener.accept()
        kept.append(peer)
        peer.recv(8)
        peer.sendall(frame(0, 10, 10, b"\0\x09" + struct.pack(">I", 0) + b"\0\0\0\x05PLAIN\0\0\0\x05en_US"))
        peer.recv(65536)
        peer.sendall(frame(0, 10, 30, struct.pack(">HIH", 1, 131072, 0)))
        peer.recv(65536)
        peer.sendall(frame(0, 10, 41, b"\0"))
        peer.recv(65536)
        peer.sendall(frame(1, 20, 11, struct.pack(">I", 0)))

listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
for timeout in ("0", "1000"):
    try:
        subprocess.run([sys.argv[1], str(listener.getsockname()[1]), timeout], timeout=20, check=True)
        print(f"TCP_USER_TIMEOUT {timeout}: it ends")
    except subprocess.TimeoutExpired:
        print(f"TCP_USER_TIMEOUT {timeout}: it still publishes after 20 seconds")
END
still "$(python3 "$work/broker.py" "$work/finding")" "TCP_USER_TIMEOUT 0: it still publishes after 20 seconds
TCP_USER_TIMEOUT 1000: it ends"
