# SPDX-License-Identifier: Apache-2.0
"""From the kernel to a second machine, twice: auditd with audisp-remote to another auditd, and the agent to Kafka.

Both ends are on this machine. Each pipeline is begun, killed at its far end and started again there, and stopped; when
which event came out is written down by auditbus.benchmarks.Arrivals, in a JVM of its own, for both.
"""
import os, signal, subprocess, sys, time

from daemons import PATIENCE, ROOT, Agent, Auditd, wait_or_kill

JAR = ROOT + "/benchmarks/target/auditbus-benchmarks.jar"
KAFKA, REGISTRY, REMOTE = 19692, 19681, 60
AS_SHIPPED = {  # /etc/audit/audisp-remote.conf of Debian's audispd-plugins 3.0.9
    "transport": "tcp", "queue_file": "/var/spool/audit/remote.log", "mode": "immediate", "queue_depth": 10240,
    "format": "managed", "network_retry_time": 1, "max_tries_per_record": 3, "max_time_per_record": 5, "heartbeat_timeout": 0,
    "network_failure_action": "stop", "disk_low_action": "ignore", "disk_full_action": "warn_once",
    "disk_error_action": "warn_once", "remote_ending_action": "reconnect", "generic_error_action": "syslog",
    "generic_warning_action": "syslog", "queue_error_action": "stop", "overflow_action": "syslog",
    "startup_failure_action": "warn_once_continue"}


def build():
    """The launcher's programs and this module's."""
    subprocess.run([ROOT + "/auditbus", "agent", "--help"], check=True, stdout=subprocess.DEVNULL)
    sources = subprocess.run(["find", ROOT + "/benchmarks/src", "-name", "*.java", "-newer", JAR], capture_output=True, text=True)
    if sources.returncode or sources.stdout:
        subprocess.run(["./mvnw", "-q", "-B", "-Dmaven.test.skip=true", "-pl", "benchmarks", "-am", "package"], cwd=ROOT, check=True)


def java(name, arguments, out, options=("-Xmx256m",)):
    """Starts a class of this module and waits until it says that it is ready."""
    script = f'. {ROOT}/.mvn/jdk.sh; auditbus_find_jdk; exec "$JAVA_HOME/bin/java" --sun-misc-unsafe-memory-access=allow ' \
             '--enable-native-access=ALL-UNNAMED "$@"'
    with open(out, "wb") as log:
        child = subprocess.Popen(["bash", "-c", script, "java", *options, "-cp", JAR, "auditbus.benchmarks." + name, *map(str, arguments)],
                                 stdout=log, stderr=log)
    try:
        until(lambda: any(line.startswith("ready") for line in open(out, errors="replace")), f"{name} does not say ready, see {out}", child)
    except BaseException:
        end(child)
        raise
    return child


def until(true, what, child=None, seconds=PATIENCE, look=0.01):
    begun = time.monotonic()
    while not true():
        if time.monotonic() - begun > seconds or child and child.poll() is not None:
            raise SystemExit(what)
        time.sleep(look)


def end(child, how=signal.SIGTERM):
    if child and child.poll() is None:
        child.send_signal(signal.SIGCONT)
        child.send_signal(how)
    if child:
        wait_or_kill(child)


class Receiver(Auditd):
    """An auditd that takes no part in the kernel's audit: it writes down what comes by TCP."""

    def __init__(self):
        super().__init__("receiver", "ENRICHED", local_events="no", tcp_listen_port=REMOTE)

    def spawn(self):
        out = open(self.directory + "/out", "ab")
        self.child = subprocess.Popen(self.command(), stdout=out, stderr=out)
        until(lambda: any(f":{REMOTE:04X} " in line and " 0A " in line for line in list(open("/proc/net/tcp")) + list(open("/proc/net/tcp6"))),
              "the receiving auditd does not listen, see " + self.directory + "/out", self.child)


