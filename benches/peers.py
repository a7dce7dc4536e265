#!/usr/bin/env python3
"""Replays a generated event log with hlctl and with its peers, and holds each result against hlctl's before its time counts.

    cargo build --release && cargo bench --bench generate -- /tmp/log 2_000_000 30
    pip install duckdb polars
    benches/peers.py target/release/hlctl /tmp/log [ROUNDS [PEER…]]

polars refuses a file with a broken line whatever it is told, so that it gets a copy without them (ROOT/whole), made before.
"""
import glob, json, os, resource, statistics, subprocess, sys, time

HLCTL, ROOT = sys.argv[1:3]
FILES = f"{ROOT}/events/*/*.jsonl"
WHOLE = f"{ROOT}/whole"
KNOWN = ["service_healthy", "service_unhealthy", "service_status", "service_removed"]


def by_hlctl():
    subprocess.run([HLCTL, "--root", ROOT, "observe", "--full"], check=True, stdout=subprocess.DEVNULL)


def world():
    rows = json.load(open(f"{ROOT}/world/services.json"))["services"]
    return {(r["node"], r["service"]): (r["status"], r["reason"], r["details"]) for r in rows}


def by_wc():
    subprocess.run(f"wc -l {FILES} > /dev/null", shell=True, check=True)


DUCKDB = """
select node, service, last.kind, last.status, last.reason {extra} from (
  select node, service, arg_max({{'kind': type, 'status': status, 'reason': reason {details}}}, (t, file, n)) as last from (
    select *, coalesce(try_cast(ts as double) * 1000, epoch_ms(try_cast(ts as timestamptz)))::bigint as t, filename as file,
           0 as n
    from read_json('{files}', format='newline_delimited', ignore_errors=true, filename=true, columns={columns}))
  where type in ('service_healthy','service_unhealthy','service_status','service_removed') and service is not null
  group by node, service) where last.kind <> 'service_removed'
"""


def by_duckdb(details):
    import duckdb
    columns = dict.fromkeys(["ts", "node", "type", "service", "status", "reason"], "VARCHAR")
    if details:
        columns["details"] = "JSON"
    sql = DUCKDB.format(files=FILES, columns=columns, extra=", last.details" if details else "",
                        details=", 'details': details" if details else "")
    return fold_rows(duckdb.sql(sql).fetchall())


def fold_rows(rows):
    """Makes what a peer found like the rows of the world; without details where it was not asked to keep them."""
    status = {"service_healthy": "healthy", "service_unhealthy": "unhealthy"}
    facts = {(r[0], r[1]): [status.get(r[2], r[3]), None if r[2] == "service_healthy" else r[4]] for r in rows}
    for r in (r for r in rows if len(r) > 5):
        facts[r[0], r[1]].append(json.loads(r[5]) if isinstance(r[5], str) else r[5] or {})
    return {key: tuple(values) for key, values in facts.items()}


def by_python():
    from datetime import datetime
    newest = {}
    for path in sorted(glob.glob(FILES)):
        for n, line in enumerate(open(path, "rb")):
            try:
                e = json.loads(line)
            except ValueError:
                continue
            if e["type"] not in KNOWN:
                continue
            ts = e["ts"] if not isinstance(e["ts"], str) else datetime.fromisoformat(e["ts"]).timestamp()
            key, at = (e["node"], e["service"]), (round(ts * 1000), path, n)
            if key not in newest or newest[key][0] < at:
                newest[key] = (at, e)
    rows = ((*k, e["type"], e.get("status"), e.get("reason"), e.get("details")) for k, (_, e) in newest.items())
    return fold_rows([r for r in rows if r[2] != "service_removed"])


def copy_whole_lines():
    """Copies the log without the lines that are no JSON."""
    for path in sorted(glob.glob(FILES)):
        copy = path.replace(f"{ROOT}/events", WHOLE)
        if os.path.exists(copy):
            continue
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        with open(path, "rb") as lines, open(copy, "wb") as out:
            # Whatever the generator breaks lacks its end.
            out.writelines(line for line in lines if line.endswith(b"}\n"))


def by_polars(details):
    import polars as pl
    columns = dict.fromkeys(["ts", "node", "type", "service", "status", "reason"], pl.String)
    kept = ["type", "status", "reason"] + (["details"] if details else [])
    if details:
        columns["details"] = pl.String
    ts = pl.col("ts")
    as_number = (ts.cast(pl.Float64, strict=False) * 1000).round().cast(pl.Int64)
    as_text = ts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False, time_unit="ms").cast(pl.Int64)
    rows = (pl.scan_ndjson(sorted(glob.glob(f"{WHOLE}/*/*.jsonl")), schema=columns, row_index_name="n")
            .filter(pl.col("type").is_in(KNOWN) & pl.col("service").is_not_null())
            # The row's number goes with the order of files and lines.
            .with_columns(at=pl.struct(t=pl.coalesce(as_number, as_text), n="n"))
            .group_by("node", "service").agg(*(pl.col(c).sort_by("at").last() for c in kept))
            .collect(engine="streaming"))
    return fold_rows([r for r in rows.iter_rows() if r[2] != "service_removed"])


PEERS = {"wc -l": by_wc, "hlctl": by_hlctl, "duckdb": lambda: by_duckdb(False), "duckdb, details": lambda: by_duckdb(True),
         "polars": lambda: by_polars(False), "polars, details": lambda: by_polars(True), "python json": by_python}


def child(name):
    began = time.perf_counter()
    result = PEERS[name]()
    took = time.perf_counter() - began
    who = resource.RUSAGE_CHILDREN if result is None else resource.RUSAGE_SELF
    ours, wrong = world(), 0
    if result:
        wrong = sum(result.get(k) != v[: len(result.get(k, ()))] for k, v in ours.items()) + len(result.keys() - ours.keys())
    print(json.dumps([took, resource.getrusage(who).ru_maxrss // 1024, wrong]))


def main():
    rounds = int(sys.argv[3]) if sys.argv[3:] else 5
    names = ["hlctl", *(sys.argv[4:] or (name for name in PEERS if name != "hlctl"))]
    by_hlctl()
    if any("polars" in name for name in names):
        copy_whole_lines()
    runs = {name: [] for name in names}
    # Round by round, so that what else the machine does falls on all of them.
    for _ in range(rounds):
        for name in names:
            out = subprocess.run([sys.executable, *sys.argv[:3], "--child", name], capture_output=True, text=True)
            runs[name].append(json.loads(out.stdout) if out.returncode == 0 else sys.exit(out.stderr))
    ours = statistics.median(r[0] for r in runs["hlctl"])
    print(f"load {os.getloadavg()[0]:.1f}, medians of {rounds} rounds")
    print(f"{'':18}{'s':>8}{'of hlctl':>10}{'MiB':>7}  rows that differ")
    for name, got in runs.items():
        took = statistics.median(r[0] for r in got)
        print(f"{name:18}{took:8.2f}{took / ours:10.2f}{max(r[1] for r in got):7}  {max(r[2] for r in got)}")


if sys.argv[3:4] == ["--child"]:
    child(sys.argv[4])
else:
    main()
