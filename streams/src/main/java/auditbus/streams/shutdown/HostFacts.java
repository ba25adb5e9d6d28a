// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.streams.errors.InvalidStateStoreException;

/**
 * What is remembered of one host, bounded whatever the host sends.
 *
 * <p>Kills are kept in three tiers that cannot push each other out: those that hit the pid of a
 * known daemon, those that hit a process named like a daemon, and others, kept because the
 * DAEMON_START that says whom they hit may come later from another source. A user who kills his own
 * processes fills the last tier only. Within a tier, and among requests, whoever has most loses his
 * oldest first: one login user cannot push another's out.
 *
 * <p>In the store it is JSON of these fields; unknown ones are ignored, so that a version that
 * knows more evidence can be taken back.
 *
 * <p>Not thread-safe: the job's processor owns it.
 */
final class HostFacts {
  static final int MAX_KILLS_A_TIER = 64;
  static final int MAX_REQUESTS = 64;
  static final int MAX_STARTS = 32;
  static final int MAX_STOPS = 64;
  static final int MAX_OTHERS = 32;
  private static final int MAX_CLOSED = 16;
  private static final int MAX_SOURCES = 16;
  private static final int MAX_DAEMON_TARGETS = 16;
  private static final int MAX_OTHER_TARGETS = 8;

  /** Most bytes of the state: the changelog takes a MiB, and one that is refused stops the job. */
  static final int MAX_BYTES = 512 * 1024;

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .defaultPropertyInclusion(
              JsonInclude.Value.construct(
                  JsonInclude.Include.NON_NULL, JsonInclude.Include.NON_NULL))
          .visibility(PropertyAccessor.ALL, JsonAutoDetect.Visibility.NONE)
          .visibility(PropertyAccessor.FIELD, JsonAutoDetect.Visibility.ANY)
          .build();

  /**
   * What was said of a stop.
   *
   * @param seenWallMs wall clock when it was first known
   * @param seenMs broker time of its marker
   * @param revision of the last publication, -1 if there was none
   * @param published digest of what was published, null if nothing was
   */
  record Told(long seenWallMs, long seenMs, int revision, String published) {
    boolean isPublished() {
      return revision >= 0;
    }

    Told published(String digest) {
      return new Told(seenWallMs, seenMs, revision + 1, digest);
    }
  }

  /** Runs of a daemon that began up to then are over, and how was told. */
  private record Closed(String daemon, String node, long time) {}

  private List<Fact.Kill> kills = new ArrayList<>();
  private List<Fact.Refusal> refusals = new ArrayList<>();
  private List<Fact.Request> requests = new ArrayList<>();
  private List<Fact.ServiceStop> services = new ArrayList<>();
  private List<Fact.Boot> boots = new ArrayList<>();
  private List<Fact.Start> starts = new ArrayList<>();
  private List<Fact.Abort> aborts = new ArrayList<>();
  private List<Fact.Stop> stops = new ArrayList<>();
  private List<Closed> closed = new ArrayList<>();
  private Map<String, String> daemons = new TreeMap<>();
  private Map<String, Told> told = new TreeMap<>();

  List<Fact.Kill> kills() {
    return Collections.unmodifiableList(kills);
  }

  List<Fact.Refusal> refusals() {
    return Collections.unmodifiableList(refusals);
  }

  List<Fact.Request> requests() {
    return Collections.unmodifiableList(requests);
  }

  List<Fact.ServiceStop> services() {
    return Collections.unmodifiableList(services);
  }

  List<Fact.Boot> boots() {
    return Collections.unmodifiableList(boots);
  }

  List<Fact.Start> starts() {
    return Collections.unmodifiableList(starts);
  }

  List<Fact.Abort> aborts() {
    return Collections.unmodifiableList(aborts);
  }

  List<Fact.Stop> stops() {
    return Collections.unmodifiableList(stops);
  }

  Optional<Told> told(String id) {
    return Optional.ofNullable(told.get(id));
  }

