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
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BinaryOperator;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.kafka.streams.errors.InvalidStateStoreException;

/**
 * What is remembered of one host, bounded whatever the host sends.
 *
 * <p>Kills are kept in three tiers that cannot push each other out: those that hit the pid of a
 * known daemon, those that hit a process named like a daemon, and others, kept because the
 * DAEMON_START that says whom they hit may come later from another source. A user who kills his own
 * processes fills the last tier only.
 *
 * <p>In the store it is JSON of these fields; unknown ones are ignored, so that a version that
 * knows more evidence can be taken back.
 *
 * <p>Not thread-safe: the job's processor owns it.
 */
final class HostFacts {
  static final int MAX_KILLS_A_TIER = 64;
  static final int MAX_STARTS = 32;
  static final int MAX_STOPS = 64;
  private static final int MAX_DAEMON_TARGETS = 16;
  private static final int MAX_OTHER_TARGETS = 8;

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
   * A stop and what was published of it.
   *
   * @param stop the stop
   * @param arrivedWallMs wall clock of its first reading
   * @param revision of the last publication, -1 if there was none
   * @param published digest of what was published, null if nothing was
   */
  record Story(Fact.Stop stop, long arrivedWallMs, int revision, String published) {
    boolean isPublished() {
      return revision >= 0;
    }

    Story published(String digest) {
      return new Story(stop, arrivedWallMs, revision + 1, digest);
    }
  }

  private List<Fact.Kill> kills = new ArrayList<>();
  private List<Fact.Start> starts = new ArrayList<>();
  private List<Fact.Abort> aborts = new ArrayList<>();
  private List<Story> stories = new ArrayList<>();

  List<Fact.Kill> kills() {
    return Collections.unmodifiableList(kills);
  }

  List<Story> stories() {
    return Collections.unmodifiableList(stories);
  }

  /**
   * Takes a fact.
   *
   * @return whether it is news: false for what was known before, from the same sources
   */
  boolean add(Fact fact, long wallMs) {
    return switch (fact) {
      case Fact.Kill kill ->
          add(kills, atMost(kill), (old, again) -> atMost(old.and(again))) && keepKills();
      case Fact.Start start ->
          add(
                  starts,
                  start,
                  (old, again) ->
                      new Fact.Start(
                          old.stamp().alsoReadFrom(again.stamp().sources()),
                          old.daemon(),
                          old.pid()))
              && keepNewest(starts, MAX_STARTS, _ -> true);
      case Fact.Abort abort ->
          add(
                  aborts,
                  abort,
                  (old, again) ->
                      new Fact.Abort(old.stamp().alsoReadFrom(again.stamp().sources()), old.pid()))
              && keepNewest(aborts, MAX_STARTS, _ -> true);
      case Fact.Stop stop -> addStop(stop, wallMs) && keepNewest(stories, MAX_STOPS, _ -> true);
    };
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

  private static <F extends Fact> boolean add(List<F> known, F fact, BinaryOperator<F> merge) {
    for (int i = 0; i < known.size(); i++) {
      if (known.get(i).stamp().sameAs(fact.stamp())) {
        F merged = merge.apply(known.get(i), fact);
        return !merged.equals(known.set(i, merged));
      }
    }
    return known.add(fact);
  }

  private boolean addStop(Fact.Stop stop, long wallMs) {
    for (int i = 0; i < stories.size(); i++) {
      Story story = stories.get(i);
      Fact.Stop old = story.stop();
      if (old.marker().equals(stop.marker()) && old.stamp().sameAs(stop.stamp())) {
        Fact.Stop merged =
            new Fact.Stop(
                old.stamp().alsoReadFrom(stop.stamp().sources()),
                old.marker(),
                old.daemon(),
                old.signalInfo());
        stories.set(
            i, new Story(merged, story.arrivedWallMs(), story.revision(), story.published()));
        return !merged.equals(old);
      }
    }
    return stories.add(new Story(stop, wallMs, -1, null));
  }

  /** Notes what was published of a stop. */
  void published(Story story, String digest) {
    stories.set(stories.indexOf(story), story.published(digest));
  }

  private boolean keepKills() {
    keepNewest(kills, MAX_KILLS_A_TIER, kill -> tier(kill) == 0);
    keepNewest(kills, MAX_KILLS_A_TIER, kill -> tier(kill) == 1);
    keepNewest(kills, MAX_KILLS_A_TIER, kill -> tier(kill) == 2);
    return true;
  }

  private int tier(Fact.Kill kill) {
    if (kill.targets().stream().anyMatch(this::isKnown)) {
      return 0;
    }
    return kill.targets().stream().anyMatch(Attribution::namedLikeADaemon) ? 1 : 2;
  }

  private static <T> boolean keepNewest(List<T> list, int limit, Predicate<T> which) {
    long over = list.stream().filter(which).count() - limit;
    for (int i = 0; over > 0; ) {
      if (which.test(list.get(i))) {
        list.remove(i);
        over--;
      } else {
        i++;
      }
    }
    return true;
  }

  /** Forgets signals and stops that arrived before that broker time; never an unpublished stop. */
  boolean forget(long beforeMs) {
    boolean any = kills.removeIf(kill -> kill.stamp().arrivedMs() < beforeMs);
    any |=
        stories.removeIf(
            story -> story.isPublished() && story.stop().stamp().arrivedMs() < beforeMs);
    return any;
  }

  /**
   * The start of the daemon that this stop ended: the last start before it that shares a source
   * with it, was not given up, and was not ended by a stop in between.
   */
  Optional<Fact.Start> startOf(Fact.Stop stop) {
    long after = stopBefore(stop).map(before -> before.stamp().time()).orElse(Long.MIN_VALUE);
    return starts.stream()
        .filter(start -> start.stamp().mayBelongTo(stop.stamp()))
        .filter(start -> start.stamp().sharesSource(stop.stamp()))
        .filter(start -> start.stamp().time() <= stop.stamp().time())
        .filter(start -> start.stamp().time() > after)
        .filter(start -> !givenUp(start))
        .max((one, other) -> Long.compare(one.stamp().time(), other.stamp().time()));
  }

  /** The last stop before this one that was read from the same source. */
  Optional<Fact.Stop> stopBefore(Fact.Stop stop) {
    return stories.stream()
        .map(Story::stop)
        .filter(other -> other.stamp().mayBelongTo(stop.stamp()))
        .filter(other -> other.stamp().sharesSource(stop.stamp()))
        .filter(other -> other.stamp().time() < stop.stamp().time())
        .max((one, other) -> Long.compare(one.stamp().time(), other.stamp().time()));
  }

  private boolean givenUp(Fact.Start start) {
    return aborts.stream()
        .anyMatch(
            abort ->
                Objects.equals(abort.pid(), start.pid())
                    && abort.stamp().mayBelongTo(start.stamp())
                    && abort.stamp().time() >= start.stamp().time()
                    && starts.stream()
                        .noneMatch(
                            later ->
                                Objects.equals(later.pid(), start.pid())
                                    && later.stamp().time() > start.stamp().time()
                                    && later.stamp().time() <= abort.stamp().time()));
  }

  byte[] encode() {
    try {
      return JSON.writeValueAsBytes(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("records of texts and numbers are always JSON", e);
    }
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
