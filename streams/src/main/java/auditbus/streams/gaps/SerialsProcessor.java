// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Gap;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Follows the kernel's serials of every boot of one partition's hosts, and what heartbeats say was
 * lost.
 *
 * <p>In the store: under {@link SpaceKey#text} a boot's serials, under that and {@code "\0i"} its
 * incomplete events, under the host's name what was published. An event that goes on where the last
 * one was reads and writes the first of them alone.
 *
 * <p>Not thread-safe: Kafka Streams calls it from one thread.
 */
final class SerialsProcessor implements Processor<byte[], SpecificRecord, String, Gap> {
  /** Name of its store. */
  static final String STORE = "serials";

  private static final Duration TICK = Duration.ofMillis(500);
  private static final int KEEP_STEPS = 24;
  private static final int MAX_RECENT = 8;
  private static final int MAX_HOST = 255;
  private static final int MAX_NAME = 128;
  private static final String INCOMPLETE = GapId.SEPARATOR + "i";

  private static final int DAEMON_FIRST = 1200;
  private static final int DAEMON_LAST = 1299;
  private static final int CONFIG_CHANGE = 1305;
  private static final Pattern RESET = Pattern.compile(" lost=0 old=(\\d{1,10})(?!\\d)");

  /** Since when, by the wall, a host's boot waits, and for what. */
  private record Wait(long wallMs, long graceMs, long quietSinceMs, long touchedMs) {}

  /** A boot at hand while a host is looked at. */
  private record Space(SpaceKey key, BootSerials boot) {}

  /** A boot's state as it was stored. */
  private static final class Recent {
    private final byte[] bytes;
    private final BootSerials boot;

    private Recent(byte[] bytes, BootSerials boot) {
      this.bytes = bytes;
      this.boot = boot;
    }
  }

  private final long graceMs;
  private final long publishIntervalMs;
  private final long keepMs;
  private final int maxRanges;

  // Hosts that may have something to publish when time passes; never lacks one that has. When each
  // was looked at last.
  private final Map<String, Long> pending = new HashMap<>();
  private final Map<String, Wait> waits = new HashMap<>();
  // Boots stored last, so that their next event need not decode them; the store has the word.
  private final LinkedHashMap<String, Recent> recent = new LinkedHashMap<>();
  private long eventsMs;
  private ProcessorContext<String, Gap> context;
  private KeyValueStore<String, byte[]> store;
  private KeyValueStore<String, byte[]> trails;

  SerialsProcessor(AbstractConfig settings) {
    graceMs = settings.getLong(GapsJob.SERIAL_GRACE);
    publishIntervalMs = settings.getLong(GapsJob.PUBLISH_INTERVAL);
    keepMs = settings.getLong(GapsJob.KEEP_INCOMPLETE);
    maxRanges = settings.getInt(GapsJob.MAX_RANGES);
  }

  @Override
  public void init(ProcessorContext<String, Gap> processorContext) {
    context = processorContext;
    store = context.getStateStore(STORE);
    trails = context.getStateStore(GapsProcessor.STORE);
    pending.clear();
    waits.clear();
    recent.clear();
    eventsMs = 0;
    try (KeyValueIterator<String, byte[]> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> one = all.next();
        if (isHost(one.key)) {
          if (HostSerials.decode(one.value).hasNews()) {
            pending.put(one.key, 0L);
          }
        } else if (!one.key.endsWith(INCOMPLETE)) {
          BootSerials boot = BootSerials.decode(one.value, maxRanges);
          if (boot.isWaiting() || boot.hasNews()) {
            pending.put(SpaceKey.parse(one.key).host(), 0L);
          }
        }
      }
    }
    context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, this::timePassed);
    context.schedule(
        Duration.ofMillis(Math.max(1, keepMs / KEEP_STEPS)),
        PunctuationType.STREAM_TIME,
        this::expire);
  }

  private static boolean isHost(String key) {
    return key.indexOf(GapId.SEPARATOR) < 0;
  }

  @Override
  public void process(Record<byte[], SpecificRecord> record) {
    switch (record.value()) {
      case AuditEvent event -> event(event, record.timestamp());
      case AgentStatus status -> heartbeat(status, record.timestamp());
      case null ->
          throw new IllegalArgumentException("a record without a value: audit topics have none");
      default ->
          throw new IllegalArgumentException(
              "a " + record.value().getSchema().getFullName() + ": wanted AuditEvent, AgentStatus");
    }
  }

  private void event(AuditEvent event, long brokerMs) {
    eventsMs = Math.max(eventsMs, brokerMs);
    if (event.getFormat() != Format.LINUX
        || event.getRecords().isEmpty()
        || !SpaceKey.isHost(event.getHost())) {
      // Of an event without a host the coverage of trails speaks: one dead letter is enough.
      return;
    }
    AuditRecord first = event.getRecords().getFirst();
    if ((first.getType() >= DAEMON_FIRST && first.getType() <= DAEMON_LAST)
        || first.getName().startsWith("DAEMON_")) {
      // Numbered by auditd itself.
      return;
    }
    requireName("host", event.getHost(), MAX_HOST);
    requireName("source", event.getSource(), MAX_NAME);
    requireName("trail", event.getTrail(), MAX_NAME);
    requireName("boot", event.getBoot().orElse(""), MAX_NAME);
    requireName("node", event.getNode().orElse(""), MAX_NAME);
    String node =
        event.getNode().filter(name -> !name.equalsIgnoreCase(event.getHost())).orElse("");
    SpaceKey key =
        event
            .getBoot()
            .map(id -> new SpaceKey(event.getHost(), node, id, "", ""))
            .orElseGet(() -> new SpaceKey(event.getHost(), node, "", event.getSource(), ""));
    if (first.getType() < 0 || event.getTime().isEmpty()) {
      unparsed(key, event, brokerMs);
      return;
    }
    long serial = event.getSerial();
    if (serial < 0 || serial >= BootSerials.ROUND) {
      throw new IllegalArgumentException("serial is " + serial + ": wanted 32 bits");
    }
    long timeMs = event.getTime().map(Instant::toEpochMilli).orElseThrow();
    long position = first.getPosition();
    if (!key.hasBoot()) {
      key = boot(key, event.getTrail(), position, serial, timeMs);
    }
    String text = key.text();
    byte[] bytes = store.get(text);
    BootSerials boot = bytes == null ? begin(key, text, event, position) : take(text, bytes);
    long whole = boot.whole(serial);
    boolean fresh =
        boot.take(
            event.getSource(),
            event.getTrail(),
            position,
            event.getAcked(),
            whole,
            timeMs,
            brokerMs,
            graceMs);
    if (!event.getComplete() || (!fresh && boot.incomplete() > 0)) {
      pieces(text, boot, event, whole, timeMs, fresh, brokerMs);
    }
    if (first.getType() == CONFIG_CHANGE && node.isEmpty()) {
      reset(event, first, serial, brokerMs);
    }
    if (boot.isWaiting() || boot.hasNews()) {
      pending.putIfAbsent(event.getHost(), 0L);
    }
    keep(text, boot);
  }

  /** The boot that is stored so. It is no longer at hand, should what is done with it fail. */
  private BootSerials take(String text, byte[] bytes) {
    Recent last = recent.remove(text);
    return last != null && Arrays.equals(last.bytes, bytes)
        ? last.boot
        : BootSerials.decode(bytes, maxRanges);
  }

  private void keep(String text, BootSerials boot) {
    byte[] bytes = boot.encode();
    store.put(text, bytes);
    recent.put(text, new Recent(bytes, boot));
    if (recent.size() > MAX_RECENT) {
      recent.pollFirstEntry();
    }
  }

  /** Names are kept with every gap: what is kept of a host must fit a record. */
  private static void requireName(String what, String name, int maxChars) {
    if (name.length() > maxChars) {
      throw new IllegalArgumentException(
          what + " has " + name.length() + " characters: wanted at most " + maxChars);
    }
  }

  private void unparsed(SpaceKey key, AuditEvent event, long brokerMs) {
    String text = key.text();
    byte[] bytes = store.get(text);
    BootSerials boot =
        bytes == null
            ? begin(key, text, event, event.getRecords().getFirst().getPosition())
            : BootSerials.decode(bytes, maxRanges);
    boot.unparsed(brokerMs);
    if (boot.hasNews()) {
      pending.putIfAbsent(event.getHost(), 0L);
    }
    store.put(text, boot.encode());
  }

  private void pieces(
      String text,
      BootSerials boot,
      AuditEvent event,
      long serial,
      long timeMs,
      boolean fresh,
      long brokerMs) {
    byte[] bytes = store.get(text + INCOMPLETE);
    IncompleteEvents incomplete =
        bytes == null ? new IncompleteEvents() : IncompleteEvents.decode(bytes);
    if (event.getComplete()) {
      incomplete.completed(serial);
    } else {
      incomplete.take(event, serial, timeMs, fresh, brokerMs);
    }
    boot.incomplete(incomplete.open(), brokerMs);
    store.put(text + INCOMPLETE, incomplete.encode());
  }

  /** Of the host itself: nobody tells of another node's counter. */
  private void reset(AuditEvent event, AuditRecord record, long serial, long brokerMs) {
    Matcher matcher =
        RESET.matcher(StandardCharsets.ISO_8859_1.decode(record.getRaw().duplicate()));
    if (!matcher.find()) {
      return;
    }
    HostSerials host = host(event.getHost());
    long atMicros =
        event.getTime().map(time -> ChronoUnit.MICROS.between(Instant.EPOCH, time)).orElseThrow();
    HostLosses.Heard heard =
        host.losses()
            .reset(
                event.getBoot().orElse(""),
                new LostRecords.Reset(atMicros, serial, Long.parseLong(matcher.group(1))));
    if (heard.news()) {
      tellLast(event.getHost(), host, heard.gone(), brokerMs);
      host.hasNews(true);
      pending.putIfAbsent(event.getHost(), 0L);
      store.put(event.getHost(), host.encode());
    }
  }

  private void tellLast(String name, HostSerials host, List<HostLosses.Loss> gone, long brokerMs) {
    for (HostLosses.Loss loss : gone) {
      host.tellLast(name, Accounting.lost(name, loss), brokerMs).ifPresent(this::forward);
    }
  }

  private void forward(Gap gap) {
    context.forward(new Record<>(gap.getId(), gap, Math.max(0, context.currentStreamTimeMs())));
  }

  /** Which boot of unknown id an event is of: a serial that falls far begins another. */
  private SpaceKey boot(SpaceKey present, String trail, long position, long serial, long timeMs) {
    String text = present.text();
    byte[] bytes = store.get(text);
    if (bytes == null) {
      return present;
    }
    BootSerials boot = take(text, bytes);
    recent.put(text, new Recent(bytes, boot));
    if (boot.isFollowedBy(trail, position, serial, timeMs)) {
      SpaceKey over = present.over(boot.startTrail(), boot.startPosition());
      store.put(over.text(), bytes);
      store.delete(text);
      byte[] incomplete = store.get(text + INCOMPLETE);
      if (incomplete != null) {
        store.put(over.text() + INCOMPLETE, incomplete);
        store.delete(text + INCOMPLETE);
      }
      HostSerials host = host(present.host());
      host.rename(text, over.text());
      store.put(present.host(), host.encode());
      return present;
    }
    if (!boot.beganAfter(trail, position)) {
      return present;
    }
    // Sent again, read later, or ended before what began before it.
    Optional<SpaceKey> older = Optional.empty();
    for (String one : host(present.host()).spaces()) {
      SpaceKey key = SpaceKey.parse(one);
      if (key.node().equals(present.node())
          && key.source().equals(present.source())
          && !key.start().isEmpty()) {
        BootSerials other = BootSerials.decode(store.get(one), maxRanges);
        if (!other.beganAfter(trail, position) && !other.endsBefore(trail, position)) {
          older = Optional.of(key);
        }
      }
    }
    return older.orElseGet(
        () -> boot.isNearStart(serial) ? present : present.over(trail, position));
  }

  private BootSerials begin(SpaceKey key, String text, AuditEvent event, long position) {
    BootSerials boot = new BootSerials(maxRanges);
    if (!key.hasBoot()) {
      boot.beganAt(event.getTrail(), position);
    }
    HostSerials host = host(key.host());
    host.spaces().add(text);
    while (host.spaces().size() > HostSerials.MAX_BOOTS) {
      String oldest = null;
      long touched = Long.MAX_VALUE;
      for (String one : host.spaces()) {
        byte[] bytes = one.equals(text) ? null : store.get(one);
        if (bytes != null) {
          long at = BootSerials.decode(bytes, maxRanges).touchedMs();
          if (at < touched) {
            touched = at;
            oldest = one;
          }
        }
      }
      forget(host, oldest);
    }
    store.put(key.host(), host.encode());
    return boot;
  }

  private void forget(HostSerials host, String space) {
    host.forget(space);
    waits.remove(space);
    store.delete(space);
    store.delete(space + INCOMPLETE);
  }

  private HostSerials host(String name) {
    byte[] bytes = store.get(name);
    return bytes == null ? new HostSerials() : HostSerials.decode(bytes);
  }

  private void heartbeat(AgentStatus status, long brokerMs) {
    if (!SpaceKey.isHost(status.getHost())) {
      throw new IllegalArgumentException("host is empty or has a NUL: '" + status.getHost() + "'");
    }
    requireName("host", status.getHost(), MAX_HOST);
    requireName("boot", status.getBoot().orElse(""), MAX_NAME);
    status.getSources().forEach(source -> requireName("source", source.getName(), MAX_NAME));
    HostSerials host = host(status.getHost());
    HostLosses.Heard heard = host.losses().heartbeat(status, brokerMs);
    tellLast(status.getHost(), host, heard.gone(), brokerMs);
    if (heard.news() || host.hasOpen()) {
      host.hasNews(true);
      pending.putIfAbsent(status.getHost(), 0L);
    }
    store.put(status.getHost(), host.encode());
  }

  private void timePassed(long wallMs) {
    for (Map.Entry<String, Long> one : List.copyOf(pending.entrySet())) {
      if (wallMs - one.getValue() >= publishIntervalMs || one.getValue() == 0) {
        look(one.getKey(), wallMs);
      }
    }
  }

  private void look(String name, long wallMs) {
    HostSerials host = host(name);
    Map<String, Space> spaces = new LinkedHashMap<>();
    boolean news = host.hasNews();
    long activeSinceMs = Long.MAX_VALUE;
    for (String text : host.spaces()) {
      BootSerials boot = BootSerials.decode(store.get(text), maxRanges);
      boot.streamTime(eventsMs, graceMs);
      Wait wait = waits.get(text);
      if (wait == null) {
        wait = new Wait(wallMs, boot.graceMs(), wallMs, boot.touchedMs());
      } else {
        wait =
            new Wait(
                wait.graceMs() == boot.graceMs() ? wait.wallMs() : wallMs,
                boot.graceMs(),
                wait.touchedMs() == boot.touchedMs() ? wait.quietSinceMs() : wallMs,
                boot.touchedMs());
      }
      waits.put(text, wait);
      if (wallMs - wait.wallMs() >= graceMs) {
        boot.settle();
      }
      if (wallMs - wait.quietSinceMs() < graceMs) {
        activeSinceMs = eventsMs - graceMs;
      }
      news |= boot.hasNews();
      spaces.put(text, new Space(SpaceKey.parse(text), boot));
    }
    boolean again = false;
    if (news) {
      List<SpaceDraft> drafts = new ArrayList<>();
      host.losses().losses().forEach(loss -> drafts.add(Accounting.lost(name, loss)));
      long brokerMs = 0;
      for (Space space : spaces.values()) {
        brokerMs = Math.max(brokerMs, space.boot().touchedMs());
        again |= drafts(space, spaces.values(), host.losses(), activeSinceMs, drafts);
      }
      long atMs = brokerMs == 0 ? wallMs : brokerMs;
      host.publish(name, drafts, atMs).forEach(this::forward);
      host.hasNews(false);
      store.put(name, host.encode());
    }
    for (Map.Entry<String, Space> one : spaces.entrySet()) {
      byte[] changed = one.getValue().boot().encode();
      if (!Arrays.equals(changed, store.get(one.getKey()))) {
        store.put(one.getKey(), changed);
      }
      again |= one.getValue().boot().isWaiting();
    }
    if (again) {
      pending.put(name, wallMs);
    } else {
      pending.remove(name);
      host.spaces().forEach(waits::remove);
    }
  }

  private boolean drafts(
      Space space,
      Collection<Space> all,
      HostLosses losses,
      long activeSinceMs,
      List<SpaceDraft> drafts) {
    BootSerials boot = space.boot();
    List<BootSerials> others =
        all.stream()
            .filter(
                other ->
                    !other.key().equals(space.key())
                        && other.key().node().equals(space.key().node()))
            .filter(other -> !other.key().hasBoot() || !space.key().hasBoot())
            .map(Space::boot)
            .toList();
    Accounting.Missing missing =
        Accounting.serials(
            space.key(),
            boot,
            others,
            losses,
            activeSinceMs,
            () -> bytesMissing(space.key().host()));
    drafts.addAll(missing.drafts());
    boolean undue = false;
    byte[] bytes = store.get(space.key().text() + INCOMPLETE);
    if (bytes != null) {
      IncompleteEvents incomplete = IncompleteEvents.decode(bytes);
      drafts.addAll(Accounting.incomplete(space.key(), boot, incomplete));
      undue = incomplete.hasUndue(boot.settledMs());
    }
    boot.looked(missing.again(), missing.unproven());
    boot.resume(undue);
    return missing.again();
  }

  private boolean bytesMissing(String host) {
    try (KeyValueIterator<String, byte[]> all =
        trails.range(host + GapId.SEPARATOR, host + (char) (GapId.SEPARATOR + 1))) {
      while (all.hasNext()) {
        if (TrailCoverage.decode(all.next().value, maxRanges).anyMissing()) {
          return true;
        }
      }
    }
    return false;
  }

  private void expire(long streamMs) {
    List<String> hosts = new ArrayList<>();
    try (KeyValueIterator<String, byte[]> all = store.all()) {
      while (all.hasNext()) {
        String key = all.next().key;
        if (isHost(key)) {
          hosts.add(key);
        }
      }
    }
    for (String name : hosts) {
      HostSerials host = host(name);
      boolean changed = false;
      for (String space : List.copyOf(host.spaces())) {
        byte[] bytes = store.get(space);
        if (bytes == null || streamMs - BootSerials.decode(bytes, maxRanges).touchedMs() > keepMs) {
          forget(host, space);
          changed = true;
        }
      }
      if (host.spaces().isEmpty() && host.losses().lastMicros() / 1000 < streamMs - keepMs) {
        store.delete(name);
        pending.remove(name);
      } else if (changed) {
        store.put(name, host.encode());
      }
    }
  }
}