  void told(String id, Told state) {
    told.put(id, state);
  }

  void untold(String id) {
    told.remove(id);
  }

  /** Whether a stop is known of which nothing was published yet. */
  boolean hasUntold() {
    return told.values().stream().anyMatch(one -> !one.isPublished());
  }

  /** Whether the next stop or start makes an older one be forgotten. */
  boolean isFull() {
    return stops.size() == MAX_STOPS || starts.size() == MAX_STARTS;
  }

  /**
   * Takes a fact.
   *
   * @return whether it is news: false for what was known before, from the same sources
   */
  boolean add(Fact fact) {
    return switch (fact) {
      case Fact.Kill kill ->
          add(kills, atMost(kill), (old, again) -> atMost(old.and(again))) && keepKills();
      case Fact.Refusal refusal ->
          add(refusals, refusal, Fact.Refusal::and)
              && keepFairly(refusals, MAX_OTHERS, one -> one.sender().auid(), _ -> true);
      case Fact.Request request ->
          add(requests, request)
              && keepFairly(requests, MAX_REQUESTS, one -> one.actor().auid(), _ -> true);
      case Fact.ServiceStop stop -> add(services, stop) && keepNewest(services, MAX_OTHERS);
      case Fact.Boot boot -> add(boots, boot) && keepNewest(boots, MAX_OTHERS);
      case Fact.Start start -> {
        boolean learnt = learn(start);
        yield (!isClosed(start) && add(starts, start) && keepStarts()) || learnt;
      }
      case Fact.Abort abort -> add(aborts, abort) && keepNewest(aborts, MAX_OTHERS);
      case Fact.Stop stop -> add(stops, stop, HostFacts::fuller) && keepStops();
    };
  }

  /**
   * Whether the fact can bear on a stop as far as is known now: a signal that hit neither a
   * daemon's pid nor a process named like one cannot, until a start or a stop says otherwise.
   */
  boolean canMatter(Fact fact) {
    return !(fact instanceof Fact.Kill kill)
        || kill.targets().stream()
            .anyMatch(
                target ->
                    mayBeADaemon(target)
                        || stops.stream()
                            .anyMatch(stop -> Objects.equals(stop.pid(), target.pid())));
  }

  /** A kill may hit every process of the host: keeps what may be a daemon, and a few others. */
  private Fact.Kill atMost(Fact.Kill kill) {
    return kill.targets().size() <= MAX_OTHER_TARGETS
        ? kill
        : kill.at(
            Stream.concat(
                    kill.targets().stream().filter(this::mayBeADaemon).limit(MAX_DAEMON_TARGETS),
                    kill.targets().stream()
                        .filter(target -> !mayBeADaemon(target))
                        .limit(MAX_OTHER_TARGETS))
                .toList());
  }

  private boolean mayBeADaemon(Fact.Target target) {
    return isKnown(target) || Attribution.namedLikeADaemon(target);
  }

  private boolean isKnown(Fact.Target target) {
    return starts.stream().anyMatch(start -> Objects.equals(start.pid(), target.pid()));
  }

  private static <F extends Fact> boolean add(List<F> known, F fact) {
    return add(known, fact, (old, _) -> old);
  }

  private static <F extends Fact> boolean add(List<F> known, F fact, BinaryOperator<F> merge) {
    for (int i = 0; i < known.size(); i++) {
      F old = known.get(i);
      if (old.stamp().sameAs(fact.stamp()) && old.at(fact.stamp()).getClass() == fact.getClass()) {
        if (old instanceof Fact.Stop one
            && fact instanceof Fact.Stop other
            && !(one.marker().equals(other.marker()) && one.mark() == other.mark())) {
          continue;
        }
        @SuppressWarnings("unchecked") // at() makes the same kind of fact.
        F merged = (F) merge.apply(old, fact).at(old.stamp().and(fact.stamp()));
        known.set(i, merged);
        return !merged.equals(old);
      }
    }
    return known.add(fact);
  }

