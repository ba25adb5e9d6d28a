# SPDX-License-Identifier: Apache-2.0
"""What the scripts beside auditd(8) have in common: the kernel's audit, the daemons, the program that floods, the heading."""
import fcntl, glob, os, re, shutil, signal, socket, struct, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
LOCK = os.path.join(tempfile.gettempdir(), "auditbus-kernel-audit.lock")  # the kernel tests' own
FLOOD_SOURCE = ROOT + "/agent/src/test/resources/auditbus/agent/flood/flood.c"
GETPGID = ["-S", "getpgid"]
NICE = -4  # auditd's own priority_boost = 4, as shipped; the agent is given the same
PATIENCE = 180  # seconds: an audited call may wait 60 for room in the kernel's queue
CALL = re.compile(rb'^type=SYSCALL msg=audit\(\d+\.\d+:(\d+)\)[^\n]* key="flood"', re.M)
STAMP = re.compile(rb"^type=(\w+) msg=audit\(\d+\.\d+:(\d+)\)", re.M)


def missing(*programs):
    """What this machine lacks, of (program, package) besides what all need."""
    problems = []
    if os.geteuid() != 0:
        problems.append("root")
    if not os.path.exists("/proc/self/loginuid"):
        problems.append("a kernel with CONFIG_AUDIT")
    for tool, package in (("gcc", "gcc"), ("auditctl", "auditd"), ("auditd", "auditd")) + programs:
        if not shutil.which(tool):
            problems.append(f"{tool} (apt-get install {package})")
    return problems


def heading():
    """The date, the machine, the versions and the command."""
    arguments = [os.path.relpath(os.path.realpath(sys.argv[0]), ROOT)] + sys.argv[1:]
    print(subprocess.run([ROOT + "/benchmarks/bin/machine"] + arguments, check=True, capture_output=True, text=True).stdout, flush=True)


def end_in_order():
    """Told to end, or left by its terminal, a script sets again what it has set."""
    for told in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(told, lambda number, _: sys.exit(128 + number))


def wait_or_kill(child):
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        raise


def build_flood(work):
    """The flooding program, in a directory of its own so that a rule on its path means it alone."""
    subprocess.run(["gcc", "-O2", "-pthread", "-o", work + "/flood", FLOOD_SOURCE], check=True)
    return work + "/flood"


# ---- the kernel


def auditctl(*arguments):
    return subprocess.run(("auditctl",) + arguments, check=True, capture_output=True, text=True).stdout


def status():
    return dict(line.split()[:2] for line in auditctl("-s").splitlines() if len(line.split()) >= 2)


class Kernel:
    """The kernel's audit, as it was found when it is left."""

    def __enter__(self):
        self.lock = open(LOCK, "w")
        fcntl.lockf(self.lock, fcntl.LOCK_EX)
        self.found = status()
        if os.path.exists("/proc/" + self.found["pid"]):
            sys.exit(f"process {self.found['pid']} is registered as audit daemon: stop it first")
        if self.found["enabled"] == "2":
            sys.exit("auditing is locked until the next boot (auditctl -e 2): its rules can't be changed")
        self.rules = [line for line in auditctl("-l").splitlines() if line.startswith("-")]
        return self

    def __exit__(self, *_):
        steps = [["-D"]] + [rule.split() for rule in self.rules]
        steps += [["-b", self.found["backlog_limit"]], ["--backlog_wait_time", self.found["backlog_wait_time"]],
                  ["-r", self.found["rate_limit"]], ["--reset-lost"], ["-e", self.found["enabled"]]]
        for step in steps:
            try:
                auditctl(*step)
            except subprocess.CalledProcessError as problem:  # the others are set again all the same
                print(f"auditctl {' '.join(step)}: {problem.stderr.strip()}", file=sys.stderr)
        self.lock.close()

    def prepare(self, flood, calls, backlog, wait):
        auditctl("-D")
        auditctl("-e", "1")
        auditctl("-r", "0")
        self.limits(backlog, wait)
        auditctl("-a", "always,exit", "-F", "arch=b64", *calls, "-F", "exe=" + flood, "-k", "flood")

    @staticmethod
    def limits(backlog, wait):
        auditctl("-b", str(backlog))
        auditctl("--backlog_wait_time", str(wait))


# ---- the daemons


