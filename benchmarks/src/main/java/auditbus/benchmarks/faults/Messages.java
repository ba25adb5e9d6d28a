// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import auditbus.agent.netlink.AuditControl;
import auditbus.agent.netlink.AuditStatus;
import auditbus.agent.netlink.NetlinkException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * Sends numbered user messages to the kernel's audit, and leaves that as it was found. While it is
 * open no other program of this project uses the kernel's audit. Thread-safe.
 */
final class Messages implements AutoCloseable {
  private static final int USER_AVC = 1107;
  private static final int PAUSE_MILLIS = 100;
  private static final int ETIMEDOUT = 110;

  private final FileChannel lock;
  private final AuditControl control;
  private final AuditStatus found;
  private final Random random;
  private final Thread thread;
  private final BitSet sent = new BitSet();
  private int next;
  private int refused;
  private volatile boolean stopped;
  private volatile Optional<Throwable> failure = Optional.empty();

  private Messages(FileChannel lock, AuditControl control, AuditStatus found, long seed) {
    this.lock = lock;
    this.control = control;
    this.found = found;
    this.random = new Random(seed);
    this.thread = new Thread(this::run, "messages");
    thread.setDaemon(true);
  }

  /**
   * Takes the kernel's audit.
   *
   * @throws IOException with the reason why it cannot be had
   */
  static Messages open(long seed) throws IOException {
    if (!Files.exists(Path.of("/proc/self/loginuid"))) {
      throw new IOException("the kernel has no audit (CONFIG_AUDIT)");
    }
    FileChannel lock =
        FileChannel.open(
            Path.of(System.getProperty("java.io.tmpdir")).resolve("auditbus-kernel-audit.lock"),
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE);
    try {
      if (lock.tryLock() == null) {
        System.out.println("waiting for another program to give up the kernel's audit");
        var _ = lock.lock();
      }
      AuditControl control = AuditControl.open();
      AuditStatus found = control.status();
      if (found.enabled() == 2) {
        throw new IOException("the kernel's audit is locked until the next boot (auditctl -e 2)");
      }
      if (found.pid() != 0 && Files.exists(Path.of("/proc", Long.toString(found.pid())))) {
        throw new IOException("process " + found.pid() + " is the audit daemon: stop it first");
      }
      return new Messages(lock, control, found, seed);
    } catch (IOException e) {
      lock.close();
      throw e;
    }
  }

  void start() {
    thread.start();
  }

  Optional<Throwable> failure() {
    return failure;
  }

  /** How many numbers there are; those refused are among them. */
  synchronized int numbers() {
    return next;
  }

  /** Numbers the kernel took. */
  synchronized BitSet sent() {
    return (BitSet) sent.clone();
  }

  /** How many the kernel did not take. */
  synchronized int refused() {
    return refused;
  }

  private void run() {
    try {
      while (!stopped) {
        send();
        TimeUnit.MILLISECONDS.sleep(random.nextInt(PAUSE_MILLIS));
      }
    } catch (RuntimeException e) {
      failure = Optional.of(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void send() {
    int number = numbers();
    boolean taken = false;
    try {
      control.userMessage(USER_AVC, "op=faults n=" + number + " res=success");
      taken = true;
    } catch (NetlinkException e) {
      // Not answered in time: it may come, or not. Refused: it will not.
      if (e.errno() != ETIMEDOUT && failure.isEmpty()) {
        System.out.println(
            Faults.clock() + " message " + number + " is refused: " + e.getMessage());
      }
    }
    synchronized (this) {
      sent.set(number, taken);
      refused += taken ? 0 : 1;
      next = number + 1;
    }
  }

  /** Sends no more. */
  void stop() throws InterruptedException {
    stopped = true;
    thread.join();
  }

  /** Leaves the kernel's audit as it was found. The agent must have ended. */
  @Override
  public void close() throws IOException {
    stopped = true;
    try {
      if (control.status().pid() != 0) {
        // One that was killed stands there until the kernel tries to send it something.
        control.userMessage(USER_AVC, "op=faults-end res=success");
      }
      control.enable(found.enabled() != 0);
      control.backlogLimit(found.backlogLimit());
    } finally {
      control.close();
      lock.close();
    }
  }
}
