// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.history;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.Range;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import auditbus.streams.Samples;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.avro.specific.SpecificRecord;

/**
 * A host with a kernel, an audit daemon and an agent, and things that go wrong on it, all from one
 * seed.
 *
 * <p>The agent reads the kernel's multicast group into trails of its own (source {@code kernel})
 * and, on some hosts, also the audit daemon's log (source {@code auditd}). What is sent arrives
 * once or several times; what is kept back never does, or late.
 *
 * <p>Not thread-safe; runs once.
 */
final class HostSimulation {
  /** When every history begins. */
  static final Instant BEGIN = Instant.parse("2026-11-20T10:59:00Z");

  private static final long HEARTBEAT_MS = 5000;
  private static final long PID_REUSE_MS = 61_000;
  private static final long UNSET = 4294967295L;
  private static final DateTimeFormatter NAME =
      DateTimeFormatter.ofPattern("uuuuMMddHHmmss").withZone(ZoneOffset.UTC);
  private static final Map<String, Integer> TYPES =
      Map.of("EXECVE", 1309, "PATH", 1302, "CWD", 1307, "EOE", 1320, "USER_LOGIN", 1112);

  /** An event on its way through one source, and which stop's story it tells, if any. */
  private record Sent(AuditEvent event, String boot, Runnable told) {
    boolean ofKernel() {
      return event.getTime().isPresent() && !event.getType().startsWith("DAEMON_");
    }
  }

  /** A source of the agent: a row of trails, of which the last is being written. */
  private final class Source {
    final String name;
    final String type;
    final ArrayDeque<Sent> unsent = new ArrayDeque<>();
    final ArrayDeque<Sent> unacked = new ArrayDeque<>();
    final List<Sent> late = new ArrayList<>();
    final Set<Sent> delivered = Collections.newSetFromMap(new IdentityHashMap<>());
    final Set<Sent> givenUp = Collections.newSetFromMap(new IdentityHashMap<>());
    final ArrayDeque<TrailState> states = new ArrayDeque<>();
    Truth.Trail trail;
    String previous;

    Source(String name, String type) {
      this.name = name;
      this.type = type;
    }

    void open() {
      String id = NAME.format(Instant.ofEpochMilli(now));
      String unique = id;
      for (int i = 2; truth.trails.containsKey(Truth.key(name, unique)); i++) {
        unique = id + "~" + i;
      }
      trail = new Truth.Trail(name, unique);
      truth.trails.put(Truth.key(name, unique), trail);
      // Told when the one before was told to be closed.
      states.add(state(TrailStatus.OPENED, ".not_terminated").build());
    }

    TrailState.Builder state(TrailStatus status, String suffix) {
      return TrailState.newBuilder()
          .setHost(host)
          .setSource(name)
          .setTrail(trail.id)
          .setEpoch(epoch)
          .setBoot(boot)
          .setFormat(Format.LINUX)
          .setState(status)
          .setName(trail.id + suffix)
          .setSize(trail.size)
          .setPrevious(previous)
          .setAt(Instant.ofEpochMilli(now));
    }

    void rotate(boolean crash) {
      String suffix = crash ? ".crash_recovery" : "." + NAME.format(Instant.ofEpochMilli(now));
      states.add(
          state(crash ? TrailStatus.CRASH_RECOVERED : TrailStatus.TERMINATED, suffix).build());
      previous = trail.id;
      open();
    }

    void append(String text, Runnable told) {
      List<AuditEvent> events = Samples.events(text);
      for (AuditEvent event : events) {
        String first = null;
        for (AuditRecord record : event.getRecords()) {
          if (first != null && oneIn(60)) {
            rotate(false);
          }
          record.setPosition(trail.size);
          record.setType(TYPES.getOrDefault(record.getName(), record.getType()));
          trail.size += record.getLength();
          if (first == null) {
            first = trail.id;
          } else if (!first.equals(trail.id)) {
            record.setTrail(trail.id);
          }
        }
        event.setHost(host);
        event.setSource(name);
        event.setTrail(first);
        event.setBoot(tellsBoot || type.equals("readlog") ? boot : null);
        event.setObserved(Instant.ofEpochMilli(now));
        unsent.add(new Sent(event, boot, told));
      }
    }