  private boolean keepKills() {
    for (int tier = 0; tier <= 2; tier++) {
      int each = tier;
      keepFairly(kills, MAX_KILLS_A_TIER, kill -> kill.sender().auid(), kill -> tier(kill) == each);
    }
    return true;
  }

  private int tier(Fact.Kill kill) {
    if (kill.targets().stream().anyMatch(this::isKnown)) {
      return 0;
    }
    return kill.targets().stream().anyMatch(Attribution::namedLikeADaemon) ? 1 : 2;
  }

  /** Of the user who has most the oldest goes first. */
  private static <T> boolean keepFairly(
      List<T> list, int limit, Function<T, Long> user, Predicate<T> which) {
    long over = list.stream().filter(which).count() - limit;
    for (; over > 0; over--) {
      Map<Optional<Long>, Long> counts =
          list.stream()
              .filter(which)
              .collect(
                  Collectors.groupingBy(
                      one -> Optional.ofNullable(user.apply(one)),
                      HashMap::new,
                      Collectors.counting()));
      long most = Collections.max(counts.values());
      for (int i = 0; i < list.size(); i++) {
        T one = list.get(i);
        if (which.test(one) && counts.get(Optional.ofNullable(user.apply(one))) == most) {
          list.remove(i);
          break;
        }
      }
    }
    return true;
  }

  private static <T> boolean keepNewest(List<T> list, int limit) {
    while (list.size() > limit) {
      list.removeFirst();
    }
    return true;
  }

  /** Which daemon writes a source. */
  private boolean learn(Fact.Start start) {
    boolean any = false;
    for (String source : start.stamp().sources()) {
      if (daemons.containsKey(source) || daemons.size() < MAX_SOURCES) {
        any |= !start.daemon().equals(daemons.put(source, start.daemon()));
      }
    }
    return any;
  }

  /** Which daemon writes one of these sources, as far as is known. */
  Optional<String> daemonOf(Set<String> sources) {
    return sources.stream().map(daemons::get).filter(Objects::nonNull).findFirst();
  }

  /** Of one event a source may lack the record that says who acted: what says more is kept. */
  private static Fact.Stop fuller(Fact.Stop old, Fact.Stop again) {
    boolean more =
        old.actor() != null
            && again.actor() != null
            && old.actor().pid() == null
            && again.actor().pid() != null;
    return more ? again : old;
  }

  private boolean keepStarts() {
    keepNewest(starts, MAX_STARTS);
    return true;
  }

  private boolean keepStops() {
    while (stops.size() > MAX_STOPS) {
      forget(stops.removeFirst());
    }
    return true;
  }

  /** A stop that is forgotten leaves no open run behind: the next start would close it again. */
  private void forget(Fact.Stop stop) {
    if (stop.mark() == Fact.Mark.SWITCHED_OFF) {
      return;
    }
    String node = stop.stamp().node();
    String daemon =
        starts.stream()
            .filter(start -> stop.pid() != null && stop.pid().equals(start.pid()))
            .filter(start -> start.stamp().ofOneNode(stop.stamp()))
            .map(Fact.Start::daemon)
            .findFirst()
            .orElseGet(() -> Endings.daemonOf(stop, this));
    long time = stop.stamp().time();
    for (Closed old : List.copyOf(closed)) {
      if (old.daemon().equals(daemon) && Objects.equals(old.node(), node)) {
        time = Math.max(time, old.time());
        closed.remove(old);
      }
    }
    closed.add(new Closed(daemon, node, time));
    keepNewest(closed, MAX_CLOSED);
    starts.removeIf(this::isClosed);
  }

  private boolean isClosed(Fact.Start start) {
    return closed.stream()
        .anyMatch(
            one ->
                one.daemon().equals(start.daemon())
                    && (one.node() == null
                        || start.stamp().node() == null
                        || one.node().equals(start.stamp().node()))
                    && start.stamp().time() <= one.time());
  }