class Forwarder(Auditd):
    """The sending auditd. Its plugin knows one place of its configuration, so it gets a mount namespace."""

    def __init__(self, name, remote, **settings):
        super().__init__(name, "ENRICHED", **settings)
        self.remote = remote

    def configure(self):
        super().configure()
        remote = {"remote_server": "127.0.0.1", "port": REMOTE, **AS_SHIPPED, **self.remote}
        if remote["mode"] == "forward":
            remote["queue_file"] = self.directory + "/queue"
        self.write("audisp-remote.conf", remote)
        self.write("plugins.d/au-remote.conf", {"active": "yes", "direction": "out", "path": "/sbin/audisp-remote",
                                               "type": "always", "format": "string"})

    def command(self):
        script = 'mount --bind "$0" /etc/audit/audisp-remote.conf && exec "$@"'
        return ["unshare", "-m", "bash", "-c", script, self.directory + "/config/audisp-remote.conf"] + super().command()


class Pipeline:
    """What both have: a sender that reads the kernel, a far end, and somebody who looks at it."""

    arrivals = None

    def begin(self, directory):
        self.directory = directory
        os.makedirs(directory, mode=0o755)
        try:
            self.begin_far_end()
            self.arrivals = java("Arrivals", self.seen_by() + [directory + "/arrivals"], directory + "/arrivals.out")
            self.sender.begin(directory + "/sender")
        except BaseException:
            self.stop()
            raise

    def stop(self):
        try:
            self.sender.stop()
        finally:
            try:
                end(self.arrivals)
            finally:
                self.end_far_end()

    def each(self):
        """Every event that came: its stamp and when it came, in nanoseconds."""
        with open(self.directory + "/arrivals") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield map(int, line.split())

    def arrived(self):
        """When each stamp came first, by stamp."""
        first = {}
        for sent, at in self.each():
            first.setdefault(sent, at)
        return first

    def lines(self, since):
        """How many events sent since then came, those that came twice counted twice."""
        return sum(sent >= since for sent, _ in self.each())

    def count(self):
        with open(self.directory + "/arrivals", "rb") as lines:
            return sum(block.count(b"\n") for block in iter(lambda: lines.read(1 << 20), b""))

    def settle(self, wanted, quiet, longest):
        """Waits until so many lines are there, or none came for some seconds, however long it takes at most."""
        begun = changed = time.monotonic()
        before = -1
        while True:
            now, there = time.monotonic(), self.count()
            if there != before:
                before, changed = there, now
            if there >= wanted or now - changed > quiet or now - begun > longest:
                return there
            time.sleep(0.2)


class ToAuditd(Pipeline):
    def __init__(self, name, remote, **settings):
        self.name, self.receiver, self.sender = name, Receiver(), Forwarder(name, remote, **settings)

    def begin_far_end(self):
        self.receiver.begin(self.directory + "/receiver")

    def end_far_end(self):
        self.receiver.stop()

    def seen_by(self):
        return ["file", self.directory + "/receiver/log/audit.log"]

    def kill(self):
        end(self.receiver.child, signal.SIGKILL)

    def restart(self):
        self.receiver.spawn()


class ToKafka(Pipeline):
    broker = None

    def __init__(self, name, *settings):
        self.name = name
        publish = [f"bootstrap.servers=127.0.0.1:{KAFKA}", f"schema.registry.url=http://127.0.0.1:{REGISTRY}", *settings]
        self.sender = Agent(name, publish=[word for setting in publish for word in ("-D", setting)])

    def begin_far_end(self):
        self.broker = java("BenchmarkBroker", [self.directory + "/kafka", KAFKA, REGISTRY, 0], self.directory + "/broker.out", ["-Xmx1g"])

    restart = begin_far_end

    def end_far_end(self):
        end(self.broker)

    def seen_by(self):
        return ["kafka", f"127.0.0.1:{KAFKA}"]

    def kill(self):
        end(self.broker, signal.SIGKILL)