    /** A line nobody can parse. */
    void appendJunk() {
      AuditRecord junk =
          AuditRecord.newBuilder()
              .setPosition(trail.size)
              .setLength(7)
              .setType(-1)
              .setName("UNPARSED")
              .setRaw(ByteBuffer.wrap("junk..\n".getBytes(StandardCharsets.US_ASCII)))
              .setFields(Map.of())
              .build();
      trail.size += junk.getLength();
      unsent.add(
          new Sent(
              AuditEvent.newBuilder()
                  .setHost(host)
                  .setSource(name)
                  .setTrail(trail.id)
                  .setBoot(tellsBoot ? boot : null)
                  .setEpoch(epoch)
                  .setObserved(Instant.ofEpochMilli(now))
                  .setSerial(0)
                  .setAcked(0)
                  .setFormat(Format.LINUX)
                  .setType("UNPARSED")
                  .setComplete(true)
                  .setRecords(List.of(junk))
                  .build(),
              boot,
              () -> {}));
    }

    void send(int most) {
      for (int left = most; left > 0 && !unsent.isEmpty(); left--) {
        Sent one = unsent.removeFirst();
        unacked.add(one);
        boolean first = !delivered.contains(one);
        if (losesBytes && first && oneIn(40)) {
          keepBack(one);
          if (oneIn(2)) {
            late.add(one);
          }
        } else if (losesBytes && first && oneIn(60)) {
          keepBack(one);
          giveUp(one);
        } else {
          deliver(one);
          if (losesBytes && first && second.nextInt(60) == 0) {
            giveUp(one); // sent, and before the broker answered for it the disk was full
          }
        }
        ack(random.nextInt(3));
      }
      close();
    }

    /** A trail's closing state follows its last byte, on another topic. */
    private void close() {
      while (!states.isEmpty()) {
        TrailState state = states.getFirst();
        boolean closes = state.getState() != TrailStatus.OPENED;
        if (closes
            && Stream.concat(unsent.stream(), unacked.stream())
                .anyMatch(sent -> touches(sent.event(), state.getTrail()))) {
          return;
        }
        truth.trails.get(Truth.key(name, state.getTrail())).saidClosed |= closes;
        emit(Topics.TRAILS, states.removeFirst());
      }
    }

    void sendAll() {
      send(Integer.MAX_VALUE);
      ack(Integer.MAX_VALUE);
      close();
    }

    private void deliver(Sent one) {
      delivered.add(one);
      AuditEvent event = one.event();
      Truth.Trail first = truth.trails.get(Truth.key(name, event.getTrail()));
      event.setEpoch(epoch);
      event.setAcked(first.acked);
      first.saidAcked = Math.max(first.saidAcked, first.acked);
      for (AuditRecord record : event.getRecords()) {
        trailOf(event, record)
            .published
            .add(record.getPosition(), record.getPosition() + record.getLength());
      }
      one.told().run();
      if (one.ofKernel()) {
        truth.boots.get(one.boot()).arrived.add(event.getSerial());
      }
      if (event.getRecords().size() > 1 && oneIn(20)) {
        int cut = 1 + random.nextInt(event.getRecords().size() - 1);
        emit(Topics.EVENTS, part(event, 0, 0, cut));
        emit(Topics.EVENTS, part(event, 1, cut, event.getRecords().size()));
      } else {
        emit(Topics.EVENTS, AuditEvent.newBuilder(event).build());
      }
      if (oneIn(50)) {
        emit(Topics.EVENTS, AuditEvent.newBuilder(event).build());
      }
    }

    private AuditEvent part(AuditEvent event, int part, int from, int to) {
      return AuditEvent.newBuilder(event)
          .setPart(part)
          .setParts(2)
          .setRecords(new ArrayList<>(event.getRecords().subList(from, to)))
          .build();
    }

    private void keepBack(Sent one) {
      if (one.ofKernel()) {
        truth.boots.get(one.boot()).everAway.add(one.event().getSerial());
      }
      for (AuditRecord record : one.event().getRecords()) {
        trailOf(one.event(), record)
            .everKeptBack
            .add(record.getPosition(), record.getPosition() + record.getLength());
      }
    }

