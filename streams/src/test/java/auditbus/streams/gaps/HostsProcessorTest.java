// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.SourceStatus;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.junit.jupiter.api.Test;

/** The processor over a store that outlives it, as a job's restart has it. */
class HostsProcessorTest {
  private static final long T0 = Instant.parse("2026-11-20T11:00:00Z").toEpochMilli();
  private static final long LIMIT = 30_000;
  private static final HostWatch.Limits LIMITS = new HostWatch.Limits(LIMIT, 10_000, 30_000, 20);

  private final KeyValueStore<String, byte[]> store =
      Stores.keyValueStoreBuilder(
              Stores.inMemoryKeyValueStore(HostsProcessor.STORE),
              Serdes.String(),
              Serdes.ByteArray())
          .withLoggingDisabled()
          .build();
  private MockProcessorContext<String, Gap> context;
  private HostsProcessor processor;
  private long nowMs = T0;
  private boolean storeReady;

  /** A task is made, the first time or again: all that stays is the store. */
  private void start() {
    context = new MockProcessorContext<>(new Properties());
    context.setCurrentSystemTimeMs(nowMs);
    context.setCurrentStreamTimeMs(nowMs);
    if (!storeReady) {
      store.init(context.getStateStoreContext(), store);
      storeReady = true;
    }
    context.addStateStore(store);
    processor = new HostsProcessor(new AbstractConfig(new GapsJob().settings(), Map.of(), false));
    processor.init(context);
  }

  private void tick() {
    nowMs += HostsProcessor.TICK.toMillis();
    context.setCurrentSystemTimeMs(nowMs);
    context.scheduledPunctuators().stream()
        .filter(one -> one.getType() == PunctuationType.WALL_CLOCK_TIME)
        .forEach(one -> one.getPunctuator().punctuate(nowMs));
  }

  private void pass(long milliseconds) {
    for (long end = nowMs + milliseconds; nowMs < end; ) {
      tick();
    }
  }

  private static AgentStatus.Builder beat(String host, long sequence, long atMs) {
    return AgentStatus.newBuilder()
        .setHost(host)
        .setEpoch(1)
        .setVersion("1")
        .setStarted(Instant.ofEpochMilli(T0))
        .setAt(Instant.ofEpochMilli(atMs))
        .setSequence(sequence)
        .setIntervalMs(5000)
        .setSources(List.of(HostsTest.source("kernel", "readlog", 5)));
  }

  private void send(AgentStatus.Builder status) {
    context.setCurrentStreamTimeMs(nowMs);
    processor.process(new Record<byte[], SpecificRecord>(new byte[0], status.build(), nowMs));
  }

  private List<Gap> results() {
    List<Gap> gaps = new ArrayList<>();
    context.forwarded().forEach(one -> gaps.add((Gap) one.record().value()));
    context.resetForwards();
    return gaps;
  }

  @Test
  void restartedJob_listensForAWholeLimit_thenSaysWhoIsSilentSinceBefore() {
    start();
    send(beat("web1", 0, nowMs));
    send(beat("web2", 0, nowMs));
    send(beat("web3", 0, nowMs).setStopping(true));
    pass(20_000);
    nowMs += 600_000;
    start();
    pass(LIMIT - 1000);
    send(beat("web2", 1, nowMs));
    assertThat(results()).isEmpty();
    // What arrives may still be old, so it takes a further look.
    pass(7000);
    List<Gap> gaps = results();
    assertThat(gaps).extracting(Gap::getHost).containsExactly("web1");
    assertThat(gaps.getFirst().getFrom()).contains(Instant.ofEpochMilli(T0));
  }

  @Test
  void openSilence_staysOpenOverARestart_andIsSaidOnce() {
    start();
    send(beat("web1", 0, nowMs));
    pass(LIMIT + 5000);
    Gap open = results().getFirst();
    start();
    pass(3 * LIMIT);
    assertThat(results()).isEmpty();
    send(beat("web1", 1, nowMs));
    Gap closed = results().getFirst();
    assertThat(closed.getId()).isEqualTo(open.getId());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    assertThat(closed.getRevision()).isEqualTo(1);
  }

  @Test
  void graceThatHadBegun_isKeptOverARestart() {
    start();
    send(withKernel(beat("web1", 0, nowMs), 1));
    pass(5000);
    send(withKernel(beat("web1", 1, nowMs), 0));
    pass(5000);
    send(withKernel(beat("web1", 2, nowMs), 0));
    assertThat(results()).isEmpty();
    start();
    pass(6000);
    assertThat(results()).extracting(Gap::getKind).containsExactly(GapKind.AUDIT_OFF);
  }

