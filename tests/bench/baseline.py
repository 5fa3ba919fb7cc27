"""nginx as the baseline of GET: one nginx that serves files, another that proxies it, both in the same process group.

It does with the same bytes what gateway and node do: one hop over loopback, kept connections, no copy on disk between.
"""

import os
import shutil
import signal
import subprocess
import tempfile

from cluster import hold_port, poll

CONFIG = """
daemon off;
worker_processes {workers};
pid {folder}/pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 10000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream files {{ server 127.0.0.1:{backend}; keepalive 128; keepalive_requests 10000000; }}
    server {{ listen 127.0.0.1:{backend} reuseport; root {folder}/files; }}
    server {{
        listen 127.0.0.1:{port} reuseport;
        location / {{
            proxy_pass http://files;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_max_temp_file_size 0;
        }}
    }}
}}
"""


class Nginx:
    """Serves files prefix00000000 and so on of that size through the proxy, at self.port."""

    def __init__(self, directory, prefix, size, count):
        self.holders = [hold_port(), hold_port()]
        self.port, backend = (holder.getsockname()[1] for holder in self.holders)
        self.folder = tempfile.mkdtemp(prefix="nginx-", dir=directory)
        os.mkdir(os.path.join(self.folder, "files"))
        for number in range(count):
            with open(os.path.join(self.folder, "files", f"{prefix}{number:08}"), "wb") as out:
                pattern = os.urandom(min(size, 1 << 20))
                for _ in range(0, size, len(pattern)):
                    out.write(pattern)
        user = "user root;" if os.geteuid() == 0 else ""
        self.config = os.path.join(self.folder, "nginx.conf")
        with open(self.config, "w") as out:
            out.write(CONFIG.format(folder=self.folder, port=self.port, backend=backend, user=user, workers=os.cpu_count()))

    def __enter__(self):
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([program, "-c", self.config, "-e", os.path.join(self.folder, "error.log")],
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        poll(lambda: os.path.exists(os.path.join(self.folder, "pid")), "nginx starts")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        shutil.rmtree(self.folder)
        for holder in self.holders:
            holder.close()