    private void giveUp(Sent one) {
      givenUp.add(one);
      AuditRecord record = one.event().getRecords().getFirst();
      Truth.Trail of = trailOf(one.event(), record);
      of.dropped.add(record.getPosition(), record.getPosition() + record.getLength());
      emit(
          Topics.TRAILS,
          state(TrailStatus.DROPPED, ".not_terminated")
              .setTrail(of.id)
              .setPrevious(null)
              .setName(of.id + ".not_terminated")
              .setDropped(List.of(new Range(record.getPosition(), (long) record.getLength())))
              .setCause("no space left")
              .build());
    }

    private Truth.Trail trailOf(AuditEvent event, AuditRecord record) {
      return truth.trails.get(Truth.key(name, record.getTrail().orElse(event.getTrail())));
    }

    private boolean touches(AuditEvent event, String id) {
      return event.getTrail().equals(id)
          || event.getRecords().stream()
              .anyMatch(record -> id.equals(record.getTrail().orElse(null)));
    }

    /** The broker answers for the oldest so many of what it has not answered for. */
    private void ack(int most) {
      for (int left = most; left > 0 && !unacked.isEmpty(); left--) {
        AuditEvent event = unacked.removeFirst().event();
        for (AuditRecord record : event.getRecords()) {
          Truth.Trail of = trailOf(event, record);
          of.acked = Math.max(of.acked, record.getPosition() + record.getLength());
        }
      }
    }

    /** The agent died: what was not acknowledged is sent again. */
    void rewind() {
      while (!unacked.isEmpty()) {
        Sent one = unacked.removeLast();
        if (!givenUp.contains(one)) {
          unsent.addFirst(one);
        }
      }
    }

    /** Sends what was kept back where an event said before that it had arrived. */
    void sendLate() {
      for (Sent one : List.copyOf(late)) {
        boolean proven =
            one.event().getRecords().stream()
                .allMatch(
                    record ->
                        trailOf(one.event(), record).saidAcked
                            >= record.getPosition() + record.getLength());
        if (proven) {
          late.remove(one);
          deliver(one);
        }
      }
    }
  }

  private final long seed;
  private final int steps;
  private final String host;
  private final Random random;
  // For what changes nothing but what it tells: the rest of a seed's history stays as it is.
  private final Random second;
  private final Truth truth = new Truth();
  private final List<HostHistory.Message> messages = new ArrayList<>();
  private final Map<String, Source> sources = new LinkedHashMap<>();
  private final boolean tellsBoot;
  private final boolean losesBytes;
  private final boolean killRule;

  private long now = BEGIN.toEpochMilli();
  private String boot = "";
  private int boots;
  private long serial;
  private long lost;
  private long daemonSerial;
  private long daemonPid;
  private long daemonEndedMs;
  private long nextPid = 3000;
  private boolean auditdRuns;
  private boolean agentRuns = true;
  private int enabled = 1;
  private boolean[] startedTold = new boolean[1];
  private long epoch;
  private long started;
  private long sequence;
  private long nextHeartbeat;

  HostSimulation(long seed, int steps) {
    this.seed = seed;
    this.steps = steps;
    random = new Random(seed);
    second = new Random(~seed);
    host = "h" + Long.toHexString(seed);
    tellsBoot = random.nextBoolean();
    truth.tellsBoot = tellsBoot;
    losesBytes = random.nextInt(3) > 0;
    killRule = random.nextInt(4) > 0;
    sources.put("kernel", new Source("kernel", "readlog"));
    sources.put("auditd", new Source("auditd", "auditlog"));
  }

  HostHistory run() {
    boot();
    sources.values().forEach(Source::open);
    startAgent();
    startDaemon();
    for (int i = 0; i < steps; i++) {
      pass(1 + random.nextInt(400));
      step();
      sources.values().forEach(source -> source.send(random.nextInt(4)));
    }
    if (oneIn(2)) {
      sources.values().forEach(source -> source.rotate(false));
    }
    pass(1000);
    sources.values().forEach(Source::sendAll);
    if (oneIn(2)) {
      sources.values().forEach(Source::sendLate);
    }
    pass(2 * HEARTBEAT_MS);
    return new HostHistory(seed, host, messages, truth);
  }

