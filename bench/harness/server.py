"""What a project server answers to simulated hosts, with one core for the server and its database and one for the hosts: bench/server."""
import argparse
import hashlib
import os
import pathlib
import random
import re
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from common import LEAST_ROUNDS, PROGRAM, cpu_field, fail, results_folder, spread, write

HOSTS, REQUESTS, UNITS = 100_000, 10_000, 1_000_000
HOSTS_OF_ACCOUNT = 40       # the server takes at most 50 new hosts of an account a day
IN_FLIGHT = 32
OFFERED, OFFERED_SECONDS = 200, 10
BOINC = 102                 # tasks a second: 8.8 million a day on one machine (BOINC's paper)
LIMIT_SECONDS = 30          # for a request
PORT = 18_090
EXPERIMENT = """experiment: server-bench
tasks: [{machine: ParityMachine, variant: [clean, modified], sequence: 8}]
architecture: mlds
training: {batch: 20, stop: {steps: 60}, checkpoints: {every: 20}}
seeds: {init: 1..NETWORKS}
"""
REQUEST = """<scheduler_request>
    <authenticator>{key}</authenticator>
    <hostid>{host}</hostid>
    <rpc_seqno>{number}</rpc_seqno>
    <core_client_major_version>7</core_client_major_version>
    <core_client_minor_version>20</core_client_minor_version>
    <core_client_release>5</core_client_release>
    <resource_share_fraction>1.000000</resource_share_fraction>
    <rrs_fraction>1.000000</rrs_fraction>
    <prrs_fraction>1.000000</prrs_fraction>
    <duration_correction_factor>1.000000</duration_correction_factor>
    <allow_multiple_clients>0</allow_multiple_clients>
    <sandbox>1</sandbox>
    <dont_send_work>0</dont_send_work>
    <work_req_seconds>{seconds}</work_req_seconds>
    <cpu_req_secs>{seconds}</cpu_req_secs>
    <cpu_req_instances>0.000000</cpu_req_instances>
    <estimated_delay>0.000000</estimated_delay>
    <client_cap_plan_class>1</client_cap_plan_class>
    <platform_name>x86_64-pc-linux-gnu</platform_name>
    <alt_platform>
        <name>i686-pc-linux-gnu</name>
    </alt_platform>
    <code_sign_key>
{code_sign_key}</code_sign_key>
    <working_global_preferences>
<global_preferences>
   <mod_time>0.000000</mod_time>
   <run_on_batteries>1</run_on_batteries>
   <run_if_user_active>1</run_if_user_active>
   <suspend_cpu_usage>25.000000</suspend_cpu_usage>
   <work_buf_min_days>0.100000</work_buf_min_days>
   <disk_interval>60.000000</disk_interval>
   <cpu_scheduling_period_minutes>60.000000</cpu_scheduling_period_minutes>
   <disk_max_used_pct>90.000000</disk_max_used_pct>
   <ram_max_used_busy_pct>50.000000</ram_max_used_busy_pct>
</global_preferences>
    </working_global_preferences>
    <host_info>
    <timezone>3600</timezone>
    <domain_name>host{host}</domain_name>
    <ip_addr>192.168.1.2</ip_addr>
    <host_cpid>0123456789abcdef0123456789abcdef</host_cpid>
    <p_ncpus>4</p_ncpus>
    <p_vendor>GenuineIntel</p_vendor>
    <p_model>Intel(R) Core(TM) i5-6500 CPU @ 3.20GHz [Family 6 Model 94 Stepping 3]</p_model>
    <p_features>fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ss ht syscall nx rdtscp lm sse4_1 sse4_2 movbe popcnt aes xsave avx f16c rdrand fma avx2</p_features>
    <p_fpops>1000000000.000000</p_fpops>
    <p_iops>3000000000.000000</p_iops>
    <m_nbytes>16000000000.000000</m_nbytes>
    <d_total>500000000000.000000</d_total>
    <d_free>300000000000.000000</d_free>
    <os_name>Linux Debian</os_name>
    <os_version>Debian GNU/Linux 12 (bookworm) [6.1.0|libc 2.36]</os_version>
    </host_info>
{results}    <other_results>
{others}    </other_results>
</scheduler_request>
"""
RESULT = """    <result>
        <name>{name}</name>
        <final_cpu_time>3500.000000</final_cpu_time>
        <final_elapsed_time>3600.000000</final_elapsed_time>
        <exit_status>0</exit_status>
        <state>5</state>
        <platform>x86_64-pc-linux-gnu</platform>
        <version_num>1</version_num>
        <stderr_out>
<![CDATA[
<stderr_txt>
</stderr_txt>
]]>
        </stderr_out>
    </result>
"""
OTHER = "        <other_result>\n            <name>{name}</name>\n        </other_result>\n"
GIVEN = re.compile(rb"<result>\s*<report_deadline>[0-9]+</report_deadline>\s*<wu_name>[^<]*</wu_name>\s*<name>([^<]+)</name>")
HOST = re.compile(rb"<hostid>([0-9]+)</hostid>")