  /**
   * Forgets what arrived before that broker time; never a stop of which nothing was published, nor
   * the start of the run that may still last.
   */
  boolean forget(long beforeMs) {
    Predicate<Fact> old = fact -> fact.stamp().arrivedMs() < beforeMs;
    Set<String> untold =
        told.entrySet().stream()
            .filter(one -> !one.getValue().isPublished())
            .map(Map.Entry::getKey)
            .collect(Collectors.toSet());
    boolean any = kills.removeIf(old);
    any |= refusals.removeIf(old);
    any |= requests.removeIf(old);
    any |= services.removeIf(old);
    any |= boots.removeIf(old);
    any |= aborts.removeIf(abort -> old.test(abort) && startsOf(abort).allMatch(old));
    for (Fact.Stop stop : List.copyOf(stops)) {
      if (old.test(stop) && !untold.contains(Endings.id(stop, this))) {
        stops.remove(stop);
        forget(stop);
        any = true;
      }
    }
    for (Fact.Start start : List.copyOf(starts)) {
      if (old.test(start) && hasLater(start, old) && !untold.contains(Endings.id(start, this))) {
        starts.remove(start);
        any = true;
      }
    }
    return any && dropTold();
  }

  private Stream<Fact.Start> startsOf(Fact.Abort abort) {
    return starts.stream().filter(start -> Objects.equals(start.pid(), abort.pid()));
  }

  private boolean hasLater(Fact.Start start, Predicate<Fact> old) {
    return starts.stream()
        .filter(old)
        .filter(other -> other.daemon().equals(start.daemon()))
        .filter(other -> other.stamp().ofOneNode(start.stamp()))
        .anyMatch(other -> other.stamp().time() > start.stamp().time());
  }

  /** Forgets what was said of stops that no fact speaks of any more. */
  private boolean dropTold() {
    Set<String> known =
        Stream.concat(stops.stream(), starts.stream())
            .map(marker -> Endings.id(marker, this))
            .collect(Collectors.toSet());
    told.keySet().retainAll(known);
    return true;
  }

  byte[] encode() {
    if (told.size() > MAX_STOPS + MAX_STARTS) {
      dropTold();
    }
    byte[] bytes = json();
    while (bytes.length > MAX_BYTES && thin()) {
      bytes = json();
    }
    return bytes;
  }

  private byte[] json() {
    try {
      return JSON.writeValueAsBytes(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("records of texts and numbers are always JSON", e);
    }
  }

  /**
   * Forgets half of everything: only of a host whose names and commands are all long and odd.
   *
   * @return whether there was anything
   */
  private boolean thin() {
    int facts = kills.size() + requests.size() + services.size() + boots.size() + aborts.size();
    keepFairly(kills, kills.size() / 2, kill -> kill.sender().auid(), _ -> true);
    facts += refusals.size();
    keepFairly(refusals, refusals.size() / 2, one -> one.sender().auid(), _ -> true);
    keepFairly(requests, requests.size() / 2, one -> one.actor().auid(), _ -> true);
    keepNewest(services, services.size() / 2);
    keepNewest(boots, boots.size() / 2);
    keepNewest(aborts, aborts.size() / 2);
    for (int i = (stops.size() + 1) / 2; i > 0; i--) {
      facts++;
      forget(stops.removeFirst());
    }
    facts += starts.size();
    keepNewest(starts, starts.size() / 2);
    dropTold();
    return facts > 0;
  }

  static HostFacts decode(byte[] bytes) {
    try {
      return bytes == null ? new HostFacts() : JSON.readValue(bytes, HostFacts.class);
    } catch (IOException e) {
      throw new InvalidStateStoreException(
          "a host's state of "
              + bytes.length
              + " bytes cannot be read; reset the application auditbus-shutdown: "
              + e.getMessage(),
          e);
    }
  }
}
