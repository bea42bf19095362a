#!/usr/bin/env python3
"""Runs SpendSync Backup and pgBackRest (Debian's) in turn on the same database and prints medians and ratios.

    bench/compare.py [--size-gb 3] [--runs 3] [--directory DIR] [--markdown FILE]

Builds a realistic database in a throwaway PostgreSQL 15 (pgbench, and a table with text, numbers, timestamps, JSON and
random-key indexes), then measures full backup, restore (durable, before recovery), incremental backups beside the server's checkpoint, and
WAL archiving of one segment;
of ours alone also how fast logs are streamed against how fast pgbench writes them, verify, and start-up.
pgBackRest gets what its manual recommends: zstd, AES, bundling, a process a core, and block incremental (a beta feature
before 2.46). Both write to directories on the same file system, which are removed
afterwards. Run as root or as a user that may run PostgreSQL; needs psql, pgbench, pgbackrest and /usr/bin/time.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parent / "build" / "release" / "spendsync-backup"
BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
USER = "postgres"
PROCESSES = os.cpu_count()


class Measured:
    """Wall and CPU seconds and peak memory of one command and all its children."""

    def __init__(self, wall_s, cpu_s, peak_mib, output):
        self.wall_s, self.cpu_s, self.peak_mib, self.output = wall_s, cpu_s, peak_mib, output


def identity():
    """Started by root, everything runs as PostgreSQL's user: without a helper program, whose start would be measured."""
    return {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}


