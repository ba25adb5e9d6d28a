// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.netlink.AuditSocket;
import auditbus.agent.netlink.AuditStatus;
import auditbus.agent.netlink.MessageBatch;
import auditbus.agent.netlink.NetlinkException;
import auditbus.agent.trail.TrailWriter;
import auditbus.schemas.CaptureStatus;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes the kernel's audit records: as the audit daemon, or listening beside one.
 *
 * <p>Two sockets: records come through one, which the capturing thread owns; an {@link Attendant}
 * on a thread of its own asks and tells the kernel through the other.
 */
public final class KernelCapture extends Capture {
  private static final Logger LOG = LoggerFactory.getLogger(KernelCapture.class);
  private static final int DRAIN_MILLIS = 1000;
  private static final int MOST_DRAIN_MILLIS = 20_000;

  /**
   * How long nothing is asked for once all there was has been taken. In a flood the kernel would
   * else wake this thread for every few records, which costs both of them more than the records.
   */
  private static final long REST_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private static final int OWN_PID = (int) ProcessHandle.current().pid();

  /** How the stream is had. */
  public enum Mode {
    /** Registered as the audit daemon. */
    UNICAST,
    /** In the multicast group, beside whoever is the audit daemon. */
    MULTICAST
  }

  private final Mode mode;
  private final CaptureSettings settings;
  private final OptionalInt inheritedFd;
  private final Path excluded;
  private final SenderWitness witness;

  // Of the capturing thread; the batch is kept until all of it was taken.
  private Optional<MessageBatch> batch = Optional.empty();
  private int next;

  private boolean warnedOfBuffer;

  private final Set<Attendant.Cause> told = ConcurrentHashMap.newKeySet();
  private volatile Optional<AuditSocket> socket = Optional.empty();
  private volatile Optional<Attendant> attendant = Optional.empty();
  private volatile int receiveBufferBytes;

  /**
   * Makes a capture; nothing is opened.
   *
   * @param inheritedFd a listening socket that outlives this process, for {@link Mode#MULTICAST}
   * @param first the record its first trail begins with
   * @param excluded where it is remembered for the next run which process a rule of ours leaves out
   *     of auditing, for {@link Mode#MULTICAST}
   */
  public KernelCapture(
      String source,
      Mode mode,
      CaptureSettings settings,
      OptionalInt inheritedFd,
      Supplier<Optional<String>> first,
      Path excluded,
      TrailWriter writer,
      CaptureTotals totals) {
    super(source, first, writer, totals);
    this.excluded = excluded;
    this.mode = mode;
    this.settings = settings;
    this.inheritedFd = inheritedFd;
    this.witness = new SenderWitness(this::place, OWN_PID);
  }

  Mode mode() {
    return mode;
  }

  /** How the kernel's audit stands, empty where it may not be asked. */
  public Optional<AuditStatus> status() {
    return attendant.flatMap(Attendant::status);
  }

  /** Who sent the agent a signal; waits for its record until then. */
  Sender sender(int signal, Instant delivered, Optional<SignalAnswer> answer, long deadlineNanos)
      throws InterruptedException {
    return witness.sender(signal, delivered, answer, deadlineNanos);
  }

  /** What the kernel says of the last signal to this process. */
  Optional<SignalAnswer> signalInfo() {
    return attendant.flatMap(Attendant::signalInfo);
  }

  @Override
  void attach() throws IOException {
    AuditSocket opened =
        switch (mode) {
          case UNICAST -> AuditSocket.unicast(settings.receiveBufferBytes());
          case MULTICAST ->
              inheritedFd.isPresent()
                  ? AuditSocket.inherited(inheritedFd.getAsInt(), settings.receiveBufferBytes())
                  : AuditSocket.multicast(settings.receiveBufferBytes());
        };
    socket = Optional.of(opened);
    receiveBufferBytes = opened.receiveBufferBytes();
    warnOfBuffer(opened);
  }