def options():
    parser = argparse.ArgumentParser(prog=os.environ.get("BENCH_NAME"), description=__doc__)
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help="times that each is measured, default %(default)s")
    parser.add_argument("--hosts", type=int, default=HOSTS, help="hosts in all, default %(default)s")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="requests of a round for and of work, default %(default)s")
    parser.add_argument("--units", type=int, default=UNITS, help="units that are ready, default %(default)s; at least five for each request")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the table, default bench/results/<cpu>")
    chosen = parser.parse_args()
    if chosen.rounds < 1 or chosen.hosts < 100 or not 2 <= chosen.requests <= 2 * chosen.hosts // chosen.rounds:
        parser.error("--rounds is at least 1, --hosts at least 100, --requests at least 2 and at most twice the hosts of a round")
    if chosen.out is None and (chosen.rounds < LEAST_ROUNDS or (chosen.hosts, chosen.requests, chosen.units) != (HOSTS, REQUESTS, UNITS)):
        parser.error(f"fewer than {LEAST_ROUNDS} rounds, or other sizes, are a trial, not a result: name a folder for its table with --out")
    chosen.out = chosen.out or results_folder()
    return chosen


def own(command, **more):
    return subprocess.run(list(map(str, command)), check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more).stdout


class Server:
    """`weightspace serve` with a PostgreSQL of its own, both on one core."""

    def __init__(self, folder, core):
        folder.chmod(0o755)   # PostgreSQL runs as another user where this is root
        (folder / "program").write_text("stands for the program; no one runs it here")
        own(["dotnet", PROGRAM, "sign", "--key", folder / "key.pem", "--program", f"linux={folder / 'program'}", "--out", folder / "app"])
        self.data, self.core = folder / "project", core
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(["taskset", "-c", str(core), "dotnet", str(PROGRAM), "serve", "--data", str(self.data), "--url", f"http://127.0.0.1:{PORT}/", "--app", str(folder / "app")], stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(600):
            if (self.data / "url").exists():
                break
            if self.process.poll() is not None:
                fail("the server ended: " + (folder / "log").read_text()[-2000:])
            time.sleep(0.1)
        else:
            fail("the server did not start in a minute: " + (folder / "log").read_text()[-2000:])

    def sql(self, text):
        return own(["psql", "-h", self.data / "postgresql", "-U", "weightspace", "-d", "postgres", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", text]).strip()

    def database(self):
        """PostgreSQL's processes, the first of which is the others' parent."""
        parent = int((self.data / "postgresql/cluster/postmaster.pid").read_text().split()[0])
        return [parent, *map(int, pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]

    def seconds(self):
        """Of a core, that the server itself has taken, and PostgreSQL, its processes that have ended among them."""
        def of(process, fields):
            try:
                return sum(map(int, pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:11 + fields])) / os.sysconf("SC_CLK_TCK")
            except OSError:
                return 0   # it has ended, and its parent knows what it took

        parent, *children = self.database()
        return of(self.process.pid, 2), of(parent, 4) + sum(of(child, 2) for child in children)

    def memory(self):
        """MB of the server itself, and of PostgreSQL's processes, what they share counted once."""
        shared = 0
        for process in self.database():
            try:
                shared += sum(int(line.split()[1]) for line in open(f"/proc/{process}/smaps_rollup") if line.startswith("Pss:"))
            except OSError:
                pass   # it has ended
        rss = next(int(line.split()[1]) for line in open(f"/proc/{self.process.pid}/status") if line.startswith("VmRSS:"))
        return rss / 1000, shared / 1000

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)


def address(number):
    """Hosts come from addresses of their own, all of them this machine's: 127.1.0.0 to 127.254.255.255."""
    return f"127.{1 + (number >> 16) % 254}.{(number >> 8) & 255}.{number & 255}"


def post(host, body):
    text = body.encode()
    return address(host), b"POST /scheduler HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(text) + text


def exchange(requests, take, rate=None):
    """
    Sends each request over a connection of its own, so many at once (or so many a second), and gives each answer to take. Seconds in all, and of each from its connection on.
    """
    poll, open_sockets, latencies, waiting = select.epoll(), {}, [], iter(requests)
    begin, started, is_more = time.perf_counter(), 0, True
    while is_more or open_sockets:
        while is_more and (len(open_sockets) < IN_FLIGHT if rate is None else started <= (time.perf_counter() - begin) * rate):
            index = started
            pair = next(waiting, None)
            if pair is None:
                is_more = False
                break
            started += 1
            each = socket.socket()
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_IP, 24, 1)   # IP_BIND_ADDRESS_NO_PORT
            each.bind((pair[0], 0))
            each.connect_ex(("127.0.0.1", PORT))
            # Where the rate is given, what waits to be sent counts as waiting for its answer.
            open_sockets[each.fileno()] = [each, pair[1], b"", time.perf_counter() if rate is None else begin + index / rate, index]
            poll.register(each.fileno(), select.EPOLLOUT)
        for number, _ in poll.poll(LIMIT_SECONDS if rate is None else 0.002):
            entry = open_sockets[number]
            if entry[1]:
                sent = entry[0].send(entry[1])
                entry[1] = entry[1][sent:]
                if not entry[1]:
                    poll.modify(number, select.EPOLLIN)
                continue
            part = entry[0].recv(1 << 16)
            entry[2] += part
            if not part:
                latencies.append(time.perf_counter() - entry[3])
                poll.unregister(number)
                entry[0].close()
                del open_sockets[number]
                if not entry[2].startswith(b"HTTP/1.1 200") or b"</scheduler_reply>" not in entry[2]:
                    fail("the server answered " + entry[2][:1000].decode(errors="replace"))
                take(entry[4], entry[2])
    return time.perf_counter() - begin, latencies


class Phase:
    """One kind of request, round by round."""

    def __init__(self, name):
        self.name, self.rates, self.dispatched, self.half, self.most, self.ours, self.database = name, [], [], [], [], [], []

    def measure(self, server, requests, take, rate=None):
        before, given = server.seconds(), 0

        def count(index, answer):
            nonlocal given
            given += take(index, answer)

        seconds, latencies = exchange(requests, count, rate)
        latencies.sort()
        self.rates.append(len(latencies) / seconds)
        self.dispatched.append(given / seconds)
        self.half.append(1000 * latencies[len(latencies) // 2])
        self.most.append(1000 * latencies[min(len(latencies) - 1, len(latencies) * 99 // 100)])
        ours, database = ((after - earlier) / len(latencies) * 1000 for after, earlier in zip(server.seconds(), before))
        self.ours.append(ours)
        self.database.append(database)
        print(f"{self.name}: {self.rates[-1]:.0f} requests/s, {self.dispatched[-1]:.0f} results handed out a second, p50 {self.half[-1]:.1f} ms, p99 {self.most[-1]:.1f} ms, {self.ours[-1]:.2f} ms of the core for the server, {self.database[-1]:.2f} for PostgreSQL", file=sys.stderr, flush=True)

    def row(self):
        given = spread(self.dispatched, ",.0f") if max(self.dispatched) > 0 else ""
        return f"| {self.name} | {spread(self.rates, ',.0f')} | {given} | {spread(self.half, '.1f')} | {spread(self.most, '.1f')} | {spread(self.ours, '.2f')} | {spread(self.database, '.2f')} |"


class Hosts:
    """What simulated hosts know."""

    def __init__(self, count, keys, code_sign_key):
        self.ids, self.numbers, self.tasks, self.keys, self.code_sign_key = [0] * count, [0] * count, [[] for _ in range(count)], keys, code_sign_key

    def request(self, host, asks, report=()):
        self.numbers[host] += 1
        return post(host, REQUEST.format(key=self.keys[host // HOSTS_OF_ACCOUNT], host=self.ids[host], number=self.numbers[host], seconds="1.000000" if asks else "0.000000", code_sign_key=self.code_sign_key,
                                         results="".join(RESULT.format(name=name) for name in report), others="".join(OTHER.format(name=name) for name in self.tasks[host])))

    def made(self, host, answer):
        self.ids[host] = int(HOST.search(answer)[1])
        self.numbers[host] = 0
        return 0

    def given(self, host, answer):
        names = [name.decode() for name in GIVEN.findall(answer)]
        self.tasks[host] += names
        if not names:
            fail("a host got no work: " + answer[-1500:].decode(errors="replace"))
        return len(names)


def prepare(server, accounts, units):
    """Accounts, and an experiment of so many units that are ready. Made in the database: an account's password takes the server 0.1 s to hash, and a unit's file a flush of the disk."""
    server.sql(f"INSERT INTO accounts (email, name, password_salt, password_hash, key_hash, created_at) SELECT 'host' || i || '@example.org', 'host ' || i, '', '', sha256(convert_to(md5('bench' || i), 'UTF8')), now() FROM generate_series(0, {accounts - 1}) i")
    experiment = EXPERIMENT.replace("NETWORKS", str(units // 2))
    server.sql(f"INSERT INTO experiments (name, text, unit_seconds, priority, state, networks, created_at) VALUES ('bench', $text${experiment}$text$, 3600, 0, 'paused', {units}, now())")
    # Five sizes, of which the hosts' own is the middle one.
    server.sql(f"""INSERT INTO units (experiment_id, group_number, unit_number, name, networks, bytes, md5, flops, max_bytes, wanted, first_network, size_class)
        SELECT e.id, i, 0, 'bench_' || lpad(i::text, 6, '0') || '_0', 1, 1500, md5(i::text), power(2, 38 + i % 5)::bigint - 1, 1000000, 1, i, 38 + i % 5 FROM generate_series(0, {units - 1}) i, experiments e""")
    server.sql("VACUUM ANALYZE")
    server.sql("UPDATE experiments SET state = 'running'")


def main():
    chosen = options()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        fail("this machine has fewer than two cores: one is the server's, one the hosts'")
    if not shutil.which("psql"):
        fail("PostgreSQL is missing; scripts/install-peers installs it")
    os.sched_setaffinity(0, {cores[-1]})
    accounts = -(-chosen.hosts // HOSTS_OF_ACCOUNT)
    keys = [hashlib.md5(f"bench{i}".encode()).hexdigest() for i in range(accounts)]
    random.seed(7)
    load = os.getloadavg()[0]
    first, ask, report, offered = Phase("first contact"), Phase("asks for work, gets one unit"), Phase("reports one, gets one"), Phase(f"the same, {OFFERED} requests/s offered")
    memory = []
    with tempfile.TemporaryDirectory() as temporary:
        server = Server(pathlib.Path(temporary), cores[0])
        try:
            version = server.sql("SHOW server_version").split()[0]
            prepare(server, accounts, chosen.units)
            memory.append(("before the first request", *server.memory()))
            time.sleep(3)   # until the server has read what it finds
            hosts = Hosts(chosen.hosts, keys, server.sql("SELECT code_sign_key FROM project") + "\n")
            slices = [range(chosen.hosts * turn // chosen.rounds, chosen.hosts * (turn + 1) // chosen.rounds) for turn in range(chosen.rounds)]
            for part in slices:
                first.measure(server, (hosts.request(host, asks=False) for host in part), lambda index, answer: hosts.made(part[index], answer))
            memory.append((f"with {chosen.hosts:,} hosts", *server.memory()))
            everyone = random.sample(range(chosen.hosts), chosen.hosts)
            for turn in range(chosen.rounds):
                some = everyone[turn * chosen.requests // 2:(turn + 1) * chosen.requests // 2]
                ask.measure(server, (hosts.request(host, asks=True) for host in some), lambda index, answer: hosts.given(some[index], answer))
                upload(server)
                report.measure(server, (hosts.request(host, True, [hosts.tasks[host].pop(0)]) for host in some), lambda index, answer: hosts.given(some[index], answer))
                memory.append((f"after round {turn + 1}", *server.memory()))
            upload(server)
            some = some[:OFFERED * OFFERED_SECONDS]
            offered.measure(server, (hosts.request(host, True, [hosts.tasks[host].pop(0)]) for host in some), lambda index, answer: hosts.given(some[index], answer), rate=OFFERED)
            check(server, chosen)
        finally:
            server.stop()
    each = statistics.median(report.dispatched)
    lines = ["# What a project server answers", "",
             f"`bench/server`: {chosen.hosts:,} simulated hosts of {accounts:,} accounts, {chosen.units:,} units ready in five sizes, the real `weightspace serve` with its own PostgreSQL {version} (durable commits), both on one core; the hosts on another, over loopback, each "
             f"request over a connection of its own and from its host's own address, {IN_FLIGHT} at once. Medians of {chosen.rounds} rounds; in brackets the least and the most. A round is {chosen.hosts // chosen.rounds:,} first contacts, or {chosen.requests // 2:,} requests of "
             "each other kind from hosts chosen at random. Accounts, units and the mark that a result was uploaded were put into the database; no file was. Reported results are judged and credited meanwhile, by the digest of "
             "an equal result.",
             f"CPU: {cpu_field('model name')} ({os.cpu_count()} cores, load {load:.1f} before the first request).", "",
             "| request | requests/s | results handed out/s | p50, ms | p99, ms | core-ms a request, server | the same, PostgreSQL |", "|---|---|---|---|---|---|---|",
             *(phase.row() for phase in (first, ask, report, offered)), "",
             f"BOINC's published {BOINC} dispatched tasks a second (one machine, 8.8 million a day): **{each / BOINC:.1f} times that** where each request reports a result and gets one.", "",
             "| memory, MB | server | PostgreSQL |", "|---|---|---|", *(f"| {when} | {ours:.0f} | {database:.0f} |" for when, ours, database in memory)]
    write(chosen.out, "server.md", lines)


def upload(server):
    """As though every result that is out had been uploaded, and its unit's result had come from another host: what is reported is then judged without training or files."""
    server.sql("UPDATE results SET uploaded_bytes = 1000, uploaded_sha256 = md5(unit_id::text) WHERE state = 'sent' AND uploaded_bytes IS NULL")
    server.sql("UPDATE units SET is_done = true, wanted = 0, ended = 1, result_sha256 = md5(units.id::text) FROM results r WHERE r.unit_id = units.id AND r.state = 'sent' AND NOT is_done")


def check(server, chosen):
    """What was measured has happened."""
    hosts, reported = (int(each) for each in server.sql("SELECT (SELECT count(*) FROM hosts), (SELECT count(*) FROM results WHERE state IN ('reported', 'held', 'valid'))").split("|"))
    least = chosen.rounds * (chosen.requests // 2)
    if hosts != chosen.hosts or reported < least:
        fail(f"found {hosts} hosts and {reported} reported results, expected {chosen.hosts} and at least {least}")


if __name__ == "__main__":
    main()