def run(arguments):
    arguments = [str(a) for a in arguments]
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, cwd="/", **identity())
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)} exited with {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def measure(arguments, directory):
    """/usr/bin/time counts children that were waited for, which is how both programs run theirs."""
    os.sync()
    report = directory / "time.txt"
    begin = time.perf_counter()
    output = run(["/usr/bin/time", "-o", report, "-f", "%U %S %M", *arguments])
    wall_s = time.perf_counter() - begin
    user_s, system_s, peak_kib = report.read_text().split()
    return Measured(wall_s, float(user_s) + float(system_s), int(peak_kib) / 1024, output)


def tree_bytes(path):
    return sum(f.lstat().st_size for f in pathlib.Path(path).rglob("*") if f.is_file())


class Database:
    """A throwaway cluster on a Unix socket, filled to about the wanted size."""

    def __init__(self, directory, size_gb):
        self.directory, self.data = directory, directory / "data"
        run([BIN / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-k", "-E", "UTF8", "--locale=C"])
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write(f"listen_addresses = ''\nunix_socket_directories = '{directory}'\nport = 5999\n"
                       "shared_buffers = 512MB\nmax_wal_size = 8GB\ncheckpoint_timeout = 1h\nfsync = off\n")
        run([BIN / "pg_ctl", "start", "-w", "-D", self.data, "-l", directory / "server.log"])
        self.fill(size_gb)

    def connection(self):
        return f"host={self.directory} port=5999 user=postgres dbname=postgres"

    def sql(self, text):
        return run(["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.connection(), "-c", text]).strip()

    def fill(self, size_gb):
        run(["pgbench", "-i", "-q", "-s", str(max(1, int(33 * size_gb))), self.connection()])
        self.sql("create table documents (id uuid, title text, body text, amount numeric(12,2), created timestamptz,"
                 " attributes jsonb)")
        # Stored plain: reading an element must not decompress the array each time.
        self.sql("create table words (w text[]); alter table words alter w set storage plain;"
                 " insert into words select array_agg(left(md5(n::text), 3 + n % 7)) from generate_series(1, 400) n")
        while int(self.sql("select pg_database_size('postgres')")) < size_gb * 1e9 * 0.85:
            self.insert_documents()
        self.sql("create index on documents (id)")
        self.sql("create index on documents (created)")
        self.sql("create index on documents (title)")
        self.sql("vacuum analyze")
        self.sql("checkpoint")

    def insert_documents(self):
        self.sql("""insert into documents
            select gen_random_uuid(), w[1 + (random() * 399)::int] || ' ' || w[1 + (random() * 399)::int],
                   (select string_agg(w[1 + (random() * random() * 399)::int + 0 * word], ' ')
                      from generate_series(1, 60 + n % 40) word),
                   (random() * 10000)::numeric(12,2), now() - random() * interval '900 days',
                   jsonb_build_object('customer', n, 'country', w[1 + n % 200], 'open', n % 3 = 0)
            from generate_series(1, 100000) n, words""")

    def size(self):
        return int(self.sql("select sum(pg_database_size(oid)) from pg_database"))

    def load(self, seconds):
        """pgbench's transactions; returns the bytes of WAL that they made."""
        before = self.sql("select pg_current_wal_lsn()")
        run(["pgbench", "-n", "-c", "4", "-j", "2", "-T", str(seconds), self.connection()])
        return int(self.sql(f"select pg_current_wal_lsn() - '{before}'::pg_lsn"))

    def segments(self, count, work):
        """Paths of whole WAL segments that hold what `work` made."""
        self.sql("select pg_switch_wal()")
        first = self.sql("select pg_walfile_name(pg_current_wal_lsn())")
        work()
        self.sql("select pg_switch_wal()")
        current = self.sql("select pg_walfile_name(pg_current_wal_lsn())")
        names = sorted(f.name for f in (self.data / "pg_wal").iterdir()
                       if re.fullmatch("[0-9A-F]{24}", f.name) and first <= f.name < current)
        return [self.data / "pg_wal" / name for name in names[:-1][-count:]]  # the last one is mostly zeros

    def change_documents(self):
        self.insert_documents()
        self.sql("update documents set amount = amount + 1, attributes = attributes || '{\"seen\": true}'"
                 " where ctid in (select ctid from documents tablesample system (1))")

    def stop(self):
        subprocess.run([BIN / "pg_ctl", "stop", "-m", "immediate", "-D", self.data], stdout=subprocess.DEVNULL, cwd="/",
                       **identity())


class SpendSync:
    name = "SpendSync Backup"

    def __init__(self, database, directory):
        self.database, self.directory = database, directory
        self.program = directory / "spendsync-backup"
        shutil.copy(PROGRAM, self.program)
        self.program.chmod(0o755)
        key = directory / "key"
        key.write_bytes(secrets.token_bytes(32))
        own(key, 0o600)
        self.config = directory / "config.yml"
        self.config.write_text(f"""version: 1
cluster: bench
database:
  connection: "{database.connection()}"
  data_directory: {database.data}
storage:
  primary: {{ type: directory, path: {directory}/repository }}
encryption:
  keys: [ {{ type: key-file, path: {key} }} ]
state_directory: {directory}/state
restore: {{ target_directory: {directory}/restored }}
""")
        own(self.config, 0o600)

    def command(self, *arguments):
        return [self.program, "--config", self.config, *arguments]

    def version(self):
        return run([self.program, "--version"]).strip()

    def forget(self):
        shutil.rmtree(self.directory / "repository", ignore_errors=True)

    def backup(self):
        done = measure(self.command("--json", "backup", "full"), self.directory)
        self.label = json.loads(done.output.strip().splitlines()[-1])["label"]
        return done

    def incremental(self):
        done = measure(self.command("--json", "backup", "incremental"), self.directory)
        label = json.loads(done.output.strip().splitlines()[-1])["label"]
        done.stored = sum(tree_bytes(p) for p in (self.directory / "repository" / "bench").glob(f"*/backups/{label}"))
        return done

    def store_logs(self):
        self.logs()

    def stored(self):
        return tree_bytes(self.directory / "repository" / "bench") - self.wal_bytes()

    def wal_bytes(self):
        return sum(tree_bytes(p) for p in (self.directory / "repository" / "bench").glob("*/wal"))

    def restore(self):
        target = self.directory / "target"
        shutil.rmtree(target, ignore_errors=True)
        done = measure(self.command("restore", "full", self.label, "--target", target, "--no-start", "--database-only"),
                       self.directory)
        shutil.rmtree(target)
        return done

    def push(self, segment):
        return measure(self.command("wal", "push", segment), self.directory)

    def logs(self):
        return measure(self.command("--quiet", "backup", "transaction_logs"), self.directory)

    def verify(self):
        return measure(self.command("--quiet", "verify", "full", self.label), self.directory)

    def start_ups(self):
        """Commands that touch no data of a cluster, with the milliseconds of each of 20 runs."""
        for words in (["--version"], ["config", "validate"], ["list"], ["keys", "list"]):
            yield words, [measure(self.command(*words), self.directory).wall_s * 1000 for _ in range(20)]


class PgBackRest:
    name = "pgBackRest"

    def __init__(self, database, directory):
        self.database, self.directory = database, directory
        lines = ["[global]", f"repo1-path={directory}/repository", f"log-path={directory}", f"lock-path={directory}/lock",
                 f"spool-path={directory}", "log-level-console=warn", "log-level-file=off", f"process-max={PROCESSES}",
                 "compress-type=zst", "compress-level=3", "repo1-cipher-type=aes-256-cbc",
                 f"repo1-cipher-pass={secrets.token_hex(24)}", "repo1-bundle=y", "start-fast=y", "archive-check=n"]
        self.config = directory / "pgbackrest.conf"
        lines.append("repo1-block=y")
        if tuple(map(int, re.findall(r"\d+", self.version())[:2])) < (2, 46):
            lines.append("beta=y")  # there block incremental is a beta feature
        lines += ["[bench]", f"pg1-path={database.data}", f"pg1-socket-path={database.directory}", "pg1-port=5999",
                  "pg1-user=postgres"]
        self.config.write_text("\n".join(lines) + "\n")
        own(self.config, 0o600)

    def command(self, *arguments):
        return ["pgbackrest", f"--config={self.config}", "--stanza=bench", *arguments]

    def version(self):
        return run(["pgbackrest", "version"]).strip()

    def forget(self):
        shutil.rmtree(self.directory / "repository", ignore_errors=True)
        run(self.command("stanza-create", "--no-online"))

    def backup(self):
        return measure(self.command("backup", "--type=full"), self.directory)

    def incremental(self):
        """Its `diff` is what changed since the last full."""
        before = self.stored()
        done = measure(self.command("backup", "--type=diff"), self.directory)
        done.stored = self.stored() - before
        return done

    def store_logs(self):
        """Its backup stores none."""

    def stored(self):
        return tree_bytes(self.directory / "repository" / "backup")

    def restore(self):
        target = self.directory / "target"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        own(target, 0o700)
        done = measure(self.command("restore", f"--pg1-path={target}", "--type=none"), self.directory)
        shutil.rmtree(target)
        return done

    def push(self, segment):
        return measure(self.command("archive-push", segment), self.directory)


def own(path, mode):
    os.chmod(path, mode)
    if os.geteuid() == 0:
        shutil.chown(path, USER, USER)


def make(path):
    path.mkdir(parents=True, exist_ok=True)
    own(path, 0o700)
    return path


def processor():
    models = re.findall(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    return models[0] if models else platform.machine()


class Results:
    def __init__(self):
        self.samples = {}

    def add(self, work, tool, measured):
        self.samples.setdefault((work, tool), []).append(measured)

    def median(self, work, tool, field):
        return statistics.median(getattr(m, field) for m in self.samples[(work, tool)])

    def rows(self, tools):
        for work in dict.fromkeys(w for w, _ in self.samples):
            ours, theirs = (self.median(work, t, "wall_s") for t in tools)
            cells = [work]
            for tool in tools:
                cells.append(f"{self.median(work, tool, 'wall_s'):.2f} s, {self.median(work, tool, 'cpu_s'):.1f} s CPU, "
                             f"{max(m.peak_mib for m in self.samples[(work, tool)]):.0f} MiB")
            yield cells + [f"{theirs / ours:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size-gb", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--directory", default="/var/tmp/spendsync-bench")
    parser.add_argument("--markdown", help="append the table to this file")
    parser.add_argument("--segments", type=int, default=9, help="WAL segments pushed by each")
    parser.add_argument("--load-seconds", type=int, default=20, help="pgbench's run before the logs are streamed")
    options = parser.parse_args()
    if not PROGRAM.exists():
        sys.exit(f"{PROGRAM} is missing: build it first (./quickstart.sh, or cmake --preset release)")
    root = pathlib.Path(options.directory)
    shutil.rmtree(root, ignore_errors=True)
    make(root)
    print(f"filling a database of about {options.size_gb} GB ...", flush=True)
    database = Database(make(root / "pg"), options.size_gb)
    try:
        table = compare(database, root, options)
    finally:
        database.stop()
        shutil.rmtree(root, ignore_errors=True)
    print(table)
    if options.markdown:
        with open(options.markdown, "a") as out:
            out.write(table + "\n")


def compare(database, root, options):
    tools = [SpendSync(database, make(root / "ours")), PgBackRest(database, make(root / "theirs"))]
    results, stored = Results(), {}
    size = database.size()
    for turn in range(options.runs):
        for tool in tools if turn % 2 == 0 else reversed(tools):
            tool.forget()
            results.add("full backup", tool.name, tool.backup())
            stored.setdefault(tool.name, []).append(tool.stored())
            results.add("restore, durable, before recovery", tool.name, tool.restore())
            print(f"  run {turn + 1} {tool.name}: backup {results.samples[('full backup', tool.name)][-1].wall_s:.2f} s, "
                  f"restore {results.samples[('restore, durable, before recovery', tool.name)][-1].wall_s:.2f} s", flush=True)
    kept = compare_incrementals(tools, database, options, results)
    for what, work in (("of documents", database.change_documents), ("of pgbench", lambda: database.load(20))):
        for turn, segment in enumerate(database.segments(options.segments, work)):
            for tool in tools if turn % 2 == 0 else reversed(tools):
                results.add(f"WAL push of a 16 MiB segment {what}", tool.name, tool.push(segment))
    names = [tool.name for tool in tools]
    lines = [f"### {size / 1e9:.1f} GB, {PROCESSES} cores, {time.strftime('%Y-%m-%d')}", "",
             f"`bench/compare.py --size-gb {options.size_gb:g} --runs {options.runs}`; {tools[0].version()} against "
             f"{tools[1].version()}; {processor()}; medians of wall and CPU time, greatest peak memory of one process.", "",
             f"| work | {names[0]} | {names[1]} | times faster |", "| --- | --- | --- | --- |"]
    lines += ["| " + " | ".join(row) + " |" for row in results.rows(names)]
    ours, theirs = (statistics.median(stored[name]) for name in names)
    lines.append(f"| repository after one full backup | {ours / 1e6:.0f} MB | {theirs / 1e6:.0f} MB | "
                 f"{ours / theirs:.2f} of its size |")
    for what, by_tool in kept.items():
        ours, theirs = (statistics.median(by_tool[name]) for name in names)
        lines.append(f"| incremental, {what}, stored | {ours / 1e6:.1f} MB | {theirs / 1e6:.1f} MB | "
                     f"{ours / theirs:.2f} of its size |")
    lines += ["", *ours_alone(tools[0], database, options)]
    return "\n".join(lines) + "\n"


def compare_incrementals(tools, database, options, results):
    """Beside the server's own checkpoint, which is done before. The bytes that each stored, by what was done before."""
    kept = {}
    for what, work in (("nothing changed", lambda: None), ("after 30 s of pgbench", lambda: database.load(30))):
        for turn in range(options.runs):
            work()
            for tool in tools if turn % 2 == 0 else reversed(tools):
                tool.store_logs()
                database.sql("checkpoint")
                results.add(f"incremental, {what}", tool.name, tool.incremental())
                done = results.samples[(f"incremental, {what}", tool.name)][-1]
                kept.setdefault(what, {}).setdefault(tool.name, []).append(done.stored)
                print(f"  incremental, {what}, {tool.name}: {done.wall_s:.2f} s, {done.stored / 1e6:.1f} MB", flush=True)
    return kept


def ours_alone(tool, database, options):
    lines = ["| ours alone | |", "| --- | --- |"]
    tool.backup()
    done = tool.verify()
    lines.append(f"| verify of the full backup | {done.wall_s:.2f} s, {done.peak_mib:.0f} MiB |")
    tool.logs()
    made = database.load(options.load_seconds)
    done = tool.logs()
    lines.append(f"| WAL written by pgbench (4 clients, fsync off) | {made / 1e6 / options.load_seconds:.0f} MB/s |")
    lines.append(f"| WAL streamed by `backup transaction_logs` | {made / 1e6 / done.wall_s:.0f} MB/s "
                 f"({made / 1e6:.0f} MB in {done.wall_s:.2f} s, {done.peak_mib:.0f} MiB) |")
    for words, milliseconds in tool.start_ups():
        lines.append(f"| `{' '.join(words)}` | {statistics.median(milliseconds):.0f} ms, "
                     f"slowest of 20: {max(milliseconds):.0f} ms |")
    return lines


if __name__ == "__main__":
    main()