class Daemon:
    """A program that writes the kernel's records to files."""

    child = None

    def begin(self, directory):
        self.directory = directory
        os.makedirs(directory, mode=0o750)
        self.spawn()

    def spawn(self, **how):
        out = open(self.directory + "/out", "ab")
        self.child = subprocess.Popen(self.command(), stdout=out, stderr=out, **how)
        self.mark("begun")

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGCONT)
            self.child.terminate()
            wait_or_kill(self.child)
        self.child = None

    def restart(self):
        self.stop()
        self.spawn()

    def mark(self, word):
        """Sends a user record until it is on disk: its serial. What was there before stands before it."""
        self.marks = getattr(self, "marks", 0) + 1
        text = f"{word}-{self.marks}-{os.getpid()}".encode()
        begun = time.monotonic()
        sent = 0
        while True:
            now = time.monotonic()
            if now - begun > PATIENCE or self.child.poll() is not None:
                tail = open(self.directory + "/out", errors="replace").read()[-2000:]
                raise SystemExit(f"{self.name}: no record '{text.decode()}' after {now - begun:.0f} s\n{tail}")
            if now - sent > 0.2:
                auditctl("-m", text.decode())
                sent = now
            for file in sorted(self.files())[-2:]:
                try:
                    with open(file, "rb") as log:
                        log.seek(max(0, os.fstat(log.fileno()).st_size - 65536))
                        found = re.search(rb"audit\(\d+\.\d+:(\d+)\)[^\n]*" + text + rb"[^\n]*\n", log.read())
                except FileNotFoundError:
                    continue  # renamed meanwhile
                if found:
                    return int(found.group(1))
            time.sleep(0.002)

    def cpu(self, pid=None):
        with open(f"/proc/{pid or self.child.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_of_all(self):
        """Its own and its children's: auditd's plugins."""
        children = subprocess.run(["pgrep", "-P", str(self.child.pid)], capture_output=True, text=True).stdout.split()
        return self.cpu() + sum(self.cpu(int(child)) for child in children)

    def memory(self, what="VmRSS"):
        with open(f"/proc/{self.child.pid}/status") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))

    def seen(self, first, last):
        """Serials, and the number of the flood's calls, between two marks."""
        serials, calls = set(), 0
        for file in self.files():
            with open(file, "rb") as log:
                text = log.read()
            for kind, serial in STAMP.findall(text):
                if first < int(serial) < last and not kind.startswith(b"DAEMON_"):
                    serials.add(int(serial))
            calls += sum(first < int(serial) < last for serial in CALL.findall(text))
        return serials, calls


class Auditd(Daemon):
    """auditd as Debian ships it, but for the log: its place, and one file that is neither rotated nor limited to 8 MB."""

    def __init__(self, name, log_format, flush="INCREMENTAL_ASYNC", **settings):
        self.name = name
        self.settings = {
            "local_events": "yes", "write_logs": "yes", "log_group": "root", "log_format": log_format, "flush": flush,
            "freq": 50, "max_log_file": 4000, "num_logs": 5, "max_log_file_action": "IGNORE", "priority_boost": 4,
            "name_format": "NONE", "space_left": 75, "space_left_action": "SYSLOG", "admin_space_left": 50,
            "admin_space_left_action": "SUSPEND", "disk_full_action": "SUSPEND", "disk_error_action": "SUSPEND",
            "distribute_network": "no", "q_depth": 2000, "overflow_action": "SYSLOG", "max_restarts": 10, **settings}

    def begin(self, directory):
        self.directory = directory
        self.configure()
        self.spawn()

    def configure(self):
        os.makedirs(self.directory + "/config/plugins.d", mode=0o750)
        os.makedirs(self.directory + "/log", mode=0o750)
        places = {"log_file": self.directory + "/log/audit.log", "plugin_dir": self.directory + "/config/plugins.d"}
        self.write("auditd.conf", {**self.settings, **places})

    def write(self, name, settings):
        path = f"{self.directory}/config/{name}"
        with open(path, "w") as config:
            config.writelines(f"{key} = {value}\n" for key, value in settings.items())
        os.chmod(path, 0o640)
        return path

    def command(self):
        return ["auditd", "-n", "-s", "nochange", "-c", self.directory + "/config"]

    def files(self):
        return glob.glob(self.directory + "/log/audit.log*")


class Agent(Daemon):
    """The agent as it is by default; it captures only, unless it is told where to publish."""

    def __init__(self, name, source="kernel", flush="incremental", java="", held=False, publish=()):
        self.name, self.source, self.flush, self.java, self.held, self.publish = name, source, flush, java, held, publish
        self.socket = None

    def command(self):
        command = ["nice", "-n", str(NICE), ROOT + "/auditbus", "agent", "run"]
        command += self.publish or ["--only", "capture"]
        command += ["-D", "host=bench", "-D", "flush=" + self.flush,
                    "-D", f"state.dir={self.directory}/state", "-D", f"sources.bench.type={self.source}"]
        if self.held:  # as systemd does: the socket is descriptor 3, its owner the process that becomes java
            command = ["bash", "-c", "exec env LISTEN_PID=$$ LISTEN_FDS=1 \"$@\"", "held"] + command
        return command

    def spawn(self):
        how = {"env": dict(os.environ, AUDITBUS_JAVA_OPTIONS=self.java)}
        if self.held:
            if not self.socket:
                self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
                self.socket.setsockopt(socket.SOL_SOCKET, 33, 128 << 20)  # SO_RCVBUFFORCE; the agent makes it larger
                self.socket.bind((0, 1))
            inherited = self.socket.fileno()
            how["pass_fds"] = (3, inherited)
            how["preexec_fn"] = lambda: os.dup2(inherited, 3, inheritable=True)
        super().spawn(**how)

    def stop(self, for_good=True):
        super().stop()
        if for_good and self.socket:
            self.socket.close()
            self.socket = None

    def restart(self):
        self.stop(for_good=False)
        self.spawn()

    def files(self):
        return glob.glob(self.directory + "/state/trails/bench/2*")
