"""A proxy for tests that takes CONNECT for any name and leads to one port of this machine.

It lets clients that cannot be told how to resolve a name use virtual-host style over HTTPS, without touching the
machine's resolver.
"""

import socket
import threading


class Tunnel:
    def __init__(self, port):
        self.port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = peer.recv(4096)
            if not piece:
                return peer.close()
            head += piece
        if not head.startswith(b"CONNECT "):
            peer.sendall(b"HTTP/1.1 405 Only CONNECT\r\nContent-Length: 0\r\n\r\n")
            return peer.close()
        server = socket.create_connection(("127.0.0.1", self.port))
        peer.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        back = threading.Thread(target=self._copy, args=(server, peer), daemon=True)
        back.start()
        self._copy(peer, server)
        back.join()
        peer.close()
        server.close()

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()
