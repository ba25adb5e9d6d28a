// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Hands on the signals that are delivered to the agent.
 *
 * <p>At most {@value #MOST_PENDING} of each wait to be taken; further ones of the same are dropped
 * and counted, so that none can crowd out another. Any thread may take; the JVM's own threads add.
 *
 * <p>Design note: {@code sun.misc.Signal} (module jdk.unsupported) is the only way to signals in
 * Java. It is called by reflection, since javac's warning about it can't be switched off.
 */
public final class Signals implements AutoCloseable {
  /** Deliveries of one signal that wait at most. */
  static final int MOST_PENDING = 8;

  private final InstantSource clock;
  private final BlockingQueue<Delivery> queue =
      new ArrayBlockingQueue<>(MOST_PENDING * HandledSignal.values().length);
  private final Map<HandledSignal, AtomicInteger> pending = new EnumMap<>(HandledSignal.class);
  private final AtomicLong dropped = new AtomicLong();
  private final Map<HandledSignal, Object> before = new EnumMap<>(HandledSignal.class);
  private final List<HandledSignal> ignored = new ArrayList<>();

  /**
   * A signal that was delivered.
   *
   * @param nanoTime {@link System#nanoTime} then
   */
  public record Delivery(HandledSignal signal, long nanoTime, Instant time) {}

  /** Makes one; nothing is taken yet. */
  public Signals(InstantSource clock) {
    this.clock = clock;
    for (HandledSignal signal : HandledSignal.values()) {
      pending.put(signal, new AtomicInteger());
    }
  }

  /**
   * Takes the signals from the JVM.
   *
   * @throws IllegalStateException if the JVM does not give them; none is taken then
   */
  public void install() {
    for (HandledSignal signal : HandledSignal.values()) {
      try {
        Object old = Jvm.handle(signal, Jvm.handler(() -> deliver(signal)));
        if (Jvm.isIgnore(old)) {
          ignored.add(signal); // inherited, for example from nohup: the JVM leaves it so
        } else {
          before.put(signal, old);
        }
      } catch (IllegalArgumentException e) {
        close();
        throw new IllegalStateException(
            "SIG"
                + signal
                + " cannot be handled ("
                + e.getMessage()
                + "): start the JVM without -Xrs, or the agent cannot say who stopped it",
            e);
      }
    }
  }

  /** The next delivery, waited for at most this long. */
  public Optional<Delivery> poll(Duration wait) throws InterruptedException {
    Optional<Delivery> next = Optional.ofNullable(queue.poll(wait.toNanos(), TimeUnit.NANOSECONDS));
    next.ifPresent(delivery -> pending.get(delivery.signal()).decrementAndGet());
    return next;
  }

  /** Deliveries that were not handed on, because as many of the same signal waited. */
  long dropped() {
    return dropped.get();
  }

  /** Signals the agent's parent had it ignore; they do nothing. */
  public List<HandledSignal> ignored() {
    return List.copyOf(ignored);
  }

  /** Gives the signals back to those who handled them before. */
  @Override
  public void close() {
    before.forEach(Jvm::handle);
    before.clear();
  }

  private void deliver(HandledSignal signal) {
    Delivery delivery = new Delivery(signal, System.nanoTime(), clock.instant());
    if (pending.get(signal).incrementAndGet() > MOST_PENDING || !queue.offer(delivery)) {
      pending.get(signal).decrementAndGet();
      dropped.incrementAndGet();
    }
  }

  /** sun.misc.Signal, by reflection. */
  private static final class Jvm {
    private static final Class<?> SIGNAL = type("sun.misc.Signal");
    private static final Class<?> HANDLER = type("sun.misc.SignalHandler");

    private Jvm() {}

    /** Sets a signal's handler and returns the one before. */
    static Object handle(HandledSignal signal, Object handler) {
      try {
        Object name = SIGNAL.getConstructor(String.class).newInstance(signal.name());
        Method number = SIGNAL.getMethod("getNumber");
        if (!number.invoke(name).equals(signal.number())) {
          throw new IllegalStateException(
              "SIG"
                  + signal
                  + " has number "
                  + number.invoke(name)
                  + " on this machine, the agent knows it as "
                  + signal.number());
        }
        return SIGNAL.getMethod("handle", SIGNAL, HANDLER).invoke(null, name, handler);
      } catch (InvocationTargetException e) {
        if (e.getCause() instanceof RuntimeException refused) {
          throw refused;
        }
        throw new IllegalStateException("SIG" + signal + " cannot be handled", e);
      } catch (ReflectiveOperationException e) {
        throw missing(e);
      }
    }

    static Object handler(Runnable action) {
      try {
        MethodHandle run =
            MethodHandles.publicLookup()
                .findVirtual(Runnable.class, "run", MethodType.methodType(void.class));
        return MethodHandleProxies.asInterfaceInstance(
            HANDLER, MethodHandles.dropArguments(run.bindTo(action), 0, SIGNAL));
      } catch (ReflectiveOperationException e) {
        throw missing(e);
      }
    }

    static boolean isIgnore(Object handler) {
      try {
        return HANDLER.getField("SIG_IGN").get(null).equals(handler);
      } catch (ReflectiveOperationException e) {
        throw missing(e);
      }
    }

    private static Class<?> type(String name) {
      try {
        return Class.forName(name);
      } catch (ClassNotFoundException e) {
        throw missing(e);
      }
    }

    private static IllegalStateException missing(ReflectiveOperationException e) {
      return new IllegalStateException(
          "this Java cannot handle signals: it was built without the module jdk.unsupported", e);
    }
  }
}
