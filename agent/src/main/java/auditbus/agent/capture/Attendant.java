// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.capture.KernelCapture.Mode;
import auditbus.agent.netlink.AuditControl;
import auditbus.agent.netlink.AuditSocket;
import auditbus.agent.netlink.AuditStatus;
import auditbus.agent.netlink.Capabilities;
import auditbus.agent.netlink.Capability;
import auditbus.agent.netlink.NetlinkException;
import auditbus.agent.trail.TrailPlace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks after a capture of the kernel's records on a thread of its own: settings at the start, then
 * status, registration, losses, signs of life.
 *
 * <p>The capturing thread never waits for an answer of the kernel; it asks {@link #trouble}.
 *
 * <p>Thread-safe.
 */
final class Attendant {
  private static final Logger LOG = LoggerFactory.getLogger(Attendant.class);
  private static final int TRUSTED_APP = 1121;
  private static final int LOCKED = 2;
  private static final Duration STEP = Duration.ofMillis(100);
  private static final Duration LOOK = Duration.ofSeconds(1);
  private static final Duration FLUSH = Duration.ofSeconds(2);
  private static final Duration FLUSH_STEP = Duration.ofMillis(2);

  /** After a sign of life was sent, the stream is deaf if nothing came in this time. */
  private static final Duration DEAF = Duration.ofSeconds(5);

  private static final int OWN_PID = (int) ProcessHandle.current().pid();

  private final String source;
  private final Mode mode;
  private final CaptureSettings settings;
  private final AuditSocket socket;
  private final CaptureCounters counters;
  private final Thread thread;
  private final OwnCalls ownCalls;
  private final Path excluded;
  private final Supplier<Optional<TrailPlace>> place;
  private final Runnable everyStep;
  private final Set<Cause> told;

  private long nextLookNanos;
  private long nextLifeNanos;
  private long lives;
  private final long receivedBefore;
  private long firstLifeNanos;
  private long overrunsSeen;
  private long dropsSeen;

  private volatile Optional<Capabilities> may = Optional.empty();
  private volatile Optional<AuditControl> control = Optional.empty();
  private volatile Optional<AuditStatus> status = Optional.empty();
  private volatile Optional<IOException> trouble = Optional.empty();
  private volatile boolean closing;
  private volatile boolean abandoned;
  private final Object leaving = new Object();
  // Guarded by leaving.
  private boolean left;

  /** What is told of once in a capture's life. */
  enum Cause {
    OVERRUN,
    TRUNCATED,
    SPOOFED,
    MALFORMED,
    DISABLED,
    LOCKED,
    ASKING,
    LIFE,
    EXCLUDING
  }

  Attendant(
      String source,
      Mode mode,
      CaptureSettings settings,
      AuditSocket socket,
      CaptureCounters counters,
      Path excluded,
      Supplier<Optional<TrailPlace>> place,
      Set<Cause> told,
      Runnable everyStep) {
    this.excluded = excluded;
    this.place = place;
    this.told = told;
    this.everyStep = everyStep;
    this.source = source;
    this.mode = mode;
    this.settings = settings;
    this.socket = socket;
    this.counters = counters;
    this.receivedBefore = counters.flow().received();
    this.ownCalls = new OwnCalls(place, OWN_PID);
    this.thread = new Thread(this::run, "attendant-" + source);
    thread.setDaemon(true);
  }

  /**
   * Opens the control socket and makes the configured settings.
   *
   * @throws IOException if a setting is refused, or the kernel has no audit
   */
  void open() throws IOException {
    may = Optional.of(Capabilities.ofThisProcess());
    AuditControl opened = AuditControl.open();
    control = Optional.of(opened);
    if (mode == Mode.UNICAST) {
      configure(opened);
    } else if (may(Capability.AUDIT_CONTROL)) {
      exclude(opened);
      status = Optional.of(opened.status());
    } else {
      LOG.info(
          "source {}: without CAP_AUDIT_CONTROL the agent's own calls can't be left out of auditing;"
              + " if a rule matches them, add: {}",
          source,
          ownCalls.rule());
    }
    overrunsSeen = socket.overruns();
    dropsSeen = socket.drops() & 0xFFFF_FFFFL;
    ownCalls.skip();
  }

  /** Begins to look after the capture. */
  void start() {
    long now = System.nanoTime();
    nextLookNanos = now;
    nextLifeNanos = now;
    thread.start();
  }

  /**
   * Ends this process's registration as audit daemon, if it has one.
   *
   * @throws NetlinkException if the kernel does not say
   */
  void unregister() throws NetlinkException {
    AuditControl opened = control.orElseThrow();
    if (opened.status().pid() == OWN_PID) {
      opened.unregister();
    }
  }

  private void configure(AuditControl opened) throws NetlinkException {
    AuditStatus now = opened.status();
    status = Optional.of(now);
    if (now.enabled() == LOCKED) {
      once(Cause.LOCKED, "the kernel's audit is locked until the next boot: settings stay as is");
      return;
    }
    // What is as wanted is not set again: each change is a record, and may be refused.
    if (differs(settings.backlogLimit(), now.backlogLimit())) {
      opened.backlogLimit(settings.backlogLimit().get());
    }
    if (differs(settings.backlogWaitTime(), now.backlogWaitTime())) {
      opened.backlogWaitTime(settings.backlogWaitTime().get());
    }
    if (differs(settings.failure(), now.failure())) {
      opened.failureMode(settings.failure().get().intValue());
    }
    if (differs(settings.rateLimit(), now.rateLimit())) {
      opened.rateLimit(settings.rateLimit().get());
    }
    boolean on = now.enabled() > 0;
    switch (settings.startup()) {
      case ENABLE -> {
        if (!on) {
          opened.enable(true);
        }
      }
      case DISABLE -> {
        if (on) {
          opened.enable(false);
        }
      }
      case NOCHANGE -> {
        // as somebody left it
      }
    }
  }

  private static boolean differs(Optional<Long> wanted, long found) {
    return wanted.isPresent() && wanted.get() != found;
  }

  /**
   * Has the kernel leave our own calls alone: receiving one record must not make another. A run
   * that was killed left its rule behind, which would hide whoever gets its pid.
   */
  private void exclude(AuditControl opened) {
    try {
      if (Files.exists(excluded)) {
        int earlier = Integer.parseInt(Files.readString(excluded).strip());
        if (earlier != OWN_PID) {
          opened.includeProcess(earlier);
        }
      }
      Files.writeString(excluded, OWN_PID + "\n");
      opened.excludeProcess(OWN_PID);
    } catch (IOException | NumberFormatException e) {
      LOG.warn(
          "source {}: the agent's own calls may be audited where a rule matches them: {}",
          source,
          e.toString());
    }
  }

  /** How the kernel's audit stood at the last look. */
  Optional<AuditStatus> status() {
    return status;
  }

  /** What makes it necessary to attach anew. */
  Optional<IOException> trouble() {
    return trouble;
  }

  /** Who last signalled this process, empty where the kernel can't say it of this one. */
  Optional<SignalAnswer> signalInfo() {
    if (mode == Mode.MULTICAST || control.isEmpty()) {
      return Optional.empty(); // it would answer about another daemon
    }
    try {
      var info = control.get().signalInfo();
      return Optional.of(new SignalAnswer(info.uid(), info.pid(), info.context()));
    } catch (NetlinkException e) {
      once(Cause.ASKING, "who sent a signal can't be asked: " + e.getMessage());
      return Optional.empty();
    }
  }

  /**
   * Has the kernel send what it holds, then tells it that nobody will receive any more. Idempotent.
   * Not for the capturing thread: the kernel may let us wait for its queue to be emptied.
   */
  void leave() {
    leave(true);
  }

  /** The same without having the kernel send what it holds. */
  void quit() {
    leave(false);
  }

  private void leave(boolean withWhatItHolds) {
    closing = true;
    join();
    synchronized (leaving) {
      Optional<AuditControl> open = control;
      if (left || open.isEmpty() || !may(Capability.AUDIT_CONTROL)) {
        return;
      }
      left = true;
      try {
        if (mode == Mode.UNICAST) {
          if (withWhatItHolds) {
            flush(open.get());
          }
          unregister();
        } else {
          open.get().includeProcess(OWN_PID);
          Files.deleteIfExists(excluded);
        }
      } catch (IOException e) {
        LOG.warn("source {}: at the end: {}", source, e.getMessage());
      }
    }
  }

  /**
   * Ends without a word to the kernel, which notices that nobody receives; does not wait. For a
   * stream that is lost. Idempotent.
   */
  void abandon() {
    abandoned = true;
    closing = true;
    LockSupport.unpark(thread);
    boolean runs = thread.isAlive();
    if (!runs) {
      closeControl(); // else its own thread does, when the answer it waits for has come
    }
  }

  private void closeControl() {
    synchronized (leaving) {
      control.ifPresent(AuditControl::close);
      control = Optional.empty();
    }
  }

  /** What the kernel has not sent yet when it is told to send nothing more is lost. */
  private void flush(AuditControl open) throws NetlinkException {
    Optional<TrailPlace> before = place.get();
    boolean on = status.map(now -> now.enabled() > 0).orElse(false);
    if (before.isEmpty() || !on || !may(Capability.AUDIT_WRITE)) {
      return;
    }
    TrailPlace from = before.get();
    String mark = "op=leaving daemon=auditbus pid=" + OWN_PID;
    open.userMessage(TRUSTED_APP, mark + " res=success");
    long deadline = System.nanoTime() + FLUSH.toNanos();
    while (!TrailText.contains(from, mark) && System.nanoTime() - deadline < 0) {
      LockSupport.parkNanos(FLUSH_STEP.toNanos());
      Optional<TrailPlace> now = place.get();
      if (now.isPresent() && !now.get().trail().equals(from.trail())) {
        from = new TrailPlace(now.get().trail(), now.get().path(), 0); // rotated
      }
    }
  }

  private void join() {
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true; // it ends within a step and an answer of the kernel
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    while (!closing) {
      everyStep.run();
      long now = System.nanoTime();
      if (now - nextLookNanos >= 0) {
        nextLookNanos = now + LOOK.toNanos();
        look();
      }
      if (!settings.livenessInterval().isZero() && now - nextLifeNanos >= 0) {
        nextLifeNanos = now + settings.livenessInterval().toNanos();
        live(now);
      }
      LockSupport.parkNanos(STEP.toNanos());
    }
    look();
    if (abandoned) {
      closeControl();
    }
  }

  private void look() {
    losses();
    if (may(Capability.AUDIT_CONTROL)) {
      try {
        AuditStatus now = control.orElseThrow().status();
        status = Optional.of(now);
        if (mode == Mode.UNICAST && now.pid() != OWN_PID && !closing) {
          trouble =
              Optional.of(
                  new IOException(
                      "the registration as audit daemon is lost, the kernel has "
                          + (now.pid() == 0 ? "none" : "pid " + now.pid())
                          + " as daemon now"));
        }
        if (now.enabled() == 0) {
          once(Cause.DISABLED, "auditing is off: no records come (auditctl -e 1)");
        }
      } catch (NetlinkException e) {
        status = Optional.empty(); // an old answer is none
        once(Cause.ASKING, e.getMessage());
      }
    }
    if (mode == Mode.MULTICAST && ownCalls.fillTheTrail()) {
      trouble =
          Optional.of(
              new FeedbackLoopException(
                  "a rule audits the agent's own system calls, so every record makes another: add "
                      + ownCalls.rule()
                      + ", or give the agent CAP_AUDIT_CONTROL and it does that itself. Not listening"
                      + " for a minute, or until SIGHUP or SIGUSR2"));
    }
    deaf();
  }

  private void losses() {
    long overruns = socket.overruns();
    long drops = socket.drops() & 0xFFFF_FFFFL;
    counters.overruns.addAndGet(overruns - overrunsSeen);
    counters.socketDrops.addAndGet((drops - dropsSeen) & 0xFFFF_FFFFL);
    overrunsSeen = overruns;
    dropsSeen = drops;
    if (counters.overruns.get() > 0) {
      once(
          Cause.OVERRUN,
          "the receive buffer was full: records were lost or delayed; raise receive.buffer.bytes."
              + " Counted in the heartbeats from now on");
    }
    if (counters.truncated.get() > 0) {
      once(Cause.TRUNCATED, "a message was longer than any the kernel makes; its start was kept");
    }
    if (counters.spoofed.get() > 0) {
      once(
          Cause.SPOOFED,
          "a process sent the agent a message as if it were the kernel; refused and counted");
    }
    if (counters.malformed.get() > 0) {
      once(Cause.MALFORMED, "a message without a whole header came; counted as dropped");
    }
  }

  /** Sends a record of our own: it moves on what waits in the kernel, and must come back to us. */
  private void live(long now) {
    if (!may(Capability.AUDIT_WRITE)) {
      once(Cause.LIFE, "without CAP_AUDIT_WRITE no signs of life are sent");
      return;
    }
    try {
      control
          .orElseThrow()
          .userMessage(TRUSTED_APP, "op=liveness daemon=auditbus seq=" + lives++ + " res=success");
      if (firstLifeNanos == 0) {
        firstLifeNanos = now;
      }
    } catch (NetlinkException e) {
      once(Cause.LIFE, e.getMessage());
    }
  }

  private void deaf() {
    boolean off = status.map(now -> now.enabled() == 0).orElse(false);
    // The registration itself, or joining the group, makes a record that must come back.
    if (firstLifeNanos != 0
        && counters.flow().received() == receivedBefore
        && !off
        && System.nanoTime() - firstLifeNanos > DEAF.toNanos()) {
      trouble =
          Optional.of(
              new IOException(
                  "nothing is received, not even the agent's own signs of life: auditing is off"
                      + " (auditctl -e 1), or the agent is in a network namespace of its own (it"
                      + " needs the host's)"));
    }
  }

  private boolean may(Capability capability) {
    return may.map(set -> set.has(capability)).orElse(false);
  }

  private void once(Cause cause, String message) {
    if (told.add(cause)) {
      LOG.warn("source {}: {}", source, message);
    }
  }
}
