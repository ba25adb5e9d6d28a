// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.capture.Capture;
import auditbus.agent.capture.CaptureReport;
import auditbus.agent.capture.CaptureTotals;
import auditbus.agent.capture.KernelCapture;
import auditbus.agent.trail.TrailSource;
import auditbus.schemas.KernelStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The capture half: sees to it that the captures at work are those of the configuration. One that
 * died is started again, after a pause that grows from 0.1 to 5 s while it goes on dying.
 *
 * <p>Thread-safe.
 */
final class Captures implements CaptureView {
  private static final Logger LOG = LoggerFactory.getLogger(Captures.class);
  private static final long LEAST_PAUSE_MS = 100;
  private static final long MOST_PAUSE_MS = 5000;

  /** A capture that lived this long begins a new row of failures. */
  private static final Duration SETTLED = Duration.ofSeconds(30);

  /** Makes captures. */
  @FunctionalInterface
  interface Factory {
    Capture make(SourceConfig source, AgentConfig config, CaptureTotals totals);
  }

  private final Factory factory;
  private final Map<String, Supervised> running = new ConcurrentHashMap<>();
  // Counters go on where a source comes back.
  private final Map<SourceConfig, CaptureTotals> totals = new HashMap<>();

  private static final class Supervised {
    final SourceConfig source;
    final CaptureTotals totals;
    volatile Capture capture;
    long startedNanos;
    long restartNanos;
    long pauseMs;
    boolean waiting;
    boolean closing;

    Supervised(SourceConfig source, CaptureTotals totals) {
      this.source = source;
      this.totals = totals;
    }
  }

  Captures(Factory factory) {
    this.factory = factory;
  }

  /**
   * Stops what is not configured any more or differently, and starts what is new.
   *
   * @param last the last record of a kernel's trail that is closed, made when there is one
   */
  synchronized void apply(AgentConfig from, AgentConfig to, Supplier<String> last) {
    boolean alike = from.capture().capturesLike(to.capture());
    Set<SourceConfig> wanted = new HashSet<>(to.sources());
    for (Supervised one : List.copyOf(running.values())) {
      if (!alike || !wanted.contains(one.source)) {
        one.closing = true; // seen to be ending, until it has
        close(one, last);
        if (!wanted.contains(one.source)) {
          running.remove(one.source.name());
          totals.keySet().removeIf(old -> isReplaced(old, wanted));
        }
      }
    }
    for (SourceConfig source : to.sources()) {
      Supervised before = running.get(source.name());
      if (source.type().isCaptured() && (before == null || before.closing)) {
        Supervised one =
            new Supervised(source, totals.computeIfAbsent(source, _ -> new CaptureTotals()));
        start(one, to);
        running.put(source.name(), one);
      }
    }
  }

  /** Whether another source has the name now: counters are of one. */
  private static boolean isReplaced(SourceConfig old, Set<SourceConfig> wanted) {
    return !wanted.contains(old)
        && wanted.stream().anyMatch(source -> source.name().equals(old.name()));
  }

  /** Starts again what died, when it is time to. */
  synchronized void supervise(AgentConfig config) {
    long now = System.nanoTime();
    for (Supervised one : running.values()) {
      if (one.capture.isRunning() || one.closing) {
        continue;
      }
      if (!one.waiting) {
        one.waiting = true;
        boolean settled = now - one.startedNanos > SETTLED.toNanos();
        one.pauseMs =
            settled || one.pauseMs == 0 ? LEAST_PAUSE_MS : Math.min(MOST_PAUSE_MS, 2 * one.pauseMs);
        one.restartNanos = now + Duration.ofMillis(one.pauseMs).toNanos();
      } else if (now - one.restartNanos >= 0) {
        LOG.info("source {}: starting its capture again", one.source.name());
        one.totals.restarted();
        start(one, config);
      }
    }
  }

  /** Starts again at once what died, and tries what could not be had. */
  synchronized void revive(AgentConfig config) {
    for (Supervised one : running.values()) {
      one.capture.resume();
      one.restartNanos = System.nanoTime();
      one.waiting = true;
    }
    supervise(config);
  }

  /** The captures at work of the kernel's own records. */
  List<KernelCapture> ofKernel() {
    List<KernelCapture> found = new ArrayList<>();
    for (Supervised one : running.values()) {
      if (one.capture instanceof KernelCapture kernel && kernel.isRunning()) {
        found.add(kernel);
      }
    }
    return found;
  }

  /** Whether a stream that cannot come back has ended. */
  boolean isEnded() {
    return running.values().stream().anyMatch(one -> one.capture.isEnded());
  }

  void rotate() {
    running.values().forEach(one -> one.capture.rotate());
  }

  void resume() {
    running.values().forEach(one -> one.capture.resume());
  }

  /** Ends all of them. */
  synchronized void close(Supplier<String> last) {
    List<Thread> closing = new ArrayList<>();
    for (Supervised one : running.values()) {
      closing.add(Thread.ofPlatform().start(() -> close(one, last)));
    }
    for (Thread thread : closing) {
      boolean interrupted = false;
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true; // each ends in bounded time
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public Optional<KernelStatus> kernel() {
    return ofKernel().stream()
        .flatMap(capture -> capture.status().stream())
        .findFirst()
        .map(
            status ->
                new KernelStatus(
                    status.enabled(),
                    status.failure(),
                    status.pid(),
                    status.rateLimit(),
                    status.backlogLimit(),
                    status.lost(),
                    status.backlog(),
                    status.backlogWaitTime(),
                    status.backlogWaitTimeActual()));
  }

  @Override
  public Optional<CaptureReport> report(String source) {
    return Optional.ofNullable(running.get(source)).map(one -> one.capture.report());
  }

  @Override
  public Optional<TrailSource.Captured> captured(String source) {
    return Optional.ofNullable(running.get(source)).map(one -> one.totals.captured());
  }

  /** Names of the sources whose captures are at work. */
  Set<String> names() {
    Map<String, Boolean> names = new LinkedHashMap<>();
    running.forEach((name, one) -> names.put(name, one.capture.isRunning()));
    names.values().removeIf(runs -> !runs);
    return Set.copyOf(names.keySet());
  }

  private void start(Supervised one, AgentConfig config) {
    Capture capture = factory.make(one.source, config, one.totals);
    one.capture = capture;
    one.startedNanos = System.nanoTime();
    one.waiting = false;
    capture.start();
  }

  private static void close(Supervised one, Supplier<String> last) {
    boolean ofKernel = one.capture instanceof KernelCapture;
    List<String> records = List.of();
    try {
      records = ofKernel ? List.of(last.get()) : List.of();
    } catch (RuntimeException e) {
      LOG.error("source {}: no last record", one.source.name(), e);
    }
    one.capture.close(records);
  }
}
