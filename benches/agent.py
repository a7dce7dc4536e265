#!/usr/bin/env python3
"""An agent's pass at many containers beside one `docker ps` with the same answer.

Usage: agent.py HLCTL [CONTAINERS] [ROUNDS]. Makes the containers itself, from an image around a static busybox, and
removes them. Prints medians in milliseconds and the agent's own peak memory. QUIET names a command that the rounds are
run by, such as one that keeps the machine quiet meanwhile.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

LABELS = ["project", "project.working_dir", "project.config_files", "oneoff"]
FORMAT = (
    "[{{json .ID}},{{json .Names}},{{json .State}},{{json .Status}},{{json .Ports}},"
    + ",".join('{{json (.Label "com.docker.compose.%s")}}' % label for label in LABELS)
    + ',{{json (.Label "com.docker.stack.namespace")}}]'
)
PS = ["docker", "ps", "--all", "--no-trunc", "--format", FORMAT]


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def timed(argv):
    began = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


def peak(argv):
    """The high-water mark of the process itself, not of the programs that it asks."""
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    most = 0
    while child.poll() is None:
        try:
            with open(f"/proc/{child.pid}/status", encoding="ascii") as status:
                most = max([most] + [int(line.split()[1]) for line in status if line.startswith("VmHWM")])
        except OSError:
            pass
    return most / 1024


def main():
    hlctl, count, rounds = sys.argv[1], int((sys.argv[2:] or [40])[0]), int((sys.argv[3:] or [30])[0])
    with tempfile.TemporaryDirectory() as folder:
        image = f"hlctl-bench-{os.getpid()}"
        shutil.copy(shutil.which("busybox"), folder)
        with open(f"{folder}/Dockerfile", "w", encoding="ascii") as dockerfile:
            dockerfile.write(f"FROM scratch\nLABEL bench={image}\nCOPY busybox /busybox\nENTRYPOINT [\"/busybox\"]\n")
        run("docker", "build", "-q", "-t", image, folder)
        names = [f"{image}-{n}" for n in range(count)]
        try:
            for name in names:
                label = f"com.docker.compose.project={name}"
                run("docker", "run", "-d", "--network", "none", "--name", name, "--label", label, image, "sleep", "9999")
            measure(hlctl, f"{folder}/root", names, rounds)
        finally:
            for name in names:
                subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)
            subprocess.run(["docker", "rmi", "-f", image], capture_output=True, check=False)


def measure(hlctl, root, names, rounds):
    run(hlctl, "--root", root, "init")
    os.makedirs(f"{root}/hosts/box")
    with open(f"{root}/hosts/box/services.yaml", "w", encoding="ascii") as services:
        services.write("services:\n" + "".join(f"  - {name}\n" for name in names))
    # A container that began less than two minutes ago is looked into, which is not what is measured here.
    time.sleep(125)
    agent = [hlctl, "--root", root, "agent", "--node", "box"]
    assert run(*agent).count(" healthy") >= len(names)
    hold = os.environ.get("QUIET")
    if hold:
        subprocess.run([*hold.split(), sys.executable, __file__, "--rounds", hlctl, root, str(rounds)], check=True)
    else:
        compare(agent, root, rounds)


def age(memory):
    """Makes everything due again, as it is every five minutes; the engine's version is known for an hour."""
    with open(memory, encoding="utf-8") as file:
        known = json.load(file)
    known["refreshed_at"] = known["heartbeat_at"] = None
    with open(memory, "w", encoding="utf-8") as file:
        json.dump(known, file)


def compare(agent, root, rounds):
    memory = f"{root}/state/agent_memory.json"
    first, full, quiet, peer = [], [], [], []
    for _ in range(rounds):
        peer.append(timed(PS))
        quiet.append(timed(agent))
        age(memory)
        full.append(timed(agent))
        os.remove(memory)
        first.append(timed(agent))
    most = max(peak(agent) for _ in range(5))
    medians = [statistics.median(times) for times in (peer, quiet, full, first)]
    names = ("docker ps", "a pass, nothing new", "a pass that tells all", "the first pass")
    for what, median in zip(names, medians):
        print(f"{what:24} {median:7.1f} ms {median / medians[0]:6.2f}")
    print(f"{'peak memory':24} {most:7.1f} MiB")
    print(f"{'load':24} {os.getloadavg()[0]:7.2f}")


if sys.argv[1] == "--rounds":
    compare([sys.argv[2], "--root", sys.argv[3], "agent", "--node", "box"], sys.argv[3], int(sys.argv[4]))
else:
    main()