  private void step() {
    if (!auditdRuns && oneIn(4)) {
      startDaemon();
      return;
    }
    switch (random.nextInt(40)) {
      case 0 -> sources.values().forEach(source -> source.rotate(false));
      case 1 -> pick().appendJunk();
      case 2 -> restartAgent();
      case 3, 4 -> stopDaemon();
      case 5 -> decoyKill();
      case 6 -> injection();
      case 7 -> pass(random.nextInt(20_000));
      case 8 -> pick().sendLate();
      case 9 -> refusedKill();
      case 10 -> skipSerials(1 + random.nextInt(5));
      case 11 -> lost += 1 + random.nextInt(20);
      case 12 -> {
        // A rate limit takes records and whole events.
        int events = 1 + random.nextInt(5);
        skipSerials(events);
        lost += events * 3L;
      }
      case 13 -> switchOff();
      case 14 -> {
        if (oneIn(4)) {
          reboot();
        }
      }
      default -> kernelEvent(syscallText(), () -> {});
    }
  }

  // The kernel

  private void boot() {
    boot = "b" + Long.toHexString(seed) + "-" + boots++;
    serial = 1;
    lost = 0;
    truth.boots.put(boot, new Truth.Boot());
  }

  /** The agent and the daemon die with the kernel; all start again. */
  private void reboot() {
    now += 20_000 + random.nextInt(60_000);
    if (auditdRuns) {
      // Gone without a word, as by SIGKILL, and nobody's doing.
      truth.stops.add(new Truth.Stop(now, daemonPid, null, true));
    }
    sources.values().forEach(Source::rewind);
    auditdRuns = false;
    boot();
    sources.get("kernel").rotate(true);
    startAgent();
  }

  /** Events that get a number, and then no further. */
  private void skipSerials(int events) {
    for (int i = 0; i < events; i++) {
      truth.boots.get(boot).everAway.add(++serial);
    }
  }

  /** Somebody switches auditing off, and on again. */
  private void switchOff() {
    Long auid = user();
    Truth.Off off = new Truth.Off(now, auid);
    truth.offs.add(off);
    kernelEvent(enabled(0, 1, auid), () -> off.offTold = true);
    enabled = 0;
    // Heartbeats go on, and so does what was written before.
    sources.values().forEach(source -> source.send(Integer.MAX_VALUE));
    pass(random.nextInt(12_000));
    enabled = 1;
    kernelEvent(enabled(1, 0, auid), () -> off.onTold = true);
  }

  private String enabled(int to, int from, Long auid) {
    return "type=CONFIG_CHANGE %sop=set audit_enabled=%d old=%d auid=%d ses=%d subj=unconfined res=1\n"
        .formatted(
            stamp(), to, from, auid == null ? UNSET : auid, auid == null ? UNSET : auid - 990);
  }

  private String stamp() {
    return stamp(now, ++serial);
  }

  private static String stamp(long millis, long number) {
    return "msg=audit(%d.%03d:%d): ".formatted(millis / 1000, millis % 1000, number);
  }

  private void kernelEvent(String text, Runnable told) {
    if (agentRuns) {
      sources.get("kernel").append(text, told);
    }
    if (!agentRuns && !auditdRuns) {
      truth.boots.get(boot).everAway.add(serial);
    }
    if (auditdRuns) {
      sources.get("auditd").append(text, told);
    }
  }

  private String syscallText() {
    String stamp = stamp();
    if (oneIn(3)) {
      return "type=USER_LOGIN "
          + stamp
          + "pid=%d uid=0 auid=1000 ses=3 msg='op=login acct=\"root\" res=success'\n"
              .formatted(nextPid);
    }
    StringBuilder text =
        new StringBuilder(
            syscall(stamp, 59, "yes", 0x55d0, 1, nextPid++, user(), 0, "program", "/bin/program"));
    text.append("type=CWD ").append(stamp).append("cwd=\"/home/admin\"\n");
    for (int item = random.nextInt(3); item >= 0; item--) {
      text.append("type=PATH ").append(stamp).append("item=" + item + " name=\"/etc/passwd\"\n");
    }
    return text.append("type=EOE ").append(stamp).append('\n').toString();
  }

  private static String syscall(
      String stamp,
      int number,
      String success,
      long a0,
      long a1,
      long pid,
      Long auid,
      long uid,
      String comm,
      String exe) {
    return ("type=SYSCALL %sarch=c000003e syscall=%d success=%s exit=0 a0=%x a1=%x a2=0 a3=0 items=0"
            + " ppid=1 pid=%d auid=%d uid=%d gid=0 euid=%d suid=0 fsuid=0 egid=0 sgid=0 fsgid=0"
            + " tty=pts0 ses=%d comm=\"%s\" exe=\"%s\" key=\"k\"\n")
        .formatted(
            stamp,
            number,
            success,
            a0,
            a1,
            pid,
            auid == null ? UNSET : auid,
            uid,
            uid,
            auid == null ? UNSET : auid - 990,
            comm,
            exe);
  }

