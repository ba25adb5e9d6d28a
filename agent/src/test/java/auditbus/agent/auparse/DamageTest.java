// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a trail holds: nothing throws, every byte is in exactly one event, raw is exact. */
class DamageTest {
  private static final int ROUNDS = Integer.getInteger("damage.rounds", 1_000);

  static List<Path> all() {
    return Samples.all();
  }

  @ParameterizedTest
  @MethodSource("all")
  void sampleCutAtEveryByte_isCoveredOnce(Path sample) {
    byte[] bytes = Samples.bytes(sample);
    List<TrailRecord> whole = Samples.frame(bytes);
    // The lines before the cut decode the same each time: it is enough to follow the last few.
    for (TrailRecord line : whole) {
      int from = whole.indexOf(line);
      List<TrailRecord> before = whole.subList(Math.max(0, from - 5), from);
      for (int cut = 1; cut < line.raw().length; cut++) {
        List<TrailRecord> records = new ArrayList<>(before);
        records.add(
            new TrailRecord(
                line.trail(),
                line.position(),
                Arrays.copyOf(line.raw(), cut),
                false,
                line.observed()));
        List<DecodedEvent> events = decode(records, Limits.defaults(), new Random(0));
        boolean torn = false;
        for (DecodedEvent event : events) {
          torn |=
              event.event().getType().equals("UNPARSED")
                  && event.spans().getFirst().position() == line.position();
        }
        assertThat(torn).isTrue();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("all")
  void sampleCutAtEveryByteWithALineEnd_isCoveredOnce(Path sample) {
    for (TrailRecord line : Samples.frame(Samples.bytes(sample))) {
      for (int cut = 0; cut < line.raw().length - 1; cut++) {
        byte[] raw = Arrays.copyOf(line.raw(), cut + 1);
        raw[cut] = '\n';
        decode(
            List.of(new TrailRecord(line.trail(), line.position(), raw, true, line.observed())),
            Limits.defaults(),
            new Random(0));
      }
    }
  }

  @Test
  void mutatedLines_areCoveredOnceAndEncode() throws IOException {
    long seed = Long.getLong("damage.seed", System.nanoTime());
    System.out.println("DamageTest: -Ddamage.seed=" + seed);
    Random random = new Random(seed);
    List<Path> samples = Samples.all();
    SpecificDatumWriter<AuditEvent> writer = new SpecificDatumWriter<>(AuditEvent.class);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    BinaryEncoder encoder = null;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] log = Samples.bytes(samples.get(random.nextInt(samples.size()))).clone();
      for (int change = random.nextInt(1, 30); change > 0; change--) {
        log = mutate(log, random);
      }
      List<TrailRecord> records = new ArrayList<>(Samples.frame(log));
      if (random.nextInt(4) == 0) {
        Collections.shuffle(records, random);
      }
      Limits limits =
          random.nextBoolean()
              ? Limits.defaults()
              : new Limits(
                  random.nextInt(1, 3_000),
                  Duration.ofNanos(random.nextInt(1, 100)),
                  random.nextInt(1, 8),
                  random.nextInt(1, 6_000));
      bytes.reset();
      encoder = EncoderFactory.get().binaryEncoder(bytes, encoder);
      for (DecodedEvent event : decode(records, limits, random)) {
        writer.write(event.event(), encoder);
      }
    }
  }

  private static byte[] mutate(byte[] log, Random random) {
    if (log.length == 0) {
      return new byte[] {(byte) random.nextInt(256)};
    }
    int at = random.nextInt(log.length);
    String[] words = {
      "\n",
      " ",
      "=",
      "'",
      "\"",
      "msg='",
      "\u001d",
      "\u0000",
      "(",
      ")",
      ".",
      ":",
      "{",
      "}",
      "[",
      "type=",
      "node=",
      "audit(",
      "msg=audit(",
      "18446744073709551616",
      "-1",
      "subj=",
      "res=",
      "a0[",
      "a1_len=",
      "avc:  denied  {",
      "saddr=0A",
      "proctitle=",
      "key=",
      "\u00ff",
      "items=",
      "argc=",
      "type=EXECVE",
      "type=AVC",
      "type=USER_LOGIN",
      "UNKNOWN["
    };
    return switch (random.nextInt(4)) {
      case 0 -> {
        log[at] = (byte) random.nextInt(256);
        yield log;
      }
      case 1 ->
          TextFuzz.splice(log, at, Math.min(log.length, at + random.nextInt(40)), new byte[0]);
      case 2 -> {
        String word = words[random.nextInt(words.length)];
        yield TextFuzz.splice(log, at, at, word.getBytes(StandardCharsets.ISO_8859_1));
      }
      default -> {
        int to = Math.min(log.length, at + random.nextInt(300));
        int target = random.nextInt(log.length);
        yield TextFuzz.splice(log, target, target, Arrays.copyOfRange(log, at, to));
      }
    };
  }

  private static List<DecodedEvent> decode(
      List<TrailRecord> records, Limits limits, Random random) {
    List<DecodedEvent> events = new ArrayList<>();
    AuparseDecoder decoder = new AuparseDecoder(Samples.ORIGIN, limits, () -> 0);
    for (TrailRecord record : records) {
      decoder.accept(record, random.nextInt(3) == 0, events::add);
      if (decoder.openBytes() > limits.maxOpenBytes()) {
        throw new AssertionError(decoder.openBytes() + " bytes open, limits " + limits);
      }
      if (random.nextInt(10) == 0) {
        decoder.expire(random.nextInt(200), events::add);
      }
    }
    decoder.flush(events::add);
    assertThat(decoder.openBytes()).isZero();
    assertThat(decoder.openRecords()).isZero();
    assertThat(decoder.defects()).isZero();

    Map<Long, byte[]> missing = new HashMap<>();
    for (TrailRecord record : records) {
      missing.put(record.position(), record.raw());
    }
    for (DecodedEvent event : events) {
      List<AuditRecord> parts = event.event().getRecords();
      if (event.spans().size() != parts.size()) {
        throw new AssertionError("spans and records differ: " + event);
      }
      for (int index = 0; index < parts.size(); index++) {
        AuditRecord part = parts.get(index);
        byte[] raw = missing.remove(part.getPosition());
        boolean exact =
            raw != null
                && part.getRaw().equals(ByteBuffer.wrap(raw))
                && part.getLength() == raw.length
                && event
                    .spans()
                    .get(index)
                    .equals(
                        new Span(
                            Samples.TRAIL, part.getPosition(), part.getPosition() + raw.length));
        boolean unique =
            new HashSet<>(part.getFields().keySet()).size() == part.getFields().entrySet().size();
        if (!exact || !unique) {
          throw new AssertionError("covered twice, not exact or a field twice: " + part);
        }
      }
    }
    assertThat(missing).isEmpty();
    return events;
  }
}