  @Override
  void engage() throws IOException {
    MessageBatch messages = batch.orElseGet(MessageBatch::new);
    batch = Optional.of(messages);
    take(); // what was received before the stream was lost
    if (next < messages.count()) {
      throw new IOException("what was received before can't be written yet");
    }
    AuditSocket opened = socket.orElseThrow();
    Attendant begun =
        new Attendant(
            source, mode, settings, opened, counters, excluded, this::place, told, witness::mark);
    attendant = Optional.of(begun);
    begun.open();
    witness.baseline(begun.signalInfo()); // while it is about somebody else
    if (mode == Mode.UNICAST) {
      // Of an earlier socket of ours: the kernel would take this one for it, as they can have the
      // same port, and refuse.
      begun.unregister();
      opened.register(
          messages,
          _ -> {
            next = 0;
            take();
          });
    }
    begun.start();
  }

  private void warnOfBuffer(AuditSocket opened) {
    boolean small = receiveBufferBytes / 2 < settings.receiveBufferBytes();
    if (small && !opened.receiveBufferForced() && !warnedOfBuffer) {
      warnedOfBuffer = true;
      LOG.warn(
          "source {}: the receive buffer holds {} bytes instead of {}: raise net.core.rmem_max, give"
              + " CAP_NET_ADMIN, or have systemd hold the socket (ReceiveBuffer=)",
          source,
          receiveBufferBytes / 2,
          settings.receiveBufferBytes());
    }
  }

  @Override
  void detach() {
    socket.ifPresent(AuditSocket::close);
    attendant.ifPresent(Attendant::abandon);
    attendant = Optional.empty();
    socket = Optional.empty();
  }

  @Override
  boolean receive(Duration atMost) throws IOException {
    MessageBatch messages = batch.orElseThrow();
    if (next < messages.count()) {
      take();
      return true;
    }
    Optional<IOException> trouble = attendant.flatMap(Attendant::trouble);
    if (trouble.isPresent()) {
      empty(); // what the socket holds goes with it
      if (next < messages.count()) {
        return true; // and what could not be written of it is waited for
      }
      throw trouble.get();
    }
    boolean tookAll = messages.count() > 0 && messages.count() < messages.capacity();
    if (tookAll) {
      LockSupport.parkNanos(REST_NANOS);
    }
    return receive(messages, (int) atMost.toMillis()) > 0;
  }

  @Override
  void disengage() {
    // The kernel makes its audit daemon wait for an answer while its queue is over the limit: so
    // this is not for the thread that empties it.
    attendant.ifPresent(Attendant::leave);
  }

  @Override
  void quit() {
    attendant.ifPresent(Attendant::quit);
  }

  @Override
  void drain() throws IOException {
    empty();
    if (next < batch.orElseThrow().count()) {
      counters.dropped(batch.orElseThrow().count() - next);
    }
  }

  private void empty() throws NetlinkException {
    MessageBatch messages = batch.orElseThrow();
    // Who is not registered any more is sent nothing; a listener's socket fills on meanwhile.
    int most = mode == Mode.UNICAST ? MOST_DRAIN_MILLIS : DRAIN_MILLIS;
    long deadline = System.nanoTime() + Duration.ofMillis(most).toNanos();
    do {
      take();
    } while (next >= messages.count()
        && receive(messages, 0) > 0
        && System.nanoTime() - deadline < 0);
  }

  @Override
  void finished() {
    witness.close();
  }

  @Override
  void describe(CaptureStatus.Builder status) {
    status.setReceiveBuffer(receiveBufferBytes);
  }

  private int receive(MessageBatch messages, int millis) throws NetlinkException {
    int count = socket.orElseThrow().receive(messages, millis);
    next = 0;
    take();
    return count;
  }

  /** Takes the batch's messages from {@code next} on, as far as they can be written. */
  private void take() {
    MessageBatch messages = batch.orElseThrow();
    boolean room = !lines.isRetained();
    while (room && next < messages.count()) {
      next = lines.take(messages, next);
      room = write();
    }
  }
}