  private String kill(
      String stamp, String success, int signal, long pid, Long auid, long target, String comm) {
    return syscall(
            stamp,
            62,
            success,
            target,
            signal,
            pid,
            auid,
            auid == null ? 0 : auid,
            "kill",
            "/bin/kill")
        + "type=OBJ_PID %sopid=%d oauid=-1 ouid=%d oses=-1 ocomm=\"%s\"\n"
            .formatted(stamp, target, target == daemonPid ? 0 : 1001, comm);
  }

  private Long user() {
    return oneIn(5) ? null : 1000L + random.nextInt(6);
  }

  // The audit daemon

  private void startDaemon() {
    auditdRuns = true;
    // Now and then the pid of the one before: pids come again when all others were used.
    boolean again = daemonPid != 0 && now - daemonEndedMs > PID_REUSE_MS && oneIn(2);
    daemonPid = again ? daemonPid : nextPid++;
    daemonSerial += 1 + random.nextInt(3000);
    boolean[] before = startedTold;
    startedTold = new boolean[1];
    boolean[] told = startedTold;
    Truth.Stop ended = truth.stops.isEmpty() ? null : truth.stops.getLast();
    boolean marks = ended != null && ended.nextStartMillis < 0;
    if (marks) {
      ended.nextStartMillis = now;
    }
    daemonRecord(
        "DAEMON_START",
        "op=start ver=3.0.9 format=enriched kernel=6.18 auid=4294967295 pid=%d uid=0"
                .formatted(daemonPid)
            + " ses=4294967295 subj=unconfined res=success",
        () -> {
          told[0] = true;
          if (marks) {
            ended.startTold |= !ended.endTold && !ended.nextStartTold && before[0];
            ended.nextStartTold = true;
          }
        });
  }

  private void daemonRecord(String type, String text, Runnable told) {
    sources
        .get("auditd")
        .append("type=" + type + " " + stamp(now, daemonSerial++) + text + "\n", told);
  }

  /** Somebody ends it with TERM or KILL, whether a rule records the call or not. */
  private void stopDaemon() {
    if (!auditdRuns) {
      return;
    }
    Long auid = user();
    long pid = nextPid++;
    pass(5 + random.nextInt(50));
    boolean sigkill = oneIn(4);
    Truth.Stop stop = new Truth.Stop(now, daemonPid, auid, sigkill);
    if (sigkill) {
      auditdRuns = false;
      daemonEndedMs = now;
      truth.stops.add(stop);
      if (killRule) {
        kernelEvent(
            kill(stamp(now - 4, ++serial), "yes", 9, pid, auid, daemonPid, "auditd"),
            () -> stop.killTold = true);
      }
      return;
    }
    boolean[] start = startedTold;
    if (killRule) {
      kernelEvent(
          kill(stamp(now - 4, ++serial), "yes", 15, pid, auid, daemonPid, "auditd"),
          () -> stop.killTold = true);
    }
    String info =
        switch (random.nextInt(3)) {
          case 0 -> "auid=-1 uid=-1 ses=-1 pid=-1";
          case 1 -> // The kernel gives the uid where there is no login uid.
              "auid=%d uid=%d ses=%d pid=%d"
                  .formatted(
                      auid == null ? 0 : auid,
                      auid == null ? 0 : auid,
                      auid == null ? UNSET : auid - 990,
                      pid);
          default ->
              killRule
                  // Somebody was refused after that: he stands in the one slot.
                  ? poison(stop)
                  : "auid=-1 uid=-1 ses=-1 pid=-1";
        };
    daemonRecord(
        "DAEMON_END",
        "op=terminate " + info + " subj=unconfined res=success",
        () -> {
          stop.startTold |= !stop.endTold && !stop.nextStartTold && start[0];
          stop.endTold = true;
        });
    truth.stops.add(stop);
    auditdRuns = false;
    daemonEndedMs = now;
  }