  private static AgentStatus.Builder withKernel(AgentStatus.Builder status, long enabled) {
    return status.setKernel(
        auditbus.schemas.KernelStatus.newBuilder()
            .setEnabled(enabled)
            .setFailure(1)
            .setPid(1)
            .setRateLimit(0)
            .setBacklogLimit(64)
            .setLost(0)
            .setBacklog(0)
            .setBacklogWaitTime(0)
            .setBacklogWaitTimeActual(0)
            .build());
  }

  @Test
  void silenceIsSaidOnlyAfterSomethingWasWrittenAndCommitted() {
    start();
    send(beat("web1", 0, nowMs));
    while (!context.committed()) {
      assertThat(results()).isEmpty();
      tick();
    }
    assertThat(nowMs - T0).isGreaterThanOrEqualTo(LIMIT);
    // The commit took long: Kafka was away, and what was sent meanwhile is read first.
    nowMs += 20_000;
    context.setCurrentSystemTimeMs(nowMs);
    tick();
    send(beat("web1", 1, nowMs));
    pass(LIMIT - 1000);
    assertThat(results()).isEmpty();
  }

  @Test
  void tenThousandHosts_theSilentOnesAreNoticedInTime_andTheOthersCostNothing() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    start();
    int hosts = 10_000;
    long[] next = new long[hosts];
    for (int i = 0; i < hosts; i++) {
      next[i] = nowMs + random.nextInt(5000);
    }
    Set<String> dead = new HashSet<>();
    long died = T0 + 40_000;
    long worstTickNanos = 0;
    List<Gap> gaps = new ArrayList<>();
    long lastGapMs = 0;
    int sequence = 0;
    while (nowMs < died + LIMIT + 10_000) {
      sequence++;
      for (int i = 0; i < hosts; i++) {
        boolean lives = nowMs < died || i % 100 != 0;
        if (next[i] <= nowMs && lives) {
          next[i] += 5000;
          send(beat("web" + i, sequence, nowMs));
        } else if (!lives) {
          dead.add("web" + i);
        }
      }
      long before = System.nanoTime();
      tick();
      worstTickNanos = Math.max(worstTickNanos, System.nanoTime() - before);
      List<Gap> now = results();
      if (!now.isEmpty()) {
        gaps.addAll(now);
        lastGapMs = nowMs;
      }
    }
    System.out.printf(
        "%d hosts: slowest tick %.1f ms, last silence noticed %d ms after the limit, state %d bytes"
            + " a host%n",
        hosts, worstTickNanos / 1e6, lastGapMs - died - LIMIT, store.get("h\0web1").length);
    assertThat(gaps)
        .as("seed %s", seed)
        .extracting(Gap::getHost)
        .containsExactlyInAnyOrderElementsOf(dead);
    assertThat(lastGapMs - died).as("seed %s", seed).isLessThanOrEqualTo(LIMIT + 5000);
  }

  @Test
  void stateOfAHost_survivesItsOwnEncoding_andIsBounded() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    HostWatch watch = new HostWatch("web1", LIMITS);
    List<Gap> out = new ArrayList<>();
    long now = T0;
    String longText = "x".repeat(100_000);
    for (int i = 0; i < 3000; i++) {
      now += random.nextInt(20_000);
      AgentStatus.Builder status =
          withKernel(beat("web1", i, now), random.nextInt(3))
              .setMachineId(random.nextInt(5) == 0 ? longText : "m" + random.nextInt(9))
              .setBoot(longText + random.nextInt(3))
              .setEpoch(random.nextInt(i + 1))
              .setSources(sources(random, longText));
      watch.heartbeat(status.build(), now, now, out::add);
      if (random.nextInt(10) == 0) {
        watch.silent(now, out::add);
      }
      AuditSwitch one =
          new AuditSwitch(now * 1000, i, random.nextBoolean(), "auid " + i, "boot", "");
      watch.switched(one, now, now, out::add);
      watch.daemon(
          List.of("DAEMON_START", "DAEMON_END", "DAEMON_CONFIG").get(random.nextInt(3)),
          now * 1000,
          now,
          now,
          out::add);
      byte[] bytes = watch.encode();
      assertThat(bytes.length).as("seed %s", seed).isLessThan(40_000);
      watch = HostWatch.decode("web1", bytes, LIMITS);
      assertThat(watch.encode()).as("seed %s", seed).isEqualTo(bytes);
    }
    System.out.println("a host's state with everything full: " + watch.encode().length + " bytes");
  }

  private static List<SourceStatus> sources(Random random, String longText) {
    List<SourceStatus> sources = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      SourceStatus one =
          HostsTest.source(
              i + longText,
              List.of("readlog", "audisp", "auditlog", "kernel").get(i % 4),
              random.nextInt(50));
      one.setError(longText);
      sources.add(one);
    }
    return sources;
  }
}
