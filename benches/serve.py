#!/usr/bin/env python3
"""Measures `hlctl serve`: throughput beside nginx serving the same bytes as a file, what an overview costs and weighs,
and what the server takes while nobody asks it. Needs nginx and wrk; writes only below a temporary folder.

    cargo build --release
    benches/serve.py target/release/hlctl [SECONDS [ROUNDS]]
"""
import json, os, re, shutil, socket, statistics, subprocess, sys, tempfile, time, urllib.request

HLCTL = os.path.abspath(sys.argv[1])
SECONDS = int(sys.argv[2]) if sys.argv[2:] else 3
ROUNDS = int(sys.argv[3]) if sys.argv[3:] else 3
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def hlctl(root, *args, **more):
    # 4: an action failed, which is what some of these are for.
    done = subprocess.run([HLCTL, "--root", root, *args], capture_output=True, text=True, **more)
    assert done.returncode in (0, 4), done
    return done.stdout


def homelab(root, nodes, services, drifted):
    """Makes a root of so many nodes with so many services each, some of them not well, and runs the passes."""
    os.mkdir(root)
    hlctl(root, "init")
    lines, now = [], time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    names = [f"node-{n:02}" for n in range(nodes)]
    for node in names:
        os.makedirs(f"{root}/hosts/{node}")
        listed = "".join(f"  - name: service-{s:02}\n    check: {{tcp: \"127.0.0.1:{8000 + s}\"}}\n" for s in range(services))
        open(f"{root}/hosts/{node}/services.yaml", "w").write("services:\n" + listed)
        open(f"{root}/hosts/{node}/host.yaml", "w").write(f"connection: ssh\nssh: oskar@{node}\n")
        lines.append({"ts": now, "node": node, "type": "node_heartbeat"})
        for s in range(services):
            event = {"ts": now, "node": node, "type": "service_healthy", "service": f"service-{s:02}"}
            if drifted > 0 and s % 2 == 0:
                drifted -= 1
                event |= {"type": "service_unhealthy", "reason": ["check_failed", "containers_not_running"][s // 2 % 2]}
            lines.append(event)
    hlctl(root, "ingest", input="".join(json.dumps(line) + "\n" for line in lines))
    for each in ("observe", "reconcile", "execute"):
        hlctl(root, each)


class Server:
    def __init__(self, root):
        self.port = free_port()
        self.process = subprocess.Popen([HLCTL, "--root", root, "serve", "--listen", f"127.0.0.1:{self.port}"],
                                        stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                return self.get("/healthz") and None
            except OSError:
                time.sleep(0.05)

    def get(self, path):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}").read()

    def threads(self, file):
        tasks = f"/proc/{self.process.pid}/task"
        return [open(f"{tasks}/{task}/{file}").read() for task in os.listdir(tasks)]

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def status(self, name):
        return sum(int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1)) for text in self.threads("status"))

    def rss(self, name="VmRSS"):
        return int(re.search(rf"{name}:\s+(\d+)", open(f"/proc/{self.process.pid}/status").read()).group(1)) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait() == 0


def nginx(folder, body):
    port = free_port()
    os.mkdir(f"{folder}/files")
    open(f"{folder}/files/summary", "wb").write(body)
    open(f"{folder}/nginx.conf", "w").write(f"""
        daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
        events {{ worker_connections 1024; }}
        http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type application/json;
        client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
        uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
        server {{ listen 127.0.0.1:{port}; root {folder}/files; }} }}""")
    return port, subprocess.Popen(["nginx", "-p", folder, "-c", "nginx.conf", "-e", "stderr"])


def wrk(port, connections):
    """Returns requests a second and the latency's 50th and 99th percentile in ms."""
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", f"http://127.0.0.1:{port}/summary"],
                         capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    unit = {"us": 1e-3, "ms": 1, "s": 1e3}
    shares = {name: float(value) * unit[u] for name, value, u in re.findall(r"^ +(\d\d)% +([\d.]+)(us|ms|s)$", out, re.M)}
    return float(re.search(r"Requests/sec: +([\d.]+)", out).group(1)), shares["50"], shares["99"]


def throughput(folder):
    root = f"{folder}/twenty-kilobytes"
    homelab(root, 4, 15, 28)
    with Server(root) as server:
        body = server.get("/summary")
        print(f"/summary has {len(body)} bytes; load {os.getloadavg()[0]:.1f}\n")
        print("| connections | server | requests a second | of nginx | p50 ms | p99 ms | of nginx |\n| --- | --- | --- | --- | --- | --- | --- |")
        port, peer = nginx(folder, body)
        try:
            time.sleep(0.5)
            for connections in (8, 64):
                rounds = [(wrk(port, connections), wrk(server.port, connections)) for _ in range(ROUNDS)]
                theirs, ours = ([statistics.median(column) for column in zip(*runs)] for runs in zip(*rounds))
                print(f"| {connections} | nginx | {theirs[0]:,.0f} | 1.00 | {theirs[1]:.2f} | {theirs[2]:.2f} | 1.0 |")
                print(f"| {connections} | hlctl | {ours[0]:,.0f} | {ours[0] / theirs[0]:.2f} | {ours[1]:.2f} | {ours[2]:.2f}"
                      f" | {ours[2] / theirs[2]:.1f} |", flush=True)
        finally:
            peer.terminate()
            peer.wait()
        print(f"\nmemory after that: {server.rss():.1f} MiB, at its most {server.rss('VmHWM'):.1f}")


def pages(folder):
    root = f"{folder}/fifty-nodes"
    homelab(root, 50, 20, 10)
    with Server(root) as server:
        for path in ("/", "/services", "/nodes", "/summary", "/api/v1/digest"):
            # With a query an answer is never one that was kept.
            for n in range(5):
                body = server.get(f"{path}?warm={n}")
            before, times = server.cpu(), 50
            for n in range(times):
                server.get(f"{path}?n={n}")
            print(f"50 nodes, 1,000 services: {path} takes {(server.cpu() - before) / times * 1000:.1f} ms of CPU,"
                  f" {len(body) / 1024:.0f} KiB", flush=True)
        print(f"memory after that: {server.rss():.1f} MiB")
    root = f"{folder}/four-nodes"
    homelab(root, 4, 8, 3)
    with Server(root) as server:
        weights = {path: len(server.get(path)) for path in ("/", "/assets/style.css", "/assets/page.js")}
        print(f"4 nodes: the overview weighs {sum(weights.values()) / 1024:.1f} KiB with everything: {weights}")
        time.sleep(20)
        before, seconds = server.status("voluntary_ctxt_switches"), 10
        time.sleep(seconds)
        woken = server.status("voluntary_ctxt_switches") - before
        print(f"idle: {server.rss():.1f} MiB, {woken / seconds:.1f} wake-ups a second")


if __name__ == "__main__":
    folder = tempfile.mkdtemp()
    try:
        os.chmod(folder, 0o755)
        throughput(folder)
        pages(folder)
    finally:
        shutil.rmtree(folder)
