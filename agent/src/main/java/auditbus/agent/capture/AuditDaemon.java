// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.capture.Signals.Delivery;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent as audit daemon: it tells in its own trails, in auditd's words, when it began and what
 * it was asked to do by whom.
 *
 * <p>A signal is acted on at once; the record of it is written when it is known who sent it, or the
 * grace period is over. Records come in the order of the signals.
 *
 * <p>Thread-safe.
 */
public final class AuditDaemon implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(AuditDaemon.class);
  private final Supplier<List<KernelCapture>> captures;
  private final DaemonRecords records;
  private final ExecutorService inOrder =
      Executors.newSingleThreadExecutor(
          work -> {
            Thread thread = new Thread(work, "daemon-records");
            thread.setDaemon(true);
            return thread;
          });

  /**
   * A signal the agent got.
   *
   * @param delivery which and when
   * @param sender who sent it, as soon as that is known or the grace period is over
   */
  public record Signalled(Delivery delivery, Future<Sender> sender) {}

  private AuditDaemon(DaemonRecords records, Supplier<List<KernelCapture>> captures) {
    this.records = records;
    this.captures = captures;
  }

  /**
   * The agent that is this process.
   *
   * @param version the agent's
   * @param captures those of the kernel's records that are at work
   * @throws IOException if /proc does not tell what this process is
   */
  public static AuditDaemon ofThisProcess(String version, Supplier<List<KernelCapture>> captures)
      throws IOException {
    return new AuditDaemon(
        DaemonRecords.ofThisProcess(version, Path.of("/proc"), InstantSource.system()), captures);
  }

  /** The record that a capture's first trail begins with. */
  public synchronized String start() {
    return records.start();
  }

  /**
   * Asks who sent a signal; to be called at once: the kernel remembers only the last one, and those
   * who capture now are the ones that see its record.
   */
  public Signalled received(Delivery delivery, Duration grace) {
    Optional<KernelCapture> witness = witness();
    Optional<SignalAnswer> answer = witness.flatMap(KernelCapture::signalInfo);
    long deadline = delivery.nanoTime() + grace.toNanos();
    return new Signalled(
        delivery,
        inOrder.submit(
            () ->
                witness.isEmpty()
                    ? Sender.UNKNOWN
                    : witness
                        .get()
                        .sender(delivery.signal().number(), delivery.time(), answer, deadline)));
  }

  /** A new configuration is in force. */
  public void reconfigured(Signalled by) {
    write(by, records::reconfigured);
  }

  /** A new configuration was refused, the old one stays. */
  public void reconfigureFailed(Signalled by, String reason) {
    write(by, sender -> records.reconfigureFailed(sender, reason));
  }

  /** New trails were begun. */
  public void rotated(Signalled by) {
    write(by, sender -> records.rotate(sender, true));
  }

  /** Writing goes on, if it had stopped. */
  public void resumed(Signalled by, boolean success) {
    write(by, sender -> records.resume(sender, success));
  }

  /**
   * A capture ends: the last record of its trails, made when it is known who asked for it.
   *
   * @param by the signal, empty if it ends by itself
   * @param atMost how long to wait for that
   */
  public String end(Optional<Signalled> by, Duration atMost) {
    Sender sender = Sender.UNKNOWN;
    if (by.isPresent()) {
      try {
        sender = by.get().sender().get(atMost.toNanos(), TimeUnit.NANOSECONDS);
      } catch (ExecutionException e) {
        throw new IllegalStateException("looking for the sender of a signal", e.getCause());
      } catch (TimeoutException e) {
        // not known in time: it may be told in a later record
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt(); // in a hurry: then it stays unknown
      }
    }
    synchronized (this) {
      return records.end(sender);
    }
  }

  @Override
  public void close() {
    inOrder.shutdownNow();
  }

  private void write(Signalled by, Function<Sender, String> text) {
    inOrder.execute(
        () -> {
          try {
            Sender sender = by.sender().get(); // asked before this in the same order: it is there
            String line;
            synchronized (this) {
              line = text.apply(sender);
            }
            captures.get().forEach(capture -> capture.write(line));
          } catch (ExecutionException e) {
            LOG.error("looking for the sender of a signal", e.getCause());
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // closed: the last record is made apart
          }
        });
  }

  /** The capture that is told of signals, else one that sees their records at least. */
  private Optional<KernelCapture> witness() {
    return captures.get().stream().min(Comparator.comparing(KernelCapture::mode));
  }
}