  private String poison(Truth.Stop stop) {
    stop.poisoned = true;
    long other = 1010L + random.nextInt(3);
    long pid = nextPid++;
    kernelEvent(
        kill(stamp(now - 2, ++serial), "no", 15, pid, other, daemonPid, "auditd"), () -> {});
    return "auid=%d uid=%d ses=%d pid=%d".formatted(other, other, other - 990, pid);
  }

  /** Somebody ends a process of his own, named like the daemon or not. */
  private void decoyKill() {
    long target = nextPid++;
    kernelEvent(
        kill(
            stamp(),
            "yes",
            oneIn(2) ? 15 : 9,
            nextPid++,
            1020L + random.nextInt(3),
            target,
            oneIn(2) ? "auditd" : "sleep"),
        () -> {});
  }

  private void refusedKill() {
    kernelEvent(
        kill(stamp(), "no", 15, nextPid++, 1030L + random.nextInt(3), daemonPid, "auditd"),
        () -> {});
  }

  /** Somebody writes a user message that looks like a kill. */
  private void injection() {
    String stamp = stamp();
    kernelEvent(
        "type=USER %spid=9 uid=0 auid=1040 ses=4 msg='type=SYSCALL syscall=62 success=yes a0=%x a1=f auid=1041 type=OBJ_PID opid=%d ocomm=\"auditd\" exe=\"/bin/x\" res=success'\n"
            .formatted(stamp, daemonPid, daemonPid),
        () -> {});
  }

  // The agent

  private void startAgent() {
    epoch = now * 1000;
    truth.agentRuns++;
    started = now;
    sequence = 0;
    nextHeartbeat = now;
    pass(1);
  }

  /** Killed and started again; what happened meanwhile stands in auditd's log only. */
  private void restartAgent() {
    sources.values().forEach(Source::rewind);
    agentRuns = false;
    for (int i = random.nextInt(4); i > 0; i--) {
      now += random.nextInt(1000);
      kernelEvent(syscallText(), () -> {});
    }
    agentRuns = true;
    sources.get("kernel").rotate(true);
    startAgent();
  }

  private void pass(long millis) {
    long until = now + millis;
    while (nextHeartbeat <= until) {
      now = Math.max(now, nextHeartbeat);
      nextHeartbeat += HEARTBEAT_MS;
      heartbeat();
    }
    now = until;
  }

  private void heartbeat() {
    truth.boots.get(boot).lostTold = lost;
    emit(
        Topics.AGENTS,
        AgentStatus.newBuilder()
            .setHost(host)
            .setMachineId("m" + Long.toHexString(seed))
            .setBoot(boot)
            .setEpoch(epoch)
            .setVersion("0.1.0")
            .setStarted(Instant.ofEpochMilli(started))
            .setAt(Instant.ofEpochMilli(now))
            .setSequence(sequence++)
            .setIntervalMs(HEARTBEAT_MS)
            .setKernel(
                KernelStatus.newBuilder()
                    .setEnabled(enabled)
                    .setFailure(1)
                    .setPid(auditdRuns ? daemonPid : 0)
                    .setRateLimit(0)
                    .setBacklogLimit(8192)
                    .setLost(lost)
                    .setBacklog(0)
                    .setBacklogWaitTime(60)
                    .setBacklogWaitTimeActual(0)
                    .build())
            .setSources(sources.values().stream().map(this::status).toList())
            .build());
  }

  private SourceStatus status(Source source) {
    return SourceStatus.newBuilder()
        .setName(source.name)
        .setType(source.type)
        .setState("RUNNING")
        .setTrail(source.trail.id)
        .setHead(source.trail.size)
        .setAcked(source.trail.acked)
        .setWaitingBytes(source.trail.size - source.trail.acked)
        .setReceived(0)
        .setWritten(0)
        .setDropped(0)
        .setAckedRecords(0)
        .setWaitingRecords(0)
        .setEvents(0)
        .setIncomplete(0)
        .setUnparsed(0)
        .setTrailsClosed(0)
        .build();
  }

  private void emit(Topics topic, SpecificRecord value) {
    messages.add(new HostHistory.Message(topic, value, now - BEGIN.toEpochMilli()));
  }

  private Source pick() {
    return sources.get(random.nextBoolean() ? "kernel" : "auditd");
  }

  private boolean oneIn(int many) {
    return random.nextInt(many) == 0;
  }
}
