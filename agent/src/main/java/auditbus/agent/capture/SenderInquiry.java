// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.capture.Processes.Facts;
import auditbus.agent.capture.Sender.Info;
import auditbus.agent.capture.Sender.Proof;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Gathers what is seen of the signals sent to the agent and says of each delivered one who sent it:
 * the first successful kill event with that signal since the last one judged, else signal info
 * where nothing speaks against it, else nobody.
 *
 * <p>Events are shown in the order of the trail. These signals do not queue, so an event from
 * before a delivery that was judged belongs to that one, also if it is seen only later; it can
 * still decide about a further delivery if signal info names its sender.
 *
 * <p>What is remembered is bounded: at most {@value #MOST_WAITING} events a signal, of which the
 * oldest counts, and the last attempts of {@value #MOST_ATTEMPTS} processes. Not thread-safe.
 */
final class SenderInquiry {
  static final int MOST_WAITING = 256;
  static final int MOST_ATTEMPTS = 1024;

  /** SIGHUP, SIGUSR1, SIGUSR2, SIGTERM: the signals the kernel keeps the last sender of. */
  private static final Set<Integer> KEPT = Set.of(1, 10, 12, 15);

  private final int ownPid;
  private final Optional<SignalAnswer> baseline;
  private final Processes processes;
  private final Map<Integer, Signal> signals = new HashMap<>();
  private final Map<Integer, KillEvent> attempts =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, KillEvent> eldest) {
          return size() > MOST_ATTEMPTS;
        }
      };

  /** Successful events of one signal. */
  private static final class Signal {
    final ArrayDeque<KillEvent> waiting = new ArrayDeque<>();

    /** Events from before a delivery that another event decided about, or none. */
    final ArrayDeque<KillEvent> spare = new ArrayDeque<>();

    long judgedMillis = Long.MIN_VALUE;

    /** Makes the events up to a time spare ones; returns how many processes they are of. */
    Set<Integer> spend(long millis) {
      Set<Integer> pids = new HashSet<>();
      while (!waiting.isEmpty() && waiting.peek().timeMillis() <= millis) {
        pids.add(waiting.peek().pid());
        spare.add(waiting.remove());
        if (spare.size() > MOST_WAITING) {
          spare.remove();
        }
      }
      return pids;
    }
  }

  /**
   * Starts an inquiry.
   *
   * @param ownPid the agent's process id
   * @param baseline what signal info was when the agent registered: it may be of an older daemon
   * @param processes those that are alive
   */
  SenderInquiry(int ownPid, Optional<SignalAnswer> baseline, Processes processes) {
    this.ownPid = ownPid;
    this.baseline = baseline;
    this.processes = processes;
  }

  /** Takes an event into account. */
  void see(KillEvent event) {
    if (event.pid() == ownPid) {
      return; // the JVM signals its own threads
    }
    if (KEPT.contains(event.signal())) {
      attempts.remove(event.pid());
      attempts.put(event.pid(), event);
    }
    if (event.success() && event.signal() > 0) {
      ArrayDeque<KillEvent> waiting = signal(event.signal()).waiting;
      if (waiting.size() < MOST_WAITING) {
        waiting.add(event);
      }
    }
  }

  /** Whether there is an event that can decide about a delivery of a signal. */
  boolean hasEvent(int number) {
    Signal signal = signal(number);
    return signal.waiting.stream().anyMatch(event -> event.timeMillis() > signal.judgedMillis);
  }

  /**
   * Says who sent a signal.
   *
   * @param number the signal's
   * @param delivered when the agent got it; what was sent later belongs to a later delivery
   * @param answer signal info asked since, if it could be asked
   */
  Sender judge(int number, Instant delivered, Optional<SignalAnswer> answer) {
    Optional<SignalAnswer> kept = KEPT.contains(number) ? answer : Optional.empty();
    Signal signal = signal(number);
    signal.spend(signal.judgedMillis);
    signal.judgedMillis = delivered.toEpochMilli();
    if (signal.waiting.isEmpty()) {
      Optional<KillEvent> named =
          kept.flatMap(
              info -> signal.spare.stream().filter(event -> isOf(info, event)).findFirst());
      named.ifPresent(signal.spare::remove);
      return named.map(event -> witnessed(event, kept, 0)).orElseGet(() -> unwitnessed(kept));
    }
    KillEvent deciding = signal.waiting.remove();
    Set<Integer> others = signal.spend(delivered.toEpochMilli());
    others.remove(deciding.pid());
    return witnessed(deciding, kept, others.size());
  }

  private Signal signal(int number) {
    return signals.computeIfAbsent(number, _ -> new Signal());
  }

  private Sender witnessed(KillEvent deciding, Optional<SignalAnswer> answer, int coalesced) {
    boolean agrees = answer.filter(info -> isOf(info, deciding)).isPresent();
    return new Sender(
        Proof.KILL_EVENT,
        deciding.auid(),
        OptionalLong.of(deciding.uid()),
        deciding.session(),
        OptionalInt.of(deciding.pid()),
        agrees ? answer.get().context() : "",
        Optional.of(deciding),
        agrees ? Info.AGREES : answer.map(this::worth).orElse(Info.NONE),
        answer,
        coalesced);
  }

  private Sender unwitnessed(Optional<SignalAnswer> answer) {
    Info info = answer.map(this::worth).orElse(Info.NONE);
    if (info != Info.UNPROVEN) {
      return new Sender(
          Proof.UNKNOWN,
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalInt.empty(),
          "",
          Optional.empty(),
          info,
          answer,
          0);
    }
    SignalAnswer told = answer.orElseThrow();
    Optional<Facts> alive = processes.find(told.pid()).filter(facts -> isConsistent(facts, told));
    return new Sender(
        Proof.SIGNAL_INFO,
        loginUid(told, alive),
        alive.map(facts -> OptionalLong.of(facts.uid())).orElse(OptionalLong.empty()),
        alive
            .flatMap(facts -> set(facts.session()))
            .map(OptionalLong::of)
            .orElse(OptionalLong.empty()),
        OptionalInt.of(told.pid()),
        told.context(),
        Optional.empty(),
        info,
        answer,
        0);
  }

  /** The answer's uid where it is a login uid: a plain one stands there if the sender has none. */
  private static OptionalLong loginUid(SignalAnswer told, Optional<Facts> alive) {
    if (alive.isPresent() && alive.get().loginUid().isPresent()) {
      return set(alive.get().loginUid()).map(OptionalLong::of).orElse(OptionalLong.empty());
    }
    return told.uid() == 0 || told.uid() == Processes.UNSET
        ? OptionalLong.empty()
        : OptionalLong.of(told.uid());
  }

  /** Whether a living process can be the one the answer is about, and not a later one. */
  private static boolean isConsistent(Facts facts, SignalAnswer told) {
    if (facts.loginUid().isEmpty()) {
      return facts.uid() == told.uid();
    }
    long loginUid = facts.loginUid().getAsLong();
    return told.uid() == (loginUid == Processes.UNSET ? facts.uid() : loginUid);
  }

  private static Optional<Long> set(OptionalLong id) {
    return id.isPresent() && id.getAsLong() != Processes.UNSET
        ? Optional.of(id.getAsLong())
        : Optional.empty();
  }

  /** What an answer is worth that is not that of a deciding event. */
  private Info worth(SignalAnswer answer) {
    if (answer.pid() == 0) {
      return Info.EMPTY;
    }
    if (answer.pid() == ownPid) {
      return Info.OWN;
    }
    KillEvent attempt = attempts.get(answer.pid());
    if (attempt != null && isOf(answer, attempt)) {
      return attempt.success() ? Info.COALESCED : Info.REFUSED;
    }
    if (baseline.filter(answer::equals).isPresent()) {
      return Info.STALE;
    }
    return canBeSender(answer) ? Info.UNPROVEN : Info.IMPLAUSIBLE;
  }

  private boolean canBeSender(SignalAnswer answer) {
    Optional<Facts> alive = processes.find(answer.pid());
    Optional<Facts> own = processes.find(ownPid);
    return alive.isEmpty() || own.isEmpty() || alive.get().maySignal(own.get());
  }

  private static boolean isOf(SignalAnswer answer, KillEvent event) {
    return answer.pid() == event.pid() && answer.uid() == event.answeredUid();
  }
}
