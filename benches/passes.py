#!/usr/bin/env python3
"""Measures what a pass costs that finds nothing new, and one that finds 1,000 new events, against the age of the root.

    cargo build --release
    cargo bench --bench generate -- /tmp/young 10_000 300
    cargo bench --bench generate -- /tmp/old 10_000_000 300
    benches/passes.py target/release/hlctl /tmp/young /tmp/old [ROUNDS]

The roots take turns. After each pass with new events it is made sure that the world shows the newest of them.
"""
import glob, json, os, statistics, sys, time

ROUNDS = int(sys.argv.pop()) if sys.argv[-1].isdigit() else 20
HLCTL, ROOTS = sys.argv[1], sys.argv[2:]
NULL = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1)]


def run(*args):
    """Returns the milliseconds that the program took, with its start."""
    began = time.perf_counter()
    _, status = os.waitpid(os.posix_spawn(HLCTL, [HLCTL, *args], {}, file_actions=NULL), 0)
    took = time.perf_counter() - began
    assert status == 0, args
    return took * 1000


def add_events(root, number):
    """Adds 1,000 events, in the order of their times, to the file of a source of today."""
    now = time.time()
    folder = f"{root}/events/{time.strftime('%Y-%m-%d', time.gmtime(now))}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/new.jsonl", "a") as out:
        for i in range(1000):
            event = {"ts": f"{now - 1 + i / 1000:.3f}", "node": f"node-{i % 50:02}", "type": "service_unhealthy",
                     "service": f"svc-{i // 50:02}", "reason": f"round-{number}", "details": {"x": "y" * 200}}
            event["ts"] = float(event["ts"])
            out.write(json.dumps(event) + "\n")


def check(root, number):
    rows = json.load(open(f"{root}/world/services.json"))["services"]
    new = sum(row["reason"] == f"round-{number}" for row in rows)
    assert new == 1000, f"{root}: {new} of 1,000 are in the world"


def settle(root):
    """Waits until the times of the last changes prove something, and lets a pass see that."""
    time.sleep(2.1)
    run("--root", root, "observe")


def main():
    for root in ROOTS:
        for old in glob.glob(f"{root}/events/*/new.jsonl"):
            os.remove(old)
        run("--root", root, "observe", "--full")
    version, idle, busy = [], {root: [] for root in ROOTS}, {root: [] for root in ROOTS}
    for root in ROOTS:
        settle(root)
    for _ in range(ROUNDS * 2):
        version.append(run("--version"))
        for root in ROOTS:
            idle[root].append(run("--root", root, "observe"))
    for number in range(ROUNDS):
        for root in ROOTS:
            add_events(root, number)
            busy[root].append(run("--root", root, "observe"))
            check(root, number)
    median = statistics.median
    print(f"load {os.getloadavg()[0]:.1f}, medians of {ROUNDS * 2} and {ROUNDS} rounds, ms")
    print(f"{'':24}{'nothing new':>12}{'of --version':>14}{'1,000 new':>12}{'of the first':>14}")
    print(f"{'hlctl --version':24}{median(version):12.2f}")
    for root in ROOTS:
        ratios = median(idle[root]) / median(version), median(busy[root]) / median(busy[ROOTS[0]])
        print(f"{root:24}{median(idle[root]):12.2f}{ratios[0]:14.2f}{median(busy[root]):12.2f}{ratios[1]:14.2f}")


main()
